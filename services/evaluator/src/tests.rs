//! Whole evaluators on real engines.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod crashes;
mod measure;
mod outcome;
mod pipeline;
mod restarts;
mod scene;
mod takeover;
mod world;
