//! One thread's loop: claim, send, hear, give up, report.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_sweep::{Grant, SliceRange, Transport, Unit};
use rustix::event::{Timespec, epoll};
use tokio::sync::mpsc;

use super::Limits;
use super::pool::{Busy, Pool, Use};
use super::socket::Attempt;
use crate::engine::{Fate, Method, Shared, SkipReason, SliceBuilder, SliceResult};

/// Units asked for under one lock of the rates, and sent before the halt flag is looked at as a batch.
const BATCH: usize = 64;

/// Units whose host has to wait stand aside, so that others go on; beyond this many the thread waits too.
const ASIDE_MAX: usize = 1_024;

/// A thread looks up at least so often: halt and stop take effect within it.
const NAP_MAX: Duration = Duration::from_millis(50);

/// What epoll_wait(2) counts its timeout in.
const EPOLL_TICK: Duration = Duration::from_millis(1);

/// The kernel repeats a SYN after it (RFC 6298, 2.1).
const RETRANSMIT_AFTER: Duration = Duration::from_secs(1);

/// A unit that this machine is too short of something to send is tried again 20 ms later, for a second.
const SHORTAGE_PAUSE_NS: u64 = 20_000_000;
const SHORTAGE_TRIES: u8 = 50;

/// A unit with the number of times it could not be sent.
#[derive(Debug, Clone, Copy)]
struct Task {
    unit: Unit,
    tries: u8,
}

/// A moment in the life of an attempt.
#[derive(Debug, Clone, Copy)]
struct Due {
    at: Instant,
    of: Use,
}

pub(super) struct Flight {
    shared: Arc<Shared>,
    limits: Limits,
    results: mpsc::Sender<SliceResult>,
    epoll: std::os::fd::OwnedFd,
    pool: Pool,
    /// In the order of their instants, since all attempts wait equally long.
    retransmissions: VecDeque<Due>,
    timeouts: VecDeque<Due>,
    slices: Vec<SliceBuilder>,
    /// What is left of the slice that is being sent.
    sending: std::ops::Range<u32>,
    aside: BinaryHeap<Reverse<(u64, u32, u8)>>,
    /// Until this instant the site may send nothing, ns of the pace; who found out goes first then.
    site_at_ns: u64,
    first: Option<Task>,
}

