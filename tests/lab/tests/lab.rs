//! The lab against plain connections of a kernel, frames made by hand, and the packet formats of the sweep.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{ErrorKind, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use muster_netlab::testing::in_a_lab;
use muster_netlab::{Allowance, Lab, LabError, MILLION, Manner, Phantom, State, Truth, World};
use muster_sweep::cookie::{Cookies, SourcePorts};
use muster_sweep::packet::{Answer, Body, Checks, Link, Mac, Path, SynOptions, SynTemplate};
use muster_wire::{Batch, Filter, Receiver, RingSize, Router, Sender};

const PATIENCE: Duration = Duration::from_secs(20);

fn world() -> World {
    World { alive: MILLION / 2, ..World::sparse(3, "10.30.0.0/24".parse().unwrap()) }
}

fn phantom(lab: &Lab, world: World, manner: Manner) -> Phantom {
    Phantom::start(lab, Truth::new(world), manner, Some(Allowance::of_rates(40, 1_000))).unwrap()
}

fn connect(to: (Ipv4Addr, u16), timeout: Duration) -> std::io::Result<TcpStream> {
    TcpStream::connect_timeout(&SocketAddr::from(to), timeout)
}

#[test]
fn the_kernel_answers_for_a_block_and_the_rest_is_silent() {
    if !in_a_lab("the_kernel_answers_for_a_block_and_the_rest_is_silent").unwrap() {
        return;
    }
    let lab = Lab::build().unwrap();
    lab.kernel_answers("10.10.0.0/16".parse().unwrap()).unwrap();
    lab.listen(8_080).unwrap();
    let before = lab.received().unwrap();
    for last in [1, 77, 255] {
        connect((Ipv4Addr::new(10, 10, last, last), 8_080), PATIENCE).unwrap();
        let refused = connect((Ipv4Addr::new(10, 10, last, last), 8_081), PATIENCE).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
    let silent = connect((Ipv4Addr::new(10, 20, 0, 1), 8_080), Duration::from_millis(200)).unwrap_err();
    assert_eq!(silent.kind(), ErrorKind::TimedOut);
    assert!(lab.received().unwrap() >= before + 7);
}

#[test]
fn a_plain_connection_finds_what_the_truth_says() {
    if !in_a_lab("a_plain_connection_finds_what_the_truth_says").unwrap() {
        return;
    }
    let lab = Lab::build().unwrap();
    let banner = b"220 lab ESMTP\r\n";
    let world = World { banners: (1..=20).map(|port| (port, banner.to_vec())).collect(), ..world() };
    let phantom = phantom(&lab, world, Manner { round_trip: Duration::from_millis(2), ..Manner::default() });
    let mut counts = [0; 3];
    for (address, port) in (1..=8).flat_map(|last| (1..=6).map(move |port| (Ipv4Addr::new(10, 30, 0, last), port))) {
        let state = phantom.truth().of(address, port);
        counts[state as usize] += 1;
        // Nothing arrives where nothing is answered, so that this need not be long.
        let patience = if state == State::Silent { Duration::from_millis(30) } else { PATIENCE };
        match (state, connect((address, port), patience)) {
            (State::Open, Ok(mut stream)) => {
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let mut said = Vec::new();
                stream.read_to_end(&mut said).unwrap();
                assert_eq!(said, banner, "{address}:{port}");
            }
            (State::Closed, Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {}
            (State::Silent, Err(error)) if error.kind() == ErrorKind::TimedOut => {}
            (state, other) => panic!("{address}:{port} is {state:?}: {other:?}"),
        }
    }
    assert!(counts.iter().all(|count| *count > 3), "{counts:?}");
    let seen = phantom.stop().unwrap();
    assert_eq!((seen.outside, seen.malformed, seen.unheard, seen.overflowed), (0, 0, 0, 0), "{seen:?}");
    assert!(seen.probes >= 48, "{seen:?}");
}

/// SYNs of our own, without a socket behind them.
struct Prober {
    sender: Sender,
    receiver: Receiver,
    template: SynTemplate,
    cookies: Cookies,
}

impl Prober {
    fn new() -> Self {
        let mut router = Router::open().unwrap();
        let route = router.route_to("10.30.0.1".parse().unwrap()).unwrap();
        let near = router.interface(route.interface).unwrap();
        let next_hop = Mac(router.neighbour(route.interface, route.gateway.unwrap()).unwrap().unwrap().mac);
        let link = Link { source: Mac(near.mac.unwrap()), next_hop };
        let path = Path { link: Some(link), source: route.source, hop_limit: 64 };
        Self {
            receiver: Receiver::open(&near, &Filter::ports(61_000..=65_399), RingSize::default()).unwrap(),
            sender: Sender::open(&near).unwrap(),
            template: SynTemplate::new(&path, SynOptions::Mss).unwrap(),
            cookies: Cookies::new([9; 16], route.source, SourcePorts::new(61_000, 4_400, 8).unwrap()),
        }
    }

    fn send(&self, to: &[(Ipv4Addr, u16)]) {
        let mut batch = Batch::default();
        for part in to.chunks(Batch::FRAMES_MAX) {
            batch.clear();
            for (address, port) in part {
                let address = (*address).into();
                let fields = self.cookies.syn(address, *port, 0);
                assert!(batch.write(|frame| self.template.fill(frame, address, *port, fields).ok()));
            }
            let mut sent = 0;
            while sent < batch.len() {
                sent += self.sender.send(&batch, sent).unwrap();
            }
        }
    }

    /// Answers that prove themselves, until none comes for a while: open and closed.
    fn answers(&mut self) -> [u64; 2] {
        let (mut counts, cookies) = ([0; 2], self.cookies);
        loop {
            let heard = self.receiver.receive(Duration::from_millis(300), |one| {
                let Ok(Answer::Ip { from, to, body: Body::Tcp(tcp), .. }) = Answer::parse(one.frame, Checks::Verify)
                else {
                    return;
                };
                if cookies.answers_syn(from, to, &tcp).is_some() {
                    counts[usize::from(!tcp.flags.is_syn_ack())] += 1;
                }
            });
            if heard.unwrap() == 0 {
                return counts;
            }
        }
    }
}

#[test]
fn probes_get_their_answers_and_the_counts_are_right() {
    if !in_a_lab("probes_get_their_answers_and_the_counts_are_right").unwrap() {
        return;
    }
    let lab = Lab::build().unwrap();
    let phantom = phantom(&lab, world(), Manner { loss_in: MILLION / 10, ..Manner::default() });
    let mut prober = Prober::new();
    let pairs: Vec<_> = (0..=255).flat_map(|last| (1..=20).map(move |p| (Ipv4Addr::new(10, 30, 0, last), p))).collect();
    prober.send(&pairs);
    let [open, closed] = prober.answers();
    let seen = phantom.stop().unwrap();
    assert_eq!((seen.probes, seen.unheard, seen.overflowed, seen.outside), (5_120, 0, 0, 0), "{seen:?}");
    assert_eq!(open + closed, seen.answers, "{seen:?}");
    // A tenth of 5,120 is lost, give or take five standard deviations.
    assert!((405..620).contains(&seen.lost_in), "{seen:?}");
    let truth = Truth::new(world());
    let of = |state| pairs.iter().filter(|(address, port)| truth.of(*address, *port) == state).count() as u64;
    let (all_open, all_closed) = (of(State::Open), of(State::Closed));
    assert!(open <= all_open && closed <= all_closed && open + closed > (all_open + all_closed) * 8 / 10);
    // The kernel of the scanner answers each SYN-ACK with a reset.
    assert_eq!(seen.resets, open);
}

/// The positive control of every figure about manners.
#[test]
fn a_window_over_the_rate_and_an_address_outside_are_seen() {
    if !in_a_lab("a_window_over_the_rate_and_an_address_outside_are_seen").unwrap() {
        return;
    }
    let lab = Lab::build().unwrap();
    let excluded = "10.30.0.128/25".parse().unwrap();
    let phantom = phantom(&lab, World { excluded: vec![excluded], alive: 0, ..world() }, Manner::default());
    let prober = Prober::new();
    prober.send(&(1..=6).map(|port| (Ipv4Addr::new(10, 30, 0, 9), port)).collect::<Vec<_>>());
    prober.send(&[(Ipv4Addr::new(10, 30, 0, 200), 80), (Ipv4Addr::new(10, 31, 0, 1), 80)]);
    let seen = phantom.quiet(Duration::from_millis(100), PATIENCE);
    // Five are allowed.
    assert_eq!((seen.over_host, seen.peak_host.probes), (1, 6), "{seen:?}");
    assert_eq!(seen.outside_named, [Ipv4Addr::new(10, 30, 0, 200), Ipv4Addr::new(10, 31, 0, 1)]);
}

#[test]
fn a_lab_leads_nowhere_and_leaves_nothing_behind() {
    if !in_a_lab("a_lab_leads_nowhere_and_leaves_nothing_behind").unwrap() {
        return;
    }
    let links = || String::from_utf8(Command::new("ip").args(["-o", "link"]).output().unwrap().stdout).unwrap();
    let lab = Lab::build().unwrap();
    lab.no_way_out().unwrap();
    assert!(links().contains("near@"));
    let panicked = std::thread::spawn(move || {
        let _gone = lab;
        panic!("as a test does that fails");
    });
    assert!(panicked.join().is_err());
    assert!(!links().contains("near@"), "{}", links());
    // Positive control: with another interface nothing is built, and nothing sent.
    muster_wire::testing::run("ip link add other type veth peer name another").unwrap();
    let refused = Lab::build().unwrap_err();
    assert!(matches!(&refused, LabError::WayOut { interface, .. } if interface.ends_with("other")), "{refused}");
}
