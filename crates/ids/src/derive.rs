//! The one derivation: SHA-256 over a domain and length-prefixed parts, cut to 16 bytes.

use sha2::{Digest, Sha256};

/// An id in the making. Parts are length-prefixed, so ("ab", "c") and ("a", "bc") differ.
#[derive(Debug, Clone)]
pub struct Derivation(Sha256);

impl Derivation {
    /// Starts in a domain: the kind of id and the kind of derivation.
    #[must_use]
    pub fn new(kind: &str, derivation: &str) -> Self {
        Self(Sha256::new_with_prefix(b"muster.v1.id")).text(kind).text(derivation)
    }

    /// Adds a text part.
    #[must_use]
    pub fn text(self, part: &str) -> Self {
        self.bytes(part.as_bytes())
    }

    /// Adds a part of bytes.
    #[must_use]
    pub fn bytes(mut self, part: &[u8]) -> Self {
        self.0.update((part.len() as u64).to_be_bytes());
        self.0.update(part);
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn number(self, part: u64) -> Self {
        self.bytes(&part.to_be_bytes())
    }

    /// The first 16 bytes of the hash.
    #[must_use]
    pub fn finish(self) -> [u8; 16] {
        let hash = self.0.finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        id
    }
}
