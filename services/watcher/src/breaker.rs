//! When a feed is looked at next: pure, so that a year of failures is tested in a millisecond.

use std::time::Duration;

use muster_kit::Backoff;

/// Failures in a row after which a publisher is left alone for whole intervals.
const OPENS_AFTER: u32 = 5;
/// A publisher may ask to be left alone, but not for ever.
pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3_600);
/// The first repeat after a failure; four more double it to 80 s, then the circuit opens.
const FIRST: Duration = Duration::from_secs(5);

/// What changed by an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turned {
    /// Nothing.
    No,
    /// The circuit is open now: one attempt an interval.
    Open,
    /// It is closed again.
    Closed,
}

/// Counts failures of one feed.
#[derive(Debug, Clone)]
pub(crate) struct Breaker {
    every: Duration,
    salt: String,
    failures: u32,
    attempts: u32,
}

impl Breaker {
    /// For a feed that is looked at in an interval; the salt keeps replicas and feeds apart.
    pub(crate) fn new(every: Duration, salt: String) -> Self {
        Self { every, salt, failures: 0, attempts: 0 }
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.failures >= OPENS_AFTER
    }

    /// The publisher answered.
    pub(crate) fn succeeded(&mut self) -> (Duration, Turned) {
        let turned = if self.is_open() { Turned::Closed } else { Turned::No };
        self.failures = 0;
        (self.interval(), turned)
    }

    /// It did not, or asked to be left alone for a while.
    pub(crate) fn failed(&mut self, retry_after: Option<Duration>) -> (Duration, Turned) {
        self.failures = self.failures.saturating_add(1);
        let backoff = Backoff { first: FIRST, max: self.every.max(FIRST), reset_after: Duration::MAX };
        let wait = if self.is_open() { self.interval() } else { backoff.delay(&self.salt, self.failures - 1) };
        let wait = wait.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX));
        (wait, if self.failures == OPENS_AFTER { Turned::Open } else { Turned::No })
    }

    /// The interval and up to a tenth of it, so that feeds and replicas spread.
    fn interval(&mut self) -> Duration {
        self.attempts = self.attempts.wrapping_add(1);
        let tenth = self.every / 10;
        let jitter = Backoff { first: tenth, max: tenth, reset_after: Duration::MAX };
        // Between a half and the whole of a tenth, less that half.
        self.every + (jitter.delay(&self.salt, self.attempts) - tenth / 2) * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hourly(salt: &str) -> Breaker {
        Breaker::new(Duration::from_secs(3_600), salt.to_owned())
    }

    #[test]
    fn waits_grow_until_the_circuit_opens_and_one_answer_closes_it() {
        let mut breaker = hourly("a");
        for (failure, full_s) in [5_u64, 10, 20, 40].into_iter().enumerate() {
            let (wait, turned) = breaker.failed(None);
            assert_eq!(turned, Turned::No, "{failure}");
            assert!(wait >= Duration::from_secs(full_s) / 2 && wait <= Duration::from_secs(full_s), "{wait:?}");
        }
        let (wait, turned) = breaker.failed(None);
        assert_eq!(turned, Turned::Open);
        assert!(wait >= Duration::from_secs(3_600));
        assert_eq!(breaker.failed(None).1, Turned::No);
        assert_eq!(breaker.succeeded().1, Turned::Closed);
        assert!(breaker.failed(None).0 <= Duration::from_secs(5));
    }

    #[test]
    fn a_publisher_is_left_alone_for_a_day_at_most() {
        assert_eq!(hourly("a").failed(Some(Duration::from_secs(120))).0, Duration::from_secs(120));
        assert_eq!(hourly("a").failed(Some(Duration::MAX)).0, RETRY_AFTER_MAX);
    }

    #[test]
    fn intervals_spread_over_a_tenth() {
        let mut breaker = hourly("a");
        let waits: Vec<Duration> = (0..100).map(|_| breaker.succeeded().0).collect();
        assert!(waits.iter().all(|wait| (3_600..=3_960).contains(&wait.as_secs())), "{waits:?}");
        assert!(waits.iter().any(|wait| wait.as_secs() > 3_900) && waits.iter().any(|wait| wait.as_secs() < 3_660));
    }
}
