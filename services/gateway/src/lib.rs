//! The gateway: gRPC answers, and commands as events with their actor.
//!
//! It keeps nothing. Answers come from the store (and the estate from its bucket); a command is an event on the bus,
//! accepted or refused before the call returns. Every call passes one gate that knows who calls, what they may, how
//! long it takes and how much they do at once.

mod connection;
mod deadline;
pub mod error;
pub mod filter;
mod guard;
pub mod identity;
mod limit;
pub mod matrix;
pub mod page;
mod telemetry;
