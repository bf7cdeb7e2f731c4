//! What the recorder reports: one struct an event, each logs and counts.

use std::sync::LazyLock;

use muster_kit::KeyValue;
use opentelemetry::metrics::{Counter, Gauge};

static ROWS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    opentelemetry::global::meter("muster").u64_counter("muster.recorder.rows").with_description("rows recorded").build()
});
static BATCHES: LazyLock<Counter<u64>> = LazyLock::new(|| {
    opentelemetry::global::meter("muster")
        .u64_counter("muster.recorder.batches")
        .with_description("batches committed")
        .build()
});
static COMMITTED: LazyLock<Gauge<u64>> = LazyLock::new(|| {
    opentelemetry::global::meter("muster")
        .u64_gauge("muster.recorder.committed")
        .with_description("stream sequence up to which everything stands in the store")
        .build()
});
static PURGED: LazyLock<Counter<u64>> = LazyLock::new(|| {
    opentelemetry::global::meter("muster")
        .u64_counter("muster.recorder.purged")
        .with_description("messages purged under pressure after every reader had passed them")
        .build()
});

/// A batch is durable.
pub(crate) struct Committed {
    pub(crate) stream: &'static str,
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) rows: usize,
}

impl Committed {
    pub(crate) fn emit(&self) {
        let Self { stream, first, last, rows } = *self;
        let stream_attribute = [KeyValue::new("stream", stream)];
        ROWS.add(rows as u64, &stream_attribute);
        BATCHES.add(1, &stream_attribute);
        COMMITTED.record(last, &stream_attribute);
        tracing::debug!(stream, first, last, rows, "recorded");
    }
}

/// A full stream was relieved.
pub(crate) struct Relieved {
    pub(crate) stream: &'static str,
    pub(crate) below: u64,
    pub(crate) messages: u64,
}

impl Relieved {
    pub(crate) fn emit(&self) {
        let Self { stream, below, messages } = *self;
        PURGED.add(messages, &[KeyValue::new("stream", stream)]);
        tracing::info!(stream, below, messages, "the stream was 80 % full: purged what every reader has passed");
    }
}

/// A full stream could not be relieved.
pub(crate) struct Blocked {
    pub(crate) stream: &'static str,
    pub(crate) passed: u64,
}

impl Blocked {
    pub(crate) fn emit(&self) {
        tracing::warn!(
            stream = self.stream,
            passed = self.passed,
            "the stream is 80 % full and a reader is behind: publishers will have to wait"
        );
    }
}
