//! The one binary: every service, one machine's whole stack, and the operator's command line.

pub mod config;

pub mod operator;
pub mod process;
pub mod report;
