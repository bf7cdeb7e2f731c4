//! The recorder: EVENTS, PLANS and VERDICTS become rows, each exactly once.
//!
//! One recorder is active a stream, others stand by. A batch is a contiguous range of a stream. One record per stream,
//! changed by compare-and-set once a batch, commits the last range and declares the next; the rows of a declared range
//! go in with deduplication tokens made of it. So whoever dies at whatever moment, the next one inserts the declared
//! range again with the same tokens, and a row stands once.

mod blocks;
mod config;
mod error;
mod keeper;
mod prepare;
mod rows;
mod service;
mod stream;
mod telemetry;

pub use config::{Config, RecorderConfig};
pub use error::RecorderError;
pub use service::Service;
