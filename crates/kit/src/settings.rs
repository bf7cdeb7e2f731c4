//! What every process can be told, whatever service it is: section `kit` of a configuration.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Settings common to all services.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KitConfig {
    /// What is logged, and how.
    pub log: LogConfig,
    /// Name of this process among the service's replicas; it has to be another for each. One that stays the same over a
    /// restart takes its roles back at once. None: host name and process id.
    pub instance: Option<String>,
    /// OTLP/gRPC collector, for example `http://collector:4317`; traces, metrics and logs go there. None: nowhere.
    pub otlp_endpoint: Option<String>,
    /// PEM file with the CA of an `https` collector. None: the system's roots.
    pub otlp_ca: Option<PathBuf>,
    /// Share of new traces that are kept, 0 to 1000 per mille; a trace that began elsewhere keeps its decision.
    pub trace_permille: u16,
    /// Where `/metrics`, `/livez` and `/readyz` are served. They hold no data of the estate and no secret, so an
    /// address beyond loopback is allowed (Kubernetes probes need one); keep it inside the cluster's network.
    pub admin_listen: SocketAddr,
    /// File that receives the bound addresses as JSON (`{"admin": "127.0.0.1:41234"}`), for whoever started this.
    pub addresses_file: Option<PathBuf>,
    /// Seconds from the request to stop until the process is gone: half for the drain, half to flush telemetry.
    pub grace_s: u64,
    /// Worker threads. None: one a core.
    pub worker_threads: Option<usize>,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// A `tracing` filter, for example `info,muster_bus=debug`. The variable `RUST_LOG` overrides it.
    pub filter: String,
    /// Text, JSON, or by what standard error is.
    pub format: LogFormat,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For a person.
    Text,
    /// One object a line.
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Auto }
    }
}

impl Default for KitConfig {
    fn default() -> Self {
        Self {
            log: LogConfig::default(),
            instance: None,
            otlp_endpoint: None,
            otlp_ca: None,
            trace_permille: 1000,
            admin_listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            addresses_file: None,
            // Kubernetes kills after 30 s (terminationGracePeriodSeconds); a third of that is left for its own delays.
            grace_s: 20,
            worker_threads: None,
        }
    }
}

impl KitConfig {
    /// How long the drain may take.
    #[must_use]
    pub const fn drain_deadline(&self) -> Duration {
        Duration::from_millis(self.grace_s.saturating_mul(500))
    }

    /// How long telemetry may take to leave.
    #[must_use]
    pub const fn flush_deadline(&self) -> Duration {
        self.drain_deadline()
    }
}
