//! Readiness: a set of named conditions, each flipped by what it is about.

use std::collections::BTreeMap;
use std::sync::Arc;

use opentelemetry::KeyValue;
use tokio::sync::watch;

use crate::telemetry::metrics::Gauge;
use crate::telemetry::names;

static READY: Gauge = Gauge::new(names::READY, "1 while the named condition holds");

#[derive(Debug, Default)]
struct State {
    /// Why each condition does not hold; `None` when it does.
    conditions: BTreeMap<String, Option<String>>,
    draining: bool,
}

/// Whether the process can do its work. Clones share it.
#[derive(Debug, Clone)]
pub struct Readiness {
    state: Arc<watch::Sender<State>>,
}

/// One condition. Clones share it; it stays as it was last set.
#[derive(Debug, Clone)]
pub struct Condition {
    name: String,
    readiness: Readiness,
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Readiness {
    /// Not ready: without a single condition nothing vouches for the process.
    #[must_use]
    pub fn new() -> Self {
        Self { state: Arc::new(watch::Sender::new(State::default())) }
    }

    /// Declares a condition, which does not hold yet. Declare all before the first one is met. A name that is already
    /// there is the same condition.
    pub fn condition(&self, name: impl Into<String>) -> Condition {
        let name = name.into();
        self.state.send_modify(|state| {
            state.conditions.entry(name.clone()).or_insert_with(|| Some("not yet".to_owned()));
        });
        Condition { name, readiness: self.clone() }
    }

    /// The conditions that do not hold, each as `name (why)`.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        missing(&self.state.borrow())
    }

    /// Whether all hold.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.missing().is_empty()
    }

    /// Waits until all hold.
    pub async fn ready(&self) {
        let mut changes = self.state.subscribe();
        // The sender is in `self`, so the channel cannot be closed.
        let _ = changes.wait_for(|state| missing(state).is_empty()).await;
    }

    /// Not ready from now on, whatever the conditions say: the process drains.
    pub fn drain(&self) {
        self.state.send_modify(|state| state.draining = true);
    }
}

fn missing(state: &State) -> Vec<String> {
    if state.draining {
        return vec!["running (the process is stopping)".to_owned()];
    }
    if state.conditions.is_empty() {
        return vec!["started (no condition is declared yet)".to_owned()];
    }
    let text = |(name, why): (&String, &Option<String>)| why.as_ref().map(|why| format!("{name} ({why})"));
    state.conditions.iter().filter_map(text).collect()
}

impl Condition {
    /// It holds.
    pub fn met(&self) {
        self.change(None);
    }

    /// It does not hold, and why, in a few words.
    pub fn unmet(&self, why: impl Into<String>) {
        self.change(Some(why.into()));
    }

    /// By a flag.
    pub fn set(&self, holds: bool) {
        if holds { self.met() } else { self.unmet("not now") }
    }

    fn change(&self, why: Option<String>) {
        let holds = why.is_none();
        let mut flipped = false;
        self.readiness.state.send_modify(|state| {
            let before = state.conditions.insert(self.name.clone(), why.clone());
            flipped = before.is_none_or(|before| before.is_none() != holds);
        });
        READY.set(i64::from(holds), &[KeyValue::new("condition", self.name.clone())]);
        match (flipped, why) {
            (false, _) => {}
            (true, None) => tracing::info!(condition = self.name, "ready"),
            (true, Some(why)) => tracing::warn!(condition = self.name, why, "not ready"),
        }
    }
}
