//! Dead letters on a real server: what is read of them, and what is published again.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use muster_bus::topology::Sizing;
use muster_bus::{
    Bus, BusOptions, DeadEntry, Draft, Expect, Limits, MAX_EVENT_BYTES, Provisioning, Publisher, Received, ReplayError,
    SiteName, Stream, Subject, dead_letter, put_aside, replay,
};
use muster_engines::testing::{TEST_PASSWORD, TEST_USER, test_engines};
use muster_ids::EventId;
use muster_proto::v1::envelope::Body;
use muster_proto::v1::{DeadLetter, Producer, SweepRequested};

const LIMITS: Limits = Limits { messages: 1, bytes: 1 << 20, linger: Duration::from_millis(10) };

async fn provisioned() -> (Bus, Publisher) {
    let (url, user, password) = (test_engines().nats_url(), TEST_USER.to_owned(), TEST_PASSWORD.to_owned());
    let options = BusOptions { url, user, password, name: "test".to_owned(), ..BusOptions::default() };
    let bus = Bus::connect(options).await.unwrap();
    Provisioning::new(&bus, Sizing { replicas: 1, events_bytes: 64 << 20 }).apply().await.unwrap();
    let publisher = bus.publisher(Producer { service: "test".to_owned(), ..Producer::default() });
    (bus, publisher)
}

fn commands() -> Subject {
    Subject::command(&SiteName::all(), "sweep")
}

/// Puts the message at a sequence of EVENTS aside, and gives what stands in DEAD then.
async fn dead(bus: &Bus, publisher: &Publisher, sequence: u64, reason: String) -> Received {
    let received = bus.message_at(Stream::Events, sequence).await.unwrap().unwrap();
    let entry = DeadEntry { stream: Stream::Events, received: &received, reader: "test", reason };
    let published = put_aside(publisher, entry).await.unwrap();
    bus.message_at(Stream::Dead, published.sequence).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_is_replayed_is_seen_by_readers_of_headers_and_is_no_repeat() {
    let (bus, publisher) = provisioned().await;
    let body = Body::SweepRequested(SweepRequested::default());
    let draft = Draft::by_service(EventId::of_plan("test", b"1"), Timestamp::UNIX_EPOCH, "all", "test", body);
    let first = publisher.publish(&commands(), draft, Expect::Any).await.unwrap().sequence;
    let found = dead(&bus, &publisher, first, "a reason".to_owned()).await;
    let (letter, again) = replay(&bus, &found).await.unwrap();
    assert_eq!((letter.subject.as_str(), letter.reason.as_str()), (commands().as_str(), "a reason"));
    assert!(again > first, "a new message, however soon after the first");
    let mut tail = bus.tail(Stream::Events, &[], again - 1).headers_only();
    let batch = tail.next_batch(LIMITS).await.unwrap();
    assert_eq!(batch.messages[0].kind.as_deref(), Some("sweep-requested"));
}

#[tokio::test]
async fn bytes_that_are_no_event_are_replayed_as_they_are() {
    let (bus, publisher) = provisioned().await;
    let bytes = Bytes::from_static(b"no event");
    let first = bus.republish(commands().as_str(), None, bytes.clone()).await.unwrap();
    let found = dead(&bus, &publisher, first, String::new()).await;
    let (_, again) = replay(&bus, &found).await.unwrap();
    assert_eq!(bus.message_at(Stream::Events, again).await.unwrap().unwrap().payload, bytes);
}

#[tokio::test]
async fn the_letter_of_the_largest_event_is_read_and_a_larger_one_is_not_replayed() {
    let (bus, publisher) = provisioned().await;
    for (size, whole) in [(MAX_EVENT_BYTES, true), (MAX_EVENT_BYTES + 1, false)] {
        let first = bus.republish(commands().as_str(), None, vec![0xff; size].into()).await.unwrap();
        // A reason may quote what was sent, in letters of several bytes.
        let found = dead(&bus, &publisher, first, "\u{e9}".repeat(MAX_EVENT_BYTES)).await;
        let letter = dead_letter(&found).unwrap();
        assert_eq!((letter.payload.len(), letter.payload_size_bytes), (MAX_EVENT_BYTES, size as u64));
        let replayed = replay(&bus, &found).await;
        assert_eq!(matches!(replayed, Err(ReplayError::Cut { .. })), !whole, "{replayed:?}");
    }
}

#[tokio::test]
async fn what_a_reader_made_up_is_no_letter_of_another_stream() {
    let (bus, publisher) = provisioned().await;
    let before = bus.stream_info(Stream::Events).await.unwrap().last_sequence;
    let on = Subject::dead(Stream::Orders);
    let junk = bus.republish(on.as_str(), None, Bytes::from_static(b"junk")).await.unwrap();
    let junk = bus.message_at(Stream::Dead, junk).await.unwrap().unwrap();
    assert!(matches!(replay(&bus, &junk).await, Err(ReplayError::Unreadable { .. })));
    for stream in [Stream::Events, Stream::Orders] {
        let letter = DeadLetter {
            stream: stream.name().to_owned(),
            subject: commands().as_str().to_owned(),
            ..DeadLetter::default()
        };
        let id = EventId::of_plan("forged", stream.name().as_bytes());
        let draft = Draft::by_service(id, Timestamp::UNIX_EPOCH, "all", "test", Body::DeadLetter(letter));
        let forged = publisher.publish(&on, draft, Expect::Any).await.unwrap().sequence;
        let forged = bus.message_at(Stream::Dead, forged).await.unwrap().unwrap();
        let replayed = replay(&bus, &forged).await;
        assert!(matches!(replayed, Err(ReplayError::Elsewhere { .. })), "{replayed:?}");
    }
    assert_eq!(bus.stream_info(Stream::Events).await.unwrap().last_sequence, before, "nothing was published");
}
