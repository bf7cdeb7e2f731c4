//! The whole configuration: one file may hold every service's section, and each process takes its own.

use muster_estate::scope::TrustedKeys;
use muster_kit::{Exit, Failure};
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
    /// What the scanner recognises services by.
    pub fingerprints: muster_scanner::FingerprintsConfig,
    /// One machine's stack.
    pub up: crate::process::UpConfig,
}

impl MusterConfig {
    /// Whether the values go together, as far as that can be told without starting anything.
    ///
    /// # Errors
    /// The first that do not.
    pub fn check(&self) -> Result<(), Failure> {
        let usage = |problem: String| Failure::message(Exit::Usage, problem);
        self.gateway.check().map_err(|error| usage(error.to_string()))?;
        self.watcher.check().map_err(|error| usage(format!("failed to use the configuration: {error}")))?;
        TrustedKeys::from_hex(self.scanner.trusted_keys.iter().map(String::as_str))
            .map_err(|error| usage(error.to_string()))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn i8_values_that_do_not_go_together_are_refused_before_anything_starts() {
        let mut config = MusterConfig::default();
        config.check().unwrap();
        config.gateway.listen = "0.0.0.0:7420".parse().unwrap();
        let refused = config.check().unwrap_err();
        assert_eq!(refused.exit(), Exit::Usage);
        assert!(refused.to_string().contains("TLS"), "{refused}");
        let mut config = MusterConfig::default();
        config.scanner.trusted_keys = vec!["abc".to_owned()];
        assert!(config.check().unwrap_err().to_string().contains("abc"));
    }
}
