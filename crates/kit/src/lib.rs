//! How a process starts, is configured, observed and stopped.
//!
//! The path of every process is the same: parse, check the configuration, bind, log the bound addresses, run, drain.
//! [`launch()`] is that path; the other modules are its parts. Nothing here knows a service.
//!
//! | part | what it promises |
//! |---|---|
//! | [`config`] | defaults < file < environment < flags; an unknown key is an error that names its place |
//! | [`telemetry`] | one tracing and one metrics API, to standard error, OTLP and Prometheus |
//! | [`health`] | `/metrics`, `/livez`, `/readyz`; readiness is a set of named conditions |
//! | [`shutdown`] | one request to stop, a bounded drain, a second signal that exits at once |
//! | [`supervise`] | no task fails unseen: each says what its failure means |
//! | [`tls`] | certificates from PEM files, reloaded when they change |
//! | [`crash`] | named points at which a test can have the process die |
//! | [`exit`] | what each exit code means |

pub mod config;
pub mod crash;
pub mod exit;
pub mod health;
pub mod launch;
pub mod settings;
pub mod shutdown;
pub mod supervise;
pub mod telemetry;
pub mod tls;

pub use config::{ConfigError, ConfigSources, Secret};
pub use exit::{Exit, Failure, OrExit};
pub use health::{Condition, Readiness};
pub use launch::{Context, launch};
pub use settings::KitConfig;
pub use shutdown::{Shutdown, drain};
pub use supervise::{Backoff, OnError, Policy, Supervisor};
pub use tls::{TlsFiles, TlsMaterial};

/// The metrics API, so that services name one version of it.
pub use opentelemetry::KeyValue;
