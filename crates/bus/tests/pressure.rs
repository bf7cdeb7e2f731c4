//! A full stream is relieved, but never of what says how far a lease has come.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use jiff::Timestamp;
use muster_bus::topology::Sizing;
use muster_bus::{Bus, BusOptions, Draft, Expect, Provisioning, Publisher, Relief, SiteName, Stream, Subject, relieve};
use muster_engines::testing::{TEST_PASSWORD, TEST_USER, test_engines};
use muster_ids::{EventId, OrderId, SweepId};
use muster_proto::v1::{self, Producer, envelope::Body};

/// Full after 34 slices of 100 KB.
const TINY: Sizing = Sizing { replicas: 1, events_bytes: 4 << 20 };

struct World {
    bus: Bus,
    publisher: Publisher,
    site: SiteName,
    sent: u64,
}

impl World {
    async fn new() -> Self {
        let (url, user, password) = (test_engines().nats_url(), TEST_USER.to_owned(), TEST_PASSWORD.to_owned());
        let options = BusOptions { url, user, password, name: "test".to_owned(), ..BusOptions::default() };
        let bus = Bus::connect(options).await.unwrap();
        Provisioning::new(&bus, TINY).apply().await.unwrap();
        let publisher = bus.publisher(Producer { service: "test".to_owned(), ..Producer::default() });
        Self { bus, publisher, site: SiteName::new("dublin").unwrap(), sent: 0 }
    }

    async fn publish(&mut self, subject: &Subject, body: Body) -> u64 {
        self.sent += 1;
        let id = EventId::of_plan("test", &self.sent.to_be_bytes());
        let draft = Draft::by_service(id, Timestamp::UNIX_EPOCH, "dublin", "test", body);
        self.publisher.publish(subject, draft, Expect::Any).await.unwrap().sequence
    }

    /// A sweep with one lease whose order is out.
    async fn sweep(&mut self, name: &str) -> (SweepId, OrderId) {
        let sweep = SweepId::of_firing("dublin", name, 0);
        let order = OrderId::of_lease(sweep, 0);
        let log = Subject::plan_sweep(&self.site);
        let started = v1::SweepStarted { sweep_id: sweep.to_vec(), ..v1::SweepStarted::default() };
        self.publish(&log, Body::SweepStarted(started)).await;
        let issued = v1::Order { sweep_id: sweep.to_vec(), order_id: order.to_vec(), ..v1::Order::default() };
        self.publish(&log, Body::OrderIssued(v1::OrderIssued { order: Some(issued) })).await;
        (sweep, order)
    }

    async fn finish(&mut self, sweep: SweepId) {
        let finished = v1::SweepFinished { sweep_id: sweep.to_vec(), ..v1::SweepFinished::default() };
        self.publish(&Subject::plan_sweep(&self.site), Body::SweepFinished(finished)).await;
    }

    async fn slices(&mut self, order: OrderId, count: u32) -> u64 {
        let mut last = 0;
        for index in 0..count {
            let banner = vec![b'x'; 100_000].into();
            let observation = v1::Observation { banner, ..v1::Observation::default() };
            let (order_id, observations) = (order.to_vec(), vec![observation]);
            let slice = v1::Slice { order_id, index, observations, ..v1::Slice::default() };
            last = self.publish(&Subject::lease(&self.site, order), Body::Slice(slice)).await;
        }
        last
    }

    async fn outcome(&mut self, order: OrderId) -> u64 {
        let outcome = v1::OrderOutcome { order_id: order.to_vec(), ..v1::OrderOutcome::default() };
        self.publish(&Subject::lease(&self.site, order), Body::OrderOutcome(outcome)).await
    }

    /// Every declared reader has read all, and the scheduler would begin at the first plan.
    async fn all_passed(&self) -> u64 {
        let last = self.bus.stream_info(Stream::Events).await.unwrap().last_sequence;
        let positions = self.bus.positions().await.unwrap();
        for (service, partition) in [("recorder", None), ("evaluator", Some("dublin")), ("scheduler", None)] {
            positions.passed(service, Stream::Events, partition, last).await.unwrap();
        }
        positions.passed("scheduler", Stream::Plans, Some("needs"), 1).await.unwrap();
        last
    }

    async fn last_of(&self, order: OrderId) -> u64 {
        let subject = Subject::lease(&self.site, order);
        self.bus.last_on_subject(Stream::Events, &subject).await.unwrap().map_or(0, |last| last.sequence)
    }

    async fn is_relieved(&self) -> bool {
        let info = self.bus.stream_info(Stream::Events).await.unwrap();
        info.bytes < info.bytes_max / 10 * 8
    }
}

#[tokio::test]
async fn an_outcome_stays_until_its_sweep_is_finished() {
    let mut world = World::new().await;
    let (_, other) = world.sweep("other").await;
    let (sweep, order) = world.sweep("sweep").await;
    world.slices(order, 20).await;
    let outcome = world.outcome(order).await;
    let checkpoint = world.slices(other, 16).await;
    world.all_passed().await;
    let relief = relieve(&world.bus, Stream::Events).await.unwrap();
    assert!(matches!(relief, Relief::Purged { messages: 20, .. }), "{relief:?}");
    assert_eq!(world.last_of(order).await, outcome, "a scheduler that starts would issue the order again");
    assert!(world.is_relieved().await);
    // It is needed no more when the sweep is finished; the other's last slice still is.
    world.finish(sweep).await;
    let more = world.slices(other, 20).await;
    world.all_passed().await;
    assert!(matches!(relieve(&world.bus, Stream::Events).await.unwrap(), Relief::Purged { .. }));
    assert_eq!(world.last_of(order).await, 0);
    assert_eq!(world.last_of(other).await, more);
    assert!(checkpoint < more && world.is_relieved().await);
}

#[tokio::test]
async fn a_sweep_larger_than_the_stream_does_not_wait_for_itself() {
    let mut world = World::new().await;
    let (_, first) = world.sweep("first").await;
    let (_, second) = world.sweep("second").await;
    let outcome = world.outcome(first).await;
    let checkpoint = world.slices(second, 36).await;
    // One reader is behind: what it has not read stays, whatever fills the stream.
    world.all_passed().await;
    let positions = world.bus.positions().await.unwrap();
    positions.passed("recorder", Stream::Events, None, outcome).await.unwrap();
    assert_eq!(relieve(&world.bus, Stream::Events).await.unwrap(), Relief::Blocked { passed: outcome });
    assert_eq!(world.bus.stream_info(Stream::Events).await.unwrap().messages, 37);
    let last = world.all_passed().await;
    let relief = relieve(&world.bus, Stream::Events).await.unwrap();
    assert_eq!(relief, Relief::Purged { below: last + 1, messages: 35 });
    assert_eq!((world.last_of(first).await, world.last_of(second).await), (outcome, checkpoint));
    assert!(world.is_relieved().await);
}
