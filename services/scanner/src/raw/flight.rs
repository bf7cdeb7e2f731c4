//! The thread's loop: send, hear, repeat, report.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_sweep::cookie::Refused;
use muster_sweep::loss::attempts_wanted;
use muster_sweep::packet::{Answer, Body, Checks, Mac, Reason};
use muster_sweep::{Grant, Transport, Unit};
use muster_wire::{Batch, WireError};
use tokio::sync::mpsc;

use super::RawOptions;
use super::clock::{Both, HANDED_OVER_AFTER, before, nanos};
use super::track::{Task, Tracks, Turn};
use super::trouble::Trouble;
use super::ways::{Direction, Hop, Over, Proof, Ways};
use crate::engine::{Fate, Shared, SkipReason, SliceBuilder, SliceResult};
use crate::gate::Refusal;

/// A thread looks up at least so often: halt and stop take effect within it.
const NAP_MAX: Duration = Duration::from_millis(20);
/// Units whose host has to wait stand aside, so that others go on; beyond this many the thread waits too.
const ASIDE_MAX: usize = 4_096;
/// An interface that takes no frame for so long is broken.
const STUCK: Duration = Duration::from_secs(5);
/// How long a port of this machine may take; only a filter of its own takes any.
const OWN_WAIT: Duration = Duration::from_millis(50);
/// How long one of several interfaces is listened to before the next.
const SEVERAL_WAIT: Duration = Duration::from_millis(1);
/// How long an interface whose queue is full is left alone.
const QUEUE_PAUSE: Duration = Duration::from_micros(200);
/// Tasks that are looked at for one batch. Each is permitted when it is looked at, and has to leave soon after.
const LOOKED_AT_MAX: usize = 256;
/// Of so many slices one is asked three times at least: two attempts do not show that some units are harder to reach.
const THRICE_OF: u32 = 8;
const THRICE: u8 = 3;
/// How often a gateway in doubt is looked after.
const DOUBT_LOOK: Duration = Duration::from_millis(2);

pub(super) struct Flight {
    shared: Arc<Shared>,
    results: mpsc::Sender<SliceResult>,
    options: RawOptions,
    ways: Ways,
    tracks: Tracks,
    /// What is left of the slice that is being sent.
    sending: Range<u32>,
    again: VecDeque<Task>,
    /// Until this instant the site may send nothing, ns of the pace; whoever found out goes first then.
    site_at_ns: u64,
    /// By the instant they may go, ns of the pace.
    aside: BinaryHeap<Reverse<(u64, Task)>>,
    batch: Batch,
    /// The port that the batch leaves by, and the task of each frame; none: a question for a next hop.
    batch_port: usize,
    batch_tasks: Vec<Option<Task>>,
    /// Since when the interface has taken no frame.
    stuck_since: Option<Instant>,
    /// Slices of which nothing answered: over when their ways are found to hold.
    doubts: VecDeque<Doubt>,
    looked_ns: u64,
    dropped: u64,
}

/// A slice of which nothing answered.
struct Doubt {
    slice: Box<SliceBuilder>,
    /// Its last SYN left then.
    since_ns: u64,
    /// The ways that it was sent by, each with an address.
    ways: Vec<(Over, IpAddr)>,
}

/// What to do with a task.
enum Step {
    /// It is in the batch, or decided.
    Taken,
    /// The batch has to leave first.
    Full,
    /// Nothing may leave before this instant, ns of the pace.
    WaitUntil(u64),
}

impl Flight {
    pub(super) fn new(
        shared: Arc<Shared>,
        results: mpsc::Sender<SliceResult>,
        options: RawOptions,
        ways: Ways,
    ) -> Self {
        let tracks = Tracks::new(shared.lease.units_per_slice());
        Self {
            shared,
            results,
            options,
            ways,
            tracks,
            sending: 0..0,
            again: VecDeque::new(),
            site_at_ns: 0,
            aside: BinaryHeap::new(),
            batch: Batch::default(),
            batch_port: 0,
            batch_tasks: Vec::with_capacity(Batch::FRAMES_MAX),
            stuck_since: None,
            doubts: VecDeque::new(),
            looked_ns: 0,
            dropped: 0,
        }
    }

