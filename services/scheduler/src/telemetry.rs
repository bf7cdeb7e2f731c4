//! What the scheduler reports: one struct an event, each logs and counts.

use std::sync::LazyLock;

use jiff::Timestamp;
use muster_kit::KeyValue;
use muster_proto::v1;
use opentelemetry::metrics::Counter;

static FIRED: LazyLock<Counter<u64>> = LazyLock::new(|| {
    opentelemetry::global::meter("muster")
        .u64_counter("muster.scheduler.fired")
        .with_description("schedules fired")
        .build()
});
static FINISHED: LazyLock<Counter<u64>> = LazyLock::new(|| {
    opentelemetry::global::meter("muster")
        .u64_counter("muster.scheduler.sweeps")
        .with_description("sweeps ended")
        .build()
});

static UNREADABLE: LazyLock<Counter<u64>> = LazyLock::new(|| {
    opentelemetry::global::meter("muster")
        .u64_counter("muster.scheduler.refused")
        .with_description("messages that were passed over or refused for what they say")
        .build()
});
static VOID: LazyLock<Counter<u64>> = LazyLock::new(|| {
    opentelemetry::global::meter("muster")
        .u64_counter("muster.scheduler.void")
        .with_description("firings that could not be planned")
        .build()
});

/// A schedule fired.
pub(crate) struct Fired<'a> {
    pub(crate) site: &'a str,
    pub(crate) schedule: &'a str,
    pub(crate) due_at: Timestamp,
    pub(crate) missed: u64,
}

impl Fired<'_> {
    pub(crate) fn emit(&self) {
        let Self { site, schedule, due_at, missed } = *self;
        FIRED.add(1, &[KeyValue::new("site", site.to_owned())]);
        if missed > 0 {
            tracing::warn!(site, schedule, %due_at, missed, "fired, for those that were missed too");
        } else {
            tracing::info!(site, schedule, %due_at, "fired");
        }
    }
}

/// A message of PLANS says nothing that can be read.
pub(crate) struct PlanUnreadable<'a, E> {
    pub(crate) sequence: u64,
    pub(crate) cause: &'a E,
}

impl<E: std::fmt::Display> PlanUnreadable<'_, E> {
    pub(crate) fn emit(&self) {
        UNREADABLE.add(1, &[KeyValue::new("stream", "PLANS")]);
        tracing::error!(sequence = self.sequence, cause = %self.cause, "passed over a plan that cannot be read");
    }
}

/// A message of EVENTS asks for or says what makes no sense.
pub(crate) struct EventRefused<'a> {
    pub(crate) site: &'a str,
    pub(crate) sequence: u64,
    pub(crate) reason: &'a str,
}

impl EventRefused<'_> {
    pub(crate) fn emit(&self) {
        UNREADABLE.add(1, &[KeyValue::new("stream", "EVENTS")]);
        tracing::warn!(site = self.site, sequence = self.sequence, reason = self.reason, "refused an event");
    }
}

/// A firing came to nothing.
pub(crate) struct FiringVoid<'a> {
    pub(crate) site: &'a str,
    pub(crate) schedule: &'a str,
    pub(crate) due_at: Timestamp,
    pub(crate) reason: &'a str,
}

impl FiringVoid<'_> {
    pub(crate) fn emit(&self) {
        let Self { site, schedule, due_at, reason } = *self;
        VOID.add(1, &[KeyValue::new("site", site.to_owned())]);
        tracing::error!(site, schedule, %due_at, reason, "what was due cannot be planned");
    }
}

/// A draw was published.
pub(crate) struct AuditDrawn<'a> {
    pub(crate) schedule: &'a str,
    pub(crate) drawn: usize,
    pub(crate) sites: usize,
}

impl AuditDrawn<'_> {
    pub(crate) fn emit(&self) {
        tracing::info!(schedule = self.schedule, drawn = self.drawn, sites = self.sites, "drew an audit");
    }
}

/// A sweep is over.
pub(crate) struct SweepEnded {
    site: String,
    void_reason: Option<String>,
    coverage: v1::Coverage,
}

impl SweepEnded {
    pub(crate) fn of(site: &str, finished: &v1::SweepFinished) -> Self {
        Self {
            site: site.to_owned(),
            void_reason: finished.void.then(|| finished.void_reason.clone()),
            coverage: finished.coverage.unwrap_or_default(),
        }
    }

    pub(crate) fn emit(&self) {
        let Self { site, void_reason, coverage } = self;
        let void = void_reason.is_some();
        FINISHED.add(1, &[KeyValue::new("site", site.clone()), KeyValue::new("void", void)]);
        let v1::Coverage { planned, open, closed, silent, skipped, lost } = *coverage;
        if let Some(reason) = void_reason {
            tracing::warn!(site, reason, planned, open, closed, silent, skipped, lost, "the sweep is void");
        } else {
            tracing::info!(site, planned, open, closed, silent, skipped, lost, "the sweep is over");
        }
    }
}
