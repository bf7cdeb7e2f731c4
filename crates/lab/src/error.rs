//! What can go wrong.

use std::net::SocketAddr;

/// Why the lab does not stand.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A row of the list makes no sense.
    #[error("failed to read the listeners: line {line}: {what}")]
    Row {
        /// Line in the file.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// A port is taken, or the address is not of this machine.
    #[error("failed to listen on {at}: {source}; see what holds it with `ss -ltnp`")]
    Listen {
        /// Where.
        at: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// No certificate.
    #[error("failed to make a certificate for {at}: {what}")]
    Certificate {
        /// For which listener.
        at: SocketAddr,
        /// Why.
        what: String,
    },
}
