//! What the crate promises, against files and against models.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod canonical;
mod diff;
mod fixtures;
mod inventory;
mod lookup;
mod parse;
mod scope;
mod sources;
mod strategy;
