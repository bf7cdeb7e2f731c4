//! What an inventory says about assets: read from CSV, cut into chunks under one hash, compared, and kept by revision.

mod chunk;
mod compare;
mod csv;
mod encode;
mod error;
pub mod identifier;
mod row;
mod seen;
mod sources;
mod state;

pub use self::csv::read_csv;
pub use chunk::{Chunk, Import, Manifest, import, root_sha256};
pub use compare::{Comparison, compare};
pub use encode::{canonical_asset, chunk_sha256};
pub use error::StateError;
pub use seen::check_assets;
pub(crate) use seen::check_source;
pub use sources::{CSV, Merged, Stated, merge};
pub use state::{Effect, InventoryState, Outcome};
