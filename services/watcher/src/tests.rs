//! The watcher against the real broker and real HTTP servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod aged;
mod bench;
mod crash;
mod document;
mod editions;
mod http;
mod server;
mod service;
mod tls;
