//! Bytes from a service to product, version and evidence.
//!
//! No I/O. The rules are our own, written from the specifications and from what products print; each reads at most
//! [`REPLY_MAX_BYTES`] once, so the time is bounded by the length. Whatever a service sends gives an answer or none,
//! never a panic. A name is only as true as the service is honest: the evidence stands beside it.

mod certificate;
pub mod dialogue;
pub mod dns;
mod greeting;
mod host;
mod http;
pub mod ldap;
pub mod legacy;
pub mod mssql;
mod mysql;
pub mod ntlm;
pub mod postgres;
mod products;
pub mod rdp;
mod reader;
pub mod recog;
mod recognised;
pub mod redis;
pub mod smb;
pub mod snmp;
pub mod ssh;
mod tls;
pub mod windows;

pub use certificate::{CERTIFICATE_MAX_BYTES, certificate_sha256, spki_sha256};
pub use host::{HostIdentifier, IdentifierKind};
pub use recognised::recognise;
pub use tls::{Tls, TlsRecord, tls_record};

/// What is read of a reply: a response head of a real server fits four times over.
pub const REPLY_MAX_BYTES: usize = 4_096;

/// What is kept of a reply, for people and for later rules.
pub const BANNER_MAX_BYTES: usize = 1_024;

/// Longest vendor, product or version: the longest real one of a Server header seen is about 40.
const NAME_MAX_CHARS: usize = 64;

/// Longest evidence.
const EVIDENCE_MAX_CHARS: usize = 256;

/// What a service said about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Protocol spoken: "http", "ssh", "smtp", "ftp", "tls", …
    pub service: String,
    /// Who makes it; empty: not known.
    pub vendor: String,
    /// What it is; empty: not said.
    pub product: String,
    /// Its version, as printed; empty: not said.
    pub version: String,
    /// Name and value it was read from, for example "http.server: Microsoft-IIS/6.0".
    pub evidence: String,
    /// Spoken inside TLS: set by whoever made the connection.
    pub tls: bool,
    /// Operating system as far as the service gives it away: "Windows Server 2022"; empty: not said.
    pub os_product: String,
    /// Its version or build: "10.0.20348"; empty: not said.
    pub os_version: String,
    /// Newest version of TLS that it agreed to: "TLS 1.0"; empty: none was asked for.
    pub tls_version: String,
}

impl Fingerprint {
    fn new(service: &str, evidence_name: &str, evidence: &str) -> Self {
        Self {
            service: service.to_owned(),
            evidence: clean(&format!("{evidence_name}: {evidence}"), EVIDENCE_MAX_CHARS),
            ..Self::default()
        }
    }

    fn on(mut self, os_product: &str, os_version: &str) -> Self {
        self.os_product = clean(os_product, NAME_MAX_CHARS);
        self.os_version = clean(os_version, NAME_MAX_CHARS);
        self
    }

    fn with(mut self, found: &products::Found<'_>) -> Self {
        self.vendor = found.vendor.to_owned();
        self.product = clean(found.product, NAME_MAX_CHARS);
        self.version = clean(found.version, NAME_MAX_CHARS);
        self
    }
}

/// The part of a reply that is kept.
#[must_use]
pub fn banner(reply: &[u8]) -> &[u8] {
    reply.get(..BANNER_MAX_BYTES).unwrap_or(reply)
}

/// Reads a reply, or what a service says unasked. The port decides only between protocols whose greetings look alike.
#[must_use]
pub fn identify(reply: &[u8], port: u16) -> Option<Fingerprint> {
    let reply = reply.get(..REPLY_MAX_BYTES).unwrap_or(reply);
    if let Some(record) = tls_record(reply) {
        return Some(tls::fingerprint(record));
    }
    http::fingerprint(reply)
        .or_else(|| mysql::fingerprint(reply))
        .or_else(|| redis::answer(reply))
        .or_else(|| greeting::fingerprint(reply, port))
}

/// Text without control characters, of bounded length.
fn clean(text: &str, max_chars: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(max_chars).collect()
}
