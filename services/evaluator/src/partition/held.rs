//! What waits for the other stream.

use muster_ids::{ImportId, OrderId};
use muster_proto::v1;

use super::leases::SliceBits;

/// A sweep's end that waits.
#[derive(Debug)]
pub(super) struct HeldEnd {
    pub(super) sequence: u64,
    pub(super) finished: v1::SweepFinished,
    /// Position of EVENTS that it waits for; `None` until that was asked.
    pub(super) until: Option<u64>,
}

/// Bits of a slice that wait.
#[derive(Debug)]
pub(super) struct HeldSlice {
    pub(super) sequence: u64,
    pub(super) order: OrderId,
    pub(super) bits: SliceBits,
    /// Position of PLANS that they wait for; `None` until that was asked.
    pub(super) until: Option<u64>,
}

/// An import whose chunks have to be fetched.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    pub(crate) id: ImportId,
    pub(crate) manifest: v1::InventoryManifest,
    /// Where the manifest stands in EVENTS.
    pub(crate) sequence: u64,
    /// Where its first chunk stands, if that was read.
    pub(crate) first_chunk: Option<u64>,
}
