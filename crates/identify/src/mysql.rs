//! MySQL and MariaDB: the initial handshake packet, protocol 10, or an error packet (MySQL internals manual,
//! "Connection Phase Packets").

use crate::Fingerprint;
use crate::products::Found;

pub(crate) fn fingerprint(reply: &[u8]) -> Option<Fingerprint> {
    // Payload length (3, little endian), sequence id 0, then the payload.
    let [low, middle, high, 0, payload @ ..] = reply else { return None };
    let length = usize::from(*low) | usize::from(*middle) << 8 | usize::from(*high) << 16;
    if !(4..=1_024).contains(&length) || payload.len() < length.min(4) {
        return None;
    }
    match payload {
        [10, rest @ ..] => {
            let end = rest.iter().take(64).position(|byte| *byte == 0)?;
            let version = std::str::from_utf8(rest.get(..end)?).ok()?;
            if !version.starts_with(|c: char| c.is_ascii_digit()) {
                return None;
            }
            Some(Fingerprint::new("mysql", "mysql.version", version).with(&product(version)))
        }
        // Error 1130 is "Host … is not allowed to connect"; no version.
        [0xff, code_low, code_high, rest @ ..]
            if matches!(u16::from_le_bytes([*code_low, *code_high]), 1_000..=1_999) =>
        {
            let text = String::from_utf8_lossy(rest.get(..length - 3).unwrap_or(rest));
            let found = if text.contains("MariaDB") {
                Found { vendor: "MariaDB", product: "MariaDB", version: "" }
            } else {
                Found { vendor: "Oracle", product: "MySQL", version: "" }
            };
            Some(Fingerprint::new("mysql", "mysql.error", &text).with(&found))
        }
        _ => None,
    }
}

/// MariaDB up to 10 prints "5.5.5-" before its own version, for replicas that know only MySQL.
fn product(version: &str) -> Found<'_> {
    let own = version.strip_prefix("5.5.5-").unwrap_or(version);
    let number = own.split(['-', '+']).next().unwrap_or(own);
    if version.contains("MariaDB") {
        Found { vendor: "MariaDB", product: "MariaDB", version: number }
    } else {
        Found { vendor: "Oracle", product: "MySQL", version: number }
    }
}
