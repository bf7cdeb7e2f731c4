//! The connect engine against real listeners on loopback.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use muster_scanner::connect::{self, ConnectOptions};
use muster_scanner::engine::{End, LeaseRun, SkipReason, SliceResult};
use muster_scanner::gate::{Gate, Permit, Refusal};
use muster_sweep::{Lease, PortRange, Rates, Transport};

const FAST: Rates = Rates { site_pps: u32::MAX, host_pps: u32::MAX };

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn lease(block: &str, first: u16, last: u16, units_per_slice: u32) -> Arc<Lease> {
    let ports = [PortRange { transport: Transport::Tcp, first, last }];
    Arc::new(Lease::new(vec![net(block)], &ports, *b"a key of a lease", units_per_slice).unwrap())
}

fn gate_for(block: &str, rates: Rates) -> Arc<Gate> {
    let block = net(block);
    let scope = move |address: IpAddr, _: Transport, _: u16| {
        if block.contains(&address) { Ok(Permit::Payload) } else { Err(Refusal::Scope("outside")) }
    };
    Arc::new(Gate::new(scope, rates))
}

fn start(lease: &Arc<Lease>, first_slice: u32, gate: &Arc<Gate>, options: ConnectOptions) -> LeaseRun {
    connect::start(Arc::clone(lease), first_slice, Arc::clone(gate), options).unwrap()
}

async fn next(connecting: &mut LeaseRun) -> Option<SliceResult> {
    tokio::time::timeout(Duration::from_secs(30), connecting.next()).await.expect("a slice within 30 s")
}

async fn all(mut connecting: LeaseRun) -> (Vec<SliceResult>, End) {
    let mut slices = Vec::new();
    while let Some(slice) = next(&mut connecting).await {
        slices.push(slice);
    }
    (slices, connecting.end().await)
}

fn open_of(slices: &[SliceResult]) -> BTreeSet<(IpAddr, u16)> {
    slices.iter().flat_map(|slice| &slice.open).map(|open| (open.address, open.port)).collect()
}

#[tokio::test]
async fn every_unit_is_open_or_closed_as_it_is() {
    let listeners: Vec<_> = (0..40_u8)
        .map(|i| TcpListener::bind((Ipv4Addr::new(127, 41, 1, i * 6), 21_000 + u16::from(i % 4))).unwrap())
        .collect();
    let truth: BTreeSet<_> = listeners.iter().map(|l| l.local_addr().unwrap()).map(|at| (at.ip(), at.port())).collect();
    let lease = lease("127.41.1.0/24", 21_000, 21_003, 100);
    let (slices, end) = all(start(&lease, 0, &gate_for("127.41.1.0/24", FAST), ConnectOptions::default())).await;
    assert_eq!(end, End::Finished);
    assert_eq!(open_of(&slices), truth);
    assert_eq!(slices.iter().map(|slice| slice.range.index).collect::<Vec<_>>(), (0..11).collect::<Vec<_>>());
    for slice in &slices {
        assert_eq!((slice.counts.silent, slice.counts.skipped), (0, 0));
        assert_eq!(slice.counts.units(), u64::from(slice.range.units));
        for index in slice.range.unit_indices() {
            let unit = lease.unit(index).unwrap();
            let closed = slice.closed.get(index - slice.range.first_unit);
            assert_eq!(closed, !truth.contains(&(unit.address, unit.port)), "{unit:?}");
        }
    }
}

