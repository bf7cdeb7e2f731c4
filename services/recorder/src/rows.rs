//! One message → its rows. The same message gives the same rows, byte for byte, whoever asks and however often.

mod declared;
mod judged;
mod observed;
mod planned;

use std::net::Ipv6Addr;

use muster_bus::Received;
use muster_proto::v1::{self, Envelope, envelope::Body};
use muster_store::rows::{Id, Millis, TableRow};
use thiserror::Error;

/// Takes rows.
pub(crate) trait Sink {
    /// One row of whatever table.
    fn row<R: TableRow>(&mut self, row: &R);
}

/// Why an event that is an envelope still cannot be stored: it goes to DEAD.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{field}: {problem}")]
pub(crate) struct BadEvent {
    field: String,
    problem: String,
}

impl BadEvent {
    fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

/// What every row of a message carries.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    site: &'a str,
    event_id: Id,
    causation_id: Id,
    occurred_at: Millis,
    actor: Actor<'a>,
    producer: Option<&'a v1::Producer>,
    stream_sequence: u64,
    broker_at: Millis,
}

#[derive(Clone, Copy, Default)]
struct Actor<'a> {
    subject: &'a str,
    issuer: &'a str,
    on_behalf_of: &'a str,
}

/// Gives the rows of a message to a sink. Nothing is given when the message is bad.
pub(crate) fn rows(
    received: &Received,
    envelope: &Envelope,
    body: &Body,
    sink: &mut impl Sink,
) -> Result<(), BadEvent> {
    let place = Place {
        site: &envelope.site,
        event_id: id("event_id", &envelope.event_id)?,
        causation_id: optional_id("causation_id", &envelope.causation_id)?,
        occurred_at: millis(envelope.occurred_at.as_ref()),
        actor: envelope.actor.as_ref().map_or_else(Actor::default, |actor| Actor {
            subject: &actor.subject,
            issuer: &actor.issuer,
            on_behalf_of: &actor.on_behalf_of,
        }),
        producer: envelope.producer.as_ref(),
        stream_sequence: received.sequence,
        broker_at: received.stored_at.as_millisecond(),
    };
    match body {
        Body::Slice(slice) => observed::slice(place, slice, sink),
        Body::OrderOutcome(outcome) => observed::outcome(place, outcome, sink),
        Body::Bulletin(bulletin) => declared::bulletin(place, bulletin, sink),
        Body::InventoryDelta(delta) => declared::delta(place, delta, sink),
        Body::InventoryChunk(chunk) => declared::chunk(place, chunk, sink),
        Body::InventoryManifest(manifest) => declared::manifest(place, manifest, sink),
        Body::Estate(document) => declared::estate(place, document, sink),
        Body::Disposition(disposition) => declared::disposition(place, disposition, sink),
        Body::SweepRequested(request) => declared::sweep_requested(place, request, sink),
        Body::AuditRequested(request) => declared::audit_requested(place, request, sink),
        Body::Halt(halt) => declared::halt(place, halt, sink),
        Body::OrderIssued(issued) => planned::issued(place, issued, sink),
        Body::Draw(draw) => planned::draw(place, draw, sink),
        Body::SweepStarted(sweep) => planned::started(place, sweep, sink),
        Body::SweepFinished(sweep) => planned::finished(place, sweep, sink),
        Body::Verdicts(batch) => judged::batch(place, batch, sink),
        // Time itself is no row; orders and dead letters have streams of their own.
        Body::Clock(_) => Ok(()),
        Body::Order(_) | Body::DeadLetter(_) => Err(BadEvent::new("body", "does not belong into this stream")),
    }
}

fn id(field: &str, bytes: &[u8]) -> Result<Id, BadEvent> {
    bytes.try_into().map_err(|_| BadEvent::new(field, format!("an id has 16 bytes, not {}", bytes.len())))
}

fn optional_id(field: &str, bytes: &[u8]) -> Result<Id, BadEvent> {
    if bytes.is_empty() { Ok([0; 16]) } else { id(field, bytes) }
}

/// IPv4 is mapped, as everywhere in the store.
fn address(field: &str, bytes: &[u8]) -> Result<Ipv6Addr, BadEvent> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Ok(std::net::Ipv4Addr::from(v4).to_ipv6_mapped());
    }
    <[u8; 16]>::try_from(bytes)
        .map(Ipv6Addr::from)
        .map_err(|_| BadEvent::new(field, format!("an address has 4 or 16 bytes, not {}", bytes.len())))
}

/// 2299-12-31T23:59:59Z: the last second of a `DateTime64`.
const SECONDS_MAX: i64 = 10_413_791_999;

fn millis(at: Option<&prost_types::Timestamp>) -> Millis {
    at.map_or(0, |at| at.seconds.clamp(0, SECONDS_MAX) * 1_000 + i64::from(at.nanos.clamp(0, 999_999_999)) / 1_000_000)
}

/// A declared value of an enumeration and no other: the store takes any number into an `Enum8`, and fails afterwards
/// every query that reads one which has no name.
fn enumeration<E: TryFrom<i32>>(field: &str, value: i32) -> Result<i8, BadEvent> {
    let known = E::try_from(value).is_ok();
    let number = i8::try_from(value).ok().filter(|_| known);
    number.ok_or_else(|| BadEvent::new(field, format!("{value} is no value of it")))
}

fn block(field: &str, block: &v1::Block) -> Result<String, BadEvent> {
    muster_bus::convert::network::block_from_proto(field, block)
        .map(|block| block.to_string())
        .map_err(|error| BadEvent::new(error.field, error.problem))
}

fn blocks(field: &str, list: &[v1::Block]) -> Result<Vec<String>, BadEvent> {
    list.iter().map(|item| block(field, item)).collect()
}

fn ports(field: &str, list: &[v1::PortRange]) -> Result<Vec<String>, BadEvent> {
    list.iter()
        .map(|range| {
            let transport = match range.transport() {
                v1::Transport::Tcp => "tcp",
                v1::Transport::Udp => "udp",
                v1::Transport::Icmp => "icmp",
                v1::Transport::Arp => "arp",
                v1::Transport::Unspecified => return Err(BadEvent::new(field, "a transport is not set")),
            };
            Ok(if range.first == range.last {
                format!("{transport}/{}", range.first)
            } else {
                format!("{transport}/{}-{}", range.first, range.last)
            })
        })
        .collect()
}

fn texts(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests;
