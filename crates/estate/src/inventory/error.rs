//! Why an entry of the inventory's log has no effect.

use muster_ids::ImportId;
use thiserror::Error;

use crate::limits::{CHUNK_ASSETS_MAX, ROWS_MAX};

/// Why an entry of the log has no effect. The inventory stands as before.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StateError {
    /// More assets than an inventory has.
    #[error(
        "failed to take assets: more than {ROWS_MAX} in one inventory, or more than {CHUNK_ASSETS_MAX} in one chunk"
    )]
    TooMany,
    /// One chunk with two contents.
    #[error("failed to take chunk {index} of import {import}: it came before with another content")]
    ChunkDiffers {
        /// The import.
        import: ImportId,
        /// The chunk.
        index: u32,
    },
    /// A chunk is not there.
    #[error("failed to complete import {import}: {found} of {wanted} chunks are there, or others than those")]
    ChunksMissing {
        /// The import.
        import: ImportId,
        /// How many the manifest names.
        wanted: u32,
        /// How many came.
        found: u32,
    },
    /// Rows do not add up.
    #[error("failed to complete import {import}: its manifest names {wanted} rows, its chunks hold {found}")]
    Rows {
        /// The import.
        import: ImportId,
        /// What the manifest says.
        wanted: u64,
        /// What came.
        found: u64,
    },
    /// The content is another.
    #[error("failed to complete import {import}: the hash over its chunks is not that of its manifest")]
    Root {
        /// The import.
        import: ImportId,
    },
    /// A key stands twice.
    #[error("failed to complete import {import}: key {key:?} stands in it twice")]
    DuplicateKey {
        /// The import.
        import: ImportId,
        /// The key.
        key: String,
    },
}
