//! What the evaluator reports: one struct an event, each logs and counts.

use std::sync::LazyLock;

use jiff::Timestamp;
use muster_bus::Stream;
use muster_kit::KeyValue;
use opentelemetry::metrics::{Counter, Gauge};

static INPUTS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    opentelemetry::global::meter("muster")
        .u64_counter("muster.evaluator.inputs")
        .with_description("messages and observations read")
        .build()
});
static CHANGES: LazyLock<Counter<u64>> = LazyLock::new(|| {
    opentelemetry::global::meter("muster")
        .u64_counter("muster.evaluator.changes")
        .with_description("changes of verdicts and hosts published")
        .build()
});
static AGE: LazyLock<Gauge<f64>> = LazyLock::new(|| {
    opentelemetry::global::meter("muster")
        .f64_gauge("muster.evaluator.age")
        .with_unit("s")
        .with_description("age of the newest message read, by the broker's time")
        .build()
});
static SKIPPED: LazyLock<Counter<u64>> = LazyLock::new(|| {
    opentelemetry::global::meter("muster")
        .u64_counter("muster.evaluator.skipped")
        .with_description("inputs that could not be used, by reason")
        .build()
});

/// A batch of a stream was read.
pub(crate) struct Read {
    pub(crate) stream: Stream,
    pub(crate) messages: usize,
    pub(crate) observations: u64,
    pub(crate) newest_at: Timestamp,
}

impl Read {
    pub(crate) fn emit(&self) {
        let stream = KeyValue::new("stream", self.stream.name());
        INPUTS.add(self.messages as u64, &[stream.clone(), KeyValue::new("unit", "message")]);
        INPUTS.add(self.observations, &[stream.clone(), KeyValue::new("unit", "observation")]);
        // A figure of how it is, not an input: no verdict depends on this clock.
        AGE.record((Timestamp::now() - self.newest_at).total(jiff::Unit::Second).unwrap_or(0.0), &[stream]);
    }
}

/// Differences are durable.
pub(crate) struct Changed<'a> {
    pub(crate) site: &'a str,
    pub(crate) sequence: u64,
    pub(crate) verdicts: usize,
    pub(crate) hosts: usize,
}

impl Changed<'_> {
    pub(crate) fn emit(&self) {
        let Self { site, sequence, verdicts, hosts } = *self;
        let site_attribute = KeyValue::new("site", site.to_owned());
        CHANGES.add(verdicts as u64, &[site_attribute.clone(), KeyValue::new("of", "verdict")]);
        CHANGES.add(hosts as u64, &[site_attribute, KeyValue::new("of", "host")]);
        tracing::debug!(site, sequence, verdicts, hosts, "published");
    }
}

/// An input that could not be used. The recorder puts malformed messages aside; nobody has to do it twice.
pub(crate) struct Skipped<'a> {
    pub(crate) stream: Stream,
    pub(crate) sequence: u64,
    pub(crate) reason: &'static str,
    pub(crate) cause: &'a dyn std::fmt::Display,
}

impl Skipped<'_> {
    pub(crate) fn emit(&self) {
        let Self { stream, sequence, reason, cause } = self;
        SKIPPED.add(1, &[KeyValue::new("stream", stream.name()), KeyValue::new("reason", *reason)]);
        tracing::debug!(stream = stream.name(), sequence, reason, %cause, "skipped");
    }
}

/// A site is held from here on.
pub(crate) struct Restored<'a> {
    pub(crate) site: &'a str,
    pub(crate) events: u64,
    pub(crate) plans: u64,
    pub(crate) verdicts: u64,
    pub(crate) addresses: usize,
}

impl Restored<'_> {
    pub(crate) fn emit(&self) {
        let Self { site, events, plans, verdicts, addresses } = *self;
        tracing::info!(site, events, plans, verdicts, addresses, "going on after these sequences");
    }
}
