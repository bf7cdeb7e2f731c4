//! `Retry-After` (RFC 9110, section 10.2.3): seconds, or an instant.

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// Seconds to wait; an instant that has passed is none. `None`: it says neither.
pub(crate) fn seconds(value: &str, now: Timestamp) -> Option<u64> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number can have are still a wish to be left alone.
        return Some(value.parse().unwrap_or(u64::MAX));
    }
    let at = DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(u64::try_from(at.as_second().saturating_sub(now.as_second())).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::seconds;

    #[test]
    fn both_forms_are_read() {
        let now = Timestamp::new(784_111_700, 0).unwrap_or_default();
        assert_eq!(seconds("120", now), Some(120));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(77));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:40:37 GMT", now), Some(0));
        assert_eq!(seconds("99999999999999999999999", now), Some(u64::MAX));
        assert_eq!(seconds("soon", now), None);
    }

    proptest! {
        #[test]
        fn any_text_is_a_wait_or_none(text in ".{0,60}") {
            let _either = seconds(&text, Timestamp::UNIX_EPOCH);
        }
    }
}
