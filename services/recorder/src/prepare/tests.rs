//! Where a batch ends, and what is said when a declared one cannot be made again.
#![allow(clippy::unwrap_used, reason = "tests")]

use jiff::Timestamp;
use muster_bus::{EnvelopeError, Received};
use muster_ids::EventId;
use muster_proto::v1::{Clock, Envelope, envelope::Body};
use prost::Message;

use super::{Bounds, Newer, NotAgain, prepare, prepare_again};

const BOUNDS: Bounds = Bounds { rows_max: 100_000, bytes_max: 64 << 20 };
const JULY: i64 = 1_783_000_000;
const AUGUST: i64 = JULY + 31 * 24 * 3_600;

fn clock(sequence: u64, schema: u32, stored_at: i64) -> Received {
    let envelope = Envelope {
        event_id: EventId::of_clock(i64::try_from(sequence).unwrap()).to_vec(),
        occurred_at: Some(prost_types::Timestamp::default()),
        site: "all".to_owned(),
        schema,
        body: Some(Body::Clock(Clock::default())),
        ..Envelope::default()
    };
    Received {
        sequence,
        stored_at: Timestamp::from_second(stored_at).unwrap(),
        subject: "muster.v1.plan.all.clock".to_owned(),
        payload: envelope.encode_to_vec().into(),
        kind: None,
        origin: None,
    }
}

fn newer_at(sequence: u64) -> Vec<Received> {
    (1..=4).map(|at| clock(at, if at == sequence { 2 } else { 1 }, JULY)).collect()
}

#[test]
fn a_newer_event_ends_the_batch_before_it_and_is_the_error_after_that() {
    let mut messages = newer_at(3);
    let prepared = prepare(&mut messages, BOUNDS).unwrap().unwrap();
    assert_eq!((prepared.range.first, prepared.range.last), (1, 2));
    assert!(prepared.dead.is_empty(), "it is not dead");
    let Err(Newer { sequence, cause }) = prepare(&mut messages, BOUNDS) else { panic!("it was prepared") };
    assert_eq!((sequence, cause), (3, EnvelopeError::Newer { schema: 2, kind: None }));
}

#[test]
fn a_declared_range_with_a_newer_event_wants_an_upgrade_wherever_it_stands() {
    for at in 1..=4 {
        let again = prepare_again(newer_at(at), 1, 4);
        assert!(matches!(&again, Err(NotAgain::Newer(Newer { sequence, .. })) if *sequence == at), "{at}: {again:?}");
    }
}

#[test]
fn a_declared_range_is_made_again_exactly() {
    // What comes after it is not its business.
    let prepared = prepare_again(newer_at(4), 1, 3).unwrap();
    assert_eq!((prepared.range.first, prepared.range.last), (1, 3));
}

#[test]
fn a_range_of_other_messages_is_not_the_declared_one() {
    let two_months = vec![clock(1, 1, JULY), clock(2, 1, AUGUST)];
    assert!(matches!(prepare_again(two_months, 1, 2), Err(NotAgain::Differs)));
    let without_its_first = vec![clock(2, 1, JULY), clock(3, 1, JULY)];
    assert!(matches!(prepare_again(without_its_first, 1, 3), Err(NotAgain::Differs)));
    assert!(matches!(prepare_again(Vec::new(), 1, 3), Err(NotAgain::Differs)));
}
