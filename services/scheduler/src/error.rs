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
    /// A plan that this version cannot read.
    #[error("failed to read plan {sequence}: {cause}; upgrade this scheduler")]
    Plan {
        /// Stream sequence.
        sequence: u64,
        /// What is wrong.
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
    /// Whether reading PLANS again and deciding again is the answer.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Overtaken { .. } | Self::Bus(_) | Self::Kv(_) | Self::Publish(_) | Self::Tail(_) => true,
            Self::Leadership(_)
            | Self::Plan { .. }
            | Self::Convert(_)
            | Self::Id(_)
            | Self::Sweep(_)
            | Self::Randomness(_) => false,
        }
    }
}
