//! The bound addresses in a file, for whoever started this process with ports of 0.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;

/// Why the file could not be written.
#[derive(Debug, Error)]
#[error("failed to write the bound addresses to {file} (kit.addresses_file): {source}")]
pub(super) struct AddressesError {
    file: PathBuf,
    source: std::io::Error,
}

#[derive(Debug, Clone)]
pub(super) struct Addresses {
    file: Option<PathBuf>,
    bound: Arc<Mutex<BTreeMap<String, SocketAddr>>>,
}

impl Addresses {
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        Self { file, bound: Arc::default() }
    }

    /// Adds one. The file is replaced as a whole, so that a reader never sees half of it.
    pub(super) fn add(&self, what: &str, address: SocketAddr) -> Result<(), AddressesError> {
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        bound.insert(what.to_owned(), address);
        let Some(file) = &self.file else { return Ok(()) };
        let fail = |source| AddressesError { file: file.clone(), source };
        let text = serde_json::to_string(&*bound).map_err(|error| fail(error.into()))?;
        let fresh = file.with_extension("new");
        std::fs::write(&fresh, text).map_err(fail)?;
        std::fs::rename(&fresh, file).map_err(fail)
    }
}