    /// Until every slice is decided, or it is told to stop.
    pub(super) fn run(mut self) -> Result<(), Trouble> {
        loop {
            if self.shared.ends() {
                return Ok(());
            }
            let wait = self.fill()?;
            let wait = if self.flush()? { wait } else { QUEUE_PAUSE };
            let looked_ns = self.shared.gate.pace.now_ns();
            self.hear(wait)?;
            // What arrived after it is perhaps not handed over yet.
            self.turn(before(looked_ns, HANDED_OVER_AFTER))?;
            self.looked_ns = looked_ns;
            self.settle()?;
            let idle = self.tracks.is_empty() && self.sending.is_empty() && self.doubts.is_empty();
            if idle && self.shared.all_claimed() {
                return Ok(());
            }
        }
    }

    /// Fills the batch with what may leave now, and says how long there is nothing else to send.
    fn fill(&mut self) -> Result<Duration, Trouble> {
        let now_ns = self.shared.gate.pace.now_ns();
        if now_ns < self.site_at_ns {
            return Ok(self.nap(self.site_at_ns, now_ns));
        }
        for _ in 0..LOOKED_AT_MAX {
            if self.batch.len() >= Batch::FRAMES_MAX {
                break;
            }
            let Some(task) = self.next_task(now_ns) else {
                let next_ns = self.aside.peek().map_or(u64::MAX, |Reverse((at_ns, _))| *at_ns);
                return Ok(if self.batch.is_empty() { self.nap(next_ns, now_ns) } else { Duration::ZERO });
            };
            match self.take(task, now_ns)? {
                Step::Taken => {}
                Step::Full => {
                    self.again.push_front(task);
                    return Ok(Duration::ZERO);
                }
                Step::WaitUntil(at_ns) => {
                    self.site_at_ns = at_ns;
                    self.again.push_front(task);
                    return Ok(if self.batch.is_empty() { self.nap(at_ns, now_ns) } else { Duration::ZERO });
                }
            }
        }
        Ok(Duration::ZERO)
    }

    /// The next task: one that is to be repeated, one that stood aside long enough, or a new one.
    fn next_task(&mut self, now_ns: u64) -> Option<Task> {
        if let Some(task) = self.again.pop_front() {
            return Some(task);
        }
        if let Some(Reverse((at_ns, _))) = self.aside.peek()
            && *at_ns <= now_ns
        {
            return self.aside.pop().map(|Reverse((_, task))| task);
        }
        if self.aside.len() >= ASIDE_MAX {
            return None;
        }
        if self.sending.is_empty() {
            let range = self.shared.claim()?;
            self.sending = range.unit_indices();
            self.tracks.begin(range);
        }
        self.sending.next().map(|unit| Task { unit, attempt: 0 })
    }

