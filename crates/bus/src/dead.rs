//! What could not be read is put aside with the reason, and blocks nothing.

use jiff::Timestamp;
use muster_ids::EventId;
use muster_proto::v1::{DeadLetter, envelope::Body};
use thiserror::Error;

use crate::bus::Bus;
use crate::envelope::{Draft, EnvelopeError, MAX_EVENT_BYTES, decode, decode_bounded, kind};
use crate::publish::{DEAD_LETTER_ROOM_BYTES, Expect, PublishError, Published, Publisher};
use crate::subject::Subject;
use crate::tail::Received;
use crate::topology::Stream;

/// Bytes of the original that a dead letter keeps: what any event may have.
const KEPT_BYTES: usize = MAX_EVENT_BYTES;
/// Bytes of a reason: it may quote what could not be read.
const REASON_BYTES: usize = 2 * 1024;

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
        reason: beginning(reason, REASON_BYTES),
        payload_size_bytes: received.payload.len() as u64,
        payload,
    });
    let id = EventId::of_dead_letter(stream.name(), received.sequence, reader);
    // The time of the dead letter is that of the message: a repeat is the same bytes.
    let occurred_at: Timestamp = received.stored_at;
    let draft = Draft::by_service(id, occurred_at, "all", reader, body);
    publisher.publish_large(&Subject::dead(stream), draft, Expect::Any).await
}

/// At most so many bytes of a text, without cutting a letter.
fn beginning(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    text
}

/// Why a message of DEAD cannot be published again.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// It is no dead letter.
    #[error("failed to read message {sequence} of DEAD: {cause}")]
    Unreadable {
        /// Its sequence in DEAD.
        sequence: u64,
        /// What is wrong with it.
        cause: EnvelopeError,
    },
    /// It says that it came from where its writer cannot have read it.
    #[error(
        "failed to replay message {sequence} of DEAD: it stands on {stands_on}, but says that it came from {subject:?} of \
         {stream:?}; whoever wrote it may have made it up"
    )]
    Elsewhere {
        /// Its sequence in DEAD.
        sequence: u64,
        /// Subject in DEAD.
        stands_on: String,
        /// Where it says that it came from.
        subject: String,
        /// And from which stream.
        stream: String,
    },
    /// Not all of it was kept.
    #[error("failed to replay message {sequence} of DEAD: only the beginning of it was kept, it was too large")]
    Cut {
        /// Its sequence in DEAD.
        sequence: u64,
    },
    /// The bus did not take it.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Reads a message of DEAD.
///
/// # Errors
/// When it is no dead letter: whoever reads a stream may publish there, so not everything that stands there is one.
pub fn dead_letter(received: &Received) -> Result<DeadLetter, EnvelopeError> {
    match decode_bounded(received.payload.clone(), MAX_EVENT_BYTES + DEAD_LETTER_ROOM_BYTES)? {
        (_, Body::DeadLetter(letter)) => Ok(letter),
        _ => Err(EnvelopeError::Field { field: "dead_letter" }),
    }
}

/// Publishes what a dead letter carries where it came from, for a version that can read it: the bytes as they are, and
/// the kind of event beside them, by which some readers choose. Gives the letter and where its message stands now.
///
/// # Errors
/// When it is no dead letter, is not all of the message or names another stream than its own, and when the bus does not
/// take it.
pub async fn replay(bus: &Bus, received: &Received) -> Result<(DeadLetter, u64), ReplayError> {
    let sequence = received.sequence;
    let letter = dead_letter(received).map_err(|cause| ReplayError::Unreadable { sequence, cause })?;
    if !is_from_its_stream(received, &letter) {
        let (stands_on, stream) = (received.subject.clone(), letter.stream);
        return Err(ReplayError::Elsewhere { sequence, stands_on, subject: letter.subject, stream });
    }
    if letter.payload.len() as u64 != letter.payload_size_bytes {
        return Err(ReplayError::Cut { sequence });
    }
    let kind = decode(letter.payload.clone()).ok().map(|(_, body)| kind(&body));
    let at = bus.republish(&letter.subject, kind, letter.payload.clone()).await?;
    Ok((letter, at))
}

/// A scanner may write dead letters of ORDERS and no others; what it makes up must not be published in a command's place.
fn is_from_its_stream(received: &Received, letter: &DeadLetter) -> bool {
    let Some(stream) = Stream::ALL.into_iter().find(|stream| stream.name() == letter.stream) else { return false };
    let prefix = stream.subjects().trim_end_matches('>');
    received.subject == Subject::dead(stream).as_str() && letter.subject.starts_with(prefix)
}
