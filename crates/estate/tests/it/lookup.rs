//! The index answers as a reader of the lists would.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use muster_estate::lookup::{BlockSet, Refusal, SiteIndex};
use muster_estate::model::{Approval, ScanPolicy, Site, Transport, Zone};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::strategy;

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        8 => (0..=0x1_1000_u32).prop_map(|low| IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + low))),
        4 => (0..=0x1_0010_u128).prop_map(|low| IpAddr::from(Ipv6Addr::from_bits((0xfd00_u128 << 112) + low))),
        1 => (0..=0xffff_u32).prop_map(|low| IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + low).to_ipv6_mapped())),
        1 => any::<u32>().prop_map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits))),
        1 => any::<u128>().prop_map(|bits| IpAddr::from(Ipv6Addr::from_bits(bits))),
    ]
}

fn zone_of(site: &Site, address: IpAddr) -> Option<&Zone> {
    let blocks = site.zones.iter().flat_map(|zone| zone.blocks.iter().map(move |block| (block, zone)));
    blocks
        .filter(|(block, _)| block.contains(&address))
        .max_by_key(|(block, _)| block.prefix_len())
        .map(|(_, zone)| zone)
}

fn may_probe(site: &Site, address: IpAddr) -> Result<ScanPolicy, Refusal> {
    let within = |blocks: &[IpNet]| blocks.iter().any(|block| block.contains(&address));
    let unspecified_or_multicast = match address {
        IpAddr::V4(v4) => v4.octets()[0] == 0 || v4.octets()[0] >= 224,
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_multicast(),
    };
    if site.removed {
        return Err(Refusal::SiteRemoved);
    }
    if unspecified_or_multicast {
        return Err(Refusal::NotUnicast);
    }
    if !site.ranges.iter().any(|range| range.block.contains(&address)) {
        return Err(Refusal::OutsideRanges);
    }
    if !site.scope.include.is_empty() && !within(&site.scope.include) {
        return Err(Refusal::NotIncluded);
    }
    if within(&site.scope.exclude) {
        return Err(Refusal::Excluded);
    }
    match zone_of(site, address).map_or(ScanPolicy::Full, |zone| zone.scan_policy) {
        ScanPolicy::PassiveOnly => Err(Refusal::PassiveOnly),
        ScanPolicy::None => Err(Refusal::PolicyNone),
        policy @ (ScanPolicy::Full | ScanPolicy::Gentle) => Ok(policy),
    }
}

fn approved<'a>(site: &'a Site, zone: &str, role: &str, transport: Transport, port: u16) -> Option<&'a Approval> {
    let zone = site.zones.iter().find(|candidate| candidate.name == zone)?;
    zone.approvals.iter().find(|approval| {
        let ports = approval.ports;
        ports.transport == transport
            && (ports.first..=ports.last).contains(&port)
            && approval.role.as_deref().is_none_or(|wanted| wanted == role)
    })
}

proptest! {
    #[test]
    fn addresses_are_answered_as_the_lists_say(site in strategy::site(), addresses in vec(address(), 1..60)) {
        let index = SiteIndex::new(&site);
        let edges: Vec<IpAddr> = site
            .zones
            .iter()
            .flat_map(|zone| &zone.blocks)
            .chain(&site.scope.exclude)
            .chain(&site.scope.include)
            .flat_map(|block| [block.network(), block.broadcast()])
            .collect();
        for given in addresses.into_iter().chain(edges) {
            let address = given.to_canonical();
            prop_assert_eq!(index.zone_of(given), zone_of(&site, address), "{}", given);
            prop_assert_eq!(index.may_probe(given), may_probe(&site, address), "{}", given);
            let in_ranges = site.ranges.iter().any(|range| range.block.contains(&address));
            prop_assert_eq!(index.in_ranges(given), in_ranges, "{}", given);
        }
    }

    #[test]
    fn services_are_approved_as_the_lists_say(site in strategy::site(), picks in vec((0..9_usize, any::<u16>(), any::<bool>()), 1..60)) {
        let index = SiteIndex::new(&site);
        let edges: Vec<(String, u16)> = site
            .zones
            .iter()
            .flat_map(|zone| zone.approvals.iter().flat_map(|approval| {
                [approval.ports.first, approval.ports.last, approval.ports.last.saturating_add(1)].map(|port| (zone.name.clone(), port))
            }))
            .collect();
        let drawn = picks.into_iter().map(|(zone, port, _)| (format!("zone-{zone}"), port));
        for (zone, port) in drawn.chain(edges) {
            for transport in [Transport::Tcp, Transport::Udp] {
                for role in ["", "web", "db: x"] {
                    prop_assert_eq!(index.approved(&zone, role, transport, port), approved(&site, &zone, role, transport, port));
                }
                let never = site.scope.never_payload.iter().any(|ports| ports.transport == transport && (ports.first..=ports.last).contains(&port));
                prop_assert_eq!(index.is_never_payload(transport, port), never);
            }
        }
    }

    #[test]
    fn a_set_of_blocks_covers_what_its_blocks_hold(blocks in vec(strategy::block(), 0..9), address in address()) {
        let set = BlockSet::new(blocks.iter().copied());
        let canonical = address.to_canonical();
        prop_assert_eq!(set.contains(address), blocks.iter().any(|block| block.contains(&canonical)));
        for block in blocks {
            prop_assert!(set.covers(block));
        }
    }
}

#[test]
fn printers_and_gentle_zones_get_no_payload() {
    let index = SiteIndex::new(&strategy::small());
    for port in [515, 9100, 9103, 9107] {
        assert!(!index.may_send_payload(ScanPolicy::Full, Transport::Tcp, port), "{port}");
    }
    assert!(index.may_send_payload(ScanPolicy::Full, Transport::Tcp, 80));
    assert!(index.may_send_payload(ScanPolicy::Full, Transport::Udp, 515));
    assert!(!index.may_send_payload(ScanPolicy::Gentle, Transport::Tcp, 80));
}

/// Not a benchmark: it prints the figure and fails only when a lookup became a walk over the lists. 1,000 zones
/// searched in ten steps take well under a microsecond even unoptimized; walking them takes several.
#[test]
fn a_lookup_does_not_walk_the_lists() {
    let mut site = strategy::small();
    site.ranges[0].block = "10.0.0.0/8".parse().unwrap();
    let zone = |index: u32| Zone {
        name: format!("zone-{index}"),
        blocks: vec![IpNet::new(Ipv4Addr::from_bits(0x0a00_0000 | index << 14).into(), 18).unwrap()],
        class: muster_estate::model::ZoneClass::Production,
        exposure: muster_estate::model::Exposure::Intranet,
        scan_policy: ScanPolicy::Full,
        approvals: Vec::new(),
    };
    site.zones = (0..1_000).map(zone).collect();
    let index = SiteIndex::new(&site);
    let lookups = 400_000_u32;
    let started = Instant::now();
    let allowed = (0..lookups)
        .filter(|step| {
            let address = Ipv4Addr::from_bits(0x0a00_0000 | (step.wrapping_mul(2_654_435_761) & 0x00ff_ffff));
            std::hint::black_box(index.may_probe(address.into())).is_ok()
        })
        .count();
    let took = started.elapsed();
    assert_eq!(allowed, 400_000);
    let per_s = f64::from(lookups) / took.as_secs_f64();
    println!("{per_s:.0} lookups/s");
    assert!(took < Duration::from_secs(4), "{lookups} lookups took {took:?}");
}
