//! The metric names of this crate. OpenTelemetry writes dots; Prometheus shows underscores, the unit, and `_total` on
//! counters: `muster.kit.task.failures` is served as `muster_kit_task_failures_total`.

/// 1, with the service and version as labels.
pub const BUILD_INFO: &str = "muster.build.info";
/// Failures of supervised tasks, by task and policy.
pub const TASK_FAILURES: &str = "muster.kit.task.failures";
/// Drains that were cut off at their deadline, by what was drained.
pub const DRAINS_FORCED: &str = "muster.kit.drains.forced";
/// Reloads of TLS files, by result.
pub const TLS_RELOADS: &str = "muster.kit.tls.reloads";
/// 1 while the named readiness condition holds, else 0.
pub const READY: &str = "muster.kit.ready";
/// Panics, caught or not.
pub const PANICS: &str = "muster.kit.panics";
