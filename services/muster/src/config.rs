//! The whole configuration: one file may hold every service's section, and each process takes its own.

use serde::{Deserialize, Serialize};

/// All sections.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MusterConfig {
    /// Logging, health, shutdown: every process.
    pub kit: muster_kit::KitConfig,
    /// Where the bus is.
    pub bus: muster_connect::BusConfig,
    /// Where the store is.
    pub store: muster_connect::StoreConfig,
    /// The recorder.
    pub recorder: muster_recorder::RecorderConfig,
    /// The scheduler.
    pub scheduler: muster_scheduler::SchedulerConfig,
    /// The evaluator.
    pub evaluator: muster_evaluator::EvaluatorConfig,
    /// The watcher.
    pub watcher: muster_watcher::WatcherConfig,
    /// The gateway.
    pub gateway: muster_gateway::GatewayConfig,
    /// The scanner.
    pub scanner: muster_scanner::ScannerConfig,
    /// One machine's stack.
    pub up: crate::process::UpConfig,
}
