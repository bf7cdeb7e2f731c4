//! Engines with Muster's streams and tables, and the services of a test on them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt;
use muster_bus::topology::Sizing;
use muster_bus::{
    Bucket, Bus, BusOptions, Draft, Expect, KvChange, Limits, Provisioning, Publisher, SiteName, Stream, Subject, open,
};
use muster_engines::testing::{TEST_PASSWORD, TEST_USER, test_engines};
use muster_ids::EventId;
use muster_kit::{Context, Exit, KitConfig, Secret, Shutdown, launch};
use muster_proto::v1::{Producer, VerdictBatch, envelope::Body};
use muster_store::{Store, TableEngine};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::{Config, Service};

/// Longer than anything here takes on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn site() -> SiteName {
    SiteName::new("dublin").unwrap()
}

pub(super) struct World {
    pub(super) bus: Bus,
    pub(super) store: Store,
    publisher: Publisher,
}

impl World {
    /// One a test process: the streams have one name each.
    pub(super) async fn new() -> Self {
        let engines = test_engines();
        let bus = Bus::connect(BusOptions {
            url: engines.nats_url(),
            user: TEST_USER.to_owned(),
            password: TEST_PASSWORD.to_owned(),
            name: "test".to_owned(),
            ..BusOptions::default()
        })
        .await
        .unwrap();
        let sizing = Sizing { replicas: 1, events_bytes: 512 << 20 };
        Provisioning::new(&bus, sizing).apply().await.unwrap();
        let store = Store::connect(config("test").store.options("evaluator")).await.unwrap();
        store.migrate(&TableEngine::Local).await.unwrap();
        let publisher = bus.publisher(Producer { service: "test".to_owned(), ..Producer::default() });
        Self { bus, store, publisher }
    }

    /// Publishes a body as whoever would.
    pub(super) async fn publish(&self, subject: &Subject, at: jiff::Timestamp, site: &str, body: Body) -> u64 {
        let text = format!("{subject} {at} {body:?}");
        let id = EventId::derivation("test").text(&text).into();
        let draft = Draft::by_service(id, at, site, "test", body);
        self.publisher.publish(subject, draft, Expect::Any).await.unwrap().sequence
    }

