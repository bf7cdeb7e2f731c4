//! Why a scanner does not start, or lets go of a lease.

use std::path::PathBuf;

use muster_bus::{BusError, KvError, PublishError};
use muster_estate::scope::ScopeError;
use thiserror::Error;

/// A failure of the scanner. What was reported stands; whoever takes the lease next goes on after it.
#[derive(Debug, Error)]
pub enum ScannerError {
    /// A site that cannot be one.
    #[error("failed to read scanner.sites: {cause}")]
    Site {
        /// What is wrong.
        cause: String,
    },
    /// A trusted key that is none.
    #[error("failed to read scanner.trusted_keys: {0}")]
    Keys(#[from] ScopeError),
    /// A fingerprint file that is not as it should be.
    #[error("failed to read fingerprints.recog_dir: {0}")]
    Fingerprints(#[from] muster_identify::recog::Error),
    /// The folder of fingerprint files, or one of them, cannot be read.
    #[error("failed to read fingerprints.recog_dir: {}: {cause}", path.display())]
    FingerprintFiles {
        /// Folder or file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// Another scanner published on the lease's subject.
    #[error("failed to go on with order {order}: another scanner took it over")]
    TakenOver {
        /// Which.
        order: String,
    },
    /// The last message on a lease's subject is neither a slice nor an outcome that this version can read.
    #[error("failed to read how far order {order} is: {cause}; upgrade this scanner")]
    Checkpoint {
        /// Which.
        order: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The process is to stop.
    #[error("failed to go on with order {order}: this scanner stops")]
    Stopping {
        /// Which.
        order: String,
    },
    /// A task of a site panicked.
    #[error("failed to go on: a task of a site panicked (a bug: please report it)")]
    Panicked,
    /// The bus.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A bucket.
    #[error(transparent)]
    Kv(#[from] KvError),
    /// A slice or an outcome was not accepted.
    #[error(transparent)]
    Publish(#[from] PublishError),
}
