//! Of all units planned, what became of them.

use crate::bitmap::Bitmap;

/// What became of the units of a slice or of many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SliceCounts {
    /// A connection was made.
    pub open: u64,
    /// The host answered that nothing listens.
    pub closed: u64,
    /// No answer.
    pub silent: u64,
    /// Not probed.
    pub skipped: u64,
}

impl SliceCounts {
    /// Counts a slice of `units` units. `None` when it contradicts itself: bitmaps of another length, a unit both
    /// closed and skipped, or more answers than units.
    #[must_use]
    pub fn of_slice(units: u32, open: usize, closed: &Bitmap, skipped: &Bitmap) -> Option<Self> {
        if closed.len() != units || skipped.len() != units || closed.overlaps(skipped) {
            return None;
        }
        let open = u64::try_from(open).ok()?;
        let (closed, skipped) = (u64::from(closed.count()), u64::from(skipped.count()));
        let silent = u64::from(units).checked_sub(open)?.checked_sub(closed)?.checked_sub(skipped)?;
        Some(Self { open, closed, silent, skipped })
    }

    /// All units.
    #[must_use]
    pub const fn units(&self) -> u64 {
        self.open + self.closed + self.silent + self.skipped
    }
}

impl std::ops::AddAssign for SliceCounts {
    fn add_assign(&mut self, other: Self) {
        self.open += other.open;
        self.closed += other.closed;
        self.silent += other.silent;
        self.skipped += other.skipped;
    }
}

/// Coverage of a sweep: `planned = open + closed + silent + skipped + lost`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coverage {
    planned: u64,
    counts: SliceCounts,
    lost: u64,
}

impl Coverage {
    /// Of a sweep that planned so many units.
    #[must_use]
    pub const fn of(planned: u64) -> Self {
        Self { planned, counts: SliceCounts { open: 0, closed: 0, silent: 0, skipped: 0 }, lost: 0 }
    }

    /// Adds a lease of `units` units, of which `reached` were reported: the rest is lost. A lease that reports more
    /// than it has is counted by what it reported, and the coverage then does not balance.
    pub fn add_lease(&mut self, units: u64, reached: SliceCounts) {
        self.counts += reached;
        self.lost += units.saturating_sub(reached.units());
    }

    /// Whether every planned unit is accounted for exactly once.
    #[must_use]
    pub const fn balances(&self) -> bool {
        self.planned == self.counts.units() + self.lost
    }

    /// Units planned.
    #[must_use]
    pub const fn planned(&self) -> u64 {
        self.planned
    }

    /// What became of those that were reached.
    #[must_use]
    pub const fn counts(&self) -> SliceCounts {
        self.counts
    }

    /// Units of leases that failed before they reached them.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// Units that were probed, of those planned; 0 when nothing was planned.
    #[must_use]
    pub fn probed_share(&self) -> f64 {
        share(self.counts.units() - self.counts.skipped, self.planned)
    }

    /// Units that answered, of those planned; 0 when nothing was planned.
    #[must_use]
    pub fn answered_share(&self) -> f64 {
        share(self.counts.open + self.counts.closed, self.planned)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share for people; exact to 2^52 units")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_lease_that_stops_early_loses_the_rest() {
        let mut coverage = Coverage::of(3_000);
        coverage.add_lease(2_000, SliceCounts { open: 3, closed: 1_900, silent: 90, skipped: 7 });
        coverage.add_lease(1_000, SliceCounts { open: 0, closed: 400, silent: 0, skipped: 100 });
        assert_eq!(coverage.lost(), 500);
        assert!(coverage.balances());
        assert!((coverage.answered_share() - 2_303.0 / 3_000.0).abs() < 1e-9);
        coverage.add_lease(0, SliceCounts { open: 1, ..SliceCounts::default() });
        assert!(!coverage.balances());
    }

    #[test]
    fn a_slice_that_contradicts_itself_is_refused() {
        let mut closed = Bitmap::new(4);
        closed.set(1);
        let mut skipped = Bitmap::new(4);
        skipped.set(2);
        let counts = SliceCounts::of_slice(4, 1, &closed, &skipped).unwrap();
        assert_eq!(counts, SliceCounts { open: 1, closed: 1, silent: 1, skipped: 1 });
        assert_eq!(SliceCounts::of_slice(4, 3, &closed, &skipped), None);
        skipped.set(1);
        assert_eq!(SliceCounts::of_slice(4, 0, &closed, &skipped), None);
        assert_eq!(SliceCounts::of_slice(5, 0, &closed, &closed), None);
    }
}