    /// Puts a task into the batch where it may leave, else aside or away.
    fn take(&mut self, task: Task, now_ns: u64) -> Result<Step, Trouble> {
        let Some(unit) = self.shared.lease.unit(task.unit) else { return Ok(Step::Taken) };
        if task.attempt > 0 && !self.tracks.wanted(task) {
            self.tracks.left(task, None);
            return Ok(Step::Taken);
        }
        if unit.transport != Transport::Tcp {
            return Ok(self.decide(task, &unit, Fate::Skipped(SkipReason::LocalError)));
        }
        // Before a route or a neighbour is asked for: what is out of scope causes nothing at all.
        match self.shared.gate.permit(unit.address, unit.transport, unit.port) {
            Ok(_) => {}
            Err(Refusal::Halted) => return Ok(self.decide(task, &unit, Fate::Skipped(SkipReason::Halted))),
            Err(Refusal::Scope(_)) => return Ok(self.decide(task, &unit, Fate::Skipped(SkipReason::Scope))),
        }
        match self.ways.to(unit.address, now_ns)? {
            // It was sent to: what it said, if anything, had no way back.
            Direction::None(SkipReason::NoRoute) if task.attempt > 0 => {
                return Err(Trouble::Route { address: unit.address });
            }
            Direction::None(reason) => return Ok(self.decide(task, &unit, Fate::Skipped(reason))),
            Direction::Nobody => return Ok(self.decide(task, &unit, Fate::Silent)),
            Direction::At(at_ns) => self.aside.push(Reverse((at_ns, task))),
            Direction::By(way) => {
                let port = self.ways.way(way).map_or(self.batch_port, |way| way.port);
                if let Some(step) = self.may_leave(task, &unit, port, now_ns) {
                    return Ok(step);
                }
                self.write(task, &unit, way);
            }
            Direction::Ask(hop) => {
                if let Some(step) = self.may_leave(task, &unit, hop.port(), now_ns) {
                    return Ok(step);
                }
                self.ask(task, hop, now_ns);
            }
            Direction::Own => {
                if let Some(step) = self.may_leave(task, &unit, self.batch_port, now_ns) {
                    return Ok(step);
                }
                self.decide(task, &unit, own(&unit));
            }
        }
        Ok(Step::Taken)
    }

    /// Whether a packet may join the batch, which then leaves by a port; otherwise what comes instead.
    fn may_leave(&mut self, task: Task, unit: &Unit, port: usize, now_ns: u64) -> Option<Step> {
        if !self.batch.is_empty() && port != self.batch_port {
            return Some(Step::Full);
        }
        let instead = self.ask_rates(task, unit, now_ns);
        if instead.is_none() {
            self.batch_port = port;
        }
        instead
    }

    /// Whether the rates let a packet go; otherwise what comes instead.
    fn ask_rates(&mut self, task: Task, unit: &Unit, now_ns: u64) -> Option<Step> {
        let gate = &self.shared.gate;
        let mut limiter = gate.pace.lock();
        match limiter.ask(now_ns, unit.address) {
            Grant::Now => {
                for _ in 1..gate.weight(unit.address) {
                    limiter.charge(now_ns, unit.address);
                }
                None
            }
            Grant::HostAt(at_ns) => {
                self.aside.push(Reverse((at_ns, task)));
                Some(Step::Taken)
            }
            Grant::SiteAt(at_ns) => Some(Step::WaitUntil(at_ns)),
            Grant::Never => Some(Step::WaitUntil(now_ns.saturating_add(1_000_000_000))),
        }
    }

    fn write(&mut self, task: Task, unit: &Unit, way: usize) {
        let Some(way) = self.ways.way(way) else { return };
        let fields = way.cookies.syn(unit.address, unit.port, task.attempt);
        if self.batch.write(|frame| way.template.fill(frame, unit.address, unit.port, fields).ok()) {
            self.batch_tasks.push(Some(task));
        } else {
            self.decide(task, unit, Fate::Skipped(SkipReason::LocalError));
        }
    }

    /// Asks for the next hop; the task waits for its answer.
    fn ask(&mut self, task: Task, hop: Hop, now_ns: u64) {
        if self.ways.ask(hop, &mut self.batch, now_ns) {
            self.batch_tasks.push(None);
        }
        // Most neighbours answer within a millisecond; the direction is asked for again then.
        self.aside.push(Reverse((now_ns.saturating_add(2_000_000), task)));
    }

    fn decide(&mut self, task: Task, unit: &Unit, fate: Fate) -> Step {
        self.tracks.left(task, None);
        self.tracks.decide(unit, fate);
        Step::Taken
    }

