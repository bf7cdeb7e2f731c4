//! What is said about a host, and why.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::key::Key;
use crate::span::Span;

/// Identity of a host: it follows from its first sighting, so that what comes later does not change it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostKey(pub [u8; 16]);

impl HostKey {
    pub(crate) fn of(first: Timestamp, address: IpAddr, keys: &[Key]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"muster.identity\0");
        hash.update(first.as_nanosecond().to_be_bytes());
        let address = address.to_string();
        for text in [&address].into_iter().chain(keys.iter().map(|key| &key.value)) {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(hash.finalize()) {
            *to = from;
        }
        Self(id)
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// A key of a host, with when it was seen on it and whether it counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Evidence {
    /// The key.
    pub key: Key,
    /// When it was seen on this host.
    pub span: Span,
    /// Whether it is one that several hosts have, and so joins nothing.
    pub ambiguous: bool,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its identity.
    pub id: HostKey,
    /// When it was seen.
    pub span: Span,
    /// Where it was seen, and when, by address.
    pub addresses: Vec<(IpAddr, Span)>,
    /// Its keys, the strongest first.
    pub evidence: Vec<Evidence>,
}
