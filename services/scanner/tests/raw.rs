//! The raw engine against the kernel of another network namespace: the test makes both for itself.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use muster_scanner::engine::{End, Fault, LeaseRun, SkipReason, SliceResult};
use muster_scanner::gate::{Gate, Permit, Refusal};
use muster_scanner::raw::{self, NotRaw, RawOptions};
use muster_sweep::loss::LossCount;
use muster_sweep::{Lease, PortRange, Rates, Transport};
use muster_wire::may_use_frames;
use muster_wire::testing::{inside, run};

const LISTENS: u16 = 8_080;
const FAST: Rates = Rates { site_pps: 200_000, host_pps: 100_000 };

/// The other end: a network of its own behind a router, whose kernel answers for all of 10.10.0.0/16.
struct Target {
    listener: Child,
}

impl Target {
    fn new() -> Self {
        for line in [
            // Names of namespaces are files; these are nobody else's.
            "mount -t tmpfs tmpfs /run",
            "ip netns add target",
            "ip link set lo up",
            "ip link add near type veth peer name far netns target",
            "ip addr add 10.200.0.2/29 dev near",
            "ip link set near up",
            "ip route add default via 10.200.0.1",
            "ip -n target link set lo up",
            "ip -n target addr add 10.200.0.1/29 dev far",
            "ip -n target link set far up",
            "ip -n target route add local 10.10.0.0/16 dev lo",
            // Silence: what goes there is discarded without a word.
            "ip -n target route add blackhole 10.20.0.0/16",
        ] {
            run(line).unwrap();
        }
        let exe = std::env::current_exe().unwrap();
        let mut listener = Command::new("ip");
        listener.args(["netns", "exec", "target"]).arg(exe).args(["listens", "--exact", "--ignored", "--nocapture"]);
        let listener = listener.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut target = Self { listener };
        let mut said = std::io::BufReader::new(target.listener.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening") {
            line.clear();
            assert_ne!(std::io::BufRead::read_line(&mut said, &mut line).unwrap(), 0, "the listener ended");
        }
        target
    }

    /// Packets that arrived at the target.
    fn received(&self) -> u64 {
        let output = Command::new("ip").args("-n target -j -s link show far".split(' ')).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (_, rx) = text.split_once("\"rx\":{").unwrap();
        let (_, packets) = rx.split_once("\"packets\":").unwrap();
        packets.split(',').next().unwrap().trim().parse().unwrap()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        drop(self.listener.stdin.take());
        let _ended = self.listener.wait();
    }
}

#[test]
#[ignore = "no test: listens in the other namespace until its input ends"]
#[allow(clippy::print_stdout, reason = "says that it listens")]
fn listens() {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, LISTENS)).unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    println!("listening");
    let _ended = std::io::Read::read(&mut std::io::stdin(), &mut [0]);
}

fn tcp(first: u16, last: u16) -> PortRange {
    PortRange { transport: Transport::Tcp, first, last }
}

fn lease(blocks: &[&str], ports: &[PortRange]) -> Arc<Lease> {
    let blocks = blocks.iter().map(|block| block.parse().unwrap()).collect();
    Arc::new(Lease::new(blocks, ports, [7; 16], 1_000).unwrap())
}

fn open_gate(rates: Rates) -> Arc<Gate> {
    Arc::new(Gate::new(|_: IpAddr, _: Transport, _: u16| Ok(Permit::Payload), rates))
}

fn swept(lease: &Arc<Lease>, gate: &Arc<Gate>, options: RawOptions) -> Vec<SliceResult> {
    let mut sweep = raw::start(Arc::clone(lease), 0, Arc::clone(gate), options).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut slices = Vec::new();
        while let Some(slice) = next(&mut sweep).await {
            slices.push(slice);
        }
        assert_eq!(sweep.end().await, End::Finished);
        slices
    })
}

