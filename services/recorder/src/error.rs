//! Why the recorder stops.

use muster_bus::{BusError, KvError, LeadershipLost, PublishError, TailError};
use muster_kit::Exit;
use muster_store::{InsertError, StoreError};
use thiserror::Error;

/// Why a stream is not recorded any further. Nothing is skipped: what is not recorded waits in the stream.
#[derive(Debug, Error)]
pub enum RecorderError {
    /// The stream is not the one that was recorded, or has lost its end.
    #[error(
        "failed to go on with {stream}: the broker lost its tail: {evidence}; what was recorded is kept. Restore the broker \
         from its backup, or begin a new generation: recorder.generation and evaluator.generation = {next_generation}, with a new store.database"
    )]
    LostTail {
        /// Stream.
        stream: &'static str,
        /// What differs.
        evidence: String,
        /// Generation to begin.
        next_generation: u32,
    },
    /// A record that this version did not write.
    #[error("failed to read the recorder's record of {stream}: {cause}; upgrade this recorder")]
    Record {
        /// Stream.
        stream: &'static str,
        /// What is wrong with it.
        cause: String,
    },
    /// An event of a newer version.
    #[error("failed to record message {sequence} of {stream}: {cause}; nothing is lost, it waits for a newer recorder")]
    UpgradeMe {
        /// Stream.
        stream: &'static str,
        /// Where.
        sequence: u64,
        /// What it is.
        cause: String,
    },
    /// Another recorder acts.
    #[error("another recorder took over {stream}")]
    TakenOver {
        /// Stream.
        stream: &'static str,
    },
    /// Leadership was lost.
    #[error(transparent)]
    Leadership(#[from] LeadershipLost),
    /// The stream cannot be read on.
    #[error(transparent)]
    Tail(#[from] TailError),
    /// The bus.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The record could not be changed.
    #[error(transparent)]
    Kv(#[from] KvError),
    /// A dead letter could not be published.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// Rows could not be inserted.
    #[error("failed to {0}")]
    Insert(#[from] InsertError),
    /// The store.
    #[error("failed to {0}")]
    Store(#[from] StoreError),
}

impl RecorderError {
    /// How the process ends. What a new start would find again is not an engine's bad moment.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::LostTail { .. } | Self::Record { .. } | Self::UpgradeMe { .. } | Self::Tail(_) => Exit::Data,
            Self::TakenOver { .. }
            | Self::Leadership(_)
            | Self::Bus(_)
            | Self::Kv(_)
            | Self::Publish(_)
            | Self::Insert(_)
            | Self::Store(_) => Exit::Unavailable,
        }
    }

    /// Whether standing by is all there is to do.
    #[must_use]
    pub const fn is_taken_over(&self) -> bool {
        matches!(self, Self::TakenOver { .. } | Self::Leadership(_))
    }

    /// Whether waiting and trying again can help.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Bus(_) | Self::Kv(_) => true,
            Self::Publish(error) => error.is_passing(),
            Self::Insert(error) => error.is_worth_repeating(),
            Self::Store(error) => matches!(error, StoreError::Unreachable { .. } | StoreError::Deadline { .. }),
            Self::LostTail { .. }
            | Self::Record { .. }
            | Self::UpgradeMe { .. }
            | Self::TakenOver { .. }
            | Self::Leadership(_)
            | Self::Tail(_) => false,
        }
    }
}
