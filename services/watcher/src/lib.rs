//! The watcher: feeds of advisories become bulletins on the bus, each revision exactly once.
//!
//! All of a feed is one subject, `muster.v1.event.all.bulletin.<feed>`. A revision is appended with the expected last
//! sequence of it, so of two watchers one is refused, reads what the other wrote, and decides again. What stands is the
//! feed's cursor (KV) plus what the subject holds after it: a crash between the two repeats nothing, however late.
//! A document that is cut off, contradicts itself or shrinks too much is refused as a whole; the last good one stands.

mod announce;
mod breaker;
mod config;
mod cursor;
mod error;
mod feed;
mod service;
mod source;
mod standing;
mod telemetry;
#[cfg(test)]
mod tests;

pub use config::{Config, FeedConfig, FeedKind, WatcherConfig};
pub use error::{FetchError, Refusal, WatcherError};
pub use service::Service;
