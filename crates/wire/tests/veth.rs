//! Frames between two ends of a link that the test makes for itself, in a network namespace of its own.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use muster_wire::testing::{inside, run};
use muster_wire::{Batch, Filter, Interface, Receiver, RingSize, Router, Sender, WireError};

/// Waits for what has left already; a link inside the kernel takes microseconds.
const PATIENCE: Duration = Duration::from_secs(10);

fn ip(arguments: &str) {
    run(&format!("ip {arguments}")).unwrap();
}

/// Two ends of a link, `left` with 10.77.0.1/24 and a gateway.
fn link() -> [Interface; 2] {
    ip("link set lo up");
    ip("link add left type veth peer name right");
    ip("addr add 10.77.0.1/24 dev left");
    ip("link set left up");
    ip("link set right up");
    ip("neigh add 10.77.0.254 lladdr 02:00:00:00:00:fe dev left");
    ip("route add default via 10.77.0.254 dev left");
    let mut router = Router::open().unwrap();
    let left = router.route_to("10.77.0.9".parse().unwrap()).unwrap().interface;
    let left = router.interface(left).unwrap();
    let right = (1..=16).filter_map(|index| router.interface(index).ok()).find(|found| found.name == "right").unwrap();
    [left, right]
}

/// An Ethernet, IPv4 and TCP header to a port; the checksums are nobody's business here.
fn tcp_to(port: u16, number: u32) -> Vec<u8> {
    let mut frame = vec![0; 54];
    frame[12..14].copy_from_slice(&[0x08, 0x00]);
    frame[14] = 0x45;
    frame[23] = 6;
    frame[36..38].copy_from_slice(&port.to_be_bytes());
    frame[38..42].copy_from_slice(&number.to_be_bytes());
    frame
}

#[test]
fn a_hundred_thousand_frames_arrive_once_each() {
    if !inside("a_hundred_thousand_frames_arrive_once_each").unwrap() {
        return;
    }
    let [left, right] = link();
    let mut receiver = Receiver::open(&right, &Filter::ports(61_000..=61_999), RingSize { blocks: 64 }).unwrap();
    let sender = Sender::open(&left).unwrap();
    let (frames, mut heard, mut batch) = (100_000_u32, BTreeSet::new(), Batch::default());
    let mut take = |receiver: &mut Receiver, wait| {
        receiver
            .receive(wait, |one| {
                assert!(one.at_ns > 0);
                heard.insert(u32::from_be_bytes(one.frame[38..42].try_into().unwrap()));
            })
            .unwrap()
    };
    let (mut arrived, mut number) = (0, 0);
    while number < frames {
        batch.clear();
        while batch.len() < Batch::FRAMES_MAX && number < frames {
            // Every tenth goes to a port that is not listened on.
            let port = if number % 10 == 0 { 60_999 } else { 61_000 + (number % 1_000) as u16 };
            assert!(batch.push(&tcp_to(port, number)));
            number += 1;
        }
        let mut sent = 0;
        while sent < batch.len() {
            sent += sender.send(&batch, sent).unwrap();
            arrived += take(&mut receiver, Duration::ZERO);
        }
    }
    let deadline = Instant::now() + PATIENCE;
    let wanted = (frames - frames / 10) as usize;
    while arrived < wanted && Instant::now() < deadline {
        arrived += take(&mut receiver, Duration::from_millis(50));
    }
    let statistics = receiver.statistics().unwrap();
    assert_eq!((arrived, heard.len(), statistics.lost), (wanted, wanted, 0), "{statistics:?}");
    assert_eq!(statistics.passed, wanted as u64);
    assert!(heard.iter().all(|number| number % 10 != 0), "a frame passed that the filter should hold");
}

