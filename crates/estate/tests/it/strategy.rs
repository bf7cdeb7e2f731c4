//! Sites as a generator of sound ones draws them.

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use muster_estate::defaults;
use muster_estate::model::{
    AliveBy, Approval, Exposure, PortRange, Range, RangeKind, Requirement, ScanPolicy, ScanScope, Schedule,
    ScheduleKind, Site, Transport, Zone, ZoneClass,
};
use muster_estate::words::Word;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

fn word<T: Word + std::fmt::Debug>() -> impl Strategy<Value = T> {
    select(T::ALL.iter().map(|(value, _)| *value).collect::<Vec<_>>())
}

pub(crate) fn ports() -> impl Strategy<Value = PortRange> {
    (word::<Transport>(), 1..=u16::MAX, 0..200_u16).prop_map(|(transport, first, length)| PortRange {
        transport,
        first,
        last: first.saturating_add(length),
    })
}

/// Blocks inside 10.0.0.0/16, so that some nest and some are equal.
pub(crate) fn block() -> impl Strategy<Value = IpNet> {
    prop_oneof![
        (0..=0xffff_u32, 17..=32_u8).prop_map(|(low, length)| {
            let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 | low);
            IpNet::new(address.into(), length).unwrap().trunc()
        }),
        (0..=0xff_u128, 115..=128_u8).prop_map(|(low, length)| {
            let address = std::net::Ipv6Addr::from_bits((0xfd00_u128 << 112) | (low << 4));
            IpNet::new(address.into(), length).unwrap().trunc()
        }),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z: #'\"{}&*!|>%@`-]{1,12}[a-z]",
        "[^\\p{C}\u{2028}\u{2029}]{0,8}x",
        "[ \n#x]{0,9}x[ \n]{0,3}",
        Just("null".to_owned()),
        Just("1e3".to_owned()),
    ]
}

fn approval() -> impl Strategy<Value = Approval> {
    (ports(), proptest::option::of(select(vec!["web".to_owned(), "db: x".to_owned()])), text())
        .prop_map(|(ports, role, reason)| Approval { ports, role, reason })
}

fn zones() -> impl Strategy<Value = Vec<Zone>> {
    let zone =
        (vec(block(), 1..4), word::<ZoneClass>(), word::<Exposure>(), word::<ScanPolicy>(), vec(approval(), 0..6));
    vec(zone, 0..8).prop_map(|zones| {
        // A block belongs to one zone: later ones lose it.
        let mut taken: Vec<IpNet> = Vec::new();
        let mut sound = Vec::new();
        for (index, (mut blocks, class, exposure, scan_policy, approvals)) in zones.into_iter().enumerate() {
            blocks.retain(|block| {
                let free = !taken.contains(block);
                taken.push(*block);
                free
            });
            if !blocks.is_empty() {
                sound.push(Zone { name: format!("zone-{index}"), blocks, class, exposure, scan_policy, approvals });
            }
        }
        sound
    })
}

fn schedules() -> impl Strategy<Value = Vec<Schedule>> {
    let schedule = (
        word::<ScheduleKind>(),
        1_000_000_000..86_400_000_000_000_000_i64,
        0..4_000_000_000_i64,
        vec(ports(), 1..5),
        any::<bool>(),
    );
    vec(schedule, 0..4).prop_map(|schedules| {
        let named = schedules.into_iter().enumerate();
        named
            .map(|(index, (kind, every_ns, anchor_s, ports, paused))| Schedule {
                name: format!("schedule-{index}"),
                kind,
                every: SignedDuration::from_nanos(every_ns),
                anchor: Timestamp::from_second(anchor_s).unwrap(),
                ports,
                sample_size: match kind {
                    ScheduleKind::Sweep => 0,
                    ScheduleKind::Audit => 7,
                },
                paused,
            })
            .collect()
    })
}

fn scope() -> impl Strategy<Value = ScanScope> {
    let blocks = || vec(block(), 0..5);
    let rates = (100..10_000_u32, 1..100_u32, prop_oneof![Just(0), 1..100_u32]);
    (blocks(), blocks(), rates, vec(ports(), 0..4), any::<bool>()).prop_map(
        |(include, exclude, (rate_site_pps, rate_host_pps, rate_build_pps), never_payload, signed)| ScanScope {
            include,
            exclude,
            rate_site_pps,
            rate_host_pps,
            rate_build_pps,
            never_payload,
            signature: vec![7; if signed { 64 } else { 0 }],
            signer: vec![9; if signed { 32 } else { 0 }],
        },
    )
}

/// Sound sites of the ranges 10.0.0.0/16 and fd00::/112.
pub(crate) fn site() -> impl Strategy<Value = Site> {
    let requirements = vec![Requirement::Owner, Requirement::SupportGroup, Requirement::BaseImage];
    let head = (0..9_u64, word::<AliveBy>(), word::<RangeKind>(), subsequence(requirements, 0..=3), 1..9_u32);
    let sources = subsequence(vec!["servicenow".to_owned(), "ad".to_owned(), "csv".to_owned()], 0..=3);
    let tail = (any::<bool>(), sources);
    (head, zones(), schedules(), scope(), tail).prop_map(
        |((revision, alive_by, kind, managed_requires, absent_after_sweeps), zones, schedules, scope, tail)| Site {
            name: "dublin".to_owned(),
            revision,
            realm: "corp".to_owned(),
            time_zone: "Europe/Dublin".to_owned(),
            ranges: vec![
                Range { block: "10.0.0.0/16".parse().unwrap(), kind },
                Range { block: "fd00::/112".parse().unwrap(), kind: RangeKind::Cloud },
            ],
            zones,
            schedules,
            scope,
            alive_by,
            seen_within: SignedDuration::from_hours(5),
            absent_after_sweeps,
            managed_requires,
            inventory_precedence: tail.1,
            removed: tail.0,
        },
    )
}

/// A small sound site.
pub(crate) fn small() -> Site {
    Site {
        name: "dublin".to_owned(),
        revision: 3,
        realm: "corp".to_owned(),
        time_zone: "Europe/Dublin".to_owned(),
        ranges: vec![Range { block: "127.20.0.0/24".parse().unwrap(), kind: RangeKind::Static }],
        zones: Vec::new(),
        schedules: Vec::new(),
        scope: defaults::scope(),
        alive_by: AliveBy::OpenPort,
        seen_within: SignedDuration::from_hours(24),
        absent_after_sweeps: 3,
        managed_requires: vec![Requirement::Owner],
        inventory_precedence: Vec::new(),
        removed: false,
    }
}
