//! What the scanner reports: one struct an event, each logs and counts.

use muster_kit::KeyValue;
use muster_kit::telemetry::metrics::{Counter, Gauge};

use crate::engine::SliceResult;

static PROBES: Counter = Counter::new("muster.scanner.probes", "Units that were sent a packet");
static OPEN: Counter = Counter::new("muster.scanner.open", "Units found open");
static REFUSED: Counter = Counter::new("muster.scanner.refused", "Units that were sent nothing, by reason");
static CONNECTIONS: Counter = Counter::new("muster.scanner.connections", "Connections made to ask what a service is");
static SLICES: Counter = Counter::new("muster.scanner.slices", "Slices published");
static LEASES: Counter = Counter::new("muster.scanner.leases", "Leases that ended here, by how");
static HALTS: Counter = Counter::new("muster.scanner.halts", "How often a site was halted, by why");
static HALTED: Gauge = Gauge::new("muster.scanner.halted", "1 while nothing is sent to a site");

/// A slice stands in EVENTS.
pub(crate) struct SliceReported<'a> {
    pub(crate) site: &'a str,
    pub(crate) result: &'a SliceResult,
    pub(crate) connections: u64,
}

impl SliceReported<'_> {
    pub(crate) fn emit(&self) {
        let Self { site, result, connections } = self;
        let label = [KeyValue::new("site", (*site).to_owned())];
        let counts = result.counts;
        PROBES.add(counts.units() - counts.skipped, &label);
        OPEN.add(counts.open, &label);
        CONNECTIONS.add(*connections, &label);
        SLICES.add(1, &label);
        for (reason, count) in result.skipped_by.iter().filter(|(_, count)| *count > 0) {
            let reason = KeyValue::new("reason", format!("{reason:?}"));
            REFUSED.add(u64::from(*count), &[KeyValue::new("site", (*site).to_owned()), reason]);
        }
        let index = result.range.index;
        tracing::debug!(site, index, open = counts.open, skipped = counts.skipped, "reported a slice");
    }
}

/// A lease ended, for this scanner.
pub(crate) struct LeaseEnded<'a> {
    pub(crate) site: &'a str,
    pub(crate) order: &'a str,
    pub(crate) how: &'static str,
    pub(crate) reason: &'a str,
}

impl LeaseEnded<'_> {
    pub(crate) fn emit(&self) {
        let Self { site, order, how, reason } = *self;
        LEASES.add(1, &[KeyValue::new("site", site.to_owned()), KeyValue::new("how", how)]);
        if reason.is_empty() {
            tracing::info!(site, order, how, "the lease is over");
        } else {
            tracing::warn!(site, order, how, reason, "the lease is over");
        }
    }
}

/// Nothing is sent to a site from now on.
pub(crate) struct Halted<'a> {
    pub(crate) site: &'a str,
    pub(crate) by: &'static str,
    pub(crate) reason: &'a str,
}

impl Halted<'_> {
    pub(crate) fn emit(&self) {
        let Self { site, by, reason } = *self;
        HALTS.add(1, &[KeyValue::new("site", site.to_owned()), KeyValue::new("by", by)]);
        HALTED.set(1, &[KeyValue::new("site", site.to_owned())]);
        tracing::warn!(site, by, reason, "halted: nothing is sent");
    }
}

/// A site is scanned again.
pub(crate) struct Released<'a> {
    pub(crate) site: &'a str,
}

impl Released<'_> {
    pub(crate) fn emit(&self) {
        HALTED.set(0, &[KeyValue::new("site", self.site.to_owned())]);
        tracing::info!(site = self.site, "not halted");
    }
}
