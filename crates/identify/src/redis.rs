//! Redis: its error to what it does not know, and its `INFO` where nobody has to log in.

use crate::Fingerprint;
use crate::products::{Found, leading_version};

/// The section "server" of INFO: version, operating system, no data.
pub const QUESTION: &[u8] = b"INFO server\r\n";

/// Reads a bulk string, or an error.
#[must_use]
pub fn answer(reply: &[u8]) -> Option<Fingerprint> {
    let text = String::from_utf8_lossy(reply);
    if text.starts_with('$') {
        let value = |name: &str| text.lines().take(64).find_map(|line| line.strip_prefix(name));
        let (product, vendor, version) = match (value("valkey_version:"), value("redis_version:")) {
            (Some(version), _) => ("Valkey", "Valkey", version),
            (None, Some(version)) => ("Redis", "Redis", version),
            (None, None) => return None,
        };
        let found = Found { vendor, product, version: leading_version(version) };
        return Some(Fingerprint::new("redis", "redis.info", version).with(&found));
    }
    let line = text.lines().next()?;
    let known = ["-NOAUTH", "-DENIED", "-NOPERM", "-ERR unknown command", "-ERR wrong number of arguments", "-LOADING"];
    known.iter().any(|start| line.starts_with(start)).then(|| {
        let found = Found { vendor: "Redis", product: "Redis", version: "" };
        Fingerprint::new("redis", "redis.error", line).with(&found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_and_errors_are_read() {
        let print = answer(b"$30\r\n# Server\r\nredis_version:7.0.15\r\nos:Linux\r\n").unwrap();
        assert_eq!((print.product.as_str(), print.version.as_str()), ("Redis", "7.0.15"));
        assert_eq!(answer(b"-NOAUTH Authentication required.\r\n").unwrap().version, "");
        assert_eq!(answer(b"-ERR no such user\r\n"), None);
    }
}
