//! Who has answered already: exactly, one bit for each unit of a lease. An answer is a duplicate when its unit has
//! answered before, whatever came in between; a table of recent answers would forget.

use crate::bitmap::Bitmap;

/// Units that one lease may have here: a cell of 256 addresses with every port of both transports, 4 MiB of bits. A
/// common lease has [`crate::UNITS_PER_LEASE`] at most: 8 KiB.
pub const HEARD_UNITS_MAX: u32 = 256 * 131_072;

/// A lease is too large to be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("failed to remember the answers of a lease of {units} units: at most {HEARD_UNITS_MAX}; cut it")]
pub struct HeardError {
    /// Its units.
    pub units: u32,
}

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearing {
    /// The first of its unit.
    First,
    /// Not the first.
    Again,
    /// Of no unit of this lease.
    Foreign,
}

/// The units of a lease that have answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    units: Bitmap,
    count: u32,
}

impl Heard {
    /// Of a lease of so many units, none of which has answered.
    ///
    /// # Errors
    /// When there are more than [`HEARD_UNITS_MAX`].
    pub fn new(units: u32) -> Result<Self, HeardError> {
        if units > HEARD_UNITS_MAX {
            return Err(HeardError { units });
        }
        Ok(Self { units: Bitmap::new(units), count: 0 })
    }

    /// Notes an answer of the unit with this index.
    pub fn hear(&mut self, unit: u32) -> Hearing {
        if unit >= self.units.len() {
            return Hearing::Foreign;
        }
        if self.units.get(unit) {
            return Hearing::Again;
        }
        self.units.set(unit);
        self.count += 1;
        Hearing::First
    }

    /// Whether a unit has answered; those that have not are probed again.
    #[must_use]
    pub fn has(&self, unit: u32) -> bool {
        self.units.get(unit)
    }

    /// How many units have answered.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// One bit for each unit.
    #[must_use]
    pub const fn units(&self) -> &Bitmap {
        &self.units
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;
    use crate::UNITS_PER_LEASE;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn it_is_a_set(units in 0_u32..3_000, answers in proptest::collection::vec(0_u32..3_100, 0..2_000)) {
            let mut heard = Heard::new(units).unwrap();
            let mut model = HashSet::new();
            for unit in answers {
                let expected = match unit {
                    unit if unit >= units => Hearing::Foreign,
                    unit if model.insert(unit) => Hearing::First,
                    _ => Hearing::Again,
                };
                prop_assert_eq!(heard.hear(unit), expected);
            }
            prop_assert_eq!(heard.count() as usize, model.len());
            prop_assert_eq!(heard.units().ones().collect::<HashSet<_>>(), model);
        }
    }

    #[test]
    fn a_duplicate_is_known_however_much_came_in_between() {
        let mut heard = Heard::new(UNITS_PER_LEASE).unwrap();
        assert!((0..UNITS_PER_LEASE).all(|unit| heard.hear(unit) == Hearing::First));
        assert!((0..UNITS_PER_LEASE).all(|unit| heard.hear(unit) == Hearing::Again && heard.has(unit)));
        assert_eq!(heard.count(), UNITS_PER_LEASE);
    }

    #[test]
    fn memory_is_bounded() {
        assert_eq!(Heard::new(HEARD_UNITS_MAX).unwrap().hear(HEARD_UNITS_MAX - 1), Hearing::First);
        assert_eq!(Heard::new(HEARD_UNITS_MAX + 1), Err(HeardError { units: HEARD_UNITS_MAX + 1 }));
    }
}