impl Flight {
    pub(super) fn new(
        shared: Arc<Shared>,
        limits: Limits,
        results: mpsc::Sender<SliceResult>,
    ) -> Result<Self, &'static str> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|_| "this process can open no more files")?;
        let pool = Pool::new(limits.window);
        Ok(Self {
            shared,
            limits,
            results,
            epoll,
            pool,
            retransmissions: VecDeque::new(),
            timeouts: VecDeque::new(),
            slices: Vec::new(),
            sending: 0..0,
            aside: BinaryHeap::new(),
            site_at_ns: 0,
            first: None,
        })
    }

    /// Until every slice is claimed and decided, or halt, or nobody wants the results.
    pub(super) fn run(mut self) -> Result<(), &'static str> {
        let mut batch = Vec::with_capacity(BATCH);
        let mut events = Vec::with_capacity(BATCH * 4);
        loop {
            if self.shared.ends() {
                // Dropping the sockets takes back what is pending; a slice that is not whole is not reported.
                return Ok(());
            }
            let wait = self.next_batch(&mut batch);
            for task in batch.drain(..) {
                self.send(task)?;
            }
            if self.slices.is_empty() && self.sending.is_empty() && self.shared.all_claimed() {
                return Ok(());
            }
            self.hear(&mut events, wait)?;
            self.give_up()?;
        }
    }

    /// Fills `batch` with units that may go now, and says how long there is nothing else to send.
    fn next_batch(&mut self, batch: &mut Vec<Task>) -> Duration {
        let room = self.pool.room();
        let shared = Arc::clone(&self.shared);
        let now_ns = shared.gate.pace.now_ns();
        if now_ns < self.site_at_ns {
            return nap(self.site_at_ns, now_ns);
        }
        let mut limiter = shared.gate.pace.lock();
        let mut refused = None;
        while batch.len() < BATCH.min(room) {
            let Some(task) = self.next_task(now_ns) else {
                let next_ns = self.aside.peek().map_or(u64::MAX, |Reverse((at_ns, ..))| *at_ns);
                return if batch.is_empty() { nap(next_ns, now_ns) } else { Duration::ZERO };
            };
            match limiter.ask(now_ns, task.unit.address) {
                Grant::Now => {
                    for _ in 1..shared.gate.weight(task.unit.address) {
                        limiter.charge(now_ns, task.unit.address);
                    }
                    batch.push(task);
                }
                Grant::HostAt(at_ns) => {
                    let host = task.unit.address;
                    self.put_aside(task, at_ns);
                    // Twice the same host in a row: there is no other to go on with, and asking for each of its units
                    // would cost a thousand questions a packet.
                    if refused == Some(host) {
                        return if batch.is_empty() { nap(at_ns, now_ns) } else { Duration::ZERO };
                    }
                    refused = Some(host);
                }
                Grant::SiteAt(at_ns) => {
                    // It goes first then: who stands aside is overtaken, and a slice would end when its last unit does.
                    self.site_at_ns = at_ns;
                    self.first = Some(task);
                    return if batch.is_empty() { nap(at_ns, now_ns) } else { Duration::ZERO };
                }
                Grant::Never => {
                    self.put_aside(task, now_ns.saturating_add(1_000_000_000));
                    return NAP_MAX;
                }
            }
        }
        if batch.is_empty() { NAP_MAX } else { Duration::ZERO }
    }

    /// The next unit in turn: one that stood aside long enough, or a new one.
    fn next_task(&mut self, now_ns: u64) -> Option<Task> {
        if let Some(task) = self.first.take() {
            return Some(task);
        }
        if let Some(Reverse((at_ns, index, tries))) = self.aside.peek().copied()
            && (at_ns <= now_ns)
        {
            self.aside.pop();
            return Some(Task { unit: self.shared.lease.unit(index)?, tries });
        }
        if self.aside.len() >= ASIDE_MAX {
            return None;
        }
        if self.sending.is_empty() {
            let range: SliceRange = self.shared.claim()?;
            self.sending = range.unit_indices();
            self.slices.push(SliceBuilder::new(range, Method::Connect));
        }
        let index = self.sending.next()?;
        Some(Task { unit: self.shared.lease.unit(index)?, tries: 0 })
    }

    fn put_aside(&mut self, task: Task, until_ns: u64) {
        self.aside.push(Reverse((until_ns, task.unit.index, task.tries)));
    }

    fn send(&mut self, task: Task) -> Result<(), &'static str> {
        let unit = task.unit;
        if unit.transport != Transport::Tcp {
            return self.decide(&unit, Fate::Skipped(SkipReason::LocalError));
        }
        let Some(at) = self.pool.take(&unit) else { return self.retry(task) };
        let since = Instant::now();
        let Some(socket) = self.pool.socket(at) else { return Err("a socket is missing") };
        let mut attempt = socket.connect(&self.shared.gate, &unit);
        if attempt == Attempt::Pending && unit.address.is_loopback() {
            // Loopback has answered before connect returns: no need to wait for the event.
            attempt = socket.ask(&unit);
        }
        match attempt {
            Attempt::Pending => self.watch(at, Busy { unit, since }),
            Attempt::Later => {
                self.pool.release(at, &unit, attempt);
                self.retry(task)
            }
            Attempt::Open | Attempt::Closed | Attempt::Silent | Attempt::Skipped(_) => {
                self.pool.release(at, &unit, attempt);
                self.decide_attempt(&unit, attempt, since)
            }
        }
    }

    fn retry(&mut self, task: Task) -> Result<(), &'static str> {
        if task.tries >= SHORTAGE_TRIES {
            return self.decide(&task.unit, Fate::Skipped(SkipReason::Shortage));
        }
        let until_ns = self.shared.gate.pace.now_ns().saturating_add(SHORTAGE_PAUSE_NS);
        self.put_aside(Task { tries: task.tries + 1, ..task }, until_ns);
        Ok(())
    }

    fn watch(&mut self, at: usize, busy: Busy) -> Result<(), &'static str> {
        let of = self.pool.watch(&self.epoll, at, busy)?;
        if self.limits.timeout > RETRANSMIT_AFTER {
            self.retransmissions.push_back(Due { at: busy.since + RETRANSMIT_AFTER, of });
        }
        self.timeouts.push_back(Due { at: busy.since + self.limits.timeout, of });
        Ok(())
    }

    fn hear(&mut self, events: &mut Vec<epoll::Event>, wait: Duration) -> Result<(), &'static str> {
        let mut due =
            self.timeouts.front().map_or(wait, |due| due.at.saturating_duration_since(Instant::now()).min(wait));
        // Waiting for events is counted in whole milliseconds, and a host at 10,000 packets a second has one every 0.1 ms.
        if due < EPOLL_TICK {
            std::thread::sleep(due);
            due = Duration::ZERO;
        }
        if due.is_zero() && self.timeouts.is_empty() {
            return Ok(());
        }
        let due = Timespec { tv_sec: 0, tv_nsec: i64::from(due.min(NAP_MAX).subsec_nanos()) };
        events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(events), Some(&due)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return Err("the sockets cannot be waited for"),
        }
        for event in &*events {
            let data = event.data;
            let Ok(at) = usize::try_from(data.u64()) else { continue };
            self.look_at(at)?;
        }
        Ok(())
    }

    fn look_at(&mut self, at: usize) -> Result<(), &'static str> {
        // An event of an earlier use: nothing to look at, or still pending.
        let (Some(Busy { unit, since }), Some(socket)) = (self.pool.busy(at), self.pool.socket(at)) else {
            return Ok(());
        };
        let attempt = socket.ask(&unit);
        if attempt == Attempt::Pending {
            return Ok(());
        }
        self.pool.release(at, &unit, attempt);
        self.decide_attempt(&unit, attempt, since)
    }

    /// Ends attempts that had their time, and counts the SYNs that the kernel repeated.
    fn give_up(&mut self) -> Result<(), &'static str> {
        let now = Instant::now();
        while let Some(due) = self.retransmissions.pop_front_if(|due| due.at <= now) {
            if let Some(busy) = self.pool.still(due.of) {
                let gate = &self.shared.gate;
                for _ in 0..gate.weight(busy.unit.address) {
                    gate.pace.lock().charge(gate.pace.now_ns(), busy.unit.address);
                }
            }
        }
        while let Some(due) = self.timeouts.pop_front_if(|due| due.at <= now) {
            let Some(busy) = self.pool.still(due.of) else { continue };
            self.look_at(due.of.slot)?;
            if self.pool.still(due.of).is_some() {
                self.pool.release(due.of.slot, &busy.unit, Attempt::Silent);
                self.decide(&busy.unit, Fate::Silent)?;
            }
        }
        Ok(())
    }

    fn decide_attempt(&mut self, unit: &Unit, attempt: Attempt, since: Instant) -> Result<(), &'static str> {
        let fate = match attempt {
            Attempt::Open => Fate::Open { rtt: since.elapsed() },
            Attempt::Closed => Fate::Closed,
            Attempt::Silent | Attempt::Pending => Fate::Silent,
            // The loop ends at its next turn and the slice is not reported.
            Attempt::Skipped(reason) => Fate::Skipped(reason),
            Attempt::Later => Fate::Skipped(SkipReason::Shortage),
        };
        self.decide(unit, fate)
    }

    fn decide(&mut self, unit: &Unit, fate: Fate) -> Result<(), &'static str> {
        let index = unit.index / self.shared.lease.units_per_slice();
        let Some(at) = self.slices.iter().position(|slice| slice.index() == index) else {
            return Err("a slice is missing");
        };
        let Some(slice) = self.slices.get_mut(at) else { return Err("a slice is missing") };
        if !slice.decide(unit, fate) {
            return Ok(());
        }
        self.shared.hand_over(&self.results, self.slices.swap_remove(at));
        Ok(())
    }
}

fn nap(until_ns: u64, now_ns: u64) -> Duration {
    Duration::from_nanos(until_ns.saturating_sub(now_ns)).min(NAP_MAX)
}
