//! What could not be read is put aside with the reason, and blocks nothing.

use jiff::Timestamp;
use muster_ids::EventId;
use muster_proto::v1::{DeadLetter, envelope::Body};

use crate::envelope::{Draft, MAX_EVENT_BYTES};
use crate::publish::{Expect, PublishError, Published, Publisher};
use crate::subject::Subject;
use crate::tail::Received;
use crate::topology::Stream;

/// Bytes of the original that a dead letter keeps: what any event may have.
const KEPT_BYTES: usize = MAX_EVENT_BYTES;

/// A message that could not be read.
#[derive(Debug, Clone)]
pub struct DeadEntry<'a> {
    /// Stream it stands in.
    pub stream: Stream,
    /// The message.
    pub received: &'a Received,
    /// Who could not read it.
    pub reader: &'a str,
    /// Why.
    pub reason: String,
}

/// Publishes a dead letter. The same message twice by the same reader has one id, so within the duplicate window it
/// stands once.
///
/// # Errors
/// When it was not accepted: the reader must not go past the message then.
pub async fn put_aside(publisher: &Publisher, entry: DeadEntry<'_>) -> Result<Published, PublishError> {
    let DeadEntry { stream, received, reader, reason } = entry;
    tracing::warn!(stream = stream.name(), sequence = received.sequence, reader, reason, "put aside into DEAD");
    let payload = received.payload.slice(..received.payload.len().min(KEPT_BYTES));
    let body = Body::DeadLetter(DeadLetter {
        stream: stream.name().to_owned(),
        sequence: received.sequence,
        subject: received.subject.clone(),
        reader: reader.to_owned(),
        reason,
        payload_size_bytes: received.payload.len() as u64,
        payload,
    });
    let id = EventId::of_dead_letter(stream.name(), received.sequence, reader);
    // The time of the dead letter is that of the message: a repeat is the same bytes.
    let occurred_at: Timestamp = received.stored_at;
    let draft = Draft::by_service(id, occurred_at, "all", reader, body);
    publisher.publish_large(&Subject::dead(stream), draft, Expect::Any).await
}