#[tokio::test]
async fn nothing_is_sent_outside_the_scope() {
    let inside = TcpListener::bind("127.41.2.5:21010").unwrap();
    let outside = TcpListener::bind("127.41.2.200:21010").unwrap();
    outside.set_nonblocking(true).unwrap();
    let lease = lease("127.41.2.0/24", 21_010, 21_010, 1_000);
    let gate = gate_for("127.41.2.0/25", FAST);
    let (slices, end) = all(start(&lease, 0, &gate, ConnectOptions::default())).await;
    assert_eq!(end, End::Finished);
    assert_eq!(open_of(&slices), BTreeSet::from([("127.41.2.5".parse().unwrap(), 21_010)]));
    assert_eq!(slices[0].counts.skipped, 128);
    assert!(slices[0].skipped_by.contains(&(SkipReason::Scope, 128)));
    assert!(slices[0].skipped.ones().all(|bit| !net("127.41.2.0/25").contains(&lease.unit(bit).unwrap().address)));
    assert_eq!(outside.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    drop(inside);
}

#[tokio::test]
async fn halt_stops_and_the_rest_can_be_resumed() {
    let block = "127.41.3.0/24";
    let _listener = TcpListener::bind("127.41.3.77:21020").unwrap();
    let lease = lease(block, 21_020, 21_023, 64);
    let gate = gate_for(block, Rates { site_pps: 400, host_pps: 400 });
    let mut connecting = start(&lease, 0, &gate, ConnectOptions::default());
    let mut slices = vec![next(&mut connecting).await.unwrap()];
    gate.set_halted(true);
    let halted = Instant::now();
    while let Some(slice) = next(&mut connecting).await {
        slices.push(slice);
    }
    assert!(halted.elapsed() < Duration::from_secs(2));
    assert_eq!(connecting.end().await, End::Halted);
    assert!(slices.iter().all(|slice| slice.counts.skipped == 0), "a halted slice is not reported");
    let done = u32::try_from(slices.len()).unwrap();
    assert!(done < lease.slice_count());

    let (rest, end) = all(start(&lease, done, &gate_for(block, FAST), ConnectOptions::default())).await;
    assert_eq!(end, End::Finished);
    slices.extend(rest);
    assert_eq!(slices.iter().map(|slice| slice.range.units).sum::<u32>(), lease.units());
    assert_eq!(open_of(&slices).len(), 1);
}

#[tokio::test]
async fn the_rate_is_kept() {
    let lease = lease("127.41.4.0/24", 21_030, 21_031, 1_000);
    let gate = gate_for("127.41.4.0/24", Rates { site_pps: 1_000, host_pps: 40 });
    let start_at = Instant::now();
    let (_, end) = all(start(&lease, 0, &gate, ConnectOptions::default())).await;
    assert_eq!(end, End::Finished);
    // 512 packets, 20 of them at once from the full bucket.
    assert!(start_at.elapsed() >= Duration::from_millis(490), "{:?}", start_at.elapsed());
}

#[tokio::test]
async fn a_port_that_does_not_answer_is_silent_and_delays_no_other() {
    // A listener whose queue is full drops every SYN.
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
    let at: SocketAddr = "127.41.5.9:21040".parse().unwrap();
    rustix::net::bind(&socket, &at).unwrap();
    rustix::net::listen(&socket, 0).unwrap();
    let _fills_the_queue = std::net::TcpStream::connect(at).unwrap();
    let lease = lease("127.41.5.0/24", 21_040, 21_040, 50);
    let options = ConnectOptions { timeout: Duration::from_millis(1_300), ..ConnectOptions::default() };
    let (slices, end) = all(start(&lease, 0, &gate_for("127.41.5.0/24", FAST), options)).await;
    assert_eq!(end, End::Finished);
    assert_eq!(slices.iter().map(|slice| slice.counts.silent).sum::<u64>(), 1);
    assert_eq!(slices.iter().map(|slice| slice.counts.closed).sum::<u64>(), 255);
}

#[tokio::test]
async fn an_address_without_a_route_is_skipped_and_not_closed() {
    // TCP to the broadcast address of loopback: this machine refuses to send.
    let lease = lease("127.255.255.255/32", 21_050, 21_052, 10);
    let gate = gate_for("127.255.255.255/32", FAST);
    let (slices, end) = all(start(&lease, 0, &gate, ConnectOptions::default())).await;
    assert_eq!(end, End::Finished);
    assert!(slices[0].skipped_by.contains(&(SkipReason::NoRoute, 3)));
    assert_eq!(slices[0].counts.closed, 0);
}

#[tokio::test]
async fn one_socket_at_a_time_finds_the_same() {
    let listener = TcpListener::bind("127.41.6.99:21060").unwrap();
    let lease = lease("127.41.6.0/24", 21_060, 21_060, 100);
    let options = ConnectOptions { window: 1, threads: 1, ..ConnectOptions::default() };
    let (slices, end) = all(start(&lease, 0, &gate_for("127.41.6.0/24", FAST), options)).await;
    assert_eq!(end, End::Finished);
    assert_eq!(open_of(&slices).len(), 1);
    assert_eq!(slices.iter().map(|slice| slice.counts.closed).sum::<u64>(), 255);
    drop(listener);
}

#[tokio::test]
async fn ipv6_and_ipv4_share_a_lease() {
    let listeners = [TcpListener::bind("[::1]:21080").unwrap(), TcpListener::bind("127.41.8.3:21081").unwrap()];
    let ports = [PortRange { transport: Transport::Tcp, first: 21_080, last: 21_081 }];
    let lease = Lease::new(vec![net("::1/128"), net("127.41.8.0/29")], &ports, [5; 16], 5).unwrap();
    let gate = Arc::new(Gate::new(|_: IpAddr, _: Transport, _: u16| Ok(Permit::Payload), FAST));
    // Few sockets, so that one serves both families in turn.
    let options = ConnectOptions { window: 2, threads: 2, ..ConnectOptions::default() };
    let (slices, end) = all(start(&Arc::new(lease), 0, &gate, options)).await;
    assert_eq!(end, End::Finished);
    let truth = listeners.iter().map(|l| l.local_addr().unwrap()).map(|at| (at.ip(), at.port())).collect();
    assert_eq!(open_of(&slices), truth);
    assert_eq!(slices.iter().map(|slice| slice.counts.closed).sum::<u64>(), 16);
}

#[tokio::test]
async fn udp_is_skipped_by_an_engine_that_does_not_speak_it() {
    let ports = [PortRange { transport: Transport::Udp, first: 21_090, last: 21_090 }];
    let lease = Arc::new(Lease::new(vec![net("127.41.9.0/30")], &ports, [5; 16], 5).unwrap());
    let gate = gate_for("127.41.9.0/24", FAST);
    let (slices, end) = all(start(&lease, 0, &gate, ConnectOptions::default())).await;
    assert_eq!(end, End::Finished);
    assert!(slices[0].skipped_by.contains(&(SkipReason::LocalError, 4)));
}

#[tokio::test]
async fn a_reader_that_goes_away_stops_the_threads() {
    let lease = lease("127.41.7.0/24", 21_070, 21_079, 10);
    let gate = gate_for("127.41.7.0/24", Rates { site_pps: 500, host_pps: 500 });
    let mut connecting = start(&lease, 0, &gate, ConnectOptions::default());
    next(&mut connecting).await.unwrap();
    assert!(matches!(connecting.end().await, End::Failed(_)));
}
