//! I-3: the final set of verdicts does not depend on the order of inputs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use muster_estate::model::{AliveBy, Asset, Site};
use muster_ids::FindingId;
use muster_verdict::{Disposition, FindingState, Outcome, Subject, Verdict};
use proptest::prelude::*;

use crate::lab::{Lab, Step, asset, dispose, finished, hour, site, sweep, tcp};

/// Hosts of the test: few, so that inputs meet.
const HOSTS: u8 = 5;
/// Ports: approved in production, for a role only, in test, never.
const PORTS: [u16; 4] = [80, 1433, 8080, 23];

fn address(host: u8) -> IpAddr {
    // Three in production, two in test.
    [10, 0, 0, if host < 3 { host + 1 } else { host + 128 }].into()
}

fn record() -> impl Strategy<Value = Asset> {
    let bounds = (proptest::option::of(0i64..60), proptest::option::of(40i64..120));
    (0u8..4, 0..HOSTS, 0u8..16, proptest::option::of(0..HOSTS), bounds).prop_map(
        |(key, host, bits, second, (from, to))| {
            let mut asset = asset(&format!("asset-{key}"), &address(host).to_string());
            if bits & 1 == 0 {
                asset.owner = String::new();
            }
            if bits & 2 == 0 {
                asset.zone = "test".into();
            }
            if bits & 4 == 0 {
                asset.role = "sql".into();
            }
            if bits & 8 == 0 {
                asset.identifiers[0].valid_from = from.map(hour);
                asset.identifiers[0].valid_until = to.map(hour);
            }
            if let Some(second) = second {
                asset.identifiers.extend(crate::lab::asset("x", &address(second).to_string()).identifiers);
            }
            asset
        },
    )
}

fn inventory() -> impl Strategy<Value = Vec<Step>> {
    let change = prop_oneof![
        (prop::collection::vec(record(), 0..3), prop::collection::vec(0u8..4, 0..2)).prop_map(|(upserts, removals)| {
            let upserts = one_a_key(upserts);
            let taken: BTreeSet<String> = upserts.iter().map(|asset| asset.key.clone()).collect();
            let removals = removals.into_iter().map(|key| format!("asset-{key}")).filter(|key| !taken.contains(key));
            Step::Delta(0, upserts, removals.collect())
        }),
        prop::collection::vec(record(), 0..4).prop_map(|assets| Step::Import(0, one_a_key(assets))),
    ];
    prop::collection::vec(change, 1..5).prop_map(|mut steps| {
        for (revision, step) in (1u64..).zip(&mut steps) {
            match step {
                Step::Delta(to, ..) | Step::Import(to, _) => *to = revision,
                _ => {}
            }
        }
        steps
    })
}

fn one_a_key(assets: Vec<Asset>) -> Vec<Asset> {
    let by_key: BTreeMap<String, Asset> = assets.into_iter().map(|asset| (asset.key.clone(), asset)).collect();
    by_key.into_values().collect()
}

fn estates() -> impl Strategy<Value = Vec<Step>> {
    let document = (any::<bool>(), 0u32..4, 4i64..40);
    (any::<bool>(), prop::collection::vec(document, 1..4)).prop_map(|(any_answer, documents)| {
        let step = |(revision, (approve, absent_after, within)): (u64, (bool, u32, i64))| {
            let mut site: Site = site(revision);
            site.alive_by = if any_answer { AliveBy::AnyAnswer } else { AliveBy::OpenPort };
            site.absent_after_sweeps = absent_after;
            site.seen_within = jiff::SignedDuration::from_mins(within * 6);
            if approve {
                site.zones[0].approvals[0].ports.last = 100;
                site.zones[1].blocks[0] = "10.0.0.128/26".parse().unwrap();
            }
            Step::Estate(site)
        };
        (1u64..).zip(documents).map(step).collect()
    })
}

/// Sweep `number` (10 tenths of an hour long, overlapping the next): what it saw, slice by slice, and its end.
fn one_sweep(number: u64) -> impl Strategy<Value = Vec<Step>> {
    let answer = prop_oneof![2 => Just(Some(true)), 2 => Just(Some(false)), 3 => Just(None)];
    let units = prop::collection::vec((answer, 0i64..8), usize::from(HOSTS) * PORTS.len());
    (units, any::<bool>(), 0u8..4).prop_map(move |(units, half, void)| {
        let start = i64::try_from(number).unwrap() * 8;
        let mut steps = Vec::new();
        let places = (0..HOSTS).flat_map(|host| PORTS.map(|port| (address(host), port)));
        for (place, (answer, after)) in places.zip(units) {
            match answer {
                Some(true) => steps.push(Step::Open(number, hour(start + 1 + after), vec![place])),
                Some(false) => steps.push(Step::Closed(number, hour(start + 1 + after), vec![place])),
                None => {}
            }
        }
        let mut end = finished(number, start, start + 10, void == 0);
        if half {
            end.covered = vec!["10.0.0.0/25".parse().unwrap()];
        }
        steps.push(Step::Finished(end));
        steps
    })
}

fn dispositions() -> impl Strategy<Value = Vec<Step>> {
    let subject = prop_oneof![Just(Subject::Known), Just(Subject::Seen), Just(tcp(23)), Just(Subject::Managed)];
    let what = prop_oneof![
        Just(Disposition::None),
        Just(Disposition::Adopted),
        Just(Disposition::Accepted),
        Just(Disposition::Decommissioned)
    ];
    let one = (0..HOSTS, subject, what, 0i64..60, proptest::option::of(0i64..120));
    prop::collection::vec(one, 0..6).prop_map(|all| {
        let steps = (0..).zip(all).map(|(index, (host, subject, what, when, until))| {
            // No two at the same instant, as two events of a stream have two ids.
            dispose(&address(host).to_string(), subject, what, when * 6 + index, until)
        });
        steps.collect()
    })
}

