//! The thread's loop: send, hear, repeat, report.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use muster_sweep::cookie::Refused;
use muster_sweep::packet::{Answer, Body, Checks, Reason};
use muster_sweep::{Grant, Transport, Unit};
use muster_wire::{Batch, WireError};
use tokio::sync::mpsc;

use super::RawOptions;
use super::track::{Task, Tracks, Turn};
use super::ways::{Direction, Hop, Ways};
use crate::engine::{Fate, Shared, SkipReason, SliceResult};
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
        }
    }

    /// Until every slice is decided, or it is told to stop.
    pub(super) fn run(mut self) -> Result<(), WireError> {
        loop {
            if self.shared.ends() {
                return Ok(());
            }
            let wait = self.fill()?;
            self.flush()?;
            self.hear(wait)?;
            self.turn();
            if self.tracks.is_empty() && self.sending.is_empty() && self.shared.all_claimed() {
                return Ok(());
            }
        }
    }

    /// Fills the batch with what may leave now, and says how long there is nothing else to send.
    fn fill(&mut self) -> Result<Duration, WireError> {
        let now_ns = self.shared.gate.pace.now_ns();
        if now_ns < self.site_at_ns {
            return Ok(self.nap(self.site_at_ns, now_ns));
        }
        while self.batch.len() < Batch::FRAMES_MAX {
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
    fn take(&mut self, task: Task, now_ns: u64) -> Result<Step, WireError> {
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

    /// Sends the batch.
    fn flush(&mut self) -> Result<(), WireError> {
        let (mut sent, started) = (0, Instant::now());
        while sent < self.batch.len() {
            if self.shared.ends() {
                break;
            }
            let Some(port) = self.ways.ports.get(self.batch_port) else { break };
            // Before the call: an answer can be here before it returns.
            let at_ns = wall_ns();
            let left = port.sender.send(&self.batch, sent)?;
            if left == 0 {
                if started.elapsed() > STUCK {
                    let name = port.interface.name.clone();
                    return Err(WireError::Interface { name, problem: "takes no frames" });
                }
                std::thread::sleep(QUEUE_PAUSE);
                self.hear(Duration::ZERO)?;
                continue;
            }
            for task in self.batch_tasks.iter().skip(sent).take(left).flatten() {
                self.tracks.left(*task, Some(at_ns));
            }
            sent += left;
        }
        self.batch.clear();
        self.batch_tasks.clear();
        Ok(())
    }

    /// Takes what arrived; waits for it as long as there is nothing to send.
    fn hear(&mut self, wait: Duration) -> Result<(), WireError> {
        let (mut heard, mut said) = (Vec::new(), Vec::new());
        let Ways { ports, cookies, .. } = &mut self.ways;
        let of = |to: IpAddr| cookies.iter().find_map(|(source, cookies)| (*source == to).then_some(cookies));
        let count = ports.len();
        for (index, port) in ports.iter_mut().enumerate() {
            // Where there are several, none keeps the others waiting for long.
            let wait = if count == 1 { wait } else { wait.min(SEVERAL_WAIT) };
            port.receiver.receive(wait, |one| match Answer::parse(one.frame, Checks::Trust) {
                Ok(Answer::Arp { arp, .. }) => said.push((index, IpAddr::V4(arp.sender), arp.sender_mac)),
                Ok(Answer::Ip { from, to, body, .. }) => match body {
                    Body::Tcp(tcp) => {
                        if let Some(attempt) = of(to).and_then(|cookies| cookies.answers_syn(from, to, &tcp)) {
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
        for (port, address, mac) in said {
            self.ways.said(port, address, mac)?;
        }
        for (address, port, attempt, open, at_ns) in heard {
            let unit = self.shared.lease.index_of(address, Transport::Tcp, port);
            if let Some(unit) = unit.and_then(|index| self.shared.lease.unit(index)) {
                self.tracks.heard(&unit, open, attempt, at_ns);
            }
        }
        Ok(())
    }

    /// Ends and repeats slices.
    fn turn(&mut self) {
        let RawOptions { wait, attempts_min, attempts_max } = self.options;
        let attempts = self.tracks.firsts().attempts(attempts_min, attempts_max);
        let lease = Arc::clone(&self.shared.lease);
        for turn in self.tracks.turn(wall_ns(), wait, attempts, |index| lease.unit(index)) {
            match turn {
                Turn::Again(tasks) => self.again.extend(tasks),
                Turn::Over(slice) => self.shared.hand_over(&self.results, *slice),
            }
        }
    }

    /// How long to listen when nothing may leave before an instant of the pace.
    fn nap(&self, until_ns: u64, now_ns: u64) -> Duration {
        let mut nap = Duration::from_nanos(until_ns.saturating_sub(now_ns)).min(NAP_MAX);
        if let Some(turn_ns) = self.tracks.next_turn_ns(self.options.wait) {
            nap = nap.min(Duration::from_nanos(turn_ns.saturating_sub(wall_ns())).max(Duration::from_micros(100)));
        }
        nap
    }
}

/// The kernel stamps what it receives by the same clock.
fn wall_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
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