/// Sweeps, does something as soon as the first SYNs have left, and says how many slices came and how it ended.
fn ended(lease: &Arc<Lease>, meanwhile: impl FnOnce()) -> (usize, End) {
    let sent = Arc::new(AtomicU32::new(0));
    let counting = Arc::clone(&sent);
    let gate = Gate::new(
        move |_: IpAddr, _: Transport, _: u16| {
            counting.fetch_add(1, Ordering::SeqCst);
            Ok(Permit::Payload)
        },
        FAST,
    );
    let mut sweep = raw::start(Arc::clone(lease), 0, Arc::new(gate), QUICK).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // All of them and the gateway's answer: whatever happens now, happens while answers are waited for.
        let deadline = Instant::now() + Duration::from_millis(200);
        while sent.load(Ordering::SeqCst) < lease.units() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        meanwhile();
        let mut slices = 0;
        while next(&mut sweep).await.is_some() {
            slices += 1;
        }
        (slices, sweep.end().await)
    })
}

async fn next(run: &mut LeaseRun) -> Option<SliceResult> {
    tokio::time::timeout(Duration::from_secs(60), run.next()).await.unwrap()
}

/// Open, closed, silent, skipped.
fn counts(slices: &[SliceResult]) -> [u64; 4] {
    slices.iter().fold([0; 4], |[open, closed, silent, skipped], slice| {
        let of = slice.counts;
        [open + of.open, closed + of.closed, silent + of.silent, skipped + of.skipped]
    })
}

const QUICK: RawOptions = RawOptions { wait: Duration::from_millis(300), attempts_min: 2, attempts_max: 6 };

#[test]
fn every_unit_that_answers_is_heard() {
    if !inside("every_unit_that_answers_is_heard").unwrap() {
        return;
    }
    let target = Target::new();
    let lease = lease(&["10.10.0.0/20"], &[tcp(LISTENS - 1, LISTENS + 2)]);
    let started = Instant::now();
    let slices = swept(&lease, &open_gate(FAST), QUICK);
    assert_eq!(slices.len(), 17);
    assert_eq!(counts(&slices), [4_096, 3 * 4_096, 0, 0], "{:?}", started.elapsed());
    let open: Vec<_> = slices.iter().flat_map(|slice| &slice.open).collect();
    assert!(open.iter().all(|open| open.port == LISTENS && lease.unit(open.unit).unwrap().address == open.address));
    assert!(open.iter().all(|open| open.rtt > Duration::ZERO && open.rtt < Duration::from_secs(1)));
    // The neighbour was asked for, each unit got one SYN, and each open port a reset of this kernel.
    let received = target.received();
    assert!((16_384..16_384 + 4_096 + 200).contains(&received), "{received} packets");
}

#[test]
fn silence_is_asked_twice_and_one_slice_in_eight_thrice() {
    if !inside("silence_is_asked_twice_and_one_slice_in_eight_thrice").unwrap() {
        return;
    }
    let target = Target::new();
    let before = target.received();
    let slices = swept(&lease(&["10.20.0.0/19"], &[tcp(LISTENS, LISTENS)]), &open_gate(FAST), QUICK);
    assert_eq!(counts(&slices), [0, 0, 8_192, 0]);
    let sent = target.received() - before;
    // Slices 0 and 8 of nine: 1,192 units.
    assert!((16_384 + 1_192..16_384 + 1_192 + 100).contains(&sent), "{sent} packets");
    let attempts = |slice: &SliceResult| slice.attempts.clone().unwrap();
    assert_eq!(attempts(&slices[0]).sent, [1_000; 3]);
    assert_eq!((attempts(&slices[1]).sent, attempts(&slices[1]).first_answers), (vec![1_000; 2], vec![0; 2]));
}

#[test]
fn a_link_without_carrier_is_a_fault_and_no_silence() {
    if !inside("a_link_without_carrier_is_a_fault_and_no_silence").unwrap() {
        return;
    }
    let _target = Target::new();
    // From the beginning.
    run("ip -n target link set far down").unwrap();
    let silent = lease(&["10.20.7.0/24"], &[tcp(LISTENS, LISTENS)]);
    assert!(matches!(ended(&silent, || {}), (0, End::Failed(Fault::Network(_)))));
    // While it is swept: the first slice is in doubt by then.
    run("ip -n target link set far up").unwrap();
    let (slices, end) = ended(&silent, || run("ip -n target link set far down").unwrap());
    assert!(slices == 0 && matches!(end, End::Failed(Fault::Network(_))), "{slices} {end:?}");
}

