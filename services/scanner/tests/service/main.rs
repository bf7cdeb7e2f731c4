//! The whole service, as processes of their own, on a real bus and against real listeners on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

mod bench;
mod crashes;
mod halts;
mod leases;
mod permissions;
mod process;
mod scopes;
