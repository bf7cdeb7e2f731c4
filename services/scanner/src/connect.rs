//! The unprivileged TCP engine: connects to every unit of a lease and reports slices in order.
//!
//! A few threads each hold a pool of non-blocking sockets and one epoll. A thread claims the next slice, sends as the
//! rates allow, and may have several slices under way, because a silent unit takes the whole timeout; how far it may
//! run ahead of the reader is bounded. A fault of this machine makes a unit skipped, never closed.

mod flight;
mod pool;
mod slice;
mod socket;

pub use slice::{Open, SliceResult};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use muster_sweep::Lease;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::mpsc;

use crate::gate::Gate;
use flight::Flight;

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

/// A SYN goes out at 0 s and again at 1 s (initial timeout of RFC 6298, 2.1); the third would go at 3 s.
const TIMEOUT_MAX: Duration = Duration::from_secs(3);

/// Slices under way or waiting for the reader: at the default rate and timeout four; 64 keep a fast sweep going while
/// the reader is busy, and hold 64,000 units, 5 MB if all were open.
const SLICES_AHEAD: u32 = 64;

/// Descriptors left to the rest of the process.
const FILES_RESERVED: u64 = 512;

/// How to connect.
#[derive(Debug, Clone, Copy)]
pub struct ConnectOptions {
    /// Until a unit without an answer is silent; at most 3 s. The default leaves 1.5 s to the second SYN.
    pub timeout: Duration,
    /// Units under way at once in all threads.
    pub window: u32,
    /// Threads.
    pub threads: u32,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        // 1,000 packets a second for 2.5 s are 2,500 units under way when all are silent.
        Self { timeout: Duration::from_millis(2_500), window: 4_096, threads: 2 }
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
    Failed(&'static str),
}

/// Shared by the threads of one lease.
struct Shared {
    lease: Arc<Lease>,
    gate: Arc<Gate>,
    timeout: Duration,
    window: usize,
    /// The next slice nobody has claimed.
    claimed: AtomicU32,
    /// The next slice the reader has not got.
    delivered: AtomicU32,
    stop: AtomicBool,
}

impl Shared {
    fn claim(&self) -> Option<muster_sweep::SliceRange> {
        let limit = self.delivered.load(Ordering::Acquire).saturating_add(SLICES_AHEAD).min(self.lease.slice_count());
        let claimed =
            self.claimed.fetch_update(Ordering::AcqRel, Ordering::Acquire, |next| (next < limit).then(|| next + 1));
        self.lease.slice(claimed.ok()?)
    }

    fn all_claimed(&self) -> bool {
        self.claimed.load(Ordering::Acquire) >= self.lease.slice_count()
    }
}

/// A lease under way. Dropping it stops the threads.
pub struct Connecting {
    shared: Arc<Shared>,
    results: mpsc::Receiver<SliceResult>,
    /// Slices that came before their turn.
    early: BTreeMap<u32, SliceResult>,
    threads: Vec<std::thread::JoinHandle<Result<(), &'static str>>>,
}

/// Starts on a lease at slice `first_slice`: those before it were reported by somebody.
///
/// # Errors
/// When a thread cannot be started.
pub fn start(
    lease: Arc<Lease>,
    first_slice: u32,
    gate: Arc<Gate>,
    options: ConnectOptions,
) -> std::io::Result<Connecting> {
    let threads = options.threads.clamp(1, 64);
    let window = u64::from(options.window).min(files_allowed()) / u64::from(threads);
    let (send, results) = mpsc::channel(SLICES_AHEAD as usize);
    let shared = Arc::new(Shared {
        lease,
        gate,
        timeout: options.timeout.clamp(Duration::from_millis(10), TIMEOUT_MAX),
        window: usize::try_from(window.max(1)).unwrap_or(1),
        claimed: AtomicU32::new(first_slice),
        delivered: AtomicU32::new(first_slice),
        stop: AtomicBool::new(false),
    });
    let mut connecting = Connecting { shared, results, early: BTreeMap::new(), threads: Vec::new() };
    for index in 0..threads {
        let (shared, send) = (Arc::clone(&connecting.shared), send.clone());
        let builder = std::thread::Builder::new().name(format!("connect-{index}"));
        connecting.threads.push(builder.spawn(move || Flight::new(shared, send)?.run())?);
    }
    Ok(connecting)
}

impl Connecting {
    /// The next slice, in order; `None` when there will be no more: then ask [`Connecting::end`].
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
            threads.into_iter().map(|thread| thread.join().unwrap_or(Err("a connect thread panicked"))).collect()
        });
        let outcomes: Vec<Result<(), &'static str>> = joined.await.unwrap_or_default();
        if self.shared.delivered.load(Ordering::Acquire) >= self.shared.lease.slice_count() {
            return End::Finished;
        }
        match outcomes.into_iter().find_map(Result::err) {
            Some(reason) => End::Failed(reason),
            None if self.shared.gate.is_halted() => End::Halted,
            None => End::Failed("it was stopped"),
        }
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
    }
}

/// Raises the limit of open files as far as it goes, and says how many sockets that leaves.
fn files_allowed() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    // Refused: then what there is has to do.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).is_ok();
    let files = if raised { most } else { limit.current.unwrap_or(u64::MAX) };
    files.saturating_sub(FILES_RESERVED).max(16)
}
