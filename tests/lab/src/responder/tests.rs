#![allow(clippy::unwrap_used, reason = "tests")]

use super::{Manner, Responder};
use crate::frame::{PUSH, Segment, tests::segment, write};
use crate::seen::Allowance;
use crate::truth::{MILLION, State, Truth, World};
use muster_sweep::packet::{Answer, Body, Checks, Tcp, TcpFlags};
use proptest::prelude::*;
use std::net::Ipv4Addr;
use std::time::Duration;

const MS: u64 = 1_000_000;
const SYN: u8 = TcpFlags::SYN;
const ACK: u8 = TcpFlags::ACK;

/// Everybody is there, half of the ports open, half closed.
fn world() -> World {
    World {
        alive: MILLION,
        open: MILLION / 2,
        closed: MILLION / 2,
        ..World::sparse(5, "10.10.0.0/24".parse().unwrap())
    }
}

fn responder(world: World, manner: Manner) -> Responder {
    Responder::new(Truth::new(world), manner, Some(Allowance::of_rates(40, 1_000)))
}

fn send(to: &mut Responder, at_ns: u64, segment: &Segment, data: &[u8]) {
    let mut frame = [0; 512];
    let length = write(&mut frame, segment, data).unwrap();
    to.hear(at_ns, &frame[..length]);
}

/// Everything whose time has come: source, segment and data.
fn replies(of: &mut Responder, now_ns: u64) -> Vec<(Ipv4Addr, Tcp, Vec<u8>)> {
    let mut replies = Vec::new();
    while let Some(reply) = of.due(now_ns) {
        let mut frame = [0; 512];
        let length = of.write(&mut frame, &reply).unwrap();
        let answer = Answer::parse(&frame[..length], Checks::Verify).unwrap();
        let Answer::Ip { from: std::net::IpAddr::V4(from), body: Body::Tcp(tcp), .. } = answer else { panic!() };
        replies.push((from, tcp, frame[length - tcp.data_len..length].to_vec()));
    }
    replies
}

fn find(truth: &Truth, state: State) -> (Ipv4Addr, u16) {
    let pairs = (1..255).flat_map(|last| (1..100).map(move |port| (Ipv4Addr::new(10, 10, 0, last), port)));
    pairs.into_iter().find(|(address, port)| truth.of(*address, *port) == state).unwrap()
}

#[test]
fn open_closed_and_silent_answer_as_the_truth_says() {
    let mut of = responder(World { alive: MILLION / 2, ..world() }, Manner::default());
    for state in [State::Open, State::Closed, State::Silent] {
        let (address, port) = find(of.truth(), state);
        send(&mut of, MS, &segment(&address.to_string(), port, SYN), &[]);
        let told = replies(&mut of, MS);
        if state == State::Silent {
            assert!(told.is_empty(), "{told:?}");
            continue;
        }
        let [(from, tcp, _)] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((*from, tcp.source_port, tcp.destination_port), (address, port, 61_000));
        assert_eq!(tcp.acknowledgement, 78);
        assert_eq!(tcp.flags.is_syn_ack(), state == State::Open);
        assert_eq!(tcp.flags.is_refusal(), state == State::Closed);
    }
    assert_eq!((of.seen().packets, of.seen().probes, of.seen().answers), (3, 3, 2));
}

#[test]
fn a_connection_gets_its_banner_and_its_end() {
    let (mut world, banner) = (world(), b"SSH-2.0-lab\r\n");
    let (address, port) = find(&Truth::new(world.clone()), State::Open);
    world.banners.push((port, banner.to_vec()));
    let mut of = responder(world, Manner::default());
    let syn = segment(&address.to_string(), port, SYN);
    send(&mut of, 0, &syn, &[]);
    let begun = replies(&mut of, 0)[0].1.sequence.wrapping_add(1);
    let ack = Segment { flags: ACK, sequence: 78, acknowledgement: begun, ..syn };
    send(&mut of, 0, &ack, &[]);
    let told = replies(&mut of, 0);
    assert_eq!((told[0].2.as_slice(), told[0].1.flags.0), (banner.as_slice(), ACK | PUSH));
    // Half of it arrived: the rest comes again.
    send(&mut of, 0, &Segment { acknowledgement: begun.wrapping_add(4), ..ack }, &[]);
    assert_eq!(replies(&mut of, 0)[0].2, &banner[4..]);
    let all = Segment { acknowledgement: begun.wrapping_add(banner.len() as u32), ..ack };
    send(&mut of, 0, &all, b"hello");
    let (_, end, _) = replies(&mut of, 0)[0];
    assert_eq!((end.flags.0, end.acknowledgement), (ACK | TcpFlags::FIN, 83));
    // A number that was never given is nobody's connection.
    send(&mut of, 0, &Segment { acknowledgement: begun.wrapping_add(1_000), ..ack }, &[]);
    assert!(replies(&mut of, 0).is_empty());
}

