//! A stream that forgot, by age or by accident.

use async_nats::jetstream::{self, stream};
use muster_bus::topology::Sizing;
use muster_bus::{Bus, Provisioning};
use muster_engines::testing::{TEST_PASSWORD, TEST_USER, nats_user, start};

use super::bench::{Bench, from_file, options, published};
use super::document::{catalogue, entries, entry};
use crate::announce::Taken;

#[tokio::test]
async fn a_stream_that_aged_or_was_made_anew_is_carried_on() {
    let engines = start(|options| options.nats_users.push(nats_user(TEST_USER))).unwrap();
    let bus = Bus::connect(options(&engines, TEST_USER)).await.unwrap();
    Provisioning::new(&bus, Sizing::EMBEDDED).apply().await.unwrap();
    let client = async_nats::ConnectOptions::new()
        .user_and_password(TEST_USER.to_owned(), TEST_PASSWORD.to_owned())
        .connect(engines.nats_url())
        .await
        .unwrap();
    let jetstream = jetstream::new(client);
    let events: stream::Stream = jetstream.get_stream("EVENTS").await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kev.json");
    let bench = Bench::on(bus.clone(), from_file("kev", file.clone())).await;
    std::fs::write(&file, catalogue(1, &entries(20))).unwrap();
    let mut watcher = bench.started();
    assert_eq!(watcher.check().await.unwrap(), published(20));

    // Everything aged out: what stands is in the cursor, and nothing is expected on the subject.
    events.purge().await.unwrap();
    std::fs::write(&file, catalogue(2, &entries(21))).unwrap();
    assert_eq!(watcher.check().await.unwrap(), published(1));
    events.purge().await.unwrap();
    std::fs::write(&file, catalogue(3, &entries(20))).unwrap();
    assert_eq!(bench.started().check().await.unwrap(), Taken::Published { revised: 0, withdrawn: 1 });
    let gone = bench.published().await.pop().unwrap();
    assert!(gone.withdrawn && gone.bulletin_id == "CVE-2025-0021" && gone.feed == "kev", "{gone:?}");

    // Made anew: nobody has the bulletins any more.
    jetstream.delete_stream("EVENTS").await.unwrap();
    Provisioning::new(&bus, Sizing::EMBEDDED).apply().await.unwrap();
    let mut changed = entries(20);
    changed[0] = entry(1, "a larger hole");
    std::fs::write(&file, catalogue(4, &changed)).unwrap();
    assert_eq!(watcher.check().await.unwrap(), published(20));
    assert_eq!(bench.started().check().await.unwrap(), Taken::Unchanged);
    assert_eq!(bench.published().await.len(), 20);
}
