//! The other half of `manners`: policies and probes at random through the gate, in simulated time, and what a target
//! would have seen of them.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::ensure;
use ipnet::Ipv4Net;
use muster_estate::lookup::SiteIndex;
use muster_netlab::{Allowance, Manner, NEAR, Responder, Truth, World};
use muster_scanner::gate::{Gate, Permit, Refusal};
use muster_sweep::cookie::{Cookies, SourcePorts};
use muster_sweep::packet::{Link, Mac, Path, SynOptions, SynTemplate};
use muster_sweep::{Grant, Rates, Transport};
use muster_tests::Rng;

use crate::output::{Value, figure};
use crate::sweep::real;
use crate::{Effort, note};

const PROBES: u64 = 10_000_000;
/// Each with exclusions of its own.
const POLICIES: u64 = 100;
const HOST_PPS: u32 = 40;
/// Fast enough that the rate of hosts decides.
const SITE_PPS: u32 = 20_000;
/// So many asked for in a second of simulated time: more than is granted.
const ASKED_PER_S: u64 = 40_000;
const BLOCK: &str = "10.30.0.0/20";

struct Counts {
    sent: u64,
    refused: u64,
    over_host: u64,
    outside: u64,
}

/// Drives it.
pub(crate) fn measure(effort: Effort) -> anyhow::Result<()> {
    let probes = if effort.quick { PROBES / 100 } else { PROBES };
    let mut all = Counts { sent: 0, refused: 0, over_host: 0, outside: 0 };
    for seed in 0..POLICIES {
        let one = policy(seed, probes / POLICIES)?;
        all.sent += one.sent;
        all.refused += one.refused;
        all.over_host += one.over_host;
        all.outside += one.outside;
    }
    ensure!(all.refused > 0 && all.sent > 0, "the policies refuse nothing, or everything: the figure is void");
    note(&format!(
        "manners_gate: {probes} probes under {POLICIES} policies: {} sent, {} refused by the scope; windows over the rate \
         of a host {}",
        all.sent, all.refused, all.over_host
    ));
    let limit = Value { name: "limit", value: 0.0, unit: "packets" };
    figure(Value { name: "manners_excluded", value: real(all.outside), unit: "packets" }, limit);
    Ok(())
}

/// Up to 24 blocks of /22 to /32 at random places.
fn exclusions(rng: &mut Rng) -> Vec<Ipv4Net> {
    let count = rng.below(24) + 1;
    (0..count)
        .filter_map(|_| {
            let prefix = u8::try_from(22 + rng.below(11)).ok()?;
            Some(Ipv4Net::new(inside(rng), prefix).ok()?.trunc())
        })
        .collect()
}

/// In the block.
fn inside(rng: &mut Rng) -> Ipv4Addr {
    Ipv4Addr::from(Ipv4Addr::new(10, 30, 0, 0).to_bits() + u32::try_from(rng.below(4_096)).unwrap_or(0))
}

/// In the block or around it.
fn address(rng: &mut Rng) -> Ipv4Addr {
    let from = Ipv4Addr::new(10, 29, 252, 0).to_bits();
    // The block has 4,096 addresses; 1,024 before it and 1,024 behind.
    Ipv4Addr::from(from + u32::try_from(rng.below(6_144)).unwrap_or(0))
}

/// At the edges of what is excluded, where mistakes are made, as often as anywhere.
fn target(rng: &mut Rng, excluded: &[Ipv4Net]) -> Ipv4Addr {
    let at = usize::try_from(rng.below(excluded.len().max(1) as u64)).unwrap_or(0);
    let Some(block) = excluded.get(at) else { return address(rng) };
    let (first, last) = (block.network().to_bits(), block.broadcast().to_bits());
    match rng.below(8) {
        0 => first.into(),
        1 => last.into(),
        2 => first.wrapping_sub(1).into(),
        3 => last.wrapping_add(1).into(),
        _ => address(rng),
    }
}

fn policy(seed: u64, probes: u64) -> anyhow::Result<Counts> {
    let mut rng = Rng::new(seed);
    let excluded = exclusions(&mut rng);
    let list = excluded.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let estate = format!(
        "site: lab\nrealm: lab\nalive_by: open-port\nranges: [{BLOCK}]\nscope:\n  exclude: [{list}]\n  rate_site_pps: \
         {SITE_PPS}\n  rate_host_pps: {HOST_PPS}\n"
    );
    let site = muster_estate::files::read_estate([("lab.yaml", estate.as_str())])?.into_sites().remove(0);
    let index = SiteIndex::new(&site);
    let lock = move |address: IpAddr, _: Transport, _: u16| match index.may_probe(address) {
        Ok(_) => Ok(Permit::Payload),
        Err(_) => Err(Refusal::Scope("excluded")),
    };
    let gate = Gate::new(lock, Rates { site_pps: SITE_PPS, host_pps: HOST_PPS });

    // The target knows the exclusions by itself: as the blocks that were drawn.
    let world = World { excluded: excluded.clone(), alive: 0, ..World::sparse(seed, BLOCK.parse()?) };
    let allowance = Allowance::of_rates(HOST_PPS, SITE_PPS);
    let mut there = Responder::new(Truth::new(world), Manner::default(), Some(allowance));
    let link = Link { source: Mac([2, 0, 0, 0, 0, 1]), next_hop: Mac([2, 0, 0, 0, 0, 2]) };
    let template = SynTemplate::new(&Path { link: Some(link), source: NEAR.into(), hop_limit: 64 }, SynOptions::Mss)?;
    let cookies = Cookies::new([3; 16], NEAR.into(), SourcePorts::new(61_000, 4_400, 8)?);
    let mut counts = Counts { sent: 0, refused: 0, over_host: 0, outside: 0 };
    let mut frame = [0; 128];
    for n in 0..probes {
        let now_ns = 1_000_000_000 + n * (1_000_000_000 / ASKED_PER_S);
        let to = target(&mut rng, &excluded);
        let port = u16::try_from(rng.below(65_535) + 1)?;
        if gate.permit(to.into(), Transport::Tcp, port).is_err() {
            counts.refused += 1;
            continue;
        }
        if gate.pace.lock().ask(now_ns, to.into()) == Grant::Now {
            let fields = cookies.syn(to.into(), port, 0);
            let length = template.fill(&mut frame, to.into(), port, fields)?;
            there.hear(now_ns, frame.get(..length).unwrap_or_default());
            counts.sent += 1;
        }
    }
    let seen = there.seen();
    ensure!(seen.probes == counts.sent, "the target saw {} of {} probes", seen.probes, counts.sent);
    Ok(Counts { over_host: seen.over_host, outside: seen.outside, ..counts })
}
