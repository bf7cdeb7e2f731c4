//! One tracing API and one metrics API; where they go is configuration.
//!
//! - Logs go to standard error (standard output is data): text on a terminal, JSON otherwise.
//! - Metrics are served as Prometheus text, always.
//! - With an OTLP endpoint traces, metrics and logs go there as well, and leave before the process does.
//!
//! A service writes a `telemetry.rs` of its own: names in constants, instruments in statics ([`metrics::Counter`], …),
//! and one struct an event whose `emit()` logs and counts. [`event`] is the example.

pub mod event;
pub mod metrics;
pub mod names;
mod otlp;
pub mod panic;
#[cfg(test)]
mod tests;

use std::io::IsTerminal as _;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use thiserror::Error;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::settings::{KitConfig, LogConfig, LogFormat};

/// Why telemetry could not start.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// The filter does not parse.
    #[error("failed to read the log filter {filter:?} (from {place}); write it like info,muster_bus=debug")]
    Filter {
        /// The filter.
        filter: String,
        /// Where it came from.
        place: &'static str,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The OTLP endpoint or its CA cannot be used.
    #[error("failed to set up the OTLP endpoint {endpoint:?} (kit.otlp_endpoint): {reason}")]
    Otlp {
        /// The endpoint.
        endpoint: String,
        /// What is wrong.
        reason: String,
    },
}

/// Who reports: resource attributes of everything that leaves by OTLP.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// The service, for example `recorder`.
    pub service: &'a str,
    /// Its version.
    pub version: &'a str,
    /// This process among the service's replicas.
    pub instance: &'a str,
}

/// What must be flushed at the end.
#[derive(Debug)]
pub struct Telemetry {
    otlp: Option<otlp::Pipelines>,
}

/// Starts telemetry for this process, once. With an OTLP endpoint it must be called inside a Tokio runtime.
///
/// A subscriber that is already set (a test's) stays.
///
/// # Errors
/// When the filter or the endpoint is wrong. An endpoint that does not answer is no error: telemetry is not worth a
/// service.
pub fn start(identity: Identity<'_>, config: &KitConfig) -> Result<Telemetry, TelemetryError> {
    let filter = filter(&config.log)?;
    let resource = resource(identity);
    let otlp = match &config.otlp_endpoint {
        Some(endpoint) => Some(otlp::Pipelines::build(endpoint, config, &resource)?),
        None => None,
    };
    metrics::install(&resource, otlp.as_ref().and_then(otlp::Pipelines::metric_reader));
    let propagators: Vec<Box<dyn opentelemetry::propagation::TextMapPropagator + Send + Sync>> =
        vec![Box::new(TraceContextPropagator::new())];
    opentelemetry::global::set_text_map_propagator(TextMapCompositePropagator::new(propagators));

    let layers = std::iter::once(stderr_layer(&config.log)).chain(otlp.iter().flat_map(otlp::Pipelines::layers));
    let subscriber = Registry::default().with(layers.collect::<Vec<_>>()).with(filter);
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        tracing::debug!("a subscriber is set already: it stays");
    }
    panic::install_hook();
    metrics::BUILD.set(1, &[KeyValue::new("service", identity.service.to_owned()), version(identity)]);
    Ok(Telemetry { otlp })
}

impl Telemetry {
    /// Sends what is still here, for at most `deadline`.
    pub async fn flush(self, deadline: Duration) {
        let Some(otlp) = self.otlp else { return };
        // The SDK's shutdown blocks its thread until the exporter's own thread is done.
        let flushed = tokio::task::spawn_blocking(move || otlp.shut_down(deadline));
        if !matches!(tokio::time::timeout(deadline, flushed).await, Ok(Ok(true))) {
            tracing::warn!(deadline_ms = deadline.as_millis(), "failed to send the last telemetry in time");
        }
    }
}

/// Says one line where a person or a supervisor sees it, for the time before [`start`].
pub fn last_words(line: &str) {
    use std::io::Write as _;
    // Nothing is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

fn stderr_layer(config: &LogConfig) -> BoxedLayer {
    let terminal = std::io::stderr().is_terminal();
    let json = match config.format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if json {
        Box::new(layer.json().flatten_event(true).with_current_span(true).with_span_list(false))
    } else {
        let colour = terminal && std::env::var_os("NO_COLOR").is_none();
        Box::new(layer.with_ansi(colour))
    }
}

fn filter(config: &LogConfig) -> Result<EnvFilter, TelemetryError> {
    let (filter, place) = match std::env::var(EnvFilter::DEFAULT_ENV) {
        Ok(filter) if !filter.is_empty() => (filter, EnvFilter::DEFAULT_ENV),
        Ok(_) | Err(_) => (config.filter.clone(), "kit.log.filter"),
    };
    EnvFilter::builder().parse(&filter).map_err(|source| TelemetryError::Filter { filter, place, source })
}

fn version(identity: Identity<'_>) -> KeyValue {
    KeyValue::new("version", identity.version.to_owned())
}

fn resource(identity: Identity<'_>) -> Resource {
    // Names: OpenTelemetry semantic conventions, "Service".
    Resource::builder()
        .with_attributes([
            KeyValue::new("service.namespace", "muster"),
            KeyValue::new("service.name", identity.service.to_owned()),
            KeyValue::new("service.version", identity.version.to_owned()),
            KeyValue::new("service.instance.id", identity.instance.to_owned()),
        ])
        .build()
}
