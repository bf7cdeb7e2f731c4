//! How long a call may take: what the client asks (`grpc-timeout`), at most what the server allows. The same instant
//! bounds the waits of the handler and the query in ClickHouse.

use std::time::Duration;

use http::HeaderMap;
use tokio::time::Instant;

/// When a call has to be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    #[must_use]
    pub(crate) fn after(span: Duration) -> Self {
        Self(Instant::now() + span)
    }

    /// What a request asks, at most `most`; `usual` when it asks nothing that can be read.
    #[must_use]
    pub(crate) fn of(headers: &HeaderMap, usual: Duration, most: Duration) -> Self {
        let asked = headers.get("grpc-timeout").and_then(|value| parse(value.to_str().ok()?));
        Self::after(asked.unwrap_or(usual).min(most))
    }

    /// The instant.
    #[must_use]
    pub(crate) const fn instant(self) -> Instant {
        self.0
    }

    /// What is left.
    #[must_use]
    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// `TimeoutValue TimeoutUnit` of the gRPC protocol over HTTP/2: at most 8 digits and one of H, M, S, m, u, n.
fn parse(text: &str) -> Option<Duration> {
    let (value, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if value.is_empty() || value.len() > 8 || !value.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: u64 = value.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(value * 3600)),
        "M" => Some(Duration::from_secs(value * 60)),
        "S" => Some(Duration::from_secs(value)),
        "m" => Some(Duration::from_millis(value)),
        "u" => Some(Duration::from_micros(value)),
        "n" => Some(Duration::from_nanos(value)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use std::time::Duration;

    #[test]
    fn timeouts_of_the_protocol_are_read() {
        assert_eq!(parse("1500m"), Some(Duration::from_millis(1500)));
        assert_eq!(parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        for wrong in ["", "m", "123456789S", "-1S", "1x", "1é"] {
            assert_eq!(parse(wrong), None, "{wrong:?}");
        }
    }
}
