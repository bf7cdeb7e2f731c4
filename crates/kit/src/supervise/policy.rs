//! What the failure of a task means.

use super::Backoff;

/// What happens when a task fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// The process cannot do its work without it: request the stop, and end with its error.
    ShutDown,
    /// Start it again, after a wait.
    Restart {
        /// The wait.
        backoff: Backoff,
    },
    /// Log and count it, and go on without.
    Log,
}

impl OnError {
    /// The name in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ShutDown => "shut-down",
            Self::Restart { .. } => "restart",
            Self::Log => "log",
        }
    }
}

/// What it means that a task returns without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExit {
    /// It had an end and reached it.
    Finish,
    /// It should run until the stop: an earlier end is a failure.
    Fail,
}

/// Both meanings. An [`OnError`] alone is the policy of a task that runs until the stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// When it fails.
    pub on_error: OnError,
    /// When it returns without an error.
    pub on_exit: OnExit,
}

impl Policy {
    /// For a task that has an end of its own.
    #[must_use]
    pub const fn finite(on_error: OnError) -> Self {
        Self { on_error, on_exit: OnExit::Finish }
    }
}

impl From<OnError> for Policy {
    fn from(on_error: OnError) -> Self {
        Self { on_error, on_exit: OnExit::Fail }
    }
}