    /// Sends the batch. `false`: the interface takes no more now. What has not left goes back to where it came from, to
    /// be permitted again when its turn comes.
    fn flush(&mut self) -> Result<bool, Trouble> {
        let mut sent = 0;
        while sent < self.batch.len() && !self.shared.ends() {
            let Some(port) = self.ways.ports.get(self.batch_port) else { break };
            // Before the call: an answer can be here before it returns.
            let at_ns = self.shared.gate.pace.now_ns();
            let left = port.sender.send(&self.batch, sent)?;
            if left == 0 {
                if self.stuck_since.get_or_insert_with(Instant::now).elapsed() > STUCK {
                    let name = port.interface.name.clone();
                    return Err(WireError::Interface { name, problem: "takes no frames" }.into());
                }
                break;
            }
            self.stuck_since = None;
            for task in self.batch_tasks.iter().skip(sent).take(left).flatten() {
                self.tracks.left(*task, Some(at_ns));
            }
            sent += left;
        }
        let all = sent == self.batch.len();
        for task in self.batch_tasks.drain(..).skip(sent).rev().flatten() {
            self.again.push_front(task);
        }
        self.batch.clear();
        Ok(all)
    }

    /// Takes what arrived; waits for it as long as there is nothing to send.
    fn hear(&mut self, wait: Duration) -> Result<(), Trouble> {
        let (mut heard, mut said) = (Vec::new(), Vec::new());
        let mut links: Vec<(usize, Mac)> = Vec::new();
        let Ways { ports, cookies, .. } = &mut self.ways;
        let of = |to: IpAddr| cookies.iter().find_map(|(source, cookies)| (*source == to).then_some(cookies));
        let count = ports.len();
        for (index, port) in ports.iter_mut().enumerate() {
            // Where there are several, none keeps the others waiting for long.
            let wait = if count == 1 { wait } else { wait.min(SEVERAL_WAIT) };
            port.receiver.receive(wait, |one| match Answer::parse(one.frame, Checks::Trust) {
                Ok(Answer::Arp { arp, .. }) => said.push((index, IpAddr::V4(arp.sender), arp.sender_mac)),
                Ok(Answer::Ip { from, to, body, mac, .. }) => match body {
                    Body::Tcp(tcp) => {
                        if let Some(attempt) = of(to).and_then(|cookies| cookies.answers_syn(from, to, &tcp)) {
                            links.extend(mac.map(|mac| (index, mac)).filter(|link| links.last() != Some(link)));
                            heard.push((from, tcp.source_port, attempt, tcp.flags.is_syn_ack(), one.at_ns));
                        }
                    }
                    // Only the host itself knows its ports; what a router says proves nothing of them.
                    Body::Error(error) if error.reason == Reason::PortUnreachable => {
                        let refused = of(to).and_then(|cookies| cookies.answers_error(to, &error));
                        let ours =
                            |refused: &Refused| refused.target == from && refused.transport == Some(Transport::Tcp);
                        if let Some(refused) = refused.filter(ours) {
                            heard.push((from, refused.port, refused.attempt, false, one.at_ns));
                        }
                    }
                    Body::Neighbour(advertisement) => {
                        if let Some(mac) = advertisement.mac {
                            said.push((index, IpAddr::V6(advertisement.target), mac));
                        }
                    }
                    Body::Error(_) | Body::Udp(_) | Body::Echo(_) => {}
                },
                // Whatever else is on the network is not ours.
                Err(_) => {}
            })?;
        }
        if count == 0 && !wait.is_zero() {
            std::thread::sleep(wait);
        }
        let both = Both::at(self.shared.gate.pace.now_ns());
        for (port, address, mac) in said {
            self.ways.said(port, address, mac, both.now_ns);
        }
        for (port, mac) in links {
            self.ways.heard(port, mac, both.now_ns);
        }
        for (address, port, attempt, open, at_ns) in heard {
            let unit = self.shared.lease.index_of(address, Transport::Tcp, port);
            if let Some(unit) = unit.and_then(|index| self.shared.lease.unit(index)) {
                self.tracks.heard(&unit, open, attempt, both.arrived_ns(at_ns, self.looked_ns));
            }
        }
        Ok(())
    }

