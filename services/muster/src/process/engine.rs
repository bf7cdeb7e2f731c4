//! `muster engine clickhouse`: the embedded store, in a process of its own.

use std::ffi::OsString;

use muster_kit::{Exit, Failure};

/// Runs the engine with the arguments that its starter made: `clickhouse LIBRARY ARGUMENT…`.
///
/// # Errors
/// When the engine is not known, or its library cannot be loaded.
pub fn run_engine(arguments: &[OsString]) -> Result<(), Failure> {
    let [engine, rest @ ..] = arguments else {
        return Err(Failure::message(Exit::Usage, "failed to run an engine: name one, `clickhouse`"));
    };
    if engine != "clickhouse" {
        return Err(Failure::message(Exit::Usage, format!("failed to run {}: no such engine", engine.display())));
    }
    muster_engines::run_embedded(rest)
        .map_err(|error| Failure::message(Exit::Unavailable, format!("failed to {error}")))
}
