//! Named points at which a test can have the process die.
//!
//! `MUSTER_CRASH_AT="name[:n]"` makes the n-th passing of that point (1 is the first, and the default) abort the
//! process: no destructor runs and nothing is flushed, as with `kill -9`. A point that is not armed costs one load and
//! one branch.
//!
//! A service names a point before and after each durable step, with [`point`]; the name stands in [`POINTS`], so that
//! a test can arm every one of them.

use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

/// The variable that arms a point.
pub const VARIABLE: &str = "MUSTER_CRASH_AT";

/// Every point, `service.step`. Append only: seeds of failed rounds name them.
pub const POINTS: &[&str] = &[
    "recorder.before-declare",
    "recorder.after-declare",
    "recorder.before-insert",
    "recorder.after-insert",
    "recorder.between-tables",
    "recorder.before-commit",
    "recorder.after-commit",
    "scanner.before-slice",
    "scanner.after-slice",
    "scanner.before-outcome",
    "scanner.after-outcome",
    "scanner.before-ack",
    "scanner.after-ack",
    "scheduler.before-plan",
    "scheduler.after-plan",
    "scheduler.before-order",
    "scheduler.after-order",
    "scheduler.before-finish",
    "scheduler.after-finish",
    "scheduler.before-clock",
    "scheduler.after-clock",
    "evaluator.before-publish",
    "evaluator.after-publish",
    "evaluator.before-position",
    "evaluator.after-position",
    "watcher.before-publish",
    "watcher.after-publish",
    "watcher.before-cursor",
    "watcher.after-cursor",
    "gateway.before-kv",
    "gateway.after-kv",
    "gateway.before-event",
    "gateway.after-event",
];

/// Why [`VARIABLE`] cannot be obeyed. A test that arms nothing would pass for the wrong reason, so this ends the start.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CrashError {
    /// No such point.
    #[error("failed to arm {VARIABLE}: there is no crash point {name:?}, the nearest is {nearest:?}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// A known point.
        nearest: &'static str,
    },
    /// The count is not a positive number.
    #[error("failed to arm {VARIABLE}: {count:?} is not a positive number of passings")]
    Count {
        /// What stood behind the colon.
        count: String,
    },
}

/// A point and the passing at which it aborts.
#[derive(Debug)]
struct Armed {
    name: &'static str,
    at: u64,
    passed: AtomicU64,
}

impl Armed {
    fn parse(text: &str) -> Result<Self, CrashError> {
        let (name, count) = text.split_once(':').unwrap_or((text, "1"));
        let at = match count.parse() {
            Ok(at @ 1..) => at,
            Ok(0) | Err(_) => return Err(CrashError::Count { count: count.to_owned() }),
        };
        let Some(name) = POINTS.iter().find(|point| **point == name) else {
            let near = |point: &&&str| strsim::damerau_levenshtein(point, name);
            let nearest = POINTS.iter().min_by_key(near).copied().unwrap_or_default();
            return Err(CrashError::Unknown { name: name.to_owned(), nearest });
        };
        Ok(Self { name, at, passed: AtomicU64::new(0) })
    }

    /// Whether this passing is the one.
    fn fires(&self, name: &str) -> bool {
        self.name == name && self.passed.fetch_add(1, Ordering::Relaxed) + 1 == self.at
    }
}

static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

fn armed() -> Option<&'static Armed> {
    // A malformed value was refused by `check` at the start of the process.
    ARMED.get_or_init(|| std::env::var(VARIABLE).ok().and_then(|text| Armed::parse(&text).ok())).as_ref()
}

/// Reads [`VARIABLE`]; [`crate::launch()`] calls it before anything else.
///
/// # Errors
/// When it names no known point or no positive count.
pub fn check() -> Result<Option<&'static str>, CrashError> {
    match std::env::var(VARIABLE) {
        Ok(text) => Armed::parse(&text).map(|armed| Some(armed.name)),
        Err(_) => Ok(None),
    }
}

/// A place where the process may have to die.
pub fn point(name: &str) {
    debug_assert!(POINTS.contains(&name), "crash point {name:?} is not in crash::POINTS");
    let Some(armed) = armed() else { return };
    if armed.fires(name) {
        // The last words go straight to the descriptor: nothing else of this process is written any more.
        let _ = writeln!(std::io::stderr(), "crash point {name} reached for the {}th time: aborting", armed.at);
        std::process::abort();
    }
}

/// The variable that takes a safeguard away, for the tests that prove that without it they fail.
pub const WITHOUT_VARIABLE: &str = "MUSTER_TEST_WITHOUT";

/// Whether a test took this safeguard away: `deduplication` or `compare-and-set`. Says so, loudly.
#[must_use]
pub fn is_without(safeguard: &str) -> bool {
    let without = std::env::var(WITHOUT_VARIABLE).is_ok_and(|list| list.split(',').any(|name| name == safeguard));
    if without {
        tracing::error!(safeguard, "{WITHOUT_VARIABLE} is set: this process may count work twice");
    }
    without
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_nth_passing_fires_once() {
        let armed = Armed::parse("recorder.after-insert:3").unwrap();
        let fired: Vec<bool> = (0..5).map(|_| armed.fires("recorder.after-insert")).collect();
        assert_eq!(fired, [false, false, true, false, false]);
        assert!(!armed.fires("recorder.before-insert"));
    }

    #[test]
    fn an_unknown_point_is_refused_with_the_nearest() {
        let error = Armed::parse("recorder.after-insrt").unwrap_err();
        assert!(error.to_string().contains("recorder.after-insert"), "{error}");
        assert_eq!(Armed::parse("scanner.after-ack:0").unwrap_err(), CrashError::Count { count: "0".into() });
    }

    #[test]
    fn points_are_distinct_and_come_in_pairs() {
        let mut seen = std::collections::HashSet::new();
        assert!(POINTS.iter().all(|point| seen.insert(point)));
        for point in POINTS.iter().filter(|point| point.contains(".before-")) {
            assert!(POINTS.contains(&point.replace(".before-", ".after-").as_str()), "{point} has no after");
        }
    }
}
