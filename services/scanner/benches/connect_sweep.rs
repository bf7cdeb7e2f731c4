//! `connect_sweep`: 127.40.0.0/16 x 4 ports, 5 % open, beside `nmap -n -Pn -T5 -sT` in the same run.
//!
//! Prints `bench connect_sweep <units/s>; nmap <units/s>; ratio <x>` and the recall of both, and fails when ours missed
//! or made up a port. Both decide open or closed and ask no service what it is; neither is held to a rate. Needs nmap,
//! and 16,384 open files (13,107 listeners and the scanner's sockets are in this process).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "a benchmark"
)]

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use muster_scanner::connect::{self, ConnectOptions};
use muster_scanner::engine::End;
use muster_scanner::gate::{Gate, Permit};
use muster_sweep::{Lease, PortRange, Rates, Transport};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const PORTS: [u16; 4] = [20_001, 20_002, 20_003, 20_004];
const UNITS: u32 = 65_536 * 4;
/// Runs where `MUSTER_BENCH_ROUNDS` does not say.
const RUNS: usize = 3;

type Found = HashSet<(IpAddr, u16)>;

/// Five in a hundred by a fixed mixer: the same ground truth in every run.
fn is_open(address: Ipv4Addr, port: u16) -> bool {
    let mut word = u64::from(address.to_bits()) << 16 | u64::from(port);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (word >> 32) % 100 < 5
}

fn listen() -> (Vec<TcpListener>, Found) {
    let limit = getrlimit(Resource::Nofile);
    // Refused: then the first bind that fails says what is needed.
    let _refused = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let mut listeners = Vec::new();
    let mut truth = Found::new();
    for low in 0..=u16::MAX {
        let [c, d] = low.to_be_bytes();
        let address = Ipv4Addr::new(127, 40, c, d);
        for port in PORTS.into_iter().filter(|port| is_open(address, *port)) {
            listeners.push(TcpListener::bind((address, port)).expect("16,384 open files are needed: ulimit -n 20000"));
            truth.insert((IpAddr::V4(address), port));
        }
    }
    (listeners, truth)
}

async fn ours() -> (f64, Found, u64) {
    let inside: ipnet::IpNet = "127.40.0.0/16".parse().unwrap();
    let scope = move |address: IpAddr, _: Transport, _: u16| {
        if inside.contains(&address) { Ok(Permit::Payload) } else { Err(muster_scanner::gate::Refusal::Scope("range")) }
    };
    let gate = Arc::new(Gate::new(scope, Rates { site_pps: u32::MAX, host_pps: u32::MAX }));
    let ports = [PortRange { transport: Transport::Tcp, first: PORTS[0], last: PORTS[3] }];
    let lease = Arc::new(Lease::new(vec![inside], &ports, *b"connect_sweep...", 1_000).unwrap());
    let start = Instant::now();
    let mut connecting = connect::start(lease, 0, gate, ConnectOptions::default()).unwrap();
    let (mut found, mut units) = (Found::new(), 0);
    let mut closed = 0;
    while let Some(slice) = connecting.next().await {
        units += slice.counts.units();
        closed += slice.counts.closed;
        found.extend(slice.open.iter().map(|open| (open.address, open.port)));
    }
    let seconds = start.elapsed().as_secs_f64();
    assert_eq!(connecting.end().await, End::Finished);
    assert_eq!(units, u64::from(UNITS));
    (f64::from(UNITS) / seconds, found, closed)
}

fn nmap() -> (f64, Found) {
    let ports = PORTS.map(|port| port.to_string()).join(",");
    let start = Instant::now();
    let output = Command::new("nmap")
        .args(["-n", "-Pn", "-T5", "-sT", "-p", &ports, "-oG", "-", "127.40.0.0/16"])
        .output()
        .expect("nmap is needed: apt-get install nmap");
    let seconds = start.elapsed().as_secs_f64();
    let mut found = Found::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let (Some(host), Some((_, list))) = (line.split_whitespace().nth(1), line.split_once("Ports: ")) else {
            continue;
        };
        for entry in list.split(", ").filter(|entry| entry.contains("/open/")) {
            let port = entry.trim().split('/').next().unwrap().parse().unwrap();
            found.insert((host.parse().unwrap(), port));
        }
    }
    (f64::from(UNITS) / seconds, found)
}

/// Of the worst run, in %.
#[expect(clippy::cast_precision_loss, reason = "a share for people")]
fn recall(found: &Found, truth: &Found) -> f64 {
    100.0 * found.intersection(truth).count() as f64 / truth.len() as f64
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

#[tokio::main]
async fn main() {
    let (_listeners, truth) = listen();
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    let runs = std::env::var("MUSTER_BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(RUNS);
    let (mut our_recall, mut their_recall) = (f64::INFINITY, f64::INFINITY);
    for run in 0..runs {
        // Each goes first as often as the other.
        let ((rate, found, closed), (nmap_rate, nmap_found)) = if run % 2 == 0 {
            let first = ours().await;
            (first, nmap())
        } else {
            let first = nmap();
            (ours().await, first)
        };
        eprintln!(
            "run {run}: {rate:.0} units/s, missed {}, wrong {}, closed {closed} of {}; nmap {nmap_rate:.0} units/s, missed {}, wrong {}",
            truth.difference(&found).count(),
            found.difference(&truth).count(),
            UNITS as usize - truth.len(),
            truth.difference(&nmap_found).count(),
            nmap_found.difference(&truth).count(),
        );
        assert_eq!(found.difference(&truth).count(), 0, "ports that are not open");
        our_recall = our_recall.min(recall(&found, &truth));
        their_recall = their_recall.min(recall(&nmap_found, &truth));
        mine.push(rate);
        theirs.push(nmap_rate);
    }
    let (mine, theirs) = (median(mine), median(theirs));
    println!("bench connect_sweep {mine:.0} units/s; nmap {theirs:.0} units/s; ratio {:.1}", mine / theirs);
    println!(
        "bench connect_sweep_recall {our_recall:.3} %; nmap {their_recall:.3} %; ratio {:.3}",
        our_recall / their_recall
    );
    assert!(our_recall >= their_recall, "missed more than nmap: the rate is no figure");
}
