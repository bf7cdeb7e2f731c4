#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use super::*;
use crate::packet::{Tcp, TcpFlags, TcpOptions};
use proptest::prelude::*;

fn decoys(open: u32, of: u32) -> HostEvidence {
    HostEvidence { decoys: of, decoys_open: open, ..HostEvidence::default() }
}

#[test]
fn a_host_with_every_decoy_open_is_labelled_once_there_are_enough() {
    assert_eq!(host(&decoys(0, 0)), HostLabel::Ordinary);
    assert_eq!(host(&decoys(4, 4)), HostLabel::Undecided);
    // 0.01^5 is below 10^-9.
    assert_eq!(host(&decoys(5, 5)), HostLabel::EverythingOpen);
    assert_eq!(host(&decoys(8, 8)), HostLabel::EverythingOpen);
    assert_eq!(host(&decoys(9, 10)), HostLabel::EverythingOpen);
    assert_eq!(host(&decoys(8, 10)), HostLabel::Ordinary);
    assert_eq!(host(&decoys(1, 8)), HostLabel::Ordinary);
}

#[test]
fn what_else_was_counted_says_why() {
    let open = decoys(8, 8);
    assert_eq!(host(&HostEvidence { small_windows: 8, ..open }), HostLabel::Tarpit);
    assert_eq!(host(&HostEvidence { small_windows: 7, ..open }), HostLabel::EverythingOpen);
    assert_eq!(host(&HostEvidence { completed: 3, hollow: 3, ..open }), HostLabel::SynProxy);
    assert_eq!(host(&HostEvidence { completed: 2, hollow: 2, ..open }), HostLabel::EverythingOpen);
    assert_eq!(host(&HostEvidence { completed: 10, hollow: 5, ..open }), HostLabel::EverythingOpen);
    // Hollow connections alone are a host with shy services.
    assert_eq!(host(&HostEvidence { completed: 9, hollow: 9, ..decoys(0, 8) }), HostLabel::Ordinary);
}

fn evidence(addresses: u32, open_by_decoy: &[u32], commonest_stack: u32) -> SubnetEvidence<'_> {
    SubnetEvidence { addresses, open_by_decoy, answering: addresses, commonest_stack }
}

#[test]
fn a_subnet_behind_one_device_is_labelled() {
    assert_eq!(subnet(&evidence(256, &[256, 255, 256], 256)), SubnetLabel::OneDevice);
    assert_eq!(subnet(&evidence(256, &[256, 256, 256], 100)), SubnetLabel::SharedPorts);
    assert_eq!(subnet(&evidence(256, &[256, 0, 0], 256)), SubnetLabel::Ordinary);
    assert_eq!(subnet(&evidence(256, &[100, 100, 100], 256)), SubnetLabel::Ordinary);
    assert_eq!(subnet(&evidence(256, &[], 256)), SubnetLabel::Undecided);
    assert_eq!(subnet(&evidence(15, &[15, 15], 15)), SubnetLabel::Undecided);
    assert_eq!(subnet(&evidence(16, &[16, 16], 16)), SubnetLabel::OneDevice);
}

#[test]
fn a_farm_of_equal_servers_is_ordinary() {
    // 256 servers from one image, one of whose agents listens on one of eight decoys everywhere.
    assert_eq!(subnet(&evidence(256, &[0, 0, 256, 0, 0, 0, 0, 0], 256)), SubnetLabel::Ordinary);
}

#[test]
fn stacks_are_told_apart_by_everything_that_they_say() {
    let tcp = Tcp {
        source_port: 1,
        destination_port: 2,
        sequence: 3,
        acknowledgement: 4,
        flags: TcpFlags(18),
        window: 29_200,
        options: TcpOptions::parse(&[2, 4, 5, 0xb4]),
        data_len: 0,
    };
    let sign = StackSign::of(63, &tcp);
    assert_eq!((sign.mss, sign.window, sign.options >> 56), (1_460, 29_200, 2));
    let other = StackSign::of(62, &tcp);
    assert_eq!(commonest_stack(&[sign, other, sign, other, sign]), 3);
    assert_eq!(commonest_stack(&[]), 0);
}

/// How often an ordinary host is labelled, exactly: the sum over all counts that are.
#[test]
fn an_ordinary_host_is_labelled_less_than_once_in_a_thousand_million() {
    for probed in 1..=64 {
        let labelled = (0..=probed).find(|open| host(&decoys(*open, probed)) == HostLabel::EverythingOpen);
        let chance = labelled.map_or(0.0, |open| binomial_tail(open, probed, ORDINARY_OPEN_SHARE));
        assert!(chance <= CHANCE_MAX, "{probed}: {chance}");
    }
}

proptest! {
    #[test]
    fn more_open_decoys_never_make_a_host_more_ordinary(probed in 0_u32..100, open in 0_u32..100) {
        let open = open.min(probed);
        if host(&decoys(open, probed)) != HostLabel::Ordinary {
            prop_assert_ne!(host(&decoys(probed, probed)), HostLabel::Ordinary);
        }
    }

    #[test]
    fn any_counts_get_a_label(
        decoys: u32, decoys_open: u32, small_windows: u32, completed: u32, hollow: u32,
        open_by_decoy in proptest::collection::vec(any::<u32>(), 0..9), addresses: u32,
    ) {
        let _ = host(&HostEvidence { decoys, decoys_open, small_windows, completed, hollow });
        let _ = subnet(&evidence(addresses, &open_by_decoy, completed));
    }
}
