//! Instants and spans.

use jiff::{SignedDuration, Timestamp};

use super::ConvertError;

/// To the wire.
#[must_use]
pub fn to_proto(instant: Timestamp) -> prost_types::Timestamp {
    let mut seconds = instant.as_second();
    let mut nanos = instant.subsec_nanosecond();
    // jiff gives both parts the same sign, the wire wants nanoseconds counted forward.
    if nanos < 0 {
        seconds -= 1;
        nanos += 1_000_000_000;
    }
    prost_types::Timestamp { seconds, nanos }
}

/// From the wire; `field` names it in the error.
///
/// # Errors
/// When it is not set or outside the years that exist.
pub fn from_proto(field: &str, instant: Option<&prost_types::Timestamp>) -> Result<Timestamp, ConvertError> {
    optional(field, instant)?.ok_or_else(|| ConvertError::new(field, "not set"))
}

/// From the wire, where it may be unset.
///
/// # Errors
/// When it is outside the years that exist.
pub fn optional(field: &str, instant: Option<&prost_types::Timestamp>) -> Result<Option<Timestamp>, ConvertError> {
    instant
        .map(|instant| {
            Timestamp::new(instant.seconds, instant.nanos)
                .map_err(|error| ConvertError::new(field, format!("not an instant: {error}")))
        })
        .transpose()
}

/// A span to the wire.
#[must_use]
pub fn span_to_proto(span: SignedDuration) -> prost_types::Duration {
    prost_types::Duration { seconds: span.as_secs(), nanos: span.subsec_nanos() }
}

/// A span from the wire; unset is zero.
///
/// # Errors
/// When the parts do not fit together.
pub fn span_from_proto(field: &str, span: Option<&prost_types::Duration>) -> Result<SignedDuration, ConvertError> {
    let Some(span) = span else { return Ok(SignedDuration::ZERO) };
    if span.nanos.unsigned_abs() >= 1_000_000_000 || (span.seconds > 0 && span.nanos < 0) {
        return Err(ConvertError::new(field, "not a duration"));
    }
    Ok(SignedDuration::new(span.seconds, span.nanos))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn instants_round_trip(seconds in -60_000_000_000_i64..200_000_000_000, nanos in 0..1_000_000_000_i32) {
            let instant = Timestamp::new(seconds, nanos).unwrap();
            prop_assert_eq!(super::from_proto("at", Some(&super::to_proto(instant))), Ok(instant));
        }
    }
}
