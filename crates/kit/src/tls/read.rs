//! PEM files, each error with the file's name.

use std::io::Read as _;
use std::path::Path;

use rustls::RootCertStore;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsError;

/// A bundle of 150 authorities, as operating systems ship it, is 220 KiB; this is four times as much.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Reads a file within its limit.
pub(super) fn read_file(file: &Path) -> Result<Vec<u8>, TlsError> {
    let fail = |source| TlsError::Read { file: file.to_owned(), source };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(fail)?;
    opened.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(TlsError::Large { file: file.to_owned(), limit: MAX_FILE_BYTES });
    }
    Ok(bytes)
}

fn pem(file: &Path, what: &'static str, reason: impl ToString) -> TlsError {
    TlsError::Pem { file: file.to_owned(), what, reason: reason.to_string() }
}

pub(super) fn certificates(file: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let what = "certificates";
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    let found = found.map_err(|error| pem(file, what, error))?;
    if found.is_empty() {
        return Err(pem(file, what, "there is no CERTIFICATE section"));
    }
    Ok(found)
}

pub(super) fn key(file: &Path, bytes: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(bytes).map_err(|error| pem(file, "a private key", error))
}

pub(super) fn roots(file: &Path, bytes: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(file, bytes)? {
        let fail = |error: rustls::Error| TlsError::Roots { file: file.to_owned(), reason: error.to_string() };
        store.add(certificate).map_err(fail)?;
    }
    Ok(store)
}

/// Reads a chain.
///
/// # Errors
/// When the file cannot be read or holds no certificate.
pub fn load_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    certificates(file, &read_file(file)?)
}

/// Reads a private key.
///
/// # Errors
/// When the file cannot be read or holds no key.
pub fn load_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    key(file, &read_file(file)?)
}

/// Reads authorities to trust.
///
/// # Errors
/// When the file cannot be read, holds no certificate, or one that cannot be an authority.
pub fn load_roots(file: &Path) -> Result<RootCertStore, TlsError> {
    roots(file, &read_file(file)?)
}
