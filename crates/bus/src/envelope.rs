//! The envelope: made in one place, read in one place, checked in both.

use jiff::Timestamp;
use muster_ids::{EventId, OrderId};
use muster_proto::v1::{Actor, Envelope, Producer, envelope::Body};
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, skip_field};
use thiserror::Error;

use crate::tail::Received;

/// Schema that this version writes and reads. What has a greater one is for a newer version: a reader skips it if it has
/// no use for it.
pub const SCHEMA: u32 = 1;
/// The largest event: a slice of 1,000 units with banners is at most 256 KiB, twice that leaves room for the rest.
pub const MAX_EVENT_BYTES: usize = 512 * 1024;

/// An event before it has a producer.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Its id, derived from what it is about.
    pub id: EventId,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Site, or `all`.
    pub site: String,
    /// Who is answerable.
    pub actor: Actor,
    /// The event that made it happen.
    pub causation_id: Vec<u8>,
    /// The sweep, import or request it belongs to.
    pub correlation_id: Vec<u8>,
    /// What it says.
    pub body: Body,
}

impl Draft {
    /// An event that a service publishes by itself.
    #[must_use]
    pub fn by_service(id: EventId, occurred_at: Timestamp, site: &str, service: &str, body: Body) -> Self {
        Self {
            id,
            occurred_at,
            site: site.to_owned(),
            actor: Actor {
                subject: format!("service:{service}"),
                issuer: "muster".to_owned(),
                on_behalf_of: String::new(),
            },
            causation_id: Vec::new(),
            correlation_id: Vec::new(),
            body,
        }
    }

    /// Says which event made this one happen.
    #[must_use]
    pub fn caused_by(mut self, id: &[u8]) -> Self {
        self.causation_id = id.to_vec();
        self
    }

    /// Says what it belongs to.
    #[must_use]
    pub fn belongs_to(mut self, id: &[u8]) -> Self {
        self.correlation_id = id.to_vec();
        self
    }

    /// Says who is answerable.
    #[must_use]
    pub fn by(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    pub(crate) fn seal(self, producer: Producer) -> Envelope {
        Envelope {
            event_id: self.id.to_vec(),
            occurred_at: Some(crate::convert::time::to_proto(self.occurred_at)),
            site: self.site,
            producer: Some(producer),
            actor: Some(self.actor),
            causation_id: self.causation_id,
            correlation_id: self.correlation_id,
            schema: SCHEMA,
            body: Some(self.body),
        }
    }
}

/// Why a message is not an event.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EnvelopeError {
    /// Larger than any event may be.
    #[error("an event is at most {MAX_EVENT_BYTES} bytes, this has {size_bytes}")]
    TooLarge {
        /// Its size.
        size_bytes: usize,
    },
    /// Not protobuf of this shape.
    #[error("not an envelope: {cause}")]
    Malformed {
        /// What the decoder says.
        cause: String,
    },
    /// A field that must be there is not, or is of the wrong form.
    #[error("envelope without a proper {field}")]
    Field {
        /// Which.
        field: &'static str,
    },
    /// A newer schema or an unknown kind: nothing wrong with it, but not for this version.
    #[error("{}; this version reads up to schema {SCHEMA}: upgrade it", newer(*.schema, *.kind))]
    Newer {
        /// Its schema.
        schema: u32,
        /// Field number of a body that this version does not know.
        kind: Option<u32>,
    },
}

impl EnvelopeError {
    /// Whether a newer version would read it: such an event is not dead.
    #[must_use]
    pub const fn is_newer(&self) -> bool {
        matches!(self, Self::Newer { .. })
    }
}

fn newer(schema: u32, kind: Option<u32>) -> String {
    match kind {
        Some(kind) => format!("event of schema {schema} and an unknown kind (field {kind})"),
        None => format!("event of schema {schema}"),
    }
}

/// Reads and checks a message.
///
/// # Errors
/// When it is too large, malformed, incomplete or newer than this version.
pub fn decode(payload: bytes::Bytes) -> Result<(Envelope, Body), EnvelopeError> {
    decode_bounded(payload, MAX_EVENT_BYTES)
}