#[test]
fn a_tarpit_takes_the_connection_and_nothing_else() {
    let mut of = responder(World { tarpits: vec!["10.10.0.0/25".parse().unwrap()], ..world() }, Manner::default());
    let syn = segment("10.10.0.7", 4_711, SYN);
    send(&mut of, 0, &syn, &[]);
    let (_, tcp, _) = replies(&mut of, 0)[0];
    assert!(tcp.flags.is_syn_ack() && tcp.window == 0);
    let ack = Segment { flags: ACK, sequence: 78, acknowledgement: tcp.sequence.wrapping_add(1), ..syn };
    send(&mut of, 0, &ack, b"hello");
    assert!(replies(&mut of, 0).is_empty());
}

#[test]
fn round_trips_duplicates_and_late_answers_come_when_they_are_due() {
    let manner = Manner {
        round_trip: Duration::from_millis(10),
        jitter: Duration::from_millis(5),
        duplicates: MILLION / 4,
        late: MILLION / 10,
        late_by: Duration::from_secs(2),
        ..Manner::default()
    };
    let mut of = responder(world(), manner);
    for port in 1..=2_000 {
        send(&mut of, 0, &segment("10.10.0.9", port, SYN), &[]);
    }
    assert!(replies(&mut of, 10 * MS - 1).is_empty() && of.next_due_ns().unwrap() >= 10 * MS);
    let soon = replies(&mut of, 15 * MS).len();
    assert!(replies(&mut of, 2_010 * MS - 1).is_empty());
    let late = replies(&mut of, 2_015 * MS).len();
    assert_eq!(of.next_due_ns(), None);
    // Five standard deviations.
    assert!((2_400..2_600).contains(&(soon + late)), "{soon} {late}");
    assert!((180..320).contains(&late), "{late}");
}

#[test]
fn loss_is_what_was_asked_for_and_follows_from_the_seed() {
    let lost = |seed| {
        let manner = Manner { loss_in: 20_000, loss_out: 50_000, ..Manner::default() };
        let mut of = responder(World { seed, ..world() }, manner);
        for port in 1..=20_000 {
            send(&mut of, u64::from(port), &segment("10.10.0.9", port, SYN), &[]);
        }
        let heard = replies(&mut of, u64::MAX).len() as u64;
        let seen = of.seen();
        assert_eq!(heard + seen.lost_in + seen.lost_out, 20_000);
        (seen.lost_in, seen.lost_out)
    };
    let (lost_in, lost_out) = lost(1);
    // 400 and 980 expected; five standard deviations.
    assert!((300..500).contains(&lost_in) && (825..1_135).contains(&lost_out), "{lost_in} {lost_out}");
    assert_eq!(lost(1), (lost_in, lost_out));
    assert_ne!(lost(2), (lost_in, lost_out));
}

#[test]
fn a_host_that_limits_its_answers_holds_the_rest_back() {
    let mut of = responder(world(), Manner { host_answers_pps: 100, ..Manner::default() });
    for port in 1..=500 {
        send(&mut of, 0, &segment("10.10.0.9", port, SYN), &[]);
    }
    send(&mut of, 0, &segment("10.10.0.10", 1, SYN), &[]);
    assert_eq!(replies(&mut of, 0).len(), 101);
    assert_eq!(of.seen().held_back, 400);
}

#[test]
fn what_is_outside_or_too_fast_is_counted() {
    let mut of = responder(World { excluded: vec!["10.10.0.128/25".parse().unwrap()], ..world() }, Manner::default());
    for n in 0..20 {
        send(&mut of, n * 10 * MS, &segment("10.10.0.9", 80, SYN), &[]);
    }
    let named = ["10.10.0.200", "10.11.0.1"];
    for to in named {
        // Whatever it is: a reset too.
        send(&mut of, 0, &segment(to, 80, TcpFlags::RST), &[]);
    }
    of.hear(0, &[0; 9]);
    let seen = of.seen();
    assert_eq!(seen.outside_named, named.map(|to| to.parse::<Ipv4Addr>().unwrap()));
    assert_eq!((seen.outside, seen.resets, seen.malformed), (2, 2, 1));
    // Ten of them lie in each full window; five are allowed.
    assert_eq!((seen.peak_host.probes, seen.over_host), (10, 15));
}

proptest! {
    #[test]
    fn any_frames_are_answered_within_bounds(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..120), 0..20)
    ) {
        let mut of = responder(world(), Manner::default());
        frames.iter().for_each(|frame| of.hear(0, frame));
        prop_assert!(replies(&mut of, u64::MAX).len() <= frames.len());
    }

    #[test]
    fn any_segments_are_answered_once_at_most(
        segments in proptest::collection::vec((any::<u8>(), any::<u32>(), 1_u16..50, any::<u8>()), 0..40)
    ) {
        let mut of = responder(World { banners: vec![(7, vec![b'x'; 2_000])], ..world() }, Manner::default());
        for (flags, acknowledgement, port, last) in &segments {
            let to = format!("10.10.0.{last}");
            send(&mut of, 0, &Segment { acknowledgement: *acknowledgement, ..segment(&to, *port, *flags) }, &[]);
        }
        prop_assert!(replies(&mut of, 0).len() <= segments.len());
    }
}
