//! What the scheduler can be told.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Section `scheduler` and what every service has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Logging, health, shutdown.
    pub kit: muster_kit::KitConfig,
    /// Where the bus is.
    pub bus: muster_connect::BusConfig,
    /// The scheduler's own.
    pub scheduler: SchedulerConfig,
}

/// Section `scheduler`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SchedulerConfig {
    /// How often what is due is looked for, ms.
    pub tick_ms: u64,
    /// How often time is published, ms. Verdicts that age are late by at most this.
    pub clock_interval_ms: u64,
    /// Orders of one site that wait for an outcome at a time.
    pub orders_open_max: u32,
    /// How often issued orders without an outcome are compared with ORDERS, ms.
    pub reissue_interval_ms: u64,
    /// A sweep without an end is closed after this, as it stands, s.
    pub sweep_deadline_s: u64,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        Self {
            tick_ms: 500,
            clock_interval_ms: 10_000,
            // 64 leases of 65,536 units are an hour of one scanner at 1,000 packets a second.
            orders_open_max: 64,
            reissue_interval_ms: 15_000,
            sweep_deadline_s: 24 * 3_600,
        }
    }
}

impl SchedulerConfig {
    pub(crate) const fn tick(&self) -> Duration {
        Duration::from_millis(self.tick_ms)
    }

    pub(crate) const fn reissue_interval(&self) -> Duration {
        Duration::from_millis(self.reissue_interval_ms)
    }
}