/// As [`decode`], with another bound.
pub(crate) fn decode_bounded(payload: bytes::Bytes, bytes_max: usize) -> Result<(Envelope, Body), EnvelopeError> {
    if payload.len() > bytes_max {
        return Err(EnvelopeError::TooLarge { size_bytes: payload.len() });
    }
    let mut envelope =
        Envelope::decode(payload.clone()).map_err(|error| EnvelopeError::Malformed { cause: error.to_string() })?;
    // Before anything else: what this version knows of a newer one's fields is not all that they say.
    if envelope.schema > SCHEMA {
        return Err(EnvelopeError::Newer { schema: envelope.schema, kind: None });
    }
    if EventId::from_bytes(&envelope.event_id).is_err() {
        return Err(EnvelopeError::Field { field: "event_id" });
    }
    if envelope.occurred_at.is_none() {
        return Err(EnvelopeError::Field { field: "occurred_at" });
    }
    if crate::SiteName::new(&envelope.site).is_err() {
        return Err(EnvelopeError::Field { field: "site" });
    }
    if let Some(body) = envelope.body.take() {
        return Ok((envelope, body));
    }
    match unknown_body(&payload) {
        Some(kind) => Err(EnvelopeError::Newer { schema: envelope.schema, kind: Some(kind) }),
        None => Err(EnvelopeError::Field { field: "body" }),
    }
}

/// First field number of a body in `envelope.proto`; below it stands what every event has.
const BODY_FIRST: u32 = 16;

/// The field of a body that this version has no name for: the decoder leaves out what it does not know, so an event of
/// another kind looks like one without a body. Only for an envelope that has none.
fn unknown_body(payload: &[u8]) -> Option<u32> {
    let mut rest = payload;
    while !rest.is_empty() {
        let (tag, wire_type) = decode_key(&mut rest).ok()?;
        if tag >= BODY_FIRST && wire_type == WireType::LengthDelimited {
            return Some(tag);
        }
        skip_field(wire_type, tag, &mut rest, DecodeContext::default()).ok()?;
    }
    None
}

/// What kind of event a body is: the last part of the `ce-type` header, by which a reader that asked for headers alone
/// knows what to fetch.
#[must_use]
pub const fn kind(body: &Body) -> &'static str {
    match body {
        Body::Slice(_) => "slice",
        Body::OrderOutcome(_) => "order-outcome",
        Body::Bulletin(_) => "bulletin",
        Body::InventoryDelta(_) => "inventory-delta",
        Body::InventoryChunk(_) => "inventory-chunk",
        Body::InventoryManifest(_) => "inventory-manifest",
        Body::Estate(_) => "estate",
        Body::Disposition(_) => "disposition",
        Body::SweepRequested(_) => "sweep-requested",
        Body::AuditRequested(_) => "audit-requested",
        Body::Halt(_) => "halt",
        Body::OrderIssued(_) => "order-issued",
        Body::Draw(_) => "draw",
        Body::SweepStarted(_) => "sweep-started",
        Body::SweepFinished(_) => "sweep-finished",
        Body::Clock(_) => "clock",
        Body::Verdicts(_) => "verdicts",
        Body::Order(_) => "order",
        Body::DeadLetter(_) => "dead-letter",
    }
}

/// Reads a message and compares it with the subject it came on: a publisher may say nothing about a site, or a lease,
/// other than the one whose subject it was allowed to publish on.
///
/// # Errors
/// As [`decode`], and when subject and content differ.
pub fn open(received: &Received) -> Result<(Envelope, Body), EnvelopeError> {
    let (envelope, body) = decode(received.payload.clone())?;
    let mut tokens = received.subject.split('.').skip(2);
    let (class, site) = (tokens.next(), tokens.next());
    if matches!(class, Some("event" | "plan" | "order")) && site != Some(envelope.site.as_str()) {
        return Err(EnvelopeError::Field { field: "site: it is not that of the subject" });
    }
    let order = if let Body::Slice(slice) = &body {
        Some(&slice.order_id)
    } else if let Body::OrderOutcome(outcome) = &body {
        Some(&outcome.order_id)
    } else {
        None
    };
    if let Some(order) = order
        && tokens.nth(1) != OrderId::from_bytes(order).ok().map(|order| order.to_string()).as_deref()
    {
        return Err(EnvelopeError::Field { field: "order_id: it is not that of the subject" });
    }
    Ok((envelope, body))
}

#[cfg(test)]
mod tests;
