//! Instruments as statics, and the one provider behind them.
//!
//! ```
//! use muster_kit::KeyValue;
//! use muster_kit::telemetry::metrics::{Counter, Histogram};
//!
//! static ROWS: Counter = Counter::new("muster.recorder.rows", "Rows inserted");
//! static INSERT: Histogram = Histogram::seconds("muster.recorder.insert", "Time of one insert");
//!
//! ROWS.add(100, &[KeyValue::new("table", "observations")]);
//! INSERT.record(0.012, &[]);
//! assert!(muster_kit::telemetry::metrics::render().contains("muster_recorder_rows_total"));
//! ```
//!
//! Labels must come from a closed set (a table, a stream, a site): one series a value is kept.

use std::sync::OnceLock;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use prometheus::{Encoder as _, Registry, TextEncoder};

use super::names;

/// 1, with what runs as labels.
pub(super) static BUILD: Gauge = Gauge::new(names::BUILD_INFO, "What runs");

/// Seconds: 1 ms to 30 s, about three a decade.
const SECONDS: [f64; 14] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];
/// Sizes and counts: powers of four up to 16 Mi.
const SIZES: [f64; 13] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
];

#[derive(Debug)]
struct Provider {
    meter: Meter,
    sdk: SdkMeterProvider,
    registry: Registry,
}

static PROVIDER: OnceLock<Provider> = OnceLock::new();

fn build(resource: Resource, otlp: Option<PeriodicReader<MetricExporter>>) -> Provider {
    let registry = Registry::new();
    let mut builder = SdkMeterProvider::builder().with_resource(resource);
    match opentelemetry_prometheus::exporter().with_registry(registry.clone()).scope_info_enabled(false).build() {
        Ok(prometheus) => builder = builder.with_reader(prometheus),
        // Only a name registered twice fails, and the registry is new.
        Err(error) => tracing::error!(%error, "failed to set up Prometheus metrics"),
    }
    if let Some(otlp) = otlp {
        builder = builder.with_reader(otlp);
    }
    let sdk = builder.build();
    opentelemetry::global::set_meter_provider(sdk.clone());
    Provider { meter: sdk.meter("muster"), sdk, registry }
}

/// The provider; before [`install`] (in a test, in a tool) one that only Prometheus text comes from.
fn provider() -> &'static Provider {
    PROVIDER.get_or_init(|| build(Resource::builder_empty().build(), None))
}

pub(super) fn install(resource: &Resource, otlp: Option<PeriodicReader<MetricExporter>>) {
    let mut fresh = false;
    PROVIDER.get_or_init(|| {
        fresh = true;
        build(resource.clone(), otlp)
    });
    if !fresh {
        tracing::debug!("metrics were used before telemetry started: they are served, and not sent by OTLP");
    }
}

pub(super) fn shut_down(timeout: std::time::Duration) -> bool {
    PROVIDER.get().is_none_or(|provider| provider.sdk.shutdown_with_timeout(timeout).is_ok())
}

/// The meter behind the instruments here, for one that they do not cover (an observable gauge).
#[must_use]
pub fn meter() -> Meter {
    provider().meter.clone()
}

/// Everything measured so far as Prometheus text.
#[must_use]
pub fn render() -> String {
    let mut text = Vec::new();
    let families = provider().registry.gather();
    if let Err(error) = TextEncoder::new().encode(&families, &mut text) {
        tracing::error!(%error, "failed to write metrics");
    }
    String::from_utf8(text).unwrap_or_default()
}

/// Something that happens and is counted.
#[derive(Debug)]
pub struct Counter {
    name: &'static str,
    about: &'static str,
    cell: OnceLock<opentelemetry::metrics::Counter<u64>>,
}

impl Counter {
    /// A counter, for a static.
    #[must_use]
    pub const fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about, cell: OnceLock::new() }
    }

    /// Counts.
    pub fn add(&self, count: u64, labels: &[KeyValue]) {
        let make = || meter().u64_counter(self.name).with_description(self.about).build();
        self.cell.get_or_init(make).add(count, labels);
    }
}

/// A value that goes up and down.
#[derive(Debug)]
pub struct Gauge {
    name: &'static str,
    about: &'static str,
    cell: OnceLock<opentelemetry::metrics::Gauge<i64>>,
}

impl Gauge {
    /// A gauge, for a static.
    #[must_use]
    pub const fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about, cell: OnceLock::new() }
    }

    /// Sets the value.
    pub fn set(&self, value: i64, labels: &[KeyValue]) {
        let make = || meter().i64_gauge(self.name).with_description(self.about).build();
        self.cell.get_or_init(make).record(value, labels);
    }
}

/// A distribution.
#[derive(Debug)]
pub struct Histogram {
    name: &'static str,
    about: &'static str,
    unit: &'static str,
    buckets: &'static [f64],
    cell: OnceLock<opentelemetry::metrics::Histogram<f64>>,
}

impl Histogram {
    /// Durations in seconds, from 1 ms to 30 s.
    #[must_use]
    pub const fn seconds(name: &'static str, about: &'static str) -> Self {
        Self { name, about, unit: "s", buckets: &SECONDS, cell: OnceLock::new() }
    }

    /// Bytes, from 1 to 16 Mi.
    #[must_use]
    pub const fn bytes(name: &'static str, about: &'static str) -> Self {
        Self { name, about, unit: "By", buckets: &SIZES, cell: OnceLock::new() }
    }

    /// Counts (rows a batch, units a slice), from 1 to 16 Mi.
    #[must_use]
    pub const fn counts(name: &'static str, about: &'static str) -> Self {
        Self { name, about, unit: "", buckets: &SIZES, cell: OnceLock::new() }
    }

    /// Records one value.
    pub fn record(&self, value: f64, labels: &[KeyValue]) {
        let make = || {
            let meter = meter();
            let builder = meter.f64_histogram(self.name).with_description(self.about).with_unit(self.unit);
            builder.with_boundaries(self.buckets.to_vec()).build()
        };
        self.cell.get_or_init(make).record(value, labels);
    }
}
