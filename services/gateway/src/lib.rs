//! The gateway: gRPC answers, and commands as events with their actor.
//!
//! It keeps nothing. Answers come from the store (and the estate from its bucket); a command is an event on the bus,
//! accepted or refused before the call returns. Every call passes one gate that knows who calls, what they may, how
//! long it takes and how much they do at once.

mod answer;
pub mod config;
mod connection;
mod core;
mod deadline;
pub mod error;
mod estate_bucket;
mod estate_change;
pub mod filter;
mod guard;
pub mod identity;
mod inventory_log;
mod keys;
mod limit;
mod lists;
pub mod matrix;
pub mod page;
mod progress;
mod realms;
mod rpc;
mod service;
mod telemetry;
mod watch;

pub use config::{Config, ConfigError, GatewayConfig};
pub use keys::KeyError;
pub use service::{AccessFileError, Service};
