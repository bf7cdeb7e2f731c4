//! An import: chunks that have no effect before their manifest, and one hash over all of them.

use sha2::{Digest, Sha256};

use super::encode::{canonical_asset, chunk_sha256};
use crate::limits::{CHUNK_ASSETS_MAX, CHUNK_BYTES_MAX};
use crate::model::Asset;

/// A part of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Place in the import, from 0.
    pub index: u32,
    /// At most 1,000 assets and 160 KiB of them.
    pub assets: Vec<Asset>,
    /// Its hash.
    pub sha256: [u8; 32],
}

/// What a complete import consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// How many chunks.
    pub chunks: u32,
    /// How many assets.
    pub rows: u64,
    /// SHA-256 over the chunks' SHA-256 in order.
    pub root_sha256: [u8; 32],
}

/// An inventory cut for its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The parts, in order; each carries its hash.
    pub chunks: Vec<Chunk>,
    /// What makes them one.
    pub manifest: Manifest,
}

/// Cuts an inventory into chunks, by key: the same assets have the same root hash however they were ordered.
#[must_use]
pub fn import(mut assets: Vec<Asset>) -> Import {
    assets.sort_by(|a, b| a.key.cmp(&b.key));
    let rows = assets.len() as u64;
    let mut chunks = Vec::new();
    let mut open: Vec<Asset> = Vec::new();
    let mut open_bytes = 0;
    for asset in assets {
        // The length before the encoding counts too.
        let bytes = 4 + canonical_asset(&asset).len();
        if !open.is_empty() && (open.len() >= CHUNK_ASSETS_MAX || open_bytes + bytes > CHUNK_BYTES_MAX) {
            chunks.push(close(chunks.len(), std::mem::take(&mut open)));
            open_bytes = 0;
        }
        open_bytes += bytes;
        open.push(asset);
    }
    if !open.is_empty() {
        chunks.push(close(chunks.len(), open));
    }
    let root_sha256 = root_sha256(chunks.iter().map(|chunk| &chunk.sha256));
    let manifest = Manifest { chunks: u32::try_from(chunks.len()).unwrap_or(u32::MAX), rows, root_sha256 };
    Import { chunks, manifest }
}

fn close(index: usize, assets: Vec<Asset>) -> Chunk {
    Chunk { index: u32::try_from(index).unwrap_or(u32::MAX), sha256: chunk_sha256(&assets), assets }
}

/// The hash of an import: SHA-256 over its chunks' hashes in order.
pub fn root_sha256<'a>(chunks: impl IntoIterator<Item = &'a [u8; 32]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for chunk in chunks {
        hash.update(chunk);
    }
    hash.finalize().into()
}
