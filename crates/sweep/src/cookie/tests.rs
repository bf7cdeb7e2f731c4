#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use super::*;
use crate::packet::{Answer, Body, Checks, EchoTemplate, Path, Reason, SynOptions, SynTemplate, TcpFlags, TcpOptions};
use proptest::prelude::*;
use std::collections::HashSet;
use std::net::{Ipv4Addr, Ipv6Addr};

const PORTS: (u16, u16, u8) = (61_000, 64, 4);

fn cookies(key: u8, source: &str) -> Cookies {
    let (first, count, attempts) = PORTS;
    Cookies::new([key; 16], source.parse().unwrap(), SourcePorts::new(first, count, attempts).unwrap())
}

/// The SYN-ACK to a SYN.
fn syn_ack(port: u16, fields: SynFields) -> Tcp {
    Tcp {
        source_port: port,
        destination_port: fields.source_port,
        sequence: 77,
        acknowledgement: fields.sequence.wrapping_add(1),
        flags: TcpFlags(TcpFlags::SYN | TcpFlags::ACK),
        window: 0,
        options: TcpOptions::default(),
        data_len: 0,
    }
}

/// SplitMix64: forgeries, repeatable by the seed.
struct Forger(u64);

impl Forger {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

proptest! {
    #[test]
    fn every_answer_names_its_attempt(key: u8, v4: u32, v6: u128, port: u16, attempt in 0_u8..4) {
        for (source, target) in [
            ("192.0.2.1", IpAddr::from(Ipv4Addr::from_bits(v4))),
            ("2001:db8::1", IpAddr::from(Ipv6Addr::from_bits(v6))),
        ] {
            let cookies = cookies(key, source);
            let fields = cookies.syn(target, port, attempt);
            prop_assert!((61_000..61_064).contains(&fields.source_port) && fields.ident < 0x10_0000);
            let answer = syn_ack(port, fields);
            let ours = source.parse().unwrap();
            prop_assert_eq!(cookies.answers_syn(target, ours, &answer), Some(attempt));
            let refusal = Tcp { flags: TcpFlags(TcpFlags::RST | TcpFlags::ACK), ..answer };
            prop_assert_eq!(cookies.answers_syn(target, ours, &refusal), Some(attempt));
            let uncounted = Tcp { acknowledgement: fields.sequence, ..refusal };
            prop_assert_eq!(cookies.answers_syn(target, ours, &uncounted), Some(attempt));
            let bare = Tcp { flags: TcpFlags(TcpFlags::RST), ..answer };
            prop_assert_eq!(cookies.answers_syn(target, ours, &bare), None);
            let fields = cookies.udp(target, port, attempt);
            prop_assert_eq!(cookies.answers_udp(ours, fields.source_port), Some(attempt));
            let fields = cookies.echo(target, attempt);
            let data = fields.token.to_be_bytes();
            let echo = Echo { identifier: fields.identifier, sequence: fields.sequence, data: &data };
            prop_assert_eq!(cookies.answers_echo(target, ours, &echo), Some(attempt));
            prop_assert_eq!(cookies.answers_echo(target, ours, &Echo { data: &data[..7], ..echo }), None);
            prop_assert_eq!(cookies.answers_echo(target, ours, &Echo { sequence: 4, ..echo }), None);
        }
    }

    #[test]
    fn one_changed_bit_is_refused(key: u8, target: u32, port: u16, attempt in 0_u8..4, bit in 0_u32..32) {
        let (cookies, ours) = (cookies(key, "192.0.2.1"), "192.0.2.1".parse().unwrap());
        let from = |bits| IpAddr::from(Ipv4Addr::from_bits(bits));
        let answer = syn_ack(port, cookies.syn(from(target), port, attempt));
        let one = 1_u32 << bit;
        prop_assert_eq!(cookies.answers_syn(from(target ^ one), ours, &answer), None);
        let changed = Tcp { acknowledgement: answer.acknowledgement ^ one, ..answer };
        prop_assert_eq!(cookies.answers_syn(from(target), ours, &changed), None);
        let changed = Tcp { source_port: port ^ (1 << (bit % 16)), ..answer };
        prop_assert_eq!(cookies.answers_syn(from(target), ours, &changed), None);
        // Another port of ours may be another attempt of the same pair, and then it is one.
        let changed = Tcp { destination_port: answer.destination_port ^ (1 << (bit % 16)), ..answer };
        let known = (0..4).find(|of| cookies.syn(from(target), port, *of).source_port == changed.destination_port);
        prop_assert_eq!(cookies.answers_syn(from(target), ours, &changed), known);
        prop_assert_eq!(cookies.answers_syn(from(target), from(target), &answer), None);
        let other = self::cookies(key.wrapping_add(1), "192.0.2.1");
        prop_assert_eq!(other.answers_syn(from(target), ours, &answer), None);
    }

    #[test]
    fn attempts_never_share_a_port(first in 1_u16.., count: u16, attempts in 0_u8..12, bits: u16) {
        if let Ok(ports) = SourcePorts::new(first, count, attempts) {
            let used: HashSet<u16> = (0..attempts).map(|attempt| ports.port(attempt, bits)).collect();
            prop_assert_eq!(used.len(), usize::from(attempts));
            let end = u32::from(first) + u32::from(count);
            prop_assert!(used.iter().all(|port| *port >= first && u32::from(*port) < end));
        } else {
            let beyond = u32::from(first) + u32::from(count) > 65_536;
            prop_assert!(attempts == 0 || attempts > ATTEMPTS_MAX || count < u16::from(attempts) || beyond);
        }
    }
}

#[test]
fn an_error_is_believed_for_our_own_probe_only() {
    for (source, target) in [("192.0.2.1", "198.51.100.7"), ("2001:db8::1", "2001:db8:1::7")] {
        let (cookies, source, target) = (cookies(1, source), source.parse().unwrap(), target.parse().unwrap());
        let syn = cookies.syn(target, 443, 2);
        let visible = |ident| if target.is_ipv4() { ident & 0xffff } else { ident };
        let probe = Quote::Tcp { source_port: syn.source_port, port: 443, sequence: syn.sequence };
        let quoted = Quoted { source, target, ident: visible(syn.ident), probe };
        let about = |quoted| IcmpError { reason: Reason::Prohibited, quoted };
        let refused = cookies.answers_error(source, &about(quoted)).unwrap();
        assert_eq!(
            (refused.target, refused.transport, refused.port, refused.attempt),
            (target, Some(Transport::Tcp), 443, 2)
        );
        for wrong in [
            Quoted { ident: quoted.ident ^ 1, ..quoted },
            Quoted { source: target, ..quoted },
            Quoted { target: source, ..quoted },
            Quoted { probe: Quote::Tcp { source_port: syn.source_port, port: 444, sequence: syn.sequence }, ..quoted },
            Quoted { probe: Quote::Tcp { source_port: syn.source_port, port: 443, sequence: !syn.sequence }, ..quoted },
        ] {
            assert_eq!(cookies.answers_error(source, &about(wrong)), None, "{wrong:?}");
        }
        let udp = cookies.udp(target, 161, 1);
        let probe = Quote::Udp { source_port: udp.source_port, port: 161, payload: &[] };
        let refused =
            cookies.answers_error(source, &about(Quoted { ident: visible(udp.ident), probe, ..quoted })).unwrap();
        assert_eq!((refused.transport, refused.port, refused.attempt), (Some(Transport::Udp), 161, 1));
        let echo = cookies.echo(target, 3);
        let probe = Quote::Echo { identifier: echo.identifier, sequence: echo.sequence, data: &[] };
        let refused =
            cookies.answers_error(source, &about(Quoted { ident: visible(echo.ident), probe, ..quoted })).unwrap();
        assert_eq!((refused.transport, refused.attempt), (None, 3));
    }
}

#[test]
fn a_probe_on_the_wire_and_its_answer_know_each_other() {
    let source = "192.0.2.1".parse().unwrap();
    let target = "198.51.100.7".parse().unwrap();
    let cookies = cookies(9, "192.0.2.1");
    let path = Path { link: None, source, hop_limit: 64 };
    let mut out = [0; 64];
    let syn = SynTemplate::new(&path, SynOptions::Mss).unwrap();
    let len = syn.fill(&mut out, target, 22, cookies.syn(target, 22, 1)).unwrap();
    // A router sends the whole probe back in an error.
    let mut error =
        [&[0x45, 0, 0, 72, 0, 0, 0, 0, 60, 1, 0, 0, 203, 0, 113, 1, 192, 0, 2, 1][..], &[3, 1, 0, 0, 0, 0, 0, 0]]
            .concat();
    error.extend_from_slice(&out[..len]);
    let Answer::Ip { to, body: Body::Error(error), .. } = Answer::parse_ip(&error, Checks::Trust).unwrap() else {
        panic!()
    };
    let refused = cookies.answers_error(to, &error).unwrap();
    assert_eq!((refused.target, refused.port, refused.attempt), (target, 22, 1));
    let len = EchoTemplate::new(&path).unwrap().fill(&mut out, target, cookies.echo(target, 0)).unwrap();
    out[20] = 0;
    let Answer::Ip { body: Body::Echo(echo), .. } = Answer::parse_ip(&out[..len], Checks::Trust).unwrap() else {
        panic!()
    };
    assert_eq!(cookies.answers_echo(target, source, &echo), Some(0));
}

/// The chances that the module states, by counting forgeries. 16 bits can be counted; 32 are those and 16 more.
#[test]
fn forgeries_are_accepted_as_seldom_as_stated() {
    let seed = 0x5eed_0001;
    println!("seed {seed:#x}");
    let mut forger = Forger(seed);
    let (cookies, source) = (cookies(7, "192.0.2.1"), "192.0.2.1".parse().unwrap());
    let target = |word: u64| IpAddr::from(Ipv4Addr::from_bits(word as u32));
    // An error about UDP: 2^22 forgeries at 2^-16 are 64 expected; 64 ± 5 * 8.
    let mut accepted = 0;
    let mut syns = 0;
    for _ in 0..1_u32 << 22 {
        let (one, two) = (forger.next(), forger.next());
        let probe = Quote::Udp { source_port: 61_000, port: 161, payload: &[] };
        let quoted = Quoted { source, target: target(one), ident: two as u32 & 0xffff, probe };
        let error = IcmpError { reason: Reason::PortUnreachable, quoted };
        accepted += u32::from(cookies.answers_error(source, &error).is_some());
        let fields = SynFields { source_port: 61_000 + (two >> 32) as u16 % 64, sequence: two as u32, ident: 0 };
        syns += u32::from(cookies.answers_syn(target(one), source, &syn_ack(443, fields)).is_some());
    }
    assert!((24..=104).contains(&accepted), "{accepted} of 4,194,304");
    // A SYN-ACK: 2^22 at 2^-32 * 4 / 64 are 0.00006 expected.
    assert_eq!(syns, 0);
}

#[test]
fn every_bit_of_a_sequence_number_is_as_good_as_tossed() {
    // Over 65,536 neighbouring targets each bit is set 32,768 times, give or take 5 * 128.
    let cookies = cookies(5, "192.0.2.1");
    let mut set = [0_u32; 32];
    let mut ports = [0_u32; 64];
    for bits in 0..65_536_u32 {
        let fields = cookies.syn(Ipv4Addr::from_bits(0x0a00_0000 | bits).into(), 443, 0);
        (0..32).for_each(|bit| set[bit] += fields.sequence >> bit & 1);
        ports[usize::from(fields.source_port - 61_000)] += 1;
    }
    assert!(set.iter().all(|count| count.abs_diff(32_768) < 640), "{set:?}");
    // The first attempt has 16 ports, each 4,096 times, give or take 5 * 62.
    assert!(ports[..16].iter().all(|count| count.abs_diff(4_096) < 310), "{ports:?}");
    assert_eq!(ports[16..].iter().sum::<u32>(), 0);
}
