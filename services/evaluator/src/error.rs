//! Why a site is not judged any further for now.

use muster_bus::convert::ConvertError;
use muster_bus::{BusError, KvError, LeadershipLost, PublishError, SubjectError, TailError};
use muster_ids::IdError;
use muster_store::StoreError;
use thiserror::Error;

/// A failure of one site. Nothing is lost by it: its state is rebuilt from the store and the streams.
#[derive(Debug, Error)]
pub enum EvaluatorError {
    /// Another evaluator published for the site.
    #[error("another evaluator published on {subject}")]
    Overtaken {
        /// The site's subject.
        subject: String,
    },
    /// Another evaluator holds the site.
    #[error(transparent)]
    Leadership(#[from] LeadershipLost),
    /// The recorder's record is of another stream.
    #[error(
        "failed to begin from the store: {stream} is not the stream that generation {generation} was recorded from; set \
         evaluator.generation to the recorder's"
    )]
    OtherStream {
        /// Stream.
        stream: &'static str,
        /// Generation.
        generation: u32,
    },
    /// The recorder's record, written by another version.
    #[error("failed to read the recorder's record of {stream}: {cause}; upgrade this evaluator")]
    Record {
        /// Stream.
        stream: &'static str,
        /// What is wrong with it.
        cause: String,
    },
    /// A row or a message that was published earlier and cannot be read back.
    #[error("failed to read back {what}: {cause}; upgrade this evaluator")]
    ReadBack {
        /// What.
        what: &'static str,
        /// What is wrong with it.
        cause: String,
    },
    /// Messages that must be there did not come.
    #[error("failed to read {what}: nothing came for {seconds} s")]
    Deadline {
        /// What.
        what: String,
        /// How long.
        seconds: u64,
    },
    /// The site's name cannot stand in a subject.
    #[error("failed to name a site on the bus: {0}")]
    Name(#[from] SubjectError),
    /// A field does not say what it should.
    #[error("failed to read {0}")]
    Convert(#[from] ConvertError),
    /// An id is none.
    #[error("failed to read an id: {0}")]
    Id(#[from] IdError),
    /// A stream cannot be read on.
    #[error(transparent)]
    Tail(#[from] TailError),
    /// The bus.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A bucket.
    #[error(transparent)]
    Kv(#[from] KvError),
    /// Verdicts were not accepted.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The store.
    #[error("failed to {0}")]
    Store(#[from] StoreError),
    /// The process is stopping.
    #[error("failed to go on: the process is stopping")]
    Stopping,
}
