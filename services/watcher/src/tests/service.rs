//! The whole service as the user that it is in a deployment, and what that user may not do.

use std::time::Duration;

use async_nats::jetstream::{self, consumer};
use muster_bus::permissions::Role;
use muster_bus::topology::Sizing;
use muster_bus::{Bus, Draft, Expect, Provisioning, SiteName, Stream, Subject, inbox_prefix};
use muster_connect::BusConfig;
use muster_engines::testing::{TEST_PASSWORD, TEST_USER, nats_user, start};
use muster_engines::{Engines, NatsUser};
use muster_ids::{EventId, OrderId};
use muster_kit::{Exit, KitConfig, Secret};
use muster_proto::v1::{Producer, Slice, envelope::Body};

use super::bench::{Bench, from_file, options};
use super::document::{catalogue, entries};
use crate::announce::Taken;
use crate::config::{Config, WatcherConfig};
use crate::service::Service;

async fn engines() -> (muster_engines::testing::TestEngines, Bus) {
    let engines = start(|options| {
        options.nats_users.push(nats_user(TEST_USER));
        let user = Role::Watcher.user();
        options.nats_users.push(NatsUser { publish: user.publish, subscribe: user.subscribe, ..nats_user(&user.name) });
    })
    .unwrap();
    let admin = Bus::connect(options(&engines, TEST_USER)).await.unwrap();
    Provisioning::new(&admin, Sizing::EMBEDDED).apply().await.unwrap();
    (engines, admin)
}

fn config(engines: &Engines, feed: crate::config::FeedConfig, folder: &std::path::Path) -> Config {
    let password = folder.join("password");
    std::fs::write(&password, TEST_PASSWORD).unwrap();
    Config {
        kit: KitConfig { instance: Some("watcher-test".to_owned()), ..KitConfig::default() },
        bus: BusConfig {
            url: engines.nats_url(),
            password: Some(Secret::from_file(&password).unwrap()),
            ..BusConfig::default()
        },
        watcher: WatcherConfig { feed: vec![feed] },
    }
}

#[tokio::test]
async fn the_service_publishes_as_its_own_user_and_stops() {
    let (engines, admin) = engines().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kev.json");
    std::fs::write(&file, catalogue(1, &entries(5))).unwrap();
    let feed = crate::config::FeedConfig { every_s: 1, ..from_file("kev", file.clone()) };
    let config = config(&engines, feed.clone(), folder.path());
    let kit = config.kit.clone();
    let exit = Box::pin(muster_kit::launch::run("watcher", "0.0.0", &kit, |context| async move {
        let service = Service::new(config, &context).await?;
        let running = tokio::spawn(service.run(context.clone()));
        let subject = Subject::bulletin("kev").unwrap();
        let mut tail = admin.tail(Stream::Events, &[subject.as_str().to_owned()], 0);
        let limits = muster_bus::Limits { messages: 100, bytes: 1 << 20, linger: Duration::from_millis(5) };
        let mut count = 0;
        while count < 5 {
            count += tail.next_batch(limits).await.unwrap().messages.len();
        }
        std::fs::write(&file, catalogue(2, &entries(7))).unwrap();
        while count < 7 {
            count += tail.next_batch(limits).await.unwrap().messages.len();
        }
        context.shutdown.request("the test is over");
        running.await?
    }))
    .await;
    assert_eq!(exit, Exit::Ok);
}

#[tokio::test]
async fn its_user_can_take_over_and_nothing_else() {
    let (engines, _admin) = engines().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kev.json");
    std::fs::write(&file, catalogue(1, &entries(20))).unwrap();
    let bus = Bus::connect(options(&engines, "watcher")).await.unwrap();
    let bench = Bench::on(bus.clone(), from_file("kev", file.clone())).await;
    assert_eq!(bench.started().check().await.unwrap(), super::bench::published(20));
    // Reads its own subject: the cursor is gone, and later something is withdrawn.
    bench.cursors.delete("kev").await.unwrap();
    assert_eq!(bench.started().check().await.unwrap(), Taken::Unchanged);
    std::fs::write(&file, catalogue(2, &entries(19))).unwrap();
    assert_eq!(bench.started().check().await.unwrap(), Taken::Published { revised: 0, withdrawn: 1 });

    // The server answers nothing to what is forbidden: a second is a thousand times what an answer takes.
    let client = async_nats::ConnectOptions::new()
        .user_and_password("watcher".to_owned(), TEST_PASSWORD.to_owned())
        .custom_inbox_prefix(inbox_prefix("watcher"))
        .request_timeout(Some(Duration::from_secs(1)))
        .connect(engines.nats_url())
        .await
        .unwrap();
    let jetstream = jetstream::ContextBuilder::new().timeout(Duration::from_secs(1)).build(client);
    for filter in ["muster.v1.event.>", "muster.v1.event.dublin.lease.*"] {
        for name in [None, Some("tail-x".to_owned())] {
            let all = consumer::pull::Config { name, filter_subject: filter.to_owned(), ..Default::default() };
            assert!(jetstream.create_consumer_on_stream(all, "EVENTS").await.is_err(), "{filter}");
        }
    }
    let own = consumer::pull::Config {
        name: Some("tail-y".to_owned()),
        filter_subject: "muster.v1.event.all.bulletin.kev".to_owned(),
        ..Default::default()
    };
    jetstream.create_consumer_on_stream(own, "EVENTS").await.unwrap();

    let order = OrderId::from_array([7; 16]);
    let subject = Subject::lease(&SiteName::new("dublin").unwrap(), order);
    let slice = Body::Slice(Slice { order_id: order.to_vec(), ..Slice::default() });
    let draft = Draft::by_service(EventId::of_slice(order, 0), jiff::Timestamp::UNIX_EPOCH, "dublin", "watcher", slice);
    let lie = bus.publisher(Producer::default()).publish(&subject, draft, Expect::Any).await;
    assert!(lie.is_err(), "{lie:?}");
    assert!(bus.stream_info(Stream::Events).await.unwrap().messages == 21);
}
