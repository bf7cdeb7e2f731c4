//! The broker, a feed on it, and what its subject holds.

use std::path::PathBuf;
use std::time::Duration;

use muster_bulletin::kev::DOCUMENT_BYTES_MAX;
use muster_bus::topology::Sizing;
use muster_bus::{Bucket, Bus, BusOptions, Kv, Limits, Provisioning, Stream, Subject, open};
use muster_engines::Engines;
use muster_engines::testing::{TEST_PASSWORD, TEST_USER, test_engines};
use muster_ids::EventId;
use muster_proto::v1::{BulletinRevision, Producer, envelope::Body};

use crate::announce::{Announcer, Taken};
use crate::config::{FeedConfig, FeedKind};
use crate::feed::Feed;
use crate::source::Source;

/// A test's own feed on the broker of this process.
pub(super) struct Bench {
    pub(super) bus: Bus,
    pub(super) cursors: Kv,
    pub(super) config: FeedConfig,
}

pub(super) fn over_http(name: &str, url: String) -> FeedConfig {
    FeedConfig {
        name: name.to_owned(),
        kind: FeedKind::CisaKev,
        url: Some(url),
        file: None,
        every_s: 60,
        ca_file: None,
    }
}

pub(super) fn from_file(name: &str, file: PathBuf) -> FeedConfig {
    FeedConfig {
        name: name.to_owned(),
        kind: FeedKind::CisaKev,
        url: None,
        file: Some(file),
        every_s: 60,
        ca_file: None,
    }
}

pub(super) fn options(engines: &Engines, user: &str) -> BusOptions {
    BusOptions {
        url: engines.nats_url(),
        user: user.to_owned(),
        password: TEST_PASSWORD.to_owned(),
        name: "watcher test".to_owned(),
        ..BusOptions::default()
    }
}

impl Bench {
    pub(super) async fn new(config: FeedConfig) -> Self {
        let bus = Bus::connect(options(test_engines(), TEST_USER)).await.unwrap();
        Provisioning::new(&bus, Sizing::EMBEDDED).apply().await.unwrap();
        Self::on(bus, config).await
    }

    pub(super) async fn on(bus: Bus, config: FeedConfig) -> Self {
        let cursors = bus.kv(Bucket::Cursors).await.unwrap();
        Self { bus, cursors, config }
    }

    /// A watcher that has just started.
    pub(super) fn started(&self) -> Feed {
        let publisher = self.bus.publisher(Producer { service: "watcher".to_owned(), ..Producer::default() });
        let source = Source::new(&self.config, DOCUMENT_BYTES_MAX).unwrap();
        let announcer = Announcer::new(self.bus.clone(), publisher, self.cursors.clone(), self.config.clone()).unwrap();
        Feed::new(announcer, source, "test")
    }

    /// Everything on the feed's subject; the ids are distinct.
    pub(super) async fn published(&self) -> Vec<BulletinRevision> {
        let subject = Subject::bulletin(&self.config.name).unwrap();
        let Some(last) = self.bus.last_on_subject(Stream::Events, &subject).await.unwrap() else { return Vec::new() };
        let mut tail = self.bus.tail(Stream::Events, &[subject.as_str().to_owned()], 0);
        let limits = Limits { messages: 1_000, bytes: 8 << 20, linger: Duration::from_millis(5) };
        let (mut revisions, mut ids, mut at) = (Vec::new(), Vec::new(), 0);
        while at < last.sequence {
            for received in tail.next_batch(limits).await.unwrap().messages {
                at = received.sequence;
                let (envelope, body) = open(&received).unwrap();
                ids.push(EventId::from_bytes(&envelope.event_id).unwrap());
                let Body::Bulletin(revision) = body else { panic!("{body:?}") };
                revisions.push(revision);
            }
        }
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count, "an event id stands for one event");
        revisions
    }

    pub(super) async fn cursor_revision(&self) -> Option<u64> {
        self.cursors.get(&self.config.name).await.unwrap().map(|entry| entry.revision)
    }
}

pub(super) fn published(revised: usize) -> Taken {
    Taken::Published { revised, withdrawn: 0 }
}
