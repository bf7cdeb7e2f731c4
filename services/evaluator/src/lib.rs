//! The evaluator: inputs of a site become the differences of its verdicts, each published once.
//!
//! A partition is a site. One process holds any number of them, each under a role of its own; another process stands by.
//! EVENTS and PLANS are read once a process and handed to the sites (`desk`); what a site makes of them is a state
//! machine without I/O (`partition`). A site begins from the store at what the recorder has committed and from the
//! tails of the streams after that (`restore`); so nothing is kept here that a crash could lose. Differences are
//! appended to the site's subject with its expected last sequence: of two owners one is refused, drops what it knows
//! and begins again.

mod config;
mod convert;
mod desk;
mod error;
mod import;
mod keeper;
mod partition;
mod restore;
mod service;
mod telemetry;
#[cfg(test)]
mod tests;

pub use config::{Config, EvaluatorConfig};
pub use error::EvaluatorError;
pub use service::Service;
