//! What the recorder can be told.

use std::time::Duration;

use muster_bus::Stream;
use serde::{Deserialize, Serialize};

/// Section `recorder` and what every service has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Logging, health, shutdown.
    pub kit: muster_kit::KitConfig,
    /// Where the bus is.
    pub bus: muster_connect::BusConfig,
    /// Where the store is.
    pub store: muster_connect::StoreConfig,
    /// The recorder's own.
    pub recorder: RecorderConfig,
}

/// Section `recorder`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecorderConfig {
    /// Generation of the store that is filled. Another one, with another `store.database`, is filled from what the streams
    /// still hold.
    pub generation: u32,
    /// Rows of a batch.
    pub batch_rows_max: usize,
    /// Encoded bytes of a batch.
    pub batch_bytes_max: usize,
    /// How long a batch of verdicts or plans gathers in a steady flow, ms; a message after a pause waits for nothing. While
    /// the store is busy it is up to four times as long.
    pub linger_ms: u64,
    /// The same for a batch of events.
    pub linger_events_ms: u64,
    /// How often a stream's fill is looked at, ms.
    pub pressure_interval_ms: u64,
}

impl Default for RecorderConfig {
    fn default() -> Self {
        Self {
            generation: 1,
            batch_rows_max: 100_000,
            batch_bytes_max: 64 << 20,
            // Ten inserts a second and table: a small one costs the store as much as one of thousands of rows, and what
            // it leaves has to be merged. Half of it is a sixth of the 300 ms within which half of all changes are to
            // be seen.
            linger_ms: 100,
            // Nobody waits for a single observation: its verdict comes another way. Larger batches of what is most of all
            // rows halve what the store spends on them.
            linger_events_ms: 400,
            // A stream of 2 GiB at 70 MB/s fills its last fifth in six seconds.
            pressure_interval_ms: 1_000,
        }
    }
}

impl RecorderConfig {
    pub(crate) const fn linger(&self, stream: Stream) -> Duration {
        match stream {
            Stream::Events => Duration::from_millis(self.linger_events_ms),
            Stream::Plans | Stream::Verdicts | Stream::Orders | Stream::Dead => Duration::from_millis(self.linger_ms),
        }
    }

    pub(crate) const fn pressure_interval(&self) -> Duration {
        Duration::from_millis(self.pressure_interval_ms)
    }
}
