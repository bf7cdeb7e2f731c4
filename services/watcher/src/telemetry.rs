//! What the watcher reports: one struct an event, each logs and counts.

use std::time::Duration;

use jiff::Timestamp;
use muster_kit::KeyValue;
use muster_kit::telemetry::metrics::{Counter, Gauge};

use crate::announce::Taken;
use crate::error::{Refusal, WatcherError};

static LOOKS: Counter = Counter::new("muster.watcher.looks", "Looks at a feed, by result");
static PUBLISHED: Counter = Counter::new("muster.watcher.published", "Revisions published");
static REFUSED: Counter = Counter::new("muster.watcher.refused", "Distinct documents refused, by reason");
static RELEASED: Gauge = Gauge::new("muster.watcher.released", "Release of the edition that stands, Unix seconds");
static ANSWERED: Gauge = Gauge::new("muster.watcher.answered", "When the feed last answered, Unix seconds");
static CIRCUIT: Gauge = Gauge::new("muster.watcher.circuit", "1 while the feed's circuit is open");

fn of(feed: &str) -> KeyValue {
    KeyValue::new("feed", feed.to_owned())
}

/// A feed was looked at.
pub(crate) struct Looked<'a> {
    pub(crate) feed: &'a str,
    pub(crate) result: Result<&'a Taken, &'a WatcherError>,
}

impl Looked<'_> {
    pub(crate) fn emit(&self) {
        let result = match self.result {
            Ok(Taken::Unchanged) => "unchanged",
            Ok(Taken::Published { .. }) => "changed",
            Ok(Taken::Refused(_)) => "refused",
            Err(_) => "failed",
        };
        LOOKS.add(1, &[of(self.feed), KeyValue::new("result", result)]);
        if self.result.is_ok() {
            ANSWERED.set(Timestamp::now().as_second(), &[of(self.feed)]);
        }
        tracing::debug!(feed = self.feed, result, "looked at a feed");
    }
}

/// An edition was published.
pub(crate) struct Took<'a> {
    pub(crate) feed: &'a str,
    pub(crate) version: &'a str,
    pub(crate) released_at: Timestamp,
    pub(crate) revised: usize,
    pub(crate) withdrawn: usize,
}

impl Took<'_> {
    pub(crate) fn emit(&self) {
        let Self { feed, version, released_at, revised, withdrawn } = *self;
        PUBLISHED.add((revised + withdrawn) as u64, &[of(feed)]);
        RELEASED.set(released_at.as_second(), &[of(feed)]);
        tracing::info!(feed, version, %released_at, revised, withdrawn, "published what is new of a feed");
    }
}

/// A document was refused; the last good one stands.
pub(crate) struct Refused<'a> {
    pub(crate) feed: &'a str,
    pub(crate) refusal: &'a Refusal,
    pub(crate) document: &'a str,
}

impl Refused<'_> {
    pub(crate) fn emit(&self) {
        let Self { feed, refusal, document } = *self;
        REFUSED.add(1, &[of(feed), KeyValue::new("reason", refusal.reason())]);
        tracing::error!(feed, %refusal, document, "refused a document: the last good one stands");
    }
}

/// A feed could not be looked at.
pub(crate) struct Failed<'a> {
    pub(crate) feed: &'a str,
    pub(crate) error: &'a WatcherError,
    pub(crate) wait: Duration,
}

impl Failed<'_> {
    pub(crate) fn emit(&self) {
        let again_s = self.wait.as_secs();
        tracing::warn!(feed = self.feed, error = %self.error, again_s, "cannot look at a feed, trying again");
    }
}

/// A feed fails again and again, or answers again.
pub(crate) struct Circuit<'a> {
    pub(crate) feed: &'a str,
    pub(crate) open: bool,
    pub(crate) wait: Duration,
}

impl Circuit<'_> {
    pub(crate) fn emit(&self) {
        CIRCUIT.set(i64::from(self.open), &[of(self.feed)]);
        let again_s = self.wait.as_secs();
        if self.open {
            tracing::error!(
                feed = self.feed,
                again_s,
                "a feed keeps failing: it is asked once an interval from now on"
            );
        } else {
            tracing::info!(feed = self.feed, "a feed answers again");
        }
    }
}
