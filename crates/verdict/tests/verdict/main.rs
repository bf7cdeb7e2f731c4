//! The rules, the life of findings, restore, and what does not depend on the order of inputs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    clippy::large_enum_variant,
    reason = "tests"
)]

mod findings;
mod lab;
mod order;
mod restore;
mod rules;
