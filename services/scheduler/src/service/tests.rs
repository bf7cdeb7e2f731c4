//! The process on a real bus.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use jiff::Timestamp;
use muster_bus::convert::estate::site_to_proto;
use muster_bus::topology::Sizing;
use muster_bus::{
    Bucket, Bus, BusOptions, Draft, Expect, Limits, Provisioning, Publisher, Received, SiteName, Stream, Subject,
    dead_letter, open,
};
use muster_engines::testing::{TEST_PASSWORD, TEST_USER, test_engines};
use muster_estate::files::read_estate;
use muster_ids::{EventId, OrderId, RequestId, SweepId};
use muster_kit::{Context, KitConfig, Secret, launch};
use muster_proto::v1::{AuditRequested, OrderOutcome, Producer, SweepRequested, envelope::Body};
use prost::Message as _;

use crate::{Config, Service};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const REQUEST: [u8; 16] = [7; 16];

fn config() -> Config {
    let password = test_engines().data_dir().join("test-password");
    std::fs::write(&password, TEST_PASSWORD).unwrap();
    let kit = KitConfig { admin_listen: "127.0.0.1:0".parse().unwrap(), ..KitConfig::default() };
    let mut config = Config { kit, ..Config::default() };
    config.bus.url = test_engines().nats_url();
    config.bus.user = Some(TEST_USER.to_owned());
    config.bus.password = Some(Secret::from_file(&password).unwrap());
    config
}

async fn bus() -> Bus {
    let options = BusOptions {
        url: test_engines().nats_url(),
        user: TEST_USER.to_owned(),
        password: TEST_PASSWORD.to_owned(),
        name: "test".to_owned(),
        ..BusOptions::default()
    };
    let bus = Bus::connect(options).await.unwrap();
    Provisioning::new(&bus, Sizing { replicas: 1, events_bytes: 256 << 20 }).apply().await.unwrap();
    bus
}

async fn publish(publisher: &Publisher, subject: &Subject, site: &str, body: Body) {
    let id = EventId::derivation("test").text(&format!("{body:?}")).into();
    let draft = Draft::by_service(id, Timestamp::UNIX_EPOCH, site, "test", body);
    publisher.publish(subject, draft, Expect::Any).await.unwrap();
}

/// The first messages of a stream that are chosen, as many as are wanted.
async fn first<T>(bus: &Bus, stream: Stream, wanted: usize, choose: impl Fn(&Received) -> Option<T>) -> Vec<T> {
    let reading = async {
        let mut tail = bus.tail(stream, &[], 0);
        let mut found = Vec::new();
        while found.len() < wanted {
            let limits = Limits { messages: 10, bytes: 1 << 20, linger: Duration::ZERO };
            found.extend(tail.next_batch(limits).await.unwrap().messages.iter().filter_map(&choose));
        }
        found
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("the scheduler publishes")
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_make_no_sense_are_put_aside_and_scheduling_goes_on() {
    let bus = bus().await;
    let text = "site: dublin\nranges: [{block: 127.20.0.0/28, kind: static}]\n\
                schedules: [{name: daily, kind: sweep, every: 1d, ports: [tcp/22], paused: true}]";
    let estate = read_estate([("site.yaml", text)]).unwrap_or_else(|problems| panic!("{problems}"));
    let document = site_to_proto(&estate.into_sites()[0]).encode_to_vec();
    bus.kv(Bucket::Estate).await.unwrap().put("dublin", document.into()).await.unwrap();

    let publisher = bus.publisher(Producer { service: "test".to_owned(), ..Producer::default() });
    let (dublin, all) = (SiteName::new("dublin").unwrap(), SiteName::all());
    let order = OrderId::of_lease(SweepId::of_firing("dublin", "daily", 0), 0);
    let outcome = OrderOutcome { order_id: order.to_vec(), sweep_id: vec![1; 3], ..OrderOutcome::default() };
    publish(&publisher, &Subject::lease(&dublin, order), "dublin", Body::OrderOutcome(outcome)).await;
    let audit = AuditRequested { request_id: vec![1; 3], sample_size: 3, ..AuditRequested::default() };
    publish(&publisher, &Subject::command(&all, "audit"), "all", Body::AuditRequested(audit)).await;
    let nowhere = vec!["nowhere".to_owned()];
    let (request_id, sites) = (REQUEST.to_vec(), nowhere);
    let audit = AuditRequested { request_id, sites, sample_size: 3, ..AuditRequested::default() };
    publish(&publisher, &Subject::command(&all, "audit"), "all", Body::AuditRequested(audit)).await;
    let sweep = SweepRequested { request_id: REQUEST.to_vec(), ..SweepRequested::default() };
    publish(&publisher, &Subject::command(&dublin, "sweep"), "dublin", Body::SweepRequested(sweep)).await;

    let config = config();
    let (tell, told) = tokio::sync::oneshot::channel();
    // A thread of its own: the future of a service need not be Send.
    let running = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let kit = config.kit.clone();
        runtime.block_on(launch::run("scheduler", "1", &kit, async |context: Context| {
            let _told = tell.send(context.shutdown.clone());
            let service = Service::new(config, &context).await?;
            Box::pin(service.run(context)).await
        }))
    });
    let shutdown = told.await.unwrap();

    let started = first(&bus, Stream::Plans, 1, |received| match open(received) {
        Ok((_, Body::SweepStarted(started))) => Some((started.sweep_id, started.partial)),
        Ok(_) | Err(_) => None,
    });
    let request = RequestId::from_bytes(&REQUEST).unwrap();
    assert_eq!(started.await, [(SweepId::of_request("dublin", request).to_vec(), false)]);
    // A look at a part is not the site's last sweep.
    let request_id = vec![8; 16];
    let block = muster_bus::convert::network::block_to_proto("127.20.0.8/30".parse().unwrap());
    let part = SweepRequested { request_id, blocks: vec![block], ..SweepRequested::default() };
    publish(&publisher, &Subject::command(&dublin, "sweep"), "dublin", Body::SweepRequested(part)).await;
    let partial = first(&bus, Stream::Plans, 2, |received| match open(received) {
        Ok((_, Body::SweepStarted(started))) => Some(started.partial),
        Ok(_) | Err(_) => None,
    });
    assert_eq!(partial.await, [false, true]);
    let letters = first(&bus, Stream::Dead, 3, |received| dead_letter(received).ok()).await;
    assert!(letters.iter().all(|letter| letter.reader == "scheduler"));
    for (letter, reason) in letters.iter().zip(["sweep_id", "id", "no address"]) {
        assert!(letter.reason.contains(reason), "{}", letter.reason);
    }
    shutdown.request("the test is done with it");
    assert_eq!(running.await.unwrap(), muster_kit::Exit::Ok);
}