#[test]
fn a_gateway_that_says_nothing_is_a_fault_and_no_silence() {
    if !inside("a_gateway_that_says_nothing_is_a_fault_and_no_silence").unwrap() {
        return;
    }
    let _target = Target::new();
    let silent = lease(&["10.20.7.0/24"], &[tcp(LISTENS, LISTENS)]);
    let deaf = "ip -n target link set far arp off";
    let (slices, end) = ended(&silent, || run(deaf).unwrap());
    assert_eq!((slices, end), (0, End::Failed(Fault::Network("a gateway does not answer"))));
    // And where it never said anything.
    run("ip neigh flush dev near").unwrap();
    assert_eq!(ended(&silent, || {}), (0, End::Failed(Fault::Network("a gateway does not answer"))));
    run("ip -n target link set far arp on").unwrap();
    assert_eq!(ended(&silent, || {}), (1, End::Finished));
}

#[test]
fn a_route_that_vanishes_is_a_fault_and_no_silence() {
    if !inside("a_route_that_vanishes_is_a_fault_and_no_silence").unwrap() {
        return;
    }
    let _target = Target::new();
    let silent = lease(&["10.20.7.0/24"], &[tcp(LISTENS, LISTENS)]);
    let (slices, end) = ended(&silent, || run("ip route del default").unwrap());
    assert_eq!((slices, end), (0, End::Failed(Fault::Network("a route is gone"))));
}

#[test]
fn an_interface_without_frames_in_a_block_is_for_the_connect_engine() {
    if !inside("an_interface_without_frames_in_a_block_is_for_the_connect_engine").unwrap() {
        return;
    }
    let _target = Target::new();
    for line in ["ip tuntap add name tun mode tun", "ip link set tun up", "ip route add 10.20.7.128/25 dev tun"] {
        run(line).unwrap();
    }
    let split = lease(&["10.20.7.0/24"], &[tcp(LISTENS, LISTENS)]);
    assert_eq!(raw::suits(&split), Ok(()), "its first address is reached by frames");
    assert!(matches!(ended(&split, || {}), (0, End::Failed(Fault::Engine(_)))));
}

#[test]
fn a_filter_of_this_machine_takes_no_answer_away() {
    if !inside("a_filter_of_this_machine_takes_no_answer_away").unwrap() {
        return;
    }
    let _target = Target::new();
    // It never saw the SYN, so the answer is of no connection.
    for line in [
        "nft add table inet host",
        "nft add chain inet host input { type filter hook input priority 0 ; policy drop ; }",
        "nft add rule inet host input ct state established,related accept",
    ] {
        run(line).unwrap();
    }
    let slices = swept(&lease(&["10.10.4.0/24"], &[tcp(LISTENS - 1, LISTENS)]), &open_gate(FAST), QUICK);
    assert_eq!(counts(&slices), [256, 256, 0, 0]);
}

/// What every sweep of 32,768 pairs that all answer says of itself when 5 of 100 packets are lost on the way there.
#[test]
fn the_bound_holds_where_packets_are_really_lost() {
    if !inside("the_bound_holds_where_packets_are_really_lost").unwrap() {
        return;
    }
    let _target = Target::new();
    for line in [
        "ip netns exec target nft add table ip lossy",
        "ip netns exec target nft add chain ip lossy in { type filter hook prerouting priority -300 ; }",
        "ip netns exec target nft add rule ip lossy in tcp dport 8079-8080 numgen random mod 100 < 5 drop",
    ] {
        run(line).unwrap();
    }
    let answering = lease(&["10.10.0.0/18"], &[tcp(LISTENS - 1, LISTENS)]);
    let rates = Rates { site_pps: 40_000, host_pps: 100_000 };
    let slices = swept(&answering, &open_gate(rates), QUICK);
    let mut loss = LossCount::default();
    for slice in &slices {
        let attempts = slice.attempts.as_ref().unwrap();
        loss.add_slice(&attempts.sent, &attempts.first_answers).unwrap();
    }
    let [open, closed, silent, _] = counts(&slices);
    assert_eq!(loss.answered(), open + closed);
    let stated = loss.state().unwrap();
    assert!((0.04..0.06).contains(&stated.loss), "{stated:?}");
    // All would have answered, so what is silent was missed.
    assert!(silent <= stated.pairs_max && stated.share_max < 0.001, "{silent} missed: {stated:?}");
    // Two attempts would have missed 82, three miss four.
    assert!(silent < 20, "{silent} missed");
}

