//! The one binary: every service, one machine's whole stack, and the operator's command line.

pub mod attempt;
pub mod config;
pub mod demo;
pub mod lab;
pub mod operator;
pub mod process;
pub mod report;
