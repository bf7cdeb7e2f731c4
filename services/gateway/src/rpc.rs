//! The services of `muster.v1`, one file each.

pub(crate) mod audit;
pub(crate) mod bulletin;
pub(crate) mod estate;
pub(crate) mod finding;
pub(crate) mod gate;
pub(crate) mod host;
pub(crate) mod inventory;
pub(crate) mod ledger;
pub(crate) mod sweep;
pub(crate) mod verdict;

use crate::error::{Answer, ApiError};

/// Reads an id of a request.
fn id(field: &'static str, bytes: &[u8]) -> Answer<[u8; 16]> {
    bytes.try_into().map_err(|_| ApiError::field(field, format!("an id is 16 bytes, not {}", bytes.len())))
}
