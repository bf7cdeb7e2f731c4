//! What is found out about a slice, while it is being found out.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use muster_sweep::{Bitmap, SliceCounts, SliceRange, Unit};

use crate::engine::SkipReason;

/// An open port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// Index in the lease.
    pub unit: u32,
    /// Where.
    pub address: IpAddr,
    /// Which.
    pub port: u16,
    /// From the SYN to the answer as this machine saw it: an upper bound of the round trip.
    pub rtt: Duration,
    /// From the slice's start.
    pub observed_after: Duration,
}

/// How units were probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A connection by a socket.
    Connect,
    /// A SYN as a frame.
    Syn,
}

impl Method {
    /// As it is published.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Syn => "syn",
        }
    }
}

/// What the attempts at the units of a slice came to, one number for each attempt that a unit without an answer had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Probes that left.
    pub sent: Vec<u32>,
    /// Units that answered for the first time.
    pub first_answers: Vec<u32>,
    /// Answers that this machine received and had no room for, to this slice or to another at the same time.
    pub dropped: u64,
}

/// What became of every unit of a slice: open, closed, skipped, and silent is the rest.
#[derive(Debug, Clone)]
pub struct SliceResult {
    /// Which units.
    pub range: SliceRange,
    /// How they were probed.
    pub method: Method,
    /// When its first unit was taken up.
    pub started_at: Timestamp,
    /// When its last unit was decided.
    pub finished_at: Timestamp,
    /// Open ports, by unit.
    pub open: Vec<Open>,
    /// Bit u: unit `first_unit + u` answered that nothing listens.
    pub closed: Bitmap,
    /// Bit u: unit `first_unit + u` was not probed.
    pub skipped: Bitmap,
    /// How many were skipped, by reason.
    pub skipped_by: [(SkipReason, u32); SkipReason::ALL.len()],
    /// All together.
    pub counts: SliceCounts,
    /// `None`: by an engine that does not count its attempts.
    pub attempts: Option<Attempts>,
}

/// How a unit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Open { rtt: Duration },
    Closed,
    Silent,
    Skipped(SkipReason),
}

#[derive(Debug)]
pub(crate) struct SliceBuilder {
    range: SliceRange,
    method: Method,
    started: Instant,
    started_at: Timestamp,
    open: Vec<Open>,
    closed: Bitmap,
    skipped: Bitmap,
    skipped_by: [(SkipReason, u32); SkipReason::ALL.len()],
    undecided: u32,
    attempts: Option<Attempts>,
}

impl SliceBuilder {
    pub(crate) fn new(range: SliceRange, method: Method) -> Self {
        Self {
            range,
            method,
            started: Instant::now(),
            started_at: Timestamp::now(),
            open: Vec::new(),
            closed: Bitmap::new(range.units),
            skipped: Bitmap::new(range.units),
            skipped_by: SkipReason::ALL.map(|reason| (reason, 0)),
            undecided: range.units,
            attempts: None,
        }
    }

    pub(crate) const fn index(&self) -> u32 {
        self.range.index
    }

    /// Notes what its attempts came to.
    pub(crate) fn counted(&mut self, attempts: Attempts) {
        self.attempts = Some(attempts);
    }

    /// Notes answers that this machine had no room for.
    pub(crate) fn dropped(&mut self, frames: u64) {
        if let Some(attempts) = &mut self.attempts {
            attempts.dropped = attempts.dropped.saturating_add(frames);
        }
    }

    /// Units that were asked in vain, when none of the slice answered: then it is perhaps not they who are silent.
    pub(crate) fn all_in_vain(&self) -> Vec<u32> {
        if !self.open.is_empty() || self.closed.count() > 0 {
            return Vec::new();
        }
        (0..self.range.units).filter(|bit| !self.skipped.get(*bit)).map(|bit| self.range.first_unit + bit).collect()
    }

    /// Notes the fate of a unit; each is decided once. `true` when it was the last of the slice.
    pub(crate) fn decide(&mut self, unit: &Unit, fate: Fate) -> bool {
        let bit = unit.index - self.range.first_unit;
        match fate {
            Fate::Open { rtt } => self.open.push(Open {
                unit: unit.index,
                address: unit.address,
                port: unit.port,
                rtt,
                observed_after: self.started.elapsed(),
            }),
            Fate::Closed => self.closed.set(bit),
            Fate::Silent => {}
            Fate::Skipped(reason) => {
                self.skipped.set(bit);
                self.skipped_by.iter_mut().filter(|(of, _)| *of == reason).for_each(|(_, count)| *count += 1);
            }
        }
        self.undecided -= 1;
        self.undecided == 0
    }

    pub(crate) fn finish(mut self) -> SliceResult {
        self.open.sort_unstable_by_key(|open| open.unit);
        let (open, closed, skipped) =
            (self.open.len() as u64, u64::from(self.closed.count()), u64::from(self.skipped.count()));
        let silent = u64::from(self.range.units) - open - closed - skipped;
        SliceResult {
            range: self.range,
            method: self.method,
            started_at: self.started_at,
            finished_at: Timestamp::now(),
            open: self.open,
            closed: self.closed,
            skipped: self.skipped,
            skipped_by: self.skipped_by,
            counts: SliceCounts { open, closed, silent, skipped },
            attempts: self.attempts,
        }
    }
}
