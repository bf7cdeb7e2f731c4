//! ClickHouse: schema, exactly-once batches, the queries; rows to domain.

pub mod block;
pub mod encode;
pub mod error;
mod insert;
pub mod options;
pub mod query;
pub mod rows;
mod store;

pub use block::{BlockBuilder, EncodedBlock};
pub use error::{InsertError, StoreError};
pub use options::StoreOptions;
pub use store::Store;
