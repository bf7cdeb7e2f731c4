//! A trace goes with a message: whoever works on it stands in the trace of whoever published it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use muster_bus::topology::Sizing;
use muster_bus::{Bus, BusOptions, Draft, Expect, Limits, Provisioning, Received, Stream, Subject};
use muster_engines::testing::{TEST_PASSWORD, TEST_USER, test_engines};
use muster_ids::EventId;
use muster_proto::v1::envelope::Body;
use muster_proto::v1::{Clock, Producer};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use tracing::Instrument as _;
use tracing_subscriber::layer::SubscriberExt as _;

const LIMITS: Limits = Limits { messages: 1_000, bytes: 1 << 20, linger: Duration::from_millis(10) };

/// Spans of this process that have ended.
#[derive(Debug, Clone, Default)]
struct Ended(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Ended {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

impl Ended {
    fn named(&self, name: &str) -> SpanData {
        self.0.lock().unwrap().iter().find(|span| span.name == name).expect("it has ended").clone()
    }
}

/// Traces this process; the provider stops when it is dropped.
fn traced() -> (SdkTracerProvider, Ended) {
    let ended = Ended::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(ended.clone()).build();
    opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();
    (provider, ended)
}

async fn bus() -> Bus {
    let (url, user, password) = (test_engines().nats_url(), TEST_USER.to_owned(), TEST_PASSWORD.to_owned());
    let bus = Bus::connect(BusOptions { url, user, password, ..BusOptions::default() }).await.unwrap();
    Provisioning::new(&bus, Sizing { replicas: 1, events_bytes: 64 << 20 }).apply().await.unwrap();
    bus
}

async fn publish(bus: &Bus, number: u64) -> u64 {
    let publisher = bus.publisher(Producer { service: "test".to_owned(), ..Producer::default() });
    let id = EventId::of_plan("test", &number.to_be_bytes());
    let draft = Draft::by_service(id, Timestamp::UNIX_EPOCH, "all", "test", Body::Clock(Clock::default()));
    publisher.publish(&Subject::plan_clock(), draft, Expect::Any).await.unwrap().sequence
}

async fn read(bus: &Bus, sequence: u64) -> Received {
    let batch = bus.tail(Stream::Plans, &[], sequence - 1).next_batch(LIMITS).await.unwrap();
    batch.messages.into_iter().next().unwrap()
}

#[tokio::test]
async fn a_reader_stands_in_the_trace_of_the_publisher() {
    let (_provider, ended) = traced();
    let bus = bus().await;

    let untraced = publish(&bus, 1).await;
    assert_eq!(read(&bus, untraced).await.origin, None, "nobody traced");

    let traced = publish(&bus, 2).instrument(tracing::info_span!("publishes")).await;
    let tailed = read(&bus, traced).await.origin.expect("the tail knows the origin");
    let single = bus.message_at(Stream::Plans, traced).await.unwrap().unwrap().origin;
    assert_eq!(single, Some(tailed.clone()), "however it is read");

    let (continues, links) = (tracing::info_span!("continues"), tracing::info_span!("links"));
    tailed.continue_in(&continues);
    tailed.link_to(&links);
    // A span ends when it is dropped.
    drop((continues.entered(), links.entered()));

    let (publisher, continued, linked) = (ended.named("publishes"), ended.named("continues"), ended.named("links"));
    let publisher = publisher.span_context;
    assert_eq!(continued.span_context.trace_id(), publisher.trace_id());
    assert_eq!(continued.parent_span_id, publisher.span_id());
    assert_ne!(linked.span_context.trace_id(), publisher.trace_id(), "a batch has a trace of its own");
    assert_eq!(linked.links.iter().map(|link| link.span_context.span_id()).collect::<Vec<_>>(), [publisher.span_id()]);

    // Whoever calls says in which trace it stands; what is not to be understood says nothing.
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let origin = muster_bus::Origin::of_call(&format!("00-{trace}-{parent}-01"), Some("vendor=1")).expect("it is one");
    let called = tracing::info_span!("called");
    origin.continue_in(&called);
    drop(called.entered());
    let called = ended.named("called");
    assert_eq!(
        (called.span_context.trace_id().to_string(), called.parent_span_id.to_string()),
        (trace.to_owned(), parent.to_owned())
    );
    for bad in ["", "00", "00-0-0-01", &format!("00-{}-{parent}-01", "0".repeat(32)), "\u{0}"] {
        assert_eq!(muster_bus::Origin::of_call(bad, None), None, "{bad:?}");
    }
}
