//! The notable events of this crate: each a struct that logs and counts together, so that neither is forgotten.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use opentelemetry::KeyValue;

use super::metrics::Counter;
use super::names;
use crate::supervise::TaskError;

static TASK_FAILURES: Counter = Counter::new(names::TASK_FAILURES, "Failures of supervised tasks");
static DRAINS_FORCED: Counter = Counter::new(names::DRAINS_FORCED, "Drains cut off at their deadline");
static TLS_RELOADS: Counter = Counter::new(names::TLS_RELOADS, "Reloads of TLS files");
static PANICS: Counter = Counter::new(names::PANICS, "Panics, caught or not");

/// A listener is open: the line to look for when a port was chosen by the system.
pub(crate) struct Bound<'a> {
    pub(crate) what: &'a str,
    pub(crate) address: SocketAddr,
}

impl Bound<'_> {
    pub(crate) fn emit(&self) {
        tracing::info!(what = self.what, address = %self.address, "listening");
    }
}

/// A supervised task failed.
pub(crate) struct TaskFailed<'a> {
    pub(crate) task: &'static str,
    pub(crate) policy: &'static str,
    pub(crate) error: &'a TaskError,
}

impl TaskFailed<'_> {
    pub(crate) fn emit(&self) {
        tracing::error!(task = self.task, policy = self.policy, error = %self.error, "a task failed");
        TASK_FAILURES.add(1, &[KeyValue::new("task", self.task), KeyValue::new("policy", self.policy)]);
    }
}

/// A supervised task came to its end.
pub(crate) struct TaskEnded {
    pub(crate) task: &'static str,
}

impl TaskEnded {
    pub(crate) fn emit(&self) {
        tracing::debug!(task = self.task, "a task ended");
    }
}

/// Something did not stop in time and was cut off.
pub(crate) struct DrainForced<'a> {
    pub(crate) what: &'a str,
    pub(crate) deadline: Duration,
}

impl DrainForced<'_> {
    pub(crate) fn emit(&self) {
        let deadline_ms = self.deadline.as_millis();
        tracing::warn!(what = self.what, deadline_ms, "forced to stop: it did not drain in time");
        DRAINS_FORCED.add(1, &[KeyValue::new("what", self.what.to_owned())]);
    }
}

/// TLS files changed and are in use.
pub(crate) struct TlsReloaded<'a> {
    pub(crate) certificate: &'a Path,
}

impl TlsReloaded<'_> {
    pub(crate) fn emit(&self) {
        tracing::info!(certificate = %self.certificate.display(), "TLS files changed: new connections use them");
        TLS_RELOADS.add(1, &[KeyValue::new("result", "reloaded")]);
    }
}

/// TLS files changed and cannot be used.
pub(crate) struct TlsKept<'a> {
    pub(crate) certificate: &'a Path,
    pub(crate) error: &'a crate::tls::TlsError,
}

impl TlsKept<'_> {
    pub(crate) fn emit(&self) {
        let error = crate::exit::one_line(self.error);
        tracing::error!(certificate = %self.certificate.display(), error, "TLS files changed: keeping the last good ones");
        TLS_RELOADS.add(1, &[KeyValue::new("result", "kept")]);
    }
}

/// Code panicked.
pub(crate) struct Panicked<'a> {
    pub(crate) message: &'a str,
    pub(crate) location: String,
    pub(crate) thread: &'a str,
}

impl Panicked<'_> {
    pub(crate) fn emit(&self) {
        let backtrace = Backtrace::capture();
        // Only with RUST_BACKTRACE; without, there is nothing to tell.
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        tracing::error!(
            panic = self.message,
            location = self.location,
            thread = self.thread,
            backtrace,
            "panicked: this is a bug, please report it"
        );
        PANICS.add(1, &[]);
    }
}
