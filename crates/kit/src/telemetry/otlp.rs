//! The three pipelines to an OTLP collector.

use std::sync::Mutex;
use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::tonic_types::transport::{Certificate, ClientTlsConfig};
use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig as _, WithTonicConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::PeriodicReader;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;

use super::{BoxedLayer, TelemetryError, metrics};
use crate::settings::KitConfig;

/// One export must not outlive the next: the log and span batches leave every 1 to 5 s.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// As Prometheus scrapes by convention.
const METRIC_INTERVAL: Duration = Duration::from_secs(15);
/// What the exporters themselves use: their events must not become telemetry that they then export.
const OWN_CRATES: [&str; 6] = ["opentelemetry", "tonic", "h2", "hyper", "tower", "rustls"];

#[derive(Debug)]
pub(super) struct Pipelines {
    traces: SdkTracerProvider,
    logs: SdkLoggerProvider,
    metric_reader: Mutex<Option<PeriodicReader<MetricExporter>>>,
}

impl Pipelines {
    pub(super) fn build(endpoint: &str, config: &KitConfig, resource: &Resource) -> Result<Self, TelemetryError> {
        let fail = |reason: String| TelemetryError::Otlp { endpoint: endpoint.to_owned(), reason };
        let exporter = |error: ExporterBuildError| fail(error.to_string());
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err(fail("it must begin with http:// or https://".to_owned()));
        }
        let tls = tls(endpoint, config).map_err(fail)?;

        let mut spans = SpanExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(EXPORT_TIMEOUT);
        let mut logs = LogExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(EXPORT_TIMEOUT);
        let mut numbers = MetricExporter::builder().with_tonic().with_endpoint(endpoint).with_timeout(EXPORT_TIMEOUT);
        if let Some(tls) = tls {
            spans = spans.with_tls_config(tls.clone());
            logs = logs.with_tls_config(tls.clone());
            numbers = numbers.with_tls_config(tls);
        }
        let keep = f64::from(config.trace_permille.min(1000)) / 1000.0;
        let traces = SdkTracerProvider::builder()
            .with_resource(resource.clone())
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(keep))))
            .with_batch_exporter(spans.build().map_err(exporter)?)
            .build();
        let logs = SdkLoggerProvider::builder()
            .with_resource(resource.clone())
            .with_batch_exporter(logs.build().map_err(exporter)?)
            .build();
        let reader = PeriodicReader::builder(numbers.build().map_err(exporter)?).with_interval(METRIC_INTERVAL).build();
        opentelemetry::global::set_tracer_provider(traces.clone());
        Ok(Self { traces, logs, metric_reader: Mutex::new(Some(reader)) })
    }

    /// The reader for the metrics provider; it can be taken once.
    pub(super) fn metric_reader(&self) -> Option<PeriodicReader<MetricExporter>> {
        self.metric_reader.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }

    pub(super) fn layers(&self) -> Vec<BoxedLayer> {
        let foreign = || filter_fn(|about| !OWN_CRATES.iter().any(|own| about.target().starts_with(own)));
        let spans = tracing_opentelemetry::layer().with_tracer(self.traces.tracer("muster"));
        let logs = OpenTelemetryTracingBridge::new(&self.logs);
        vec![Box::new(spans.with_filter(foreign())), Box::new(logs.with_filter(foreign()))]
    }

    /// Sends the rest and closes; false when something did not leave. Blocks.
    pub(super) fn shut_down(&self, timeout: Duration) -> bool {
        let traces = self.traces.shutdown_with_timeout(timeout).is_ok();
        let logs = self.logs.shutdown_with_timeout(timeout).is_ok();
        metrics::shut_down(timeout) && traces && logs
    }
}

fn tls(endpoint: &str, config: &KitConfig) -> Result<Option<ClientTlsConfig>, String> {
    if !endpoint.starts_with("https://") {
        return Ok(None);
    }
    let Some(file) = &config.otlp_ca else {
        return Ok(Some(ClientTlsConfig::new().with_native_roots()));
    };
    let pem = std::fs::read(file).map_err(|error| format!("its CA {} (kit.otlp_ca): {error}", file.display()))?;
    Ok(Some(ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem))))
}