#[test]
fn neighbours_on_the_link_are_asked_for() {
    if !inside("neighbours_on_the_link_are_asked_for").unwrap() {
        return;
    }
    let _target = Target::new();
    // .1 is there, .2 is this machine, and nobody has the others; .0 and .7 are no machine's.
    let ours = TcpListener::bind(("10.200.0.2", LISTENS + 1)).unwrap();
    let slices = swept(&lease(&["10.200.0.0/29"], &[tcp(LISTENS, LISTENS + 1)]), &open_gate(FAST), QUICK);
    let [open, closed, silent, skipped] = counts(&slices);
    assert_eq!((open, closed, silent + skipped), (2, 2, 12), "{slices:?}");
    let open: Vec<_> = slices[0].open.iter().map(|open| (open.address.to_string(), open.port)).collect();
    assert!(open.contains(&("10.200.0.1".to_owned(), LISTENS)), "{open:?}");
    assert!(open.contains(&("10.200.0.2".to_owned(), ours.local_addr().unwrap().port())), "{open:?}");
}

#[test]
fn out_of_scope_gets_nothing_and_rates_are_kept() {
    if !inside("out_of_scope_gets_nothing_and_rates_are_kept").unwrap() {
        return;
    }
    let target = Target::new();
    let excluded = |address: IpAddr, _: Transport, _: u16| match address {
        IpAddr::V4(v4) if v4.octets()[3] < 128 => Err(Refusal::Scope("excluded")),
        IpAddr::V4(_) | IpAddr::V6(_) => Ok(Permit::Payload),
    };
    let rates = Rates { site_pps: 200, host_pps: 100_000 };
    let gate = Arc::new(Gate::new(excluded, rates));
    let before = target.received();
    let started = Instant::now();
    let slices = swept(&lease(&["10.10.9.0/24"], &[tcp(LISTENS - 1, LISTENS)]), &gate, QUICK);
    assert_eq!(counts(&slices), [128, 128, 0, 256]);
    let skipped: u32 = slices
        .iter()
        .flat_map(|slice| slice.skipped_by)
        .filter_map(|(reason, count)| (reason == SkipReason::Scope).then_some(count))
        .sum();
    assert_eq!(skipped, 256);
    // Full buckets at the start: a tenth of a second's worth or so goes at once.
    assert!(started.elapsed() > Duration::from_millis(900), "256 packets at 200 a second in {:?}", started.elapsed());
    let received = target.received() - before;
    assert!((256..256 + 128 + 50).contains(&received), "{received} packets");
}

#[test]
fn a_halt_ends_it_and_no_route_is_said() {
    if !inside("a_halt_ends_it_and_no_route_is_said").unwrap() {
        return;
    }
    let target = Target::new();
    let gate = open_gate(Rates { site_pps: 500, host_pps: 100_000 });
    let lease_of_many = lease(&["10.10.0.0/18"], &[tcp(LISTENS, LISTENS)]);
    let mut sweep = raw::start(lease_of_many, 0, Arc::clone(&gate), QUICK).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        assert!(next(&mut sweep).await.is_some());
        gate.set_halted(true);
        assert_eq!(sweep.end().await, End::Halted);
    });
    let halted_at = target.received();
    run_for(Duration::from_millis(200));
    assert!(target.received() <= halted_at + 2, "something was sent after the halt");

    run("ip route del default").unwrap();
    let slices = swept(&lease(&["10.10.9.0/24"], &[tcp(LISTENS, LISTENS)]), &open_gate(FAST), QUICK);
    assert_eq!(counts(&slices), [0, 0, 0, 256]);
    assert!(slices[0].skipped_by.contains(&(SkipReason::NoRoute, 256)), "{:?}", slices[0].skipped_by);
}

/// Lets time pass in which something that must not happen could.
fn run_for(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        std::thread::yield_now();
    }
}

#[test]
fn loopback_is_for_the_connect_engine() {
    let refused = raw::suits(&lease(&["127.0.0.0/24"], &[tcp(1, 2)]));
    match refused {
        Err(NotRaw::Interface { interface, .. }) => assert_eq!(interface, "lo"),
        Err(NotRaw::NotPermitted) => assert!(may_use_frames().is_err()),
        other => panic!("{other:?}"),
    }
}
