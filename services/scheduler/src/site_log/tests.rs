#![allow(clippy::unwrap_used, reason = "tests")]

use jiff::Timestamp;
use muster_ids::{OrderId, SweepId};
use muster_proto::v1;
use proptest::prelude::*;

use super::{BadOutcome, SiteLog, Totals};
use muster_sweep::loss::LossCount;

fn sweep(leases: u32, units: u64) -> (SweepId, v1::SweepStarted) {
    let id = SweepId::of_firing("dublin", "nightly", 0);
    let started = v1::SweepStarted {
        sweep_id: id.to_vec(),
        site: "dublin".to_owned(),
        leases,
        units,
        deadline: Some(prost_types::Timestamp { seconds: 100, nanos: 0 }),
        ..v1::SweepStarted::default()
    };
    (id, started)
}

fn log(leases: u32, units: u64) -> (SiteLog, SweepId) {
    let (id, started) = sweep(leases, units);
    let mut log = SiteLog::default();
    log.started(1, started, id);
    for index in 0..leases {
        log.issued(2, id, index, OrderId::of_lease(id, index));
    }
    (log, id)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn a_sweep_ends_when_its_last_lease_does() {
    let (mut log, id) = log(2, 20);
    let totals = Totals { units: 10, open: 1, silent: 9, ..Totals::default() };
    log.outcome(id, OrderId::of_lease(id, 0), totals, &LossCount::default()).unwrap();
    assert_eq!(log.open[&id].end(at(1)), None);
    log.outcome(id, OrderId::of_lease(id, 1), totals, &LossCount::default()).unwrap();
    let end = log.open[&id].end(at(1)).unwrap();
    assert!(!end.void);
    let coverage = end.coverage.unwrap();
    assert_eq!((coverage.planned, coverage.open, coverage.silent, coverage.lost), (20, 2, 18, 0));
}

#[test]
fn a_sweep_without_outcomes_is_void_at_its_deadline() {
    let (mut log, id) = log(2, 20);
    log.outcome(
        id,
        OrderId::of_lease(id, 0),
        Totals { units: 10, silent: 10, ..Totals::default() },
        &LossCount::default(),
    )
    .unwrap();
    let end = log.open[&id].end(at(100)).unwrap();
    assert!(end.void);
    assert_eq!(end.void_reason, "1 of 2 leases have no outcome at the deadline");
    assert_eq!(end.coverage.unwrap().lost, 10);
}

#[test]
fn a_sweep_that_was_mostly_skipped_is_void() {
    let (mut log, id) = log(1, 20);
    log.outcome(
        id,
        OrderId::of_lease(id, 0),
        Totals { units: 20, silent: 17, skipped: 3, ..Totals::default() },
        &LossCount::default(),
    )
    .unwrap();
    assert!(log.open[&id].end(at(1)).unwrap().void);
}

#[test]
fn an_outcome_that_comes_twice_counts_once() {
    let (mut log, id) = log(2, 20);
    let totals = Totals { units: 10, silent: 10, ..Totals::default() };
    log.outcome(id, OrderId::of_lease(id, 0), totals, &LossCount::default()).unwrap();
    log.outcome(id, OrderId::of_lease(id, 0), totals, &LossCount::default()).unwrap();
    assert_eq!(log.open[&id].end(at(1)), None);
    assert_eq!(log.open[&id].waiting().count(), 1);
}

/// Of slices of 100 units, half of which answer, two of these on the second attempt.
fn counted(slices: u32) -> LossCount {
    let mut loss = LossCount::default();
    (0..slices).for_each(|_| loss.add_slice(&[100, 52], &[48, 2]).unwrap());
    loss
}

#[test]
fn a_sweep_states_what_its_leases_missed_together() {
    let (mut log, id) = log(2, 8_000);
    let totals = Totals { units: 4_000, open: 2_000, silent: 2_000, ..Totals::default() };
    log.outcome(id, OrderId::of_lease(id, 0), totals, &counted(40)).unwrap();
    log.outcome(id, OrderId::of_lease(id, 0), totals, &counted(40)).unwrap();
    log.outcome(id, OrderId::of_lease(id, 1), totals, &counted(40)).unwrap();
    let missed = log.open[&id].end(at(1)).unwrap().missed.unwrap();
    assert_eq!((missed.sent.as_slice(), missed.first_answers.as_slice()), (&[8_000, 4_160][..], &[3_840, 160][..]));
    // One in 24 is lost on an attempt, one in 576 on two.
    assert!((1.0 / 576.0..0.006).contains(&missed.share_max) && missed.unstated.is_empty(), "{missed:?}");
    assert!((7..24).contains(&missed.pairs_max), "{}", missed.pairs_max);
    assert!((missed.loss - 1.0 / 24.0).abs() < 1e-3);
}

#[test]
fn a_sweep_that_holds_ipv6_states_no_bound() {
    let (id, mut started) = sweep(1, 4_000);
    let block: ipnet::IpNet = "2001:db8::/116".parse().unwrap();
    started.blocks = vec![muster_bus::convert::network::block_to_proto(block)];
    let mut log = SiteLog::default();
    log.started(1, started, id);
    log.issued(2, id, 0, OrderId::of_lease(id, 0));
    let totals = Totals { units: 4_000, open: 2_000, silent: 2_000, ..Totals::default() };
    log.outcome(id, OrderId::of_lease(id, 0), totals, &counted(40)).unwrap();
    let missed = log.open[&id].end(at(1)).unwrap().missed.unwrap();
    assert!(missed.unstated.contains("IPv6") && missed.share_max == 0.0, "{missed:?}");
}

#[test]
fn a_sweep_of_which_a_part_was_not_counted_states_nothing() {
    let (mut log, id) = log(2, 8_000);
    let totals = Totals { units: 4_000, open: 2_000, silent: 2_000, ..Totals::default() };
    let mut by_connections = LossCount::default();
    by_connections.add_uncounted(4_000);
    log.outcome(id, OrderId::of_lease(id, 0), totals, &counted(40)).unwrap();
    log.outcome(id, OrderId::of_lease(id, 1), totals, &by_connections).unwrap();
    let missed = log.open[&id].end(at(1)).unwrap().missed.unwrap();
    assert_eq!(missed.unstated, "4000 of the pairs were swept by connections, whose repeats nobody counts");
    assert_eq!((missed.share_max, missed.pairs_max), (0.0, 0));
    let more = log.outcome(id, OrderId::of_lease(id, 1), totals, &counted(41));
    assert!(matches!(more, Err(BadOutcome::Loss(_))), "more answers than units: {more:?}");
}

proptest! {
    #[test]
    fn coverage_always_balances(outcomes in prop::collection::vec(prop::option::of((0_u64..5, 0_u64..5)), 1..20)) {
        let leases = u32::try_from(outcomes.len()).unwrap();
        let (mut log, id) = log(leases, u64::from(leases) * 10);
        for (index, outcome) in (0..).zip(outcomes) {
            if let Some((open, closed)) = outcome {
                let totals = Totals { units: 10, open, closed, silent: 10 - open - closed, ..Totals::default() };
                log.outcome(id, OrderId::of_lease(id, index), totals, &LossCount::default()).unwrap();
            }
        }
        let coverage = log.open[&id].end(at(100)).unwrap().coverage.unwrap();
        let sum = coverage.open + coverage.closed + coverage.silent + coverage.skipped + coverage.lost;
        prop_assert_eq!(sum, coverage.planned);
    }
}
