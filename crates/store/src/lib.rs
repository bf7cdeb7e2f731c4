//! ClickHouse: schema, exactly-once batches, the queries; rows to domain.

pub mod block;
mod durability;
pub mod encode;
pub mod error;
mod http;
mod insert;
pub mod options;
pub mod permissions;
pub mod query;
mod recorded;
pub mod rows;
pub mod schema;
pub mod snapshot;
mod store;
mod version;

pub use block::{BlockBuilder, EncodedBlock};
pub use error::{InsertError, StoreError};
pub use options::StoreOptions;
pub use recorded::Recorded;
pub use schema::{SCHEMA_VERSION, TableEngine};
pub use store::Store;

#[cfg(test)]
mod tests;