    /// Ends and repeats slices whose time had come at an instant.
    fn turn(&mut self, at_ns: u64) -> Result<(), Trouble> {
        let RawOptions { wait, attempts_min, attempts_max } = self.options;
        let dropped = self.dropped;
        let attempts = |slice: u32, first_answers: &[u64]| {
            let wanted = attempts_wanted(first_answers, dropped, attempts_min, attempts_max);
            // One that is asked once only is to be asked once.
            let more = attempts_max > 1 && slice.is_multiple_of(THRICE_OF);
            if more { wanted.max(THRICE.min(attempts_max)) } else { wanted }
        };
        let lease = Arc::clone(&self.shared.lease);
        for turn in self.tracks.turn(at_ns, wait, attempts, |index| lease.unit(index)) {
            match turn {
                Turn::Again(tasks) => self.again.extend(tasks),
                Turn::Over(slice, since_ns) => self.over(slice, since_ns)?,
            }
        }
        Ok(())
    }

    /// A slice is over. One of which something answered is handed over; of the others it is in doubt who is silent.
    fn over(&mut self, mut slice: Box<SliceBuilder>, since_ns: u64) -> Result<(), Trouble> {
        let dropped = self.ways.dropped()?;
        slice.dropped(dropped.saturating_sub(self.dropped));
        self.dropped = dropped;
        let lease = Arc::clone(&self.shared.lease);
        let in_vain = slice.all_in_vain();
        let addresses = in_vain.iter().filter_map(|index| lease.unit(*index)).map(|unit| unit.address);
        let ways = self.ways.ways_to(addresses)?;
        self.doubts.push_back(Doubt { slice, since_ns, ways });
        Ok(())
    }

    /// Hands over the slices whose ways hold, and asks the gateways of the others.
    fn settle(&mut self) -> Result<(), Trouble> {
        let now_ns = self.shared.gate.pace.now_ns();
        for _ in 0..self.doubts.len() {
            let Some(mut doubt) = self.doubts.pop_front() else { break };
            while let Some((over, address)) = doubt.ways.last().copied() {
                match self.ways.held(over, address, doubt.since_ns, now_ns)? {
                    Proof::Holds => drop(doubt.ways.pop()),
                    Proof::Ask(hop) => {
                        self.ask_gateway(hop, now_ns);
                        break;
                    }
                    Proof::Wait => break,
                }
            }
            if doubt.ways.is_empty() {
                self.shared.hand_over(&self.results, *doubt.slice);
            } else {
                self.doubts.push_back(doubt);
            }
        }
        Ok(())
    }

    /// Asks a gateway whether it is still there.
    fn ask_gateway(&mut self, hop: Hop, now_ns: u64) {
        if !self.batch.is_empty() && self.batch_port != hop.port() {
            // After the batch.
            return;
        }
        self.batch_port = hop.port();
        let gate = &self.shared.gate;
        for _ in 0..gate.weight(hop.address()) {
            gate.pace.lock().charge(now_ns, hop.address());
        }
        if self.ways.ask(hop, &mut self.batch, now_ns) {
            self.batch_tasks.push(None);
        }
    }

    /// How long to listen when nothing may leave before an instant of the pace.
    fn nap(&self, until_ns: u64, now_ns: u64) -> Duration {
        let mut nap = Duration::from_nanos(until_ns.saturating_sub(now_ns)).min(NAP_MAX);
        if let Some(turn_ns) = self.tracks.next_turn_ns(self.options.wait) {
            let turn_ns = turn_ns.saturating_add(nanos(HANDED_OVER_AFTER));
            nap = nap.min(Duration::from_nanos(turn_ns.saturating_sub(now_ns)).max(Duration::from_micros(100)));
        }
        if self.doubts.is_empty() { nap } else { nap.min(DOUBT_LOOK) }
    }
}

/// Asks a port of this machine itself, which answers before a connection is waited for.
fn own(unit: &Unit) -> Fate {
    let started = Instant::now();
    match TcpStream::connect_timeout(&SocketAddr::new(unit.address, unit.port), OWN_WAIT) {
        Ok(_) => Fate::Open { rtt: started.elapsed() },
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Fate::Closed,
        Err(error) if error.kind() == ErrorKind::TimedOut => Fate::Silent,
        Err(_) => Fate::Skipped(SkipReason::LocalError),
    }
}
