//! Between messages and what the rules know.

pub(crate) mod inputs;
pub(crate) mod published;
pub(crate) mod verdicts;
pub(crate) mod words;

use jiff::Timestamp;

/// Cuts to whole milliseconds, as the store keeps time: an input that comes back from a row is the same input.
pub(crate) fn to_millis(at: Timestamp) -> Timestamp {
    from_millis(at.as_millisecond())
}

/// An instant of the store.
pub(crate) fn from_millis(millis: i64) -> Timestamp {
    // A row holds years 1900 to 2299, jiff more.
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// An instant of the store that may be unset.
pub(crate) fn optional_millis(millis: i64) -> Option<Timestamp> {
    (millis != 0).then(|| from_millis(millis))
}
