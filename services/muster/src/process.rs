//! Processes: one service, the embedded engines, or one machine's whole stack.

mod admin;
mod child;
mod durability;
mod ending;
mod engine;
mod health;
mod provision;
mod serve;
mod settle;
mod stack;
mod up;

use std::io::Write as _;
use std::process::ExitCode;

use muster_kit::Failure;

pub use admin::{AdminCommand, admin};
pub use ending::Ending;
pub use engine::run_engine;
pub use health::{HealthArgs, health};
pub use provision::{ProvisionArgs, provision};
pub use serve::{ConfigArgs, ServeArgs, ServiceName, serve};
pub use settle::settled;
pub use stack::{Otherwise, Stack, StackOptions};
pub use up::{UpArgs, UpConfig, up};

/// Puts data on standard output. A reader that went away is not our failure.
pub fn say(text: &str) -> ExitCode {
    let _closed = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// Talks to a person, on standard error.
pub fn talk(text: &str) {
    let _closed = writeln!(std::io::stderr(), "{text}");
}

/// Says on standard error what went wrong, and ends with its code.
pub fn complain(failure: &Failure) -> ExitCode {
    let _closed = writeln!(std::io::stderr(), "error: {failure}");
    failure.exit().into()
}
