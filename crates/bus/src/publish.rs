//! Publishing: acknowledged by the server's disk, or an error; never in between.

use async_nats::HeaderMap;
use async_nats::jetstream::context::{PublishAckFuture, PublishErrorKind};
use async_nats::jetstream::{self, message::PublishMessage};
use muster_proto::v1::Producer;
use prost::Message;
use thiserror::Error;

use crate::envelope::{Draft, MAX_EVENT_BYTES, kind};
use crate::subject::Subject;
use crate::trace;

/// What a dead letter says about the event that it carries.
pub(crate) const DEAD_LETTER_ROOM_BYTES: usize = 16 * 1024;

/// What has to be true for a message to be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing. `Nats-Msg-Id` still shortens retries.
    Any,
    /// The last message on the same subject has this stream sequence; 0: there is none.
    LastOnSubject(u64),
}

/// An accepted message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Its stream sequence.
    pub sequence: u64,
    /// It was there before, under the same event id.
    pub duplicate: bool,
}

/// Why a message was not accepted.
#[derive(Debug, Error)]
pub enum PublishError {
    /// Somebody else published on the subject: read it again and decide again.
    #[error("failed to publish on {subject}: another publisher was first")]
    Conflict {
        /// Where.
        subject: String,
    },
    /// The stream is full; nothing is lost, try again when readers have caught up.
    #[error("failed to publish on {subject}: the stream is full until its readers have caught up")]
    Full {
        /// Where.
        subject: String,
    },
    /// No answer: it may have been accepted. Publish it again with the same id and expectation.
    #[error("failed to learn whether {subject} was published: {cause}")]
    Indefinite {
        /// Where.
        subject: String,
        /// What happened.
        cause: String,
    },
    /// Larger than any event may be.
    #[error("failed to publish on {subject}: {size_bytes} bytes, an event is at most {MAX_EVENT_BYTES}")]
    TooLarge {
        /// Where.
        subject: String,
        /// Its size.
        size_bytes: usize,
    },
    /// Refused for another reason.
    #[error("failed to publish on {subject}: {cause}")]
    Refused {
        /// Where.
        subject: String,
        /// Why.
        cause: String,
    },
}

impl PublishError {
    /// Whether the same publish may be tried again.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Indefinite { .. })
    }
}

/// Publishes in the name of one process.
#[derive(Debug, Clone)]
pub struct Publisher {
    jetstream: jetstream::Context,
    producer: Producer,
}

impl Publisher {
    pub(crate) fn new(jetstream: jetstream::Context, producer: Producer) -> Self {
        Self { jetstream, producer }
    }

    /// Publishes and waits until the server holds it.
    ///
    /// # Errors
    /// See [`PublishError`]. After [`PublishError::Indefinite`] the same call again is safe.
    pub async fn publish(&self, subject: &Subject, draft: Draft, expect: Expect) -> Result<Published, PublishError> {
        self.send(subject, draft, expect).await?.accepted().await
    }

    /// Publishes without waiting: the answer is to be awaited before the event counts as published.
    ///
    /// # Errors
    /// When it could not even be sent.
    pub async fn send(&self, subject: &Subject, draft: Draft, expect: Expect) -> Result<Accepting, PublishError> {
        self.send_bounded(subject, draft, expect, MAX_EVENT_BYTES).await
    }

    /// A dead letter carries an event and what is said about it.
    pub(crate) async fn publish_large(
        &self,
        subject: &Subject,
        draft: Draft,
        expect: Expect,
    ) -> Result<Published, PublishError> {
        self.send_bounded(subject, draft, expect, MAX_EVENT_BYTES + DEAD_LETTER_ROOM_BYTES).await?.accepted().await
    }

    async fn send_bounded(
        &self,
        subject: &Subject,
        draft: Draft,
        expect: Expect,
        bytes_max: usize,
    ) -> Result<Accepting, PublishError> {
        let headers = headers(&draft, &self.producer);
        let payload = draft.seal(self.producer.clone()).encode_to_vec();
        if payload.len() > bytes_max {
            return Err(PublishError::TooLarge { subject: subject.to_string(), size_bytes: payload.len() });
        }
        let mut message = PublishMessage::build().payload(payload.into()).headers(headers);
        if let Expect::LastOnSubject(sequence) = expect {
            message = message.expected_last_subject_sequence(sequence);
        }
        let answer = self
            .jetstream
            .send_publish(subject.as_str().to_owned(), message)
            .await
            .map_err(|error| judge(subject.as_str(), &error))?;
        Ok(Accepting { answer, subject: subject.clone() })
    }
}

/// A message on its way.
#[derive(Debug)]
pub struct Accepting {
    answer: PublishAckFuture,
    subject: Subject,
}

impl Accepting {
    /// Waits for the server's answer.
    ///
    /// # Errors
    /// See [`PublishError`].
    pub async fn accepted(self) -> Result<Published, PublishError> {
        match self.answer.await {
            Ok(ack) => Ok(Published { sequence: ack.sequence, duplicate: ack.duplicate }),
            Err(error) => Err(judge(self.subject.as_str(), &error)),
        }
    }
}

pub(crate) fn judge(subject: &str, error: &jetstream::context::PublishError) -> PublishError {
    let subject = subject.to_owned();
    let cause = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    match error.kind() {
        PublishErrorKind::WrongLastSequence => PublishError::Conflict { subject },
        PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe | PublishErrorKind::MaxAckPending => {
            PublishError::Indefinite { subject, cause }
        }
        // A server that is just starting has no stream to answer with; the stream's absence is found at start.
        PublishErrorKind::StreamNotFound => PublishError::Indefinite { subject, cause },
        // 10077, "maximum bytes exceeded" or "maximum messages exceeded": the stream's limit with discard new.
        PublishErrorKind::Other if cause.contains("maximum") && cause.contains("exceeded") => {
            PublishError::Full { subject }
        }
        // 10023, 10047 and 10077: the server could not store it now.
        PublishErrorKind::Other if cause.contains("resource") || cause.contains("store") => {
            PublishError::Indefinite { subject, cause }
        }
        PublishErrorKind::WrongLastMessageId | PublishErrorKind::MaxPayloadExceeded | PublishErrorKind::Other => {
            PublishError::Refused { subject, cause }
        }
    }
}

/// Before the kind in the `ce-type` header.
pub(crate) const KIND_PREFIX: &str = "muster.v1.";

/// The kind of an event alone, for bytes that are published again.
pub(crate) fn kind_header(kind: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("ce-type", format!("{KIND_PREFIX}{kind}").as_str());
    headers
}

/// CloudEvents 1.0 attributes (NATS protocol binding, binary mode) and W3C trace context.
fn headers(draft: &Draft, producer: &Producer) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let id = draft.id.to_string();
    headers.insert("Nats-Msg-Id", id.as_str());
    headers.insert("ce-specversion", "1.0");
    headers.insert("ce-id", id.as_str());
    headers.insert("ce-source", format!("/muster/{}/{}", producer.service, producer.instance).as_str());
    headers.insert("ce-type", format!("{KIND_PREFIX}{}", kind(&draft.body)).as_str());
    headers.insert("ce-time", draft.occurred_at.to_string().as_str());
    trace::inject(&mut headers);
    headers
}
