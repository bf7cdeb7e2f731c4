//! What can go wrong between a process and the bus.

use thiserror::Error;

/// A failure to reach or use the bus. Each says what to look at next.
#[derive(Debug, Error)]
pub enum BusError {
    /// No server at the address.
    #[error("failed to reach NATS at {url}: {cause}; is it running, and is bus.url right?")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        cause: String,
    },
    /// The server refused the credentials.
    #[error("failed to log in to NATS at {url} as {user:?}: wrong user or password; check bus.user and bus.password")]
    Unauthorized {
        /// Where.
        url: String,
        /// As whom.
        user: String,
    },
    /// A certificate without its key, or the other way round.
    #[error("failed to set up TLS to NATS: bus.cert_file and bus.key_file go together; set both or neither")]
    HalfCertificate,
    /// The server is older than what Muster needs.
    #[error(
        "failed to use NATS at {url}: its JetStream API level is {found}, at least {wanted} is needed; use nats-server 2.15 \
         or newer"
    )]
    TooOld {
        /// Where.
        url: String,
        /// API level found.
        found: u32,
        /// API level needed.
        wanted: u32,
    },
    /// A stream or a bucket is not there.
    #[error("failed to find {what} on the bus; run `muster provision` first")]
    Missing {
        /// Stream or bucket.
        what: String,
    },
    /// The user may not do this.
    #[error("failed to {action}: the NATS user {user:?} lacks the permission; see `muster permissions nats`")]
    Forbidden {
        /// What was tried.
        action: String,
        /// As whom.
        user: String,
    },
    /// Anything else, with what was being done.
    #[error("failed to {action}: {cause}")]
    Failed {
        /// What was being done.
        action: String,
        /// Why it did not work.
        cause: String,
    },
}

impl BusError {
    pub(crate) fn failed(action: impl Into<String>, cause: impl std::fmt::Display) -> Self {
        Self::Failed { action: action.into(), cause: cause.to_string() }
    }
}
