//! Why a feed is not read, and why what was read is refused.

use muster_bulletin::EditionError;
use muster_bulletin::kev::KevError;
use muster_bus::{BusError, KvError, LeadershipLost, PublishError, SubjectError, TailError};
use thiserror::Error;

/// Why a document did not arrive. It is asked for again, ever more rarely.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The publisher does not answer, or breaks off.
    #[error("failed to fetch {url}: {cause}")]
    Unreachable {
        /// Where.
        url: String,
        /// The whole chain of causes.
        cause: String,
    },
    /// The publisher answers with something else than the document.
    #[error("failed to fetch {url}: the server says {status}; open it in a browser, it may have moved")]
    Status {
        /// Where.
        url: String,
        /// HTTP status.
        status: u16,
        /// How long the server asks to be left alone, s.
        retry_after_s: Option<u64>,
    },
    /// The file is not there or cannot be read.
    #[error("failed to read {file}: {cause}")]
    File {
        /// The file.
        file: String,
        /// Why not.
        cause: String,
    },
}

/// Why a document that arrived is not taken. The last good one stands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Larger than anything that is read.
    #[error("it has more than {bytes_max} bytes")]
    TooLarge {
        /// What is read at most.
        bytes_max: usize,
    },
    /// A page for people.
    #[error("it is {content_type} and not JSON: a proxy or a login page answered in its place")]
    Html {
        /// What the server calls it.
        content_type: String,
    },
    /// Cut off, or contradicting itself.
    #[error("it is no catalogue: {0}")]
    Kev(#[from] KevError),
    /// It cannot follow what stands.
    #[error("it cannot follow what stands: {0}")]
    Edition(#[from] EditionError),
    /// A value outside of what can be.
    #[error("{field}: {problem}")]
    Value {
        /// Which.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// More than the feed's record can hold.
    #[error(
        "{entries} bulletins ({size_bytes} bytes) do not fit the feed's record of at most {entries_max} ({bytes_max} bytes)"
    )]
    TooMany {
        /// Bulletins.
        entries: usize,
        /// Most that fit.
        entries_max: usize,
        /// Bytes of the record.
        size_bytes: usize,
        /// Most that fit.
        bytes_max: usize,
    },
}

impl Refusal {
    /// For a metric.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::Html { .. } => "html",
            Self::Kev(_) => "malformed",
            Self::Edition(EditionError::Shrunk { .. }) => "shrunk",
            Self::Edition(EditionError::Older { .. }) => "older",
            Self::Value { .. } => "value",
            Self::TooMany { .. } => "too-many",
        }
    }
}

/// Why the watcher stops, or tries again. What was published stands on the feed's subject; whoever goes on reads it there.
#[derive(Debug, Error)]
pub enum WatcherError {
    /// Another watcher published on the feed or moved its cursor: read and decide again.
    #[error("another watcher was first on feed {feed}")]
    Overtaken {
        /// Feed.
        feed: String,
    },
    /// Another replica acts.
    #[error(transparent)]
    Leadership(#[from] LeadershipLost),
    /// A cursor that this version did not write.
    #[error("failed to read the cursor of feed {feed}: {cause}; upgrade this watcher")]
    Cursor {
        /// Feed.
        feed: String,
        /// What is wrong.
        cause: String,
    },
    /// A revision that a newer version published.
    #[error("failed to read message {sequence} of feed {feed}: {cause}; upgrade this watcher")]
    Newer {
        /// Feed.
        feed: String,
        /// Stream sequence.
        sequence: u64,
        /// What it is.
        cause: String,
    },
    /// The feed's subject does not answer.
    #[error("failed to read feed {feed} after message {after}: no answer within {deadline_ms} ms")]
    Silent {
        /// Feed.
        feed: String,
        /// Last sequence read.
        after: u64,
        /// How long it was waited for.
        deadline_ms: u128,
    },
    /// The document did not arrive.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A worker of this process failed.
    #[error("failed to work on a document: {0} (a bug: please report it)")]
    Worker(#[from] tokio::task::JoinError),
    /// A feed's name is none.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// The subject cannot be read on.
    #[error(transparent)]
    Tail(#[from] TailError),
    /// The bus.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The cursor could not be changed.
    #[error(transparent)]
    Kv(#[from] KvError),
    /// A revision was not accepted.
    #[error(transparent)]
    Publish(#[from] PublishError),
}
