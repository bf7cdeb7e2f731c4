//! Named tasks, each with a declared meaning of its failure. A panic is a failure like any other.

mod backoff;
mod policy;
#[cfg(test)]
mod tests;

pub use backoff::Backoff;
pub use policy::{OnError, OnExit, Policy};

use std::pin::Pin;
use std::time::Duration;

use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use crate::shutdown::Shutdown;
use crate::telemetry::event::{TaskEnded, TaskFailed};

/// How a task failed.
#[derive(Debug, Error)]
pub enum TaskError {
    /// It returned an error.
    #[error("{0:#}")]
    Failed(#[source] anyhow::Error),
    /// It panicked.
    #[error("it panicked: {0} (a bug: please report it)")]
    Panicked(String),
    /// It returned although nobody asked it to.
    #[error("it ended before anybody asked it to")]
    Ended,
}

/// The task whose failure stopped the process.
#[derive(Debug, Error)]
#[error("failed to keep task {name:?} running")]
pub struct TaskFailure {
    /// The task's name.
    pub name: &'static str,
    /// What happened to it.
    #[source]
    pub error: TaskError,
}

type Attempt = Pin<Box<dyn Future<Output = Result<(), anyhow::Error>> + Send>>;

/// Runs tasks until the stop. Dropping it aborts them.
#[derive(Debug)]
pub struct Supervisor {
    shutdown: Shutdown,
    tasks: JoinSet<Result<(), TaskFailure>>,
}

impl Supervisor {
    /// Starts without tasks.
    #[must_use]
    pub fn new(shutdown: Shutdown) -> Self {
        Self { shutdown, tasks: JoinSet::new() }
    }

    /// Runs a task that can be made again: `make` is called once a start.
    pub fn spawn<F, Fut, E>(&mut self, name: &'static str, policy: impl Into<Policy>, mut make: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<anyhow::Error>,
    {
        let attempt = move || -> Attempt {
            let future = make();
            Box::pin(async move { future.await.map_err(Into::into) })
        };
        let supervised = supervise(name, policy.into(), self.shutdown.clone(), attempt);
        self.tasks.spawn(supervised);
    }

    /// Runs a task once. With [`OnError::Restart`] it is not run again, so its failure stops the process.
    pub fn spawn_once<Fut, E>(&mut self, name: &'static str, policy: impl Into<Policy>, future: Fut)
    where
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<anyhow::Error>,
    {
        let mut policy = policy.into();
        if matches!(policy.on_error, OnError::Restart { .. }) {
            policy.on_error = OnError::ShutDown;
        }
        let mut once: Option<Attempt> = Some(Box::pin(async move { future.await.map_err(Into::into) }));
        let attempt = move || once.take().unwrap_or_else(|| Box::pin(async { Ok(()) }));
        let supervised = supervise(name, policy, self.shutdown.clone(), attempt);
        self.tasks.spawn(supervised);
    }

    /// How many tasks run.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether no task runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// The stop that the tasks hear.
    #[must_use]
    pub const fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Waits for all tasks. Bound it with [`crate::drain`] after the stop was requested.
    ///
    /// # Errors
    /// The first failure that stopped the process.
    pub async fn finish(mut self) -> Result<(), TaskFailure> {
        let mut first = Ok(());
        while let Some(joined) = self.tasks.join_next().await {
            let result = joined.unwrap_or_else(|error| {
                // `supervise` catches panics of tasks, so this is one of its own.
                Err(TaskFailure { name: "supervisor", error: TaskError::Panicked(error.to_string()) })
            });
            if first.is_ok() {
                first = result;
            }
        }
        first
    }
}

async fn supervise(
    name: &'static str,
    policy: Policy,
    shutdown: Shutdown,
    mut make: impl FnMut() -> Attempt + Send,
) -> Result<(), TaskFailure> {
    let mut failures = 0_u32;
    loop {
        let started = Instant::now();
        let ended = AbortOnDropHandle::new(tokio::spawn(make())).await;
        let error = match (ended, policy.on_exit) {
            (Ok(Ok(())), OnExit::Finish) => return finished(name),
            (Ok(Ok(())), OnExit::Fail) if shutdown.is_requested() => return finished(name),
            (Ok(Ok(())), OnExit::Fail) => TaskError::Ended,
            (Ok(Err(error)), OnExit::Finish | OnExit::Fail) => TaskError::Failed(error),
            (Err(join), OnExit::Finish | OnExit::Fail) => TaskError::Panicked(panic_text(join)),
        };
        TaskFailed { task: name, policy: policy.on_error.name(), error: &error }.emit();
        match policy.on_error {
            OnError::ShutDown => {
                shutdown.request(format!("task {name} failed"));
                return Err(TaskFailure { name, error });
            }
            OnError::Log => return Ok(()),
            OnError::Restart { backoff } => {
                failures = if started.elapsed() >= backoff.reset_after { 0 } else { failures };
                if pause(&shutdown, backoff.delay(name, failures)).await.is_none() {
                    return Ok(());
                }
                failures = failures.saturating_add(1);
            }
        }
    }
}

fn finished(name: &'static str) -> Result<(), TaskFailure> {
    TaskEnded { task: name }.emit();
    Ok(())
}

/// Waits; `None` when the stop came first.
async fn pause(shutdown: &Shutdown, delay: Duration) -> Option<()> {
    shutdown.or(tokio::time::sleep(delay)).await
}

fn panic_text(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(payload) => crate::telemetry::panic::text(payload.as_ref()).to_owned(),
        Err(cancelled) => cancelled.to_string(),
    }
}
