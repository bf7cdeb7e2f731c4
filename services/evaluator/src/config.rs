//! What the evaluator can be told.

use serde::{Deserialize, Serialize};

/// Section `evaluator` and what every service has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Logging, health, shutdown.
    pub kit: muster_kit::KitConfig,
    /// Where the bus is.
    pub bus: muster_connect::BusConfig,
    /// Where the store is.
    pub store: muster_connect::StoreConfig,
    /// The evaluator's own.
    pub evaluator: EvaluatorConfig,
}

/// Section `evaluator`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluatorConfig {
    /// Sites that this process may hold; empty: every site of the estate.
    pub sites: Vec<String>,
    /// Generation of the store that is read at a start: the recorder's.
    pub generation: u32,
    /// Hosts judged at once; a host has five verdicts or so, and a message about 1,000 of them.
    pub hosts_at_once_max: usize,
    /// While more inputs wait, a site is judged after so many rows.
    pub rows_before_judging_max: u64,
    /// And at the latest after this, ms.
    pub judge_interval_ms: u64,
}

impl Default for EvaluatorConfig {
    fn default() -> Self {
        Self {
            sites: Vec::new(),
            generation: 1,
            hosts_at_once_max: 2_000,
            // 10 ms of one core at 400,000 rows/s: judging less often saves hosts that are touched twice.
            rows_before_judging_max: 4_000,
            // A sixth of the 300 ms within which half of all changes are to be seen.
            judge_interval_ms: 50,
        }
    }
}
