//! Instants as the state keeps them: whole microseconds since 1970.
//!
//! Everything is cut to microseconds on its way in, so that a verdict that comes back from a row compares equal.

use jiff::{SignedDuration, Timestamp};

/// Microseconds since 1970.
pub(crate) type Us = i64;

/// Before every instant.
pub(crate) const NEVER: Us = i64::MIN;
/// After every instant.
pub(crate) const FOREVER: Us = i64::MAX;

/// A duration in microseconds; at least zero.
pub(crate) fn span(duration: SignedDuration) -> Us {
    i64::try_from(duration.as_micros()).unwrap_or(FOREVER).max(0)
}

/// An instant for a message: what is out of jiff's years is cut to them.
pub(crate) fn instant(us: Us) -> Timestamp {
    Timestamp::from_microsecond(us).unwrap_or(if us < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// An instant that may not be.
pub(crate) fn optional(us: Us) -> Option<Timestamp> {
    (us != NEVER && us != FOREVER).then(|| instant(us))
}