fn clocks() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(0i64..140, 1..6).prop_map(|at| at.into_iter().map(|at| Step::Clock(hour(at))).collect())
}

/// All inputs of a site.
fn inputs() -> impl Strategy<Value = Vec<Step>> {
    let sweeps = (one_sweep(1), one_sweep(2), one_sweep(3), one_sweep(4));
    (estates(), inventory(), sweeps, dispositions(), clocks()).prop_map(
        |(estates, inventory, sweeps, words, clocks)| {
            let (a, b, c, d) = sweeps;
            [estates, inventory, a, b, c, d, words, clocks].concat()
        },
    )
}

/// Puts steps into the order of a seed, but keeps what the bus keeps: the first estate first where refusals of
/// unknown addresses hang on it, and the slices of one address and port in their order.
fn shuffled(steps: &[Step], seed: u64) -> Vec<Step> {
    let mut order: Vec<usize> = (0..steps.len()).collect();
    order.sort_by_key(|index| sweep(seed.wrapping_add(*index as u64)));
    let mut lanes: BTreeMap<(IpAddr, u16), std::collections::VecDeque<usize>> = BTreeMap::new();
    let mut seen: Vec<(i64, usize)> =
        (0..steps.len()).filter_map(|index| lane(&steps[index]).map(|(_, at)| (at, index))).collect();
    seen.sort_unstable();
    for (_, index) in seen {
        if let Some((place, _)) = lane(&steps[index]) {
            lanes.entry(place).or_default().push_back(index);
        }
    }
    let first = steps.iter().position(|step| matches!(step, Step::Estate(_))).unwrap();
    let mut result = vec![steps[first].clone()];
    for index in order {
        let index = match lane(&steps[index]) {
            Some((place, _)) => lanes.get_mut(&place).unwrap().pop_front().unwrap(),
            None => index,
        };
        result.push(steps[index].clone());
    }
    result
}

fn lane(step: &Step) -> Option<((IpAddr, u16), i64)> {
    match step {
        Step::Open(_, at, place) | Step::Closed(_, at, place) => Some((place[0], at.as_microsecond())),
        _ => None,
    }
}

/// What stands, as text: everything that the crate's documentation says does not depend on the order.
fn stands(lab: &Lab) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for host in lab.hosts.values() {
        lines.insert(format!("{} {} {} {} {}", host.address, host.zone, host.asset_key, host.name, host.owner));
    }
    for (verdict, address) in lab.verdicts.values() {
        let takes_back = match verdict.outcome {
            Outcome::Pass | Outcome::NotApplicable => matches!(verdict.subject, Subject::ApprovedService { .. }),
            Outcome::Fail | Outcome::Unknown => false,
        };
        let never_seen = verdict.outcome == Outcome::NotApplicable && !lab.hosts.contains_key(&verdict.host);
        if takes_back || never_seen {
            continue;
        }
        let facts: Vec<_> = verdict.evidence.iter().map(|fact| format!("{}={}", fact.path, fact.value)).collect();
        let (outcome, reason, until) = (verdict.outcome, verdict.reason, verdict.valid_until);
        if let Some(finding) = finding_of(lab, verdict) {
            lines.insert(finding);
        }
        lines.insert(format!("{address} {} {outcome} {reason:?} {until:?} {facts:?}", verdict.subject));
    }
    lines
}

/// The finding of a verdict that needs somebody; one whose verdict turned unknown is history.
fn finding_of(lab: &Lab, verdict: &Verdict) -> Option<String> {
    let finding = lab.findings.get(&FindingId::of(verdict.host, &verdict.subject.to_string()))?;
    let stays = verdict.outcome == Outcome::Unknown && verdict.subject != Subject::Seen;
    let (state, word, until) = (finding.state, finding.disposition, finding.disposition_until);
    let line = format!("{} {state} {word} {until:?} {} {}", finding.id, finding.disposition_reason, finding.owner);
    (state != FindingState::Resolved && !stays).then_some(line)
}

fn same(one: &Lab, two: &Lab) -> Result<(), TestCaseError> {
    let (one, two) = (stands(one), stands(two));
    let differences: Vec<&String> = one.symmetric_difference(&two).collect();
    prop_assert!(differences.is_empty(), "{differences:#?}");
    Ok(())
}

fn run(steps: &[Step], evaluate_every: usize) -> Lab {
    let mut lab = Lab::default();
    for steps in steps.chunks(evaluate_every) {
        lab.run(steps);
    }
    lab
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_inputs_does_not_matter(
        steps in inputs(),
        seed: u64,
        other: u64,
        every in 1usize..20,
    ) {
        let one = run(&shuffled(&steps, seed), every);
        let two = run(&shuffled(&steps, other), steps.len());
        same(&one, &two)?;
    }

    #[test]
    fn inputs_that_come_twice_say_nothing_new(steps in inputs(), seed: u64) {
        let steps = shuffled(&steps, seed);
        let mut lab = run(&steps, 3);
        for step in &steps {
            let changes = lab.run(std::slice::from_ref(step));
            prop_assert!(changes.is_empty(), "{:?} led to {:#?}", step, changes);
        }
    }

    #[test]
    fn a_state_says_what_a_fresh_one_would(steps in inputs(), seed: u64) {
        let steps = shuffled(&steps, seed);
        same(&run(&steps, 1), &run(&steps, steps.len()))?;
    }
}
