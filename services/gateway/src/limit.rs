//! How much one caller may do at once (I-7). A permit lives as long as its call, the stream of a watch included.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Answer, ApiError, Reason};
use crate::matrix::Class;

/// How many calls of each class one caller may have open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Calls that answer.
    pub(crate) calls: usize,
    /// Imports: each is held in memory.
    pub(crate) imports: usize,
    /// Watches.
    pub(crate) watches: usize,
}

impl Limits {
    const fn of(self, class: Class) -> usize {
        match class {
            Class::Call => self.calls,
            Class::Import => self.imports,
            Class::Watch => self.watches,
        }
    }
}

/// The permits of all callers. Callers come from the access file, so there are only so many.
#[derive(Debug)]
pub(crate) struct Limiter {
    limits: Limits,
    callers: Mutex<HashMap<(String, Class), Arc<Semaphore>>>,
}

impl Limiter {
    /// Nobody calls yet.
    #[must_use]
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, callers: Mutex::default() }
    }

    /// Takes a permit, at once or not at all.
    ///
    /// # Errors
    /// When the caller has all it may have.
    pub(crate) fn enter(&self, caller: &str, class: Class) -> Answer<OwnedSemaphorePermit> {
        let most = self.limits.of(class);
        let semaphore = {
            let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
            let entry = callers.entry((caller.to_owned(), class));
            Arc::clone(entry.or_insert_with(|| Arc::new(Semaphore::new(most))))
        };
        semaphore.try_acquire_owned().map_err(|_| {
            let what = match class {
                Class::Call => "calls",
                Class::Import => "imports",
                Class::Watch => "watches",
            };
            ApiError::new(Reason::TooManyCalls, format!("{caller} has {most} {what} open, no more are allowed"))
                .retry_after(Duration::from_secs(1))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_caller_is_limited_alone_and_a_finished_call_makes_room() {
        let limiter = Limiter::new(Limits { calls: 1, imports: 1, watches: 1 });
        let first = limiter.enter("a", Class::Call).unwrap();
        assert_eq!(limiter.enter("a", Class::Call).unwrap_err().reason(), Reason::TooManyCalls);
        assert!(limiter.enter("b", Class::Call).is_ok());
        assert!(limiter.enter("a", Class::Watch).is_ok());
        drop(first);
        assert!(limiter.enter("a", Class::Call).is_ok());
    }
}
