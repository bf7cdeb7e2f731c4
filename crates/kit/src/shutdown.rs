//! One request to stop, heard by everything, and a drain that ends.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The request to stop. Clones share it; it is made once and never withdrawn.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    reason: Arc<OnceLock<String>>,
}

impl Shutdown {
    /// Nothing is requested yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the stop. The first reason stays.
    pub fn request(&self, reason: impl Into<String>) {
        let _ = self.reason.set(reason.into());
        self.token.cancel();
    }

    /// Waits until the stop is requested; returns at once when it was. Cancel-safe.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// Whether the stop is requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Why, once it is.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.get().map(String::as_str)
    }

    /// A stop that follows this one but can be requested alone: for a part of a process, or a test.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { token: self.token.child_token(), reason: Arc::default() }
    }

    /// The same request, for libraries that take a token.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Runs a future until it ends or the stop is requested: `None` is the stop, and drops the future.
    pub async fn or<F: Future>(&self, future: F) -> Option<F::Output> {
        self.token.run_until_cancelled(future).await
    }

    /// Has SIGTERM and SIGINT request the stop, and a second one of either end the process at once, with 128 + its
    /// number as shells expect (143, 130).
    ///
    /// # Errors
    /// When the operating system refuses the handlers.
    pub fn listen_for_signals(&self) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            let (name, _) = next(&mut terminate, &mut interrupt).await;
            tracing::info!(signal = name, "stopping; a second signal exits at once");
            shutdown.request(name);
            let (name, number) = next(&mut terminate, &mut interrupt).await;
            tracing::warn!(signal = name, "second signal: exiting without a drain");
            std::process::exit(128 + number);
        });
        Ok(())
    }
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> (&'static str, i32) {
    tokio::select! {
        _ = terminate.recv() => ("SIGTERM", SignalKind::terminate().as_raw_value()),
        _ = interrupt.recv() => ("SIGINT", SignalKind::interrupt().as_raw_value()),
    }
}

/// Gives a future until the deadline to end by itself. `None` means that it was cut off, with a warning that names it.
pub async fn drain<F: Future>(what: &str, deadline: Duration, future: F) -> Option<F::Output> {
    match tokio::time::timeout(deadline, future).await {
        Ok(output) => Some(output),
        Err(_) => {
            crate::telemetry::event::DrainForced { what, deadline }.emit();
            None
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn every_clone_hears_the_first_reason() {
        let shutdown = Shutdown::new();
        let other = shutdown.clone();
        let waiting = tokio::spawn(async move { other.requested().await });
        assert!(!shutdown.is_requested());
        shutdown.request("first");
        shutdown.request("second");
        waiting.await.unwrap();
        assert_eq!(shutdown.reason(), Some("first"));
    }

    #[tokio::test]
    async fn a_child_stops_alone_or_with_its_parent() {
        let parent = Shutdown::new();
        let (alone, with) = (parent.child(), parent.child());
        alone.request("part");
        assert!(!parent.is_requested() && !with.is_requested());
        parent.request("all");
        with.requested().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_is_forced_at_its_deadline() {
        assert_eq!(drain("quick", Duration::from_secs(1), async { 7 }).await, Some(7));
        let started = tokio::time::Instant::now();
        assert_eq!(drain("stuck", Duration::from_secs(3), std::future::pending::<()>()).await, None);
        assert_eq!(started.elapsed(), Duration::from_secs(3));
    }

    #[tokio::test]
    async fn or_ends_with_the_stop() {
        let shutdown = Shutdown::new();
        assert_eq!(shutdown.or(async { 1 }).await, Some(1));
        shutdown.request("test");
        assert_eq!(shutdown.or(std::future::pending::<()>()).await, None);
    }
}
