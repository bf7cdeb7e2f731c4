//! The scanner: takes a lease, connects to each of its units, asks the open ones what they are, and reports slices.
//!
//! Nothing is sent but through a [`gate::Gate`]: halt, scope and rates. Event k of a lease is slice k, published on the
//! lease's own subject with the expected last sequence, so the last message there is the whole checkpoint: whoever goes
//! on with a lease begins after it, and whoever was thought dead is refused.

mod config;
pub mod connect;
pub mod engine;
mod error;
pub mod fingerprints;
pub mod gate;
mod hold;
mod job;
mod lease;
mod log;
pub mod probe;
pub mod rate;
pub mod raw;
mod report;
mod scope;
mod service;
mod site;
mod telemetry;
mod worker;

pub use config::{Config, Engine, FingerprintsConfig, ScannerConfig};
pub use error::ScannerError;
pub use service::Service;
