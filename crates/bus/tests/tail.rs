//! Tails on a real server: what a broken connection takes with it comes again, and a slow reader catches up in leaps.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::Duration;

use jiff::Timestamp;
use muster_bus::topology::Sizing;
use muster_bus::{Bus, BusOptions, Draft, Expect, Limits, Provisioning, Stream, Subject};
use muster_engines::faults::{Fault, Proxy};
use muster_engines::testing::{TEST_PASSWORD, TEST_USER, test_engines};
use muster_ids::EventId;
use muster_proto::v1::envelope::Body;
use muster_proto::v1::{Clock, Producer};

const LIMITS: Limits = Limits { messages: 1_000, bytes: 1 << 20, linger: Duration::from_millis(10) };
/// Reconnecting takes half a second at most, and looking for it a tenth.
const SOON: Duration = Duration::from_secs(20);

async fn connect(url: String) -> Bus {
    let (user, password) = (TEST_USER.to_owned(), TEST_PASSWORD.to_owned());
    let options = BusOptions { url, user, password, name: "test".to_owned(), ..BusOptions::default() };
    Bus::connect(options).await.unwrap()
}

/// A test process has its own server.
async fn provisioned() -> Bus {
    let bus = connect(test_engines().nats_url()).await;
    Provisioning::new(&bus, Sizing { replicas: 1, events_bytes: 64 << 20 }).apply().await.unwrap();
    bus
}

async fn publish(bus: &Bus, number: u64) -> u64 {
    let publisher = bus.publisher(Producer { service: "test".to_owned(), ..Producer::default() });
    let id = EventId::of_plan("test", &number.to_be_bytes());
    let draft = Draft::by_service(id, Timestamp::UNIX_EPOCH, "all", "test", Body::Clock(Clock::default()));
    publisher.publish(&Subject::plan_clock(), draft, Expect::Any).await.unwrap().sequence
}

#[tokio::test]
async fn a_message_lost_with_its_connection_comes_again_although_none_comes_after_it() {
    let bus = provisioned().await;
    let proxy = Proxy::start(test_engines().nats_address()).await.unwrap();
    let reader = connect(format!("nats://{}", proxy.address())).await;
    let first = publish(&bus, 1).await;
    let mut tail = reader.tail(Stream::Plans, &[], first - 1);
    assert_eq!(tail.next_batch(LIMITS).await.unwrap().messages.len(), 1);
    let stalled = proxy.counts().stalled;
    proxy.set(Fault::HalfOpen).await.unwrap();
    let lost = publish(&bus, 2).await;
    // The server has sent it and counted it as sent.
    proxy.wait(|counts| counts.stalled > stalled).await;
    proxy.cut();
    proxy.set(Fault::None).await.unwrap();
    let batch = tokio::time::timeout(SOON, tail.next_batch(LIMITS)).await.expect("it comes again").unwrap();
    assert_eq!(batch.messages.iter().map(|message| message.sequence).collect::<Vec<_>>(), [lost]);
}

#[tokio::test]
async fn a_reader_that_is_behind_takes_what_has_arrived_at_once() {
    let bus = provisioned().await;
    let first = publish(&bus, 1).await;
    let mut tail = bus.tail(Stream::Plans, &[], first - 1);
    tail.next_batch(LIMITS).await.unwrap();
    // Each is the last of the stream when it is sent to the waiting reader.
    let mut last = 0;
    for number in 2..=200 {
        last = publish(&bus, number).await;
    }
    let (mut read, mut batches) = (0, 0);
    while read < last {
        let batch = tokio::time::timeout(SOON, tail.next_batch(LIMITS)).await.unwrap().unwrap();
        read = batch.messages.last().unwrap().sequence;
        batches += 1;
    }
    assert!(batches < 20, "{batches} batches for 199 messages");
}

#[tokio::test]
async fn the_level_that_a_stream_tells_is_the_servers() {
    let bus = provisioned().await;
    assert!(bus.check_api_level().await.unwrap() >= 5, "nats-server 2.15");
    // The streams of a server that said nothing would be refused.
    for stream in Stream::ALL {
        Provisioning::check(&bus, stream).await.unwrap();
    }
}
