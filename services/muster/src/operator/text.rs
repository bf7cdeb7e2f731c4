//! Values as a terminal may show them. What was seen on a network is hostile: a banner must not move a cursor.

use std::fmt::Write;
use std::net::IpAddr;

use jiff::Timestamp;

/// The text with everything invisible written out: control characters, and what turns the direction of writing.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if hides(c) {
            // Writing to a String does not fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Control characters; zero-width and direction marks (U+200B to U+200F, U+202A to U+202E, U+2060 to U+2069); line and
/// paragraph separators; the byte-order mark; tags (U+E0000 to U+E007F).
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// An address of 4 or 16 bytes; other bytes are none.
pub(crate) fn address(bytes: &[u8]) -> String {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    let address = v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from));
    address.map(|address| address.to_string()).unwrap_or_default()
}

/// An instant in RFC 3339; empty when it is not set or no instant.
pub(crate) fn instant(at: Option<&prost_types::Timestamp>) -> String {
    at.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok()).map(|at| at.to_string()).unwrap_or_default()
}

/// A share in percent with one decimal, rounded down so that 100 % means all; empty when there is no whole.
#[expect(clippy::integer_division, reason = "rounded down on purpose")]
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return String::new();
    }
    let permille = u128::from(part) * 1000 / u128::from(whole);
    format!("{}.{}%", permille / 10, permille % 10)
}

/// A share and of how many: a sweep may have looked at a part of a site only.
pub(crate) fn share_of(part: u64, whole: u64) -> String {
    if whole == 0 { String::new() } else { format!("{} of {whole}", share(part, whole)) }
}

/// A value inside a filter.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The word of an enum value: `FINDING_STATE_OPEN` without `FINDING_STATE_` is `open`.
pub(crate) fn proto_word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banner_cannot_move_the_cursor() {
        assert_eq!(visible("\u{1b}[2J\u{202e}gpj.exe"), "\\u{1b}[2J\\u{202e}gpj.exe");
        assert_eq!(visible("Zürich 東京"), "Zürich 東京");
    }

    #[test]
    fn all_but_one_is_not_all() {
        assert_eq!(share(99_999, 100_000), "99.9%");
        assert_eq!(share(7, 7), "100.0%");
        assert_eq!(share(0, 0), "");
    }

    #[test]
    fn a_value_cannot_leave_its_quotes() {
        assert_eq!(quoted(r#"a" OR site = "b\"#), r#""a\" OR site = \"b\\""#);
    }
}
