//! How many observations a second one core applies and judges: `cargo run --release -p muster-verdict --example
//! evaluate_rate [hosts]`.
//!
//! Every observation is a new host with one service; nine of ten are in the inventory and approved, one is a rogue.
//! Slices of 1,000, judged after each, as the evaluator does. Then the same hosts again, where nothing changes.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use muster_estate::defaults;
use muster_estate::model::{
    AliveBy, Approval, Asset, Exposure, Identifier, IdentifierKind, PortRange, Requirement, ScanPolicy, Site,
    Transport, Zone, ZoneClass,
};
use muster_ids::SweepId;
use muster_verdict::{Input, InventoryImport, Observations, Seen, SiteState};

fn site() -> Site {
    let ports = PortRange { transport: Transport::Tcp, first: 80, last: 80 };
    Site {
        name: "rate".into(),
        revision: 1,
        realm: "corp".into(),
        time_zone: "UTC".into(),
        ranges: vec![],
        zones: vec![Zone {
            name: "prod".into(),
            blocks: vec!["10.0.0.0/8".parse().unwrap()],
            class: ZoneClass::Production,
            exposure: Exposure::Intranet,
            scan_policy: ScanPolicy::Full,
            approvals: vec![Approval { ports, role: None, reason: "web".into() }],
        }],
        schedules: vec![],
        scope: defaults::scope(),
        alive_by: AliveBy::OpenPort,
        seen_within: SignedDuration::from_hours(24),
        absent_after_sweeps: 3,
        managed_requires: vec![Requirement::Owner, Requirement::SupportGroup],
        inventory_precedence: Vec::new(),
        removed: false,
    }
}

fn address(host: u32) -> IpAddr {
    // Spread over the block, as a permuted sweep meets them.
    Ipv4Addr::from_bits(0x0a00_0000 | (host.wrapping_mul(0x9e_3779) & 0xff_ffff)).into()
}

fn asset(host: u32) -> Asset {
    Asset {
        key: format!("asset-{host}"),
        name: format!("host-{host}.example"),
        owner: format!("team-{}", host % 100),
        support_group: "ops".into(),
        role: "web".into(),
        zone: "prod".into(),
        base_image: "debian-12".into(),
        criticality: String::new(),
        identifiers: vec![Identifier {
            kind: IdentifierKind::Address(address(host)),
            valid_from: None,
            valid_until: None,
        }],
        claims: Vec::new(),
    }
}

/// Processor time of this process in seconds, in ticks of 10 ms (`man 5 proc`): wall time measures the neighbours too.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn resident_mb() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096 / 1_000_000
}

/// Applies and judges all hosts once, in slices; returns (seconds, changes).
fn pass(state: &mut SiteState, hosts: u32, sweep: u64, start: Timestamp) -> (f64, usize) {
    let sweep: SweepId = SweepId::derivation("rate").number(sweep).into();
    let seen: Vec<Seen<'_>> = (0..hosts)
        .map(|host| Seen {
            address: address(host),
            transport: Transport::Tcp,
            port: 80,
            at: start + SignedDuration::from_micros(i64::from(host)),
            title: "nginx 1.26",
        })
        .collect();
    let begin = cpu_s();
    let mut changes = 0;
    for seen in seen.chunks(1_000) {
        state.apply(Input::Observations(Observations { sweep, seen }));
        let found = state.evaluate();
        changes += found.hosts.len() + found.verdicts.len();
    }
    (cpu_s() - begin, changes)
}

fn main() {
    let hosts: u32 = std::env::args().nth(1).and_then(|arg| arg.parse().ok()).unwrap_or(1_000_000);
    let start = Timestamp::from_second(1_790_000_000).unwrap();
    let rate = |seconds: f64| f64::from(hosts) / seconds;

    let mut state = SiteState::new();
    state.apply(Input::Clock(start));
    state.apply(Input::Estate(Arc::new(site())));
    let (seconds, changes) = pass(&mut state, hosts, 1, start);
    println!(
        "empty inventory (all rogue): {:.0} observations per CPU second, {changes} changes, {} MB",
        rate(seconds),
        resident_mb()
    );
    drop(state);

    let mut state = SiteState::new();
    state.apply(Input::Clock(start));
    state.apply(Input::Estate(Arc::new(site())));
    let begin = cpu_s();
    {
        let assets: Vec<Asset> = (0..hosts).filter(|host| host % 10 != 0).map(asset).collect();
        state.apply(Input::InventoryImport(InventoryImport { revision: 1, assets: &assets }));
    }
    let mut more = true;
    while more {
        more = state.evaluate_some(10_000).more;
    }
    println!("import and first verdicts: {:.2} s, {} MB", cpu_s() - begin, resident_mb());
    let (seconds, changes) = pass(&mut state, hosts, 1, start);
    println!(
        "new hosts, a tenth rogue: {:.0} observations per CPU second, {changes} changes, {} MB",
        rate(seconds),
        resident_mb()
    );
    let (seconds, changes) = pass(&mut state, hosts, 2, start + SignedDuration::from_secs(60));
    println!(
        "the same again: {:.0} observations per CPU second, {changes} changes, {} MB",
        rate(seconds),
        resident_mb()
    );
}
