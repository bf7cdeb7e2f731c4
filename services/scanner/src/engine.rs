//! What every engine has in common: a lease's slices are claimed, decided unit by unit, and given out in order.

mod slice;

pub use slice::{Attempts, Method, Open, SliceResult};
pub(crate) use slice::{Fate, SliceBuilder};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use muster_sweep::Lease;
use tokio::sync::mpsc;

use crate::gate::Gate;

/// Why a unit was not probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkipReason {
    /// Not in scope when its turn came.
    Scope,
    /// Halted. Only inside the engine: a halted slice is not reported.
    Halted,
    /// This machine has no route there.
    NoRoute,
    /// This machine's own packet filter forbids it.
    LocalPolicy,
    /// This machine stayed short of ports, descriptors or memory.
    Shortage,
    /// Another fault of this machine, or a transport this engine does not speak.
    LocalError,
}

impl SkipReason {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Scope, Self::Halted, Self::NoRoute, Self::LocalPolicy, Self::Shortage, Self::LocalError];
}

/// Slices under way or waiting for the reader: at the default rate and timeout four; 64 keep a fast sweep going while
/// the reader is busy, and hold 64,000 units, 5 MB if all were open.
const SLICES_AHEAD: u32 = 64;

/// Why an engine cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// This engine cannot on this machine; another may.
    Engine(&'static str),
    /// The network of this machine does not carry it. Any engine would take that for silence, so none is to go on.
    Network(&'static str),
}

impl Fault {
    /// In words.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Engine(reason) | Self::Network(reason) => reason,
        }
    }
}

impl From<&'static str> for Fault {
    fn from(reason: &'static str) -> Self {
        Self::Engine(reason)
    }
}

/// How a lease ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Every slice was reported.
    Finished,
    /// The gate was halted: slices from the next one on have to be done again.
    Halted,
    /// Something in this process failed; slices from the next one on have to be done again.
    Failed(Fault),
}

/// Shared by the threads of one lease.
pub(crate) struct Shared {
    pub(crate) lease: Arc<Lease>,
    pub(crate) gate: Arc<Gate>,
    /// The next slice nobody has claimed.
    claimed: AtomicU32,
    /// The next slice the reader has not got.
    delivered: AtomicU32,
    stop: AtomicBool,
}

impl Shared {
    /// The next slice to work on, unless the reader is too far behind.
    pub(crate) fn claim(&self) -> Option<muster_sweep::SliceRange> {
        let limit = self.delivered.load(Ordering::Acquire).saturating_add(SLICES_AHEAD).min(self.lease.slice_count());
        let claimed =
            self.claimed.fetch_update(Ordering::AcqRel, Ordering::Acquire, |next| (next < limit).then(|| next + 1));
        self.lease.slice(claimed.ok()?)
    }

    /// Whether no slice is left to claim.
    pub(crate) fn all_claimed(&self) -> bool {
        self.claimed.load(Ordering::Acquire) >= self.lease.slice_count()
    }

    /// Whether a thread has to end: it is halted, or nobody wants the results any more.
    pub(crate) fn ends(&self) -> bool {
        self.stop.load(Ordering::Acquire) || self.gate.is_halted()
    }

    /// Hands a finished slice over. The channel holds as many slices as may be under way, so this does not wait.
    pub(crate) fn hand_over(&self, results: &mpsc::Sender<SliceResult>, slice: SliceBuilder) {
        let result = slice.finish();
        if result.skipped_by.iter().any(|(reason, count)| *reason == SkipReason::Halted && *count > 0) {
            return;
        }
        // An error: nobody wants it.
        if results.blocking_send(result).is_err() {
            self.stop.store(true, Ordering::Release);
        }
    }
}

/// A lease under way. Dropping it stops the threads.
#[must_use]
pub struct LeaseRun {
    shared: Arc<Shared>,
    results: mpsc::Receiver<SliceResult>,
    /// Slices that came before their turn.
    early: BTreeMap<u32, SliceResult>,
    threads: Vec<std::thread::JoinHandle<Result<(), Fault>>>,
}

/// The work of one thread: until every slice is claimed and decided, or it is told to stop. An error is why it cannot
/// go on.
pub(crate) type Work = Box<dyn FnOnce(Arc<Shared>, mpsc::Sender<SliceResult>) -> Result<(), Fault> + Send>;

impl LeaseRun {
    /// Starts threads on a lease at slice `first_slice`: those before it were reported by somebody.
    pub(crate) fn start(
        lease: Arc<Lease>,
        first_slice: u32,
        gate: Arc<Gate>,
        threads: impl IntoIterator<Item = (String, Work)>,
    ) -> std::io::Result<Self> {
        let (send, results) = mpsc::channel(SLICES_AHEAD as usize);
        let shared = Arc::new(Shared {
            lease,
            gate,
            claimed: AtomicU32::new(first_slice),
            delivered: AtomicU32::new(first_slice),
            stop: AtomicBool::new(false),
        });
        let mut run = Self { shared, results, early: BTreeMap::new(), threads: Vec::new() };
        for (name, work) in threads {
            let (shared, send) = (Arc::clone(&run.shared), send.clone());
            run.threads.push(std::thread::Builder::new().name(name).spawn(move || work(shared, send))?);
        }
        Ok(run)
    }

    /// The next slice, in order; `None` when there will be no more: then ask [`LeaseRun::end`].
    pub async fn next(&mut self) -> Option<SliceResult> {
        let wanted = self.shared.delivered.load(Ordering::Acquire);
        while !self.early.contains_key(&wanted) {
            let result = self.results.recv().await?;
            self.early.insert(result.range.index, result);
        }
        self.shared.delivered.store(wanted + 1, Ordering::Release);
        self.early.remove(&wanted)
    }

    /// Stops what is still going on and says how it ended.
    pub async fn end(mut self) -> End {
        self.shared.stop.store(true, Ordering::Release);
        self.results.close();
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || {
            let panicked = || Err(Fault::Engine("a thread of the sweep panicked"));
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panicked())).collect()
        });
        let outcomes: Vec<Result<(), Fault>> = joined.await.unwrap_or_default();
        if self.shared.delivered.load(Ordering::Acquire) >= self.shared.lease.slice_count() {
            return End::Finished;
        }
        match outcomes.into_iter().find_map(Result::err) {
            Some(reason) => End::Failed(reason),
            None if self.shared.gate.is_halted() => End::Halted,
            None => End::Failed(Fault::Engine("it was stopped")),
        }
    }
}

impl Drop for LeaseRun {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
    }
}
