//! The unprivileged TCP engine: connects to every unit of a lease and reports slices in order.
//!
//! A few threads each hold a pool of non-blocking sockets and one epoll. A thread claims the next slice, sends as the
//! rates allow, and may have several slices under way, because a silent unit takes the whole timeout; how far it may
//! run ahead of the reader is bounded. A fault of this machine makes a unit skipped, never closed.

mod flight;
mod pool;
mod socket;

use std::sync::Arc;
use std::time::Duration;

use muster_sweep::Lease;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::engine::{LeaseRun, Work};
use crate::gate::Gate;
use flight::Flight;

/// A SYN goes out at 0 s and again at 1 s (initial timeout of RFC 6298, 2.1); the third would go at 3 s.
const TIMEOUT_MAX: Duration = Duration::from_secs(3);

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

/// Starts on a lease at slice `first_slice`: those before it were reported by somebody.
///
/// # Errors
/// When a thread cannot be started.
pub fn start(
    lease: Arc<Lease>,
    first_slice: u32,
    gate: Arc<Gate>,
    options: ConnectOptions,
) -> std::io::Result<LeaseRun> {
    let threads = options.threads.clamp(1, 64);
    let window = u64::from(options.window).min(files_allowed()) / u64::from(threads);
    let limits = Limits {
        timeout: options.timeout.clamp(Duration::from_millis(10), TIMEOUT_MAX),
        window: usize::try_from(window.max(1)).unwrap_or(1),
    };
    let works = (0..threads).map(|index| {
        let work: Work = Box::new(move |shared, results| Ok(Flight::new(shared, limits, results)?.run()?));
        (format!("connect-{index}"), work)
    });
    LeaseRun::start(lease, first_slice, gate, works)
}

/// Of one thread.
#[derive(Debug, Clone, Copy)]
struct Limits {
    timeout: Duration,
    window: usize,
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
