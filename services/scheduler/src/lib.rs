//! The scheduler: what is due becomes sweeps, audits and orders, each exactly once.
//!
//! It decides by publishing. Everything about a site's sweeps is one log, `muster.v1.plan.<site>.sweep`; a decision is
//! appended with the expected last sequence of that log, so of two replicas one is refused, reads what the other wrote,
//! and decides again. It keeps nothing that PLANS does not hold: the book is PLANS read from the start, and outcomes are
//! the last messages of the leases' subjects.

mod audit;
mod book;
mod config;
mod error;
mod estate;
mod position;
mod service;
mod site_log;
mod telemetry;
mod work;

pub use config::{Config, SchedulerConfig};
pub use error::SchedulerError;
pub use service::Service;
