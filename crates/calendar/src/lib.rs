//! When something is due. No clock: now is an argument.

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

/// Why something cannot recur so.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RecurrenceError {
    /// Too often.
    #[error("a recurrence of {every:?} is shorter than one second")]
    TooOften {
        /// What was asked for.
        every: SignedDuration,
    },
}

/// Instants at `anchor`, `anchor + every`, `anchor + 2 every`, …
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recurrence {
    anchor: Timestamp,
    every: SignedDuration,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The newest instant that is due.
    pub at: Timestamp,
    /// Older ones that were due after the last firing and are covered by this one: work that was missed for a day is
    /// done once, not once an hour of that day.
    pub missed: u64,
}

impl Recurrence {
    /// A recurrence.
    ///
    /// # Errors
    /// When it is shorter than one second.
    pub fn new(anchor: Timestamp, every: SignedDuration) -> Result<Self, RecurrenceError> {
        if every < SignedDuration::from_secs(1) {
            return Err(RecurrenceError::TooOften { every });
        }
        Ok(Self { anchor, every })
    }

    /// What is due at `now`, if the last firing was for `last`.
    #[must_use]
    pub fn due(&self, last: Option<Timestamp>, now: Timestamp) -> Option<Due> {
        let newest = self.index_at(now)?;
        let first = match last {
            Some(last) => self.index_at(last).map_or(0, |index| index + 1),
            None => newest,
        };
        (first <= newest).then(|| Due { at: self.instant(newest), missed: newest - first })
    }

    /// The next instant after `now`.
    #[must_use]
    pub fn next_after(&self, now: Timestamp) -> Timestamp {
        self.instant(self.index_at(now).map_or(0, |index| index + 1))
    }

    /// Index of the newest instant at or before `now`; `None` before the anchor.
    fn index_at(&self, now: Timestamp) -> Option<u64> {
        let since = now.as_nanosecond() - self.anchor.as_nanosecond();
        u64::try_from(since.div_euclid(self.every.as_nanos())).ok()
    }

    fn instant(&self, index: u64) -> Timestamp {
        let at = self.anchor.as_nanosecond() + i128::from(index) * self.every.as_nanos();
        Timestamp::from_nanosecond(at).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;

    use super::{Due, Recurrence};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn hourly() -> Recurrence {
        Recurrence::new(at(7200), SignedDuration::from_hours(1)).unwrap()
    }

    #[test]
    fn nothing_is_due_before_the_anchor() {
        assert_eq!(hourly().due(None, at(7199)), None);
        assert_eq!(hourly().next_after(at(0)), at(7200));
    }

    #[test]
    fn an_instant_is_due_once() {
        assert_eq!(hourly().due(None, at(7200)), Some(Due { at: at(7200), missed: 0 }));
        assert_eq!(hourly().due(Some(at(7200)), at(10_799)), None);
        assert_eq!(hourly().due(Some(at(7200)), at(10_800)), Some(Due { at: at(10_800), missed: 0 }));
    }

    #[test]
    fn what_was_missed_is_done_once_and_counted() {
        assert_eq!(
            hourly().due(Some(at(7200)), at(7200 + 5 * 3600 + 1)),
            Some(Due { at: at(7200 + 5 * 3600), missed: 4 })
        );
    }

    #[test]
    fn a_clock_that_goes_back_fires_nothing() {
        assert_eq!(hourly().due(Some(at(14_400)), at(7300)), None);
    }

    proptest! {
        #[test]
        fn a_walk_through_time_fires_every_instant_once_or_counts_it(steps in prop::collection::vec(1_i64..20_000, 1..60)) {
            let rule = hourly();
            let (mut now, mut last, mut covered) = (0, None, 0);
            for step in steps {
                now += step;
                if let Some(due) = rule.due(last, at(now)) {
                    prop_assert!(last.is_none_or(|last| last < due.at));
                    covered += 1 + if last.is_some() { due.missed } else { 0 };
                    last = Some(due.at);
                }
            }
            if let Some(last) = last {
                let first_seen = u64::try_from((last.as_second() - 7200) / 3600 + 1).unwrap();
                prop_assert!(covered <= first_seen);
                prop_assert!(rule.next_after(at(now)) > at(now));
            }
        }
    }
}
