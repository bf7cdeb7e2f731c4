//! What is an event, what is broken, and what only a newer version reads.
#![allow(clippy::unwrap_used, reason = "tests")]

use muster_proto::v1::{Clock, Envelope, Producer, envelope::Body};
use proptest::prelude::*;
use prost::Message;

use super::{Draft, EnvelopeError, decode, open};
use crate::Received;
use muster_ids::{EventId, OrderId};

fn event() -> Envelope {
    let body = Body::Clock(Clock::default());
    Draft::by_service(EventId::of_clock(0), jiff::Timestamp::UNIX_EPOCH, "all", "scheduler", body)
        .seal(Producer::default())
}

#[test]
fn an_event_reads_back() {
    let (envelope, body) = decode(event().encode_to_vec().into()).unwrap();
    assert_eq!(body, Body::Clock(Clock::default()));
    assert_eq!(envelope.site, "all");
}

fn on(subject: &str, envelope: &Envelope) -> Received {
    let stored_at = jiff::Timestamp::UNIX_EPOCH;
    Received {
        sequence: 1,
        stored_at,
        subject: subject.to_owned(),
        payload: envelope.encode_to_vec().into(),
        kind: None,
        origin: None,
    }
}

#[test]
fn a_scanner_cannot_speak_for_another_site_or_lease() {
    let order = OrderId::from_array([7; 16]);
    let slice = muster_proto::v1::Slice { order_id: order.to_vec(), ..Default::default() };
    let dublin = Envelope { site: "dublin".to_owned(), body: Some(Body::Slice(slice)), ..event() };
    assert!(open(&on(&format!("muster.v1.event.dublin.lease.{order}"), &dublin)).is_ok());
    assert!(open(&on(&format!("muster.v1.event.redmond.lease.{order}"), &dublin)).is_err());
    let other = OrderId::from_array([8; 16]);
    assert!(open(&on(&format!("muster.v1.event.dublin.lease.{other}"), &dublin)).is_err());
}

#[test]
fn a_newer_schema_is_not_dead_whatever_it_carries() {
    let known = Envelope { schema: 2, ..event() };
    let bare = Envelope { schema: 2, ..Envelope::default() };
    for newer in [known, bare] {
        let refused = decode(newer.encode_to_vec().into());
        assert_eq!(refused, Err(EnvelopeError::Newer { schema: 2, kind: None }));
    }
}

/// Field 39, length-delimited: a kind of EVENTS that this version does not have.
const UNKNOWN_KIND: [u8; 6] = [0xba, 0x02, 0x03, b'n', b'e', b'w'];

#[test]
fn an_unknown_kind_is_not_dead() {
    let bodiless = Envelope { body: None, ..event() }.encode_to_vec();
    let unknown = [bodiless.as_slice(), &UNKNOWN_KIND].concat();
    let refused = decode(unknown.into()).unwrap_err();
    assert_eq!(refused, EnvelopeError::Newer { schema: 1, kind: Some(39) });
    assert!(refused.to_string().contains("unknown kind (field 39)") && refused.to_string().contains("upgrade"));
}

#[test]
fn an_event_without_a_body_is_broken() {
    let bodiless = Envelope { body: None, ..event() }.encode_to_vec();
    // A number where a body would stand is none, and neither is an unknown field of the envelope itself.
    let numbered = [bodiless.as_slice(), &[0xb8, 0x02, 0x01]].concat();
    let extended = [bodiless.as_slice(), &[0x7a, 0x01, b'x']].concat();
    for broken in [bodiless, numbered, extended] {
        assert_eq!(decode(broken.into()), Err(EnvelopeError::Field { field: "body" }));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_an_event_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        let _either = decode(bytes.into());
    }

    #[test]
    fn a_cut_event_never_panics(at in 0_usize..64) {
        let bytes = event().encode_to_vec();
        let _either = decode(bytes[..at.min(bytes.len())].to_vec().into());
    }
}
