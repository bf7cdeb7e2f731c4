//! Why the scheduler stops, or tries again.

use muster_bus::convert::ConvertError;
use muster_bus::{BusError, KvError, LeadershipLost, PublishError, TailError};
use muster_ids::IdError;
use thiserror::Error;

/// A failure of the scheduler. What was decided stands in PLANS; whoever goes on reads it there.
#[derive(Debug, Error)]
pub enum SchedulerError {
    /// Another replica decided first: read and decide again.
    #[error("another scheduler was first on {subject}")]
    Overtaken {
        /// Log.
        subject: String,
    },
    /// Another replica acts.
    #[error(transparent)]
    Leadership(#[from] LeadershipLost),
    /// An audit cannot be drawn.
    #[error("failed to draw: {cause}")]
    Undrawable {
        /// Why.
        cause: String,
    },
    /// A document or an event does not say what it should.
    #[error("failed to read {0}")]
    Convert(#[from] ConvertError),
    /// An id is none.
    #[error("failed to read an id: {0}")]
    Id(#[from] IdError),
    /// A sweep cannot be planned.
    #[error(transparent)]
    Sweep(#[from] muster_sweep::PlanError),
    /// PLANS cannot be read on.
    #[error(transparent)]
    Tail(#[from] TailError),
    /// The bus.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A bucket.
    #[error(transparent)]
    Kv(#[from] KvError),
    /// A plan or an order was not accepted.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The system gives no randomness.
    #[error("failed to draw a seed: {0}")]
    Randomness(String),
}

impl SchedulerError {
    /// Whether it follows from what was asked for: the same again fails the same way, and concerns nothing else.
    #[must_use]
    pub const fn is_of_content(&self) -> bool {
        match self {
            Self::Undrawable { .. }
            | Self::Convert(_)
            | Self::Id(_)
            | Self::Sweep(_)
            | Self::Publish(PublishError::TooLarge { .. }) => true,
            Self::Overtaken { .. }
            | Self::Leadership(_)
            | Self::Tail(_)
            | Self::Bus(_)
            | Self::Kv(_)
            | Self::Publish(_)
            | Self::Randomness(_) => false,
        }
    }

    /// Whether reading PLANS again and deciding again is the answer.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Publish(PublishError::TooLarge { .. }) => false,
            Self::Overtaken { .. } | Self::Bus(_) | Self::Kv(_) | Self::Publish(_) | Self::Tail(_) => true,
            Self::Leadership(_)
            | Self::Undrawable { .. }
            | Self::Convert(_)
            | Self::Id(_)
            | Self::Sweep(_)
            | Self::Randomness(_) => false,
        }
    }
}
