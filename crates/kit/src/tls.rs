//! Certificates and keys from PEM files, reloaded when they change.
//!
//! One TLS stack (rustls with aws-lc-rs), TLS 1.2 and 1.3. [`TlsMaterial`] holds what the files said last that could be
//! used; the configurations it gives look there on each handshake, so a renewed certificate needs no restart.

mod material;
mod read;
mod resolve;
#[cfg(test)]
mod tests;

pub use material::{Reload, TlsMaterial};
pub use read::{load_certificates, load_key, load_roots};

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Where the files are: a `tls` section of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsFiles {
    /// PEM: the certificate, then its intermediates.
    pub certificate: Option<PathBuf>,
    /// PEM: the private key (PKCS #8, PKCS #1 or SEC 1).
    pub key: Option<PathBuf>,
    /// PEM: the authorities. A server then requires a client's certificate (mTLS); a client trusts these and no other.
    pub ca: Option<PathBuf>,
}

/// Why TLS cannot be set up.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("failed to read {file}: {source}")]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file is too large to be what it should.
    #[error("failed to read {file}: it is larger than {limit} bytes, so it is not a PEM file of certificates or a key")]
    Large {
        /// The file.
        file: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// A file does not hold what it should.
    #[error("failed to find {what} in {file}: {reason}")]
    Pem {
        /// The file.
        file: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// The certificate and the key cannot be used together.
    #[error("failed to use certificate {certificate} with key {key}: {source}")]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
    /// The authorities cannot be used.
    #[error("failed to use the authorities in {file}: {reason}")]
    Roots {
        /// The file.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A file that is needed is not configured.
    #[error("failed to set up TLS: {missing} is not configured, and {needed_by} needs it")]
    Missing {
        /// The key of the configuration.
        missing: &'static str,
        /// Who needs it.
        needed_by: &'static str,
    },
    /// rustls refuses the configuration.
    #[error("failed to set up TLS: {0}")]
    Config(#[from] rustls::Error),
}

/// Makes aws-lc-rs the provider of this process. May be called again.
pub fn install_provider() {
    // An error says that one is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
