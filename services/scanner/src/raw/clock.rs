//! Waits and round trips on one axis that nobody sets: that of the rates.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What has arrived is handed over after so long at the latest: a ring's block is given up after 4 ms.
pub(super) const HANDED_OVER_AFTER: Duration = Duration::from_millis(10);

/// An instant on both axes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Both {
    /// Of the rates, ns.
    pub(super) now_ns: u64,
    /// Of the wall, by which the kernel stamps what it receives, ns since 1970.
    pub(super) wall_ns: u64,
}

impl Both {
    pub(super) fn at(now_ns: u64) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { now_ns, wall_ns: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX) }
    }

    /// When a frame arrived that is handed over now. Whatever the wall says by now, it was after the look before this
    /// one, give or take what a block may wait.
    pub(super) fn arrived_ns(self, stamp_ns: u64, looked_ns: u64) -> u64 {
        let age_ns = self.wall_ns.saturating_sub(stamp_ns);
        let earliest_ns = before(looked_ns, HANDED_OVER_AFTER);
        self.now_ns.saturating_sub(age_ns).max(earliest_ns).min(self.now_ns)
    }
}

/// An instant less a time.
pub(super) fn before(at_ns: u64, time: Duration) -> u64 {
    at_ns.saturating_sub(nanos(time))
}

/// A time in ns.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::Both;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_wall_that_is_set_moves_no_answer() {
        let both = Both { now_ns: 500 * MS, wall_ns: 9_000 * MS };
        assert_eq!(both.arrived_ns(8_998 * MS, 495 * MS), 498 * MS);
        // Set forward by an hour after the frame came, and back by one.
        let forward = Both { wall_ns: both.wall_ns + 3_600_000 * MS, ..both };
        assert_eq!(forward.arrived_ns(8_998 * MS, 495 * MS), 485 * MS);
        let back = Both { wall_ns: 0, ..both };
        assert_eq!(back.arrived_ns(8_998 * MS, 495 * MS), 500 * MS);
    }

    proptest! {
        #[test]
        fn an_answer_came_between_two_looks(now_ns: u64, wall_ns: u64, stamp_ns: u64, before in 0..1_000 * MS) {
            let looked_ns = now_ns.saturating_sub(before);
            let arrived_ns = Both { now_ns, wall_ns }.arrived_ns(stamp_ns, looked_ns);
            prop_assert!(arrived_ns <= now_ns && arrived_ns >= looked_ns.saturating_sub(10 * MS));
        }
    }
}