#[test]
fn the_filter_lets_control_through_where_it_is_asked_to() {
    if !inside("the_filter_lets_control_through_where_it_is_asked_to").unwrap() {
        return;
    }
    let [left, right] = link();
    let sender = Sender::open(&left).unwrap();
    let kinds = |filter: &Filter| {
        let mut receiver = Receiver::open(&right, filter, RingSize::default()).unwrap();
        let mut batch = Batch::default();
        let mut frame = tcp_to(61_000, 1);
        // TCP, a later fragment of it, with options in the header, UDP, ICMP, another protocol.
        assert!(batch.push(&frame));
        frame[21] = 1;
        assert!(batch.push(&frame));
        let mut long = tcp_to(0, 2);
        long[14] = 0x46;
        long[40..42].copy_from_slice(&61_005_u16.to_be_bytes());
        assert!(batch.push(&long));
        for protocol in [17, 1, 47] {
            let mut frame = tcp_to(61_000, 3);
            frame[23] = protocol;
            assert!(batch.push(&frame));
        }
        // IPv6: TCP and ICMPv6; ARP; something else.
        for protocol in [6, 58] {
            let mut frame = vec![0; 74];
            frame[12..14].copy_from_slice(&[0x86, 0xdd]);
            frame[20] = protocol;
            frame[56..58].copy_from_slice(&61_000_u16.to_be_bytes());
            assert!(batch.push(&frame));
        }
        for kind in [[0x08, 0x06], [0x88, 0xcc]] {
            let mut frame = vec![0; 60];
            frame[12..14].copy_from_slice(&kind);
            assert!(batch.push(&frame));
        }
        // The last one, so that nothing has to be waited for that may never come.
        assert!(batch.push(&tcp_to(61_001, 99)));
        let mut sent = 0;
        while sent < batch.len() {
            sent += sender.send(&batch, sent).unwrap();
        }
        let (mut heard, deadline, mut over) = (Vec::new(), Instant::now() + PATIENCE, false);
        while !over && Instant::now() < deadline {
            receiver
                .receive(Duration::from_millis(50), |one| {
                    over |= one.frame[38..42] == 99_u32.to_be_bytes();
                    heard.push((u16::from_be_bytes([one.frame[12], one.frame[13]]), one.frame[23], one.frame[20]));
                })
                .unwrap();
        }
        assert!(over, "{heard:?}");
        heard.pop();
        // The kernel's own solicitations are no part of the test.
        heard.iter().map(|(ether, v4, v6)| (*ether, if *ether == 0x0800 { *v4 } else { *v6 })).collect::<Vec<_>>()
    };
    let (v4, v6) = (0x0800, 0x86dd);
    assert_eq!(kinds(&Filter::ports(61_000..=61_999)), [(v4, 6), (v4, 6), (v4, 17), (v6, 6)]);
    let with_control = kinds(&Filter::ports(61_000..=61_999).with_control());
    for expected in [(v4, 6), (v4, 17), (v4, 1), (v6, 6), (v6, 58), (0x0806, 0)] {
        assert!(with_control.contains(&expected), "{expected:?}: {with_control:?}");
    }
    assert!(!with_control.contains(&(v4, 47)), "{with_control:?}");
}

#[test]
fn routes_lead_over_the_gateway_and_a_link_that_is_down_is_refused() {
    if !inside("routes_lead_over_the_gateway_and_a_link_that_is_down_is_refused").unwrap() {
        return;
    }
    let [left, _right] = link();
    let mut router = Router::open().unwrap();
    let near = router.route_to("10.77.0.9".parse().unwrap()).unwrap();
    let far = router.route_to("192.0.2.1".parse().unwrap()).unwrap();
    assert_eq!((near.gateway, near.interface, near.source), (None, left.index, "10.77.0.1".parse().unwrap()));
    assert_eq!((far.gateway, far.interface), (Some("10.77.0.254".parse().unwrap()), left.index));
    let mac = router.neighbour(left.index, far.gateway.unwrap()).unwrap().unwrap();
    assert_eq!((mac.mac, mac.fresh), ([2, 0, 0, 0, 0, 0xfe], true));
    assert_eq!(router.neighbour(left.index, "10.77.0.9".parse().unwrap()).unwrap(), None);

    ip("neigh add 10.77.0.8 lladdr 02:00:00:00:00:08 dev left nud stale");
    let stale = router.neighbour(left.index, "10.77.0.8".parse().unwrap()).unwrap().unwrap();
    assert!(!stale.fresh, "it was there once");

    ip("route add blackhole 198.51.100.0/24");
    assert!(matches!(router.route_to("198.51.100.1".parse().unwrap()), Err(WireError::NoRoute { .. })));
    ip("route add prohibit 198.51.101.0/24");
    assert!(matches!(router.route_to("198.51.101.1".parse().unwrap()), Err(WireError::NoRoute { .. })));
    ip("link set right down");
    let deaf = router.interface(left.index).unwrap();
    assert!(deaf.up && !deaf.carrier, "{deaf:?}");
    assert_eq!(Sender::open(&deaf).unwrap_err().to_string(), "interface left has no carrier");
    ip("link set left down");
    let down = router.interface(left.index).unwrap();
    let error = Sender::open(&down).unwrap_err().to_string();
    assert_eq!(error, "interface left is down");
}

#[test]
fn another_virtual_network_is_not_heard() {
    if !inside("another_virtual_network_is_not_heard").unwrap() {
        return;
    }
    let [left, right] = link();
    let sender = Sender::open(&left).unwrap();
    let filter = Filter::ports(61_000..=61_999).with_control();
    let mut receiver = Receiver::open(&right, &filter, RingSize::default()).unwrap();
    let tagged = |network: u16, number| {
        let frame = tcp_to(61_000, number);
        let priority_and_network = (5 << 13) | network;
        [&frame[..12], &[0x81, 0x00], &priority_and_network.to_be_bytes(), &frame[12..]].concat()
    };
    let mut batch = Batch::default();
    // Of network 7; with a priority alone; without a tag, the last one.
    assert!(batch.push(&tagged(7, 1)) && batch.push(&tagged(0, 2)) && batch.push(&tcp_to(61_000, 3)));
    let mut sent = 0;
    while sent < batch.len() {
        sent += sender.send(&batch, sent).unwrap();
    }
    let (mut heard, deadline) = (Vec::new(), Instant::now() + PATIENCE);
    while heard.last() != Some(&3) && Instant::now() < deadline {
        receiver
            .receive(Duration::from_millis(50), |one| {
                // The kernel's own solicitations are no part of the test.
                if one.frame[12..14] == [0x08, 0x00] {
                    heard.push(u32::from_be_bytes(one.frame[38..42].try_into().unwrap()));
                }
            })
            .unwrap();
    }
    assert_eq!(heard, [2, 3]);
}
