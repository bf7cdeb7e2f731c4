//! The recorder's one record of a stream: it commits the last batch and declares the next, in one compare-and-set.

use muster_ids::EventId;
use serde::{Deserialize, Serialize};

/// What the recorder has made durable, and what it is about to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecorderRecord {
    /// Identity of the stream: when it was created. A stream made anew is another.
    pub incarnation: String,
    /// Generation of the store: another one is filled from the beginning of the streams.
    pub generation: u32,
    /// Every message up to here stands in the store.
    pub committed: u64,
    /// Id of the event at `committed`; `None` before the first.
    pub committed_event: Option<EventId>,
    /// The batch in the making. Its range never changes: whoever takes over inserts exactly it again.
    pub declared: Option<Declared>,
}

/// A contiguous range of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declared {
    /// First sequence.
    pub first: u64,
    /// Last sequence.
    pub last: u64,
    /// Id of the event at `last`; `None` where it could not be read.
    pub last_event: Option<EventId>,
}

impl RecorderRecord {
    /// The record of a stream of which nothing is stored.
    #[must_use]
    pub fn new(incarnation: &str, generation: u32) -> Self {
        Self { incarnation: incarnation.to_owned(), generation, committed: 0, committed_event: None, declared: None }
    }

    /// Key of the record in its bucket.
    #[must_use]
    pub fn key(stream: crate::Stream, generation: u32) -> String {
        format!("{}.{generation}", stream.name())
    }

    /// The record after its declared batch is durable, with the next one declared.
    #[must_use]
    pub fn advance(&self, next: Option<Declared>) -> Self {
        let (committed, committed_event) = match &self.declared {
            Some(declared) => (declared.last, declared.last_event),
            None => (self.committed, self.committed_event),
        };
        Self { committed, committed_event, declared: next, incarnation: self.incarnation.clone(), ..*self }
    }

    /// Deduplication token of a table's block of the declared batch.
    #[must_use]
    pub fn token(&self, declared: &Declared, table: &str) -> String {
        format!("{}:{}:{}-{}:{table}", self.incarnation, self.generation, declared.first, declared.last)
    }
}