    /// Waits until evaluators have passed everything that is in EVENTS and PLANS now.
    pub(super) async fn settled(&self) {
        let events = self.bus.stream_info(Stream::Events).await.unwrap().last_sequence;
        let plans = self.bus.stream_info(Stream::Plans).await.unwrap().last_sequence;
        let kv = self.bus.kv(Bucket::Positions).await.unwrap();
        let (mut passed_events, mut passed_plans) = (0, 0);
        let waiting = async {
            let mut changes = std::pin::pin!(kv.watch().await.unwrap());
            while passed_events < events || passed_plans < plans {
                let KvChange::Put(entry) = changes.next().await.unwrap().unwrap() else { continue };
                let passed: u64 = std::str::from_utf8(&entry.value).unwrap().parse().unwrap();
                match entry.key.as_str() {
                    "evaluator.EVENTS.dublin" => passed_events = passed,
                    "evaluator.PLANS.dublin" => passed_plans = passed,
                    _ => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the evaluator passes everything");
    }

    /// Takes the evaluator's positions away, so that [`Self::settled`] waits for those of the next one.
    pub(super) async fn forget_positions(&self) {
        let kv = self.bus.kv(Bucket::Positions).await.unwrap();
        for key in ["evaluator.EVENTS.dublin", "evaluator.PLANS.dublin"] {
            kv.delete(key).await.unwrap();
        }
    }

    /// Every batch that was published, with who published it.
    pub(super) async fn batches(&self) -> Vec<(String, VerdictBatch)> {
        let last = self.bus.stream_info(Stream::Verdicts).await.unwrap().last_sequence;
        let mut tail = self.bus.tail(Stream::Verdicts, &[], 0);
        let (mut batches, mut read) = (Vec::new(), 0);
        while read < last {
            let limits = Limits { messages: 100, bytes: 64 << 20, linger: Duration::ZERO };
            for received in tail.next_batch(limits).await.unwrap().messages {
                read = received.sequence;
                let (envelope, Body::Verdicts(batch)) = open(&received).unwrap() else { panic!("not a batch") };
                batches.push((envelope.producer.unwrap().instance, batch));
            }
        }
        batches
    }

    /// Waits until an instance has published so many batches.
    pub(super) async fn published_by(&self, instance: &str, wanted: usize) {
        let waiting = async {
            let mut tail = self.bus.tail(Stream::Verdicts, &[], 0);
            let mut found = 0;
            while found < wanted {
                let limits = Limits { messages: 1, bytes: 1, linger: Duration::ZERO };
                for received in tail.next_batch(limits).await.unwrap().messages {
                    let (envelope, _) = open(&received).unwrap();
                    found += usize::from(envelope.producer.unwrap().instance == instance);
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("it publishes");
    }

    /// Waits until the recorder has committed everything that is in the streams now.
    pub(super) async fn recorded(&self) {
        for stream in Stream::RECORDED {
            let last = self.bus.stream_info(stream).await.unwrap().last_sequence;
            let kv = self.bus.kv(Bucket::Recorder).await.unwrap();
            let waiting = async {
                let mut changes = std::pin::pin!(kv.watch().await.unwrap());
                let mut committed = 0;
                while committed < last {
                    let KvChange::Put(entry) = changes.next().await.unwrap().unwrap() else { continue };
                    let record: muster_bus::RecorderRecord = serde_json::from_slice(&entry.value).unwrap();
                    if entry.key.starts_with(stream.name()) {
                        committed = record.committed;
                    }
                }
            };
            tokio::time::timeout(PATIENCE, waiting).await.expect("the recorder commits everything");
        }
    }
}

fn kit(instance: &str) -> KitConfig {
    let admin_listen = "127.0.0.1:0".parse().unwrap();
    KitConfig { instance: Some(instance.to_owned()), admin_listen, ..KitConfig::default() }
}

/// Configuration of an evaluator in this test process.
pub(super) fn config(instance: &str) -> Config {
    let engines = test_engines();
    config_at(instance, &engines.nats_url(), &engines.clickhouse_http_url(), &password_file())
}

/// A file with the password, beside the engines' data: gone with it.
pub(super) fn password_file() -> PathBuf {
    let file = test_engines().data_dir().join("test-password");
    std::fs::write(&file, TEST_PASSWORD).unwrap();
    file
}

/// Configuration of an evaluator anywhere.
pub(super) fn config_at(instance: &str, nats: &str, clickhouse: &str, password: &Path) -> Config {
    let mut config = Config { kit: kit(instance), ..Config::default() };
    config.bus.url = nats.to_owned();
    config.bus.user = Some(TEST_USER.to_owned());
    config.bus.password = Some(Secret::from_file(password).unwrap());
    config.store.url = clickhouse.to_owned();
    config.store.user = Some(TEST_USER.to_owned());
    config.store.password = Some(Secret::from_file(password).unwrap());
    config
}

/// A service that runs in this process.
pub(super) struct Running {
    shutdown: Shutdown,
    task: JoinHandle<Exit>,
}

impl Running {
    pub(super) async fn evaluator(instance: &str) -> Self {
        let config = config(instance);
        Self::start("evaluator", config.kit.clone(), async move |context| {
            Service::new(config, &context).await?.run(context).await
        })
        .await
    }

    pub(super) async fn recorder() -> Self {
        let Config { kit, bus, store, .. } = config("recorder");
        let recorder = muster_recorder::RecorderConfig::default();
        let config = muster_recorder::Config { kit, bus, store, recorder };
        Self::start("recorder", config.kit.clone(), async move |context| {
            muster_recorder::Service::new(config, &context).await?.run(context).await
        })
        .await
    }

    async fn start<F>(name: &'static str, kit: KitConfig, run: F) -> Self
    where
        F: AsyncFnOnce(Context) -> Result<(), muster_kit::Failure> + 'static + Send,
    {
        let (tell, told) = oneshot::channel();
        // A thread of its own: the closure's future need not be Send.
        let task = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            let service = async |context: Context| {
                let _told = tell.send(context.shutdown.clone());
                run(context).await
            };
            runtime.block_on(launch::run(name, "1", &kit, service))
        });
        Self { shutdown: told.await.unwrap(), task }
    }

    /// Stops it, as SIGTERM would.
    pub(super) async fn stop(self) {
        self.shutdown.request("the test is done with it");
        let exit = tokio::time::timeout(PATIENCE, self.task).await.expect("a service stops").unwrap();
        assert_eq!(exit, Exit::Ok);
    }
}
