//! The name of a certificate: the SHA-256 of its DER.

use sha2::{Digest, Sha256};

/// Larger leaf certificates are named and not kept.
pub const CERTIFICATE_MAX_BYTES: usize = 16 * 1_024;

/// SHA-256 over the DER of a leaf certificate.
#[must_use]
pub fn certificate_sha256(der: &[u8]) -> [u8; 32] {
    Sha256::digest(der).into()
}
