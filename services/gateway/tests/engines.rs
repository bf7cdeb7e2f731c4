//! The gateway on real engines: what it writes to the bus, and what it follows there.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "engines/rights.rs"]
mod rights;

use std::net::SocketAddr;
use std::time::Duration;

use futures::{Stream as Stream_, StreamExt};
use muster_bus::topology::Sizing;
use muster_bus::{
    Bucket, Bus, BusOptions, Draft, Expect, Provisioning, RecorderRecord, SiteName, Stream, Subject, decode,
};
use muster_connect::{BusConfig, StoreConfig};
use muster_engines::testing::{TEST_PASSWORD, TEST_USER, test_engines};
use muster_gateway::{Config, GatewayConfig, Service};
use muster_ids::EventId;
use muster_kit::{Exit, Failure, KitConfig, Secret, Shutdown};
use muster_proto::v1::envelope::Body;
use muster_proto::v1::estate_service_client::EstateServiceClient;
use muster_proto::v1::finding_service_client::FindingServiceClient;
use muster_proto::v1::inventory_service_client::InventoryServiceClient;
use muster_proto::v1::ledger_service_client::LedgerServiceClient;
use muster_proto::v1::watch_findings_response::Event;
use muster_proto::v1::{
    ApplyEstateRequest, Asset, Block, EstateDocument, Finding, FindingState, HaltSet, Identifier,
    ImportInventoryRequest, InventoryChunk, ListAssetsRequest, ListFindingsRequest, ListSitesRequest, ListedAsset,
    Range, RangeKind, SetHaltRequest, UpdateAssetsRequest, Verdict, VerdictBatch, VerdictChange, VerifyRequest,
    WatchFindingsRequest, WatchFindingsResponse, import_inventory_request,
};
use muster_store::{Store, StoreOptions, TableEngine};
use prost::Message;
use tonic::transport::Channel;
use tonic::{Code, Streaming};
use tonic_types::StatusExt;

/// Longer than anything here takes on a busy machine; a test waits for events, not for this.
const PATIENCE: Duration = Duration::from_secs(60);

struct Stack {
    bus: Bus,
    store: StoreOptions,
    directory: tempfile::TempDir,
}

struct Gateway {
    address: SocketAddr,
    stop: Shutdown,
    ended: tokio::task::JoinHandle<Exit>,
}

impl Stack {
    async fn start() -> Self {
        let engines = test_engines();
        let options = BusOptions {
            url: engines.nats_url(),
            user: TEST_USER.to_owned(),
            password: TEST_PASSWORD.to_owned(),
            name: "test".to_owned(),
            ..BusOptions::default()
        };
        let bus = Bus::connect(options).await.unwrap();
        Provisioning::new(&bus, Sizing::EMBEDDED).apply().await.unwrap();
        let store = StoreOptions {
            url: engines.clickhouse_http_url(),
            database: format!("muster_{}", std::process::id()),
            user: TEST_USER.to_owned(),
            password: TEST_PASSWORD.to_owned(),
            ..StoreOptions::default()
        };
        Store::connect(store.clone()).await.unwrap().migrate(&TableEngine::Local).await.unwrap();
        Self { bus, store, directory: tempfile::tempdir().unwrap() }
    }

    fn config(&self) -> Config {
        let file = self.directory.path().join("password");
        std::fs::write(&file, TEST_PASSWORD).unwrap();
        let password = || Some(Secret::from_file(&file).unwrap());
        let user = || Some(TEST_USER.to_owned());
        Config {
            kit: KitConfig::default(),
            bus: BusConfig {
                url: test_engines().nats_url(),
                user: user(),
                password: password(),
                ..BusConfig::default()
            },
            store: StoreConfig {
                url: self.store.url.clone(),
                database: self.store.database.clone(),
                user: user(),
                password: password(),
                ..StoreConfig::default()
            },
            gateway: GatewayConfig {
                listen: "127.0.0.1:0".parse().unwrap(),
                page_key_file: Some(self.directory.path().join("page.key")),
                ..GatewayConfig::default()
            },
        }
    }

    async fn gateway(&self) -> Gateway {
        self.gateway_with(self.config()).await
    }

    async fn gateway_with(&self, config: Config) -> Gateway {
        let kit = config.kit.clone();
        let (started, start) = tokio::sync::oneshot::channel();
        let ended = tokio::spawn(async move {
            muster_kit::launch::run("gateway", "test", &kit, |context| async move {
                let service = Service::new(config, &context).await?;
                started.send((service.address()?, context.shutdown.clone())).ok();
                service.run(context).await
            })
            .await
        });
        let (address, stop) = start.await.expect("the gateway starts");
        Gateway { address, stop, ended }
    }

    /// A recorder until it is aborted.
    fn recorder(&self) -> tokio::task::JoinHandle<Exit> {
        let config = self.config();
        let recorder =
            muster_recorder::Config { kit: config.kit, bus: config.bus, store: config.store, ..Default::default() };
        let kit = KitConfig::default();
        tokio::spawn(async move {
            muster_kit::launch::run("recorder", "test", &kit, |context| async move {
                Box::pin(muster_recorder::Service::new(recorder, &context).await?.run(context)).await
            })
            .await
        })
    }

    /// Says, as the recorder does, what stands in the store.
    async fn recorded(&self, stream: Stream, committed: u64) {
        let info = self.bus.stream_info(stream).await.unwrap();
        let record = RecorderRecord { committed, ..RecorderRecord::new(&info.incarnation, 1) };
        let value = serde_json::to_vec(&record).unwrap();
        self.bus.kv(Bucket::Recorder).await.unwrap().put(&RecorderRecord::key(stream, 1), value.into()).await.unwrap();
    }

    async fn told(&self, site: &str) -> EstateDocument {
        let subject = Subject::estate(&SiteName::new(site).unwrap());
        let last = self.bus.last_on_subject(Stream::Events, &subject).await.unwrap().expect("an event");
        match decode(last.payload).unwrap() {
            (envelope, Body::Estate(document)) => {
                assert_eq!(envelope.actor.unwrap().issuer, if document.revision == 9 { "muster" } else { "local" });
                document
            }
            (_, other) => panic!("not an estate: {other:?}"),
        }
    }
}

impl Gateway {
    async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }

    async fn stop(self) {
        self.stop.request("test");
        assert_eq!(self.ended.await.unwrap(), Exit::Ok);
    }
}

fn document(site: &str, third: u8) -> EstateDocument {
    let block = Block { address: vec![127, 80, third, 0], prefix_length: 24 };
    let ranges = vec![Range { block: Some(block), kind: RangeKind::Static.into() }];
    EstateDocument {
        site: site.to_owned(),
        realm: "test".to_owned(),
        time_zone: "UTC".to_owned(),
        ranges,
        scope: Some(muster_proto::v1::ScanScope { rate_site_pps: 1000, rate_host_pps: 40, ..Default::default() }),
        alive_by: 1,
        seen_within: Some(prost_types::Duration { seconds: 3600, nanos: 0 }),
        absent_after_sweeps: 3,
        ..EstateDocument::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_estate_is_applied_told_and_listed_and_a_crash_in_between_is_mended() {
    let stack = Stack::start().await;
    let gateway = stack.gateway().await;
    let mut client = EstateServiceClient::new(gateway.channel().await);
    let mut request = ApplyEstateRequest {
        documents: vec![document("cork", 1), document("dublin", 2)],
        validate_only: true,
        prune: false,
    };
    let dry = client.apply_estate(request.clone()).await.unwrap().into_inner();
    assert_eq!(dry.changes.iter().map(|change| change.action.as_str()).collect::<Vec<_>>(), ["create", "create"]);
    assert!(client.list_sites(ListSitesRequest::default()).await.unwrap().into_inner().sites.is_empty());

    request.validate_only = false;
    let applied = client.apply_estate(request.clone()).await.unwrap().into_inner();
    assert!(applied.mutation.is_some_and(|mutation| mutation.sequence >= 2));
    assert_eq!(stack.told("cork").await.revision, 1);
    let again = client.apply_estate(request.clone()).await.unwrap().into_inner();
    assert!(again.mutation.is_none() && again.changes.iter().all(|change| change.action == "unchanged"));

    // The pages.
    let first = client.list_sites(ListSitesRequest { page_size: 1, ..Default::default() }).await.unwrap().into_inner();
    let token = first.next_page_token.clone();
    let second = client.list_sites(ListSitesRequest { page_size: 1, page_token: token }).await.unwrap().into_inner();
    assert_eq!((first.sites[0].site.as_str(), second.sites[0].site.as_str()), ("cork", "dublin"));
    assert!(second.next_page_token.is_empty());

    // Overlapping ranges are refused as a whole.
    let overlap = ApplyEstateRequest { documents: vec![document("galway", 2)], ..Default::default() };
    let refused = client.apply_estate(overlap).await.unwrap_err();
    assert_eq!(refused.get_error_details().error_info().unwrap().reason, "MUS-1005");

    // A crash between the record and the event: the record is the truth, the next start publishes it.
    gateway.stop().await;
    let estate = stack.bus.kv(Bucket::Estate).await.unwrap();
    let entry = estate.get("cork").await.unwrap().unwrap();
    let mut ahead = EstateDocument::decode(entry.value).unwrap();
    ahead.revision = 9;
    estate.update("cork", ahead.encode_to_vec().into(), entry.revision).await.unwrap();
    let subject = Subject::estate(&SiteName::new("cork").unwrap()).as_str().to_owned();
    let after = stack.bus.stream_info(Stream::Events).await.unwrap().last_sequence;
    let mut tail = stack.bus.tail(Stream::Events, &[subject], after);
    let gateway = stack.gateway().await;
    let limits = muster_bus::Limits { messages: 1, bytes: 1 << 20, linger: Duration::ZERO };
    tokio::time::timeout(PATIENCE, tail.next_batch(limits)).await.expect("it is published").unwrap();
    assert_eq!(stack.told("cork").await.revision, 9);

    // What is not declared any more is taken out.
    let mut client = EstateServiceClient::new(gateway.channel().await);
    let prune = ApplyEstateRequest { documents: vec![document("dublin", 2)], validate_only: false, prune: true };
    client.apply_estate(prune).await.unwrap();
    assert!(stack.told("cork").await.removed);

    // A halt stands in its bucket.
    let halt = SetHaltRequest { site: "dublin".to_owned(), halted: true, reason: "test".to_owned() };
    client.set_halt(halt).await.unwrap();
    let record = stack.bus.kv(Bucket::Halt).await.unwrap().get("dublin").await.unwrap().unwrap();
    assert!(HaltSet::decode(record.value).unwrap().halted);
    gateway.stop().await;
}

fn change(number: u8, state: FindingState) -> VerdictChange {
    let verdict = Verdict { host_id: vec![number; 16], subject: "known".to_owned(), ..Verdict::default() };
    let finding = Finding { finding_id: vec![number; 16], state: state.into(), ..Finding::default() };
    VerdictChange { verdict: Some(verdict), finding: Some(finding), ..VerdictChange::default() }
}

async fn publish(bus: &Bus, after: u64, changes: Vec<VerdictChange>) -> u64 {
    let batch = VerdictBatch { site: "dublin".to_owned(), changes, ..VerdictBatch::default() };
    let id = EventId::of_verdicts("dublin", after);
    let draft = Draft::by_service(id, jiff::Timestamp::now(), "dublin", "evaluator", Body::Verdicts(batch));
    let subject = Subject::verdicts(&SiteName::new("dublin").unwrap());
    let publisher = bus.publisher(muster_proto::v1::Producer::default());
    publisher.publish(&subject, draft, Expect::LastOnSubject(after)).await.unwrap().sequence
}

async fn next(watch: &mut Streaming<WatchFindingsResponse>) -> (String, Option<(u8, FindingState)>) {
    let response = tokio::time::timeout(PATIENCE, watch.next()).await.expect("in time").unwrap().unwrap();
    let finding = match response.event.unwrap() {
        Event::Finding(listed) => {
            let finding = listed.finding.unwrap();
            Some((finding.finding_id[0], finding.state()))
        }
        Event::Bookmark(_) => None,
    };
    (response.resume_token, finding)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_has_no_gap_and_resumes_inside_a_message_without_losing_the_rest() {
    let stack = Stack::start().await;
    let before = publish(&stack.bus, 0, vec![change(1, FindingState::Open)]).await;
    stack.recorded(Stream::Verdicts, before).await;
    let gateway = stack.gateway().await;
    let mut client = FindingServiceClient::new(gateway.channel().await);
    let request =
        |token: &str| WatchFindingsRequest { filter: "state = open".to_owned(), resume_token: token.to_owned() };
    let mut watch = client.watch_findings(request("")).await.unwrap().into_inner();
    let (snapshot, bookmark) = next(&mut watch).await;
    assert!(bookmark.is_none() && !snapshot.is_empty());

    let changes = vec![change(2, FindingState::Open), change(3, FindingState::Resolved), change(4, FindingState::Open)];
    let second = publish(&stack.bus, before, changes).await;
    let (inside, first) = next(&mut watch).await;
    assert_eq!(first, Some((2, FindingState::Open)));
    let (_, last) = next(&mut watch).await;
    assert_eq!(last, Some((4, FindingState::Open)), "what never passed is not sent");
    // What passed and no longer does is sent once more.
    publish(&stack.bus, second, vec![change(2, FindingState::Resolved)]).await;
    let (end, gone) = next(&mut watch).await;
    assert_eq!(gone, Some((2, FindingState::Resolved)));
    drop(watch);

    // A token from inside a message repeats the message rather than lose its rest.
    let mut resumed = client.watch_findings(request(&inside)).await.unwrap().into_inner();
    let mut seen = Vec::new();
    while seen.last() != Some(&2) || seen.len() < 2 {
        seen.extend(next(&mut resumed).await.1.map(|(number, _)| number));
    }
    assert_eq!(seen, [2, 3, 4, 2], "after a resume every finding that is no longer open is told");
    drop(resumed);

    let other = WatchFindingsRequest { filter: String::new(), resume_token: end };
    let refused = client.watch_findings(other).await.unwrap_err();
    assert_eq!(refused.get_error_details().error_info().unwrap().reason, "MUS-1004");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_waits_for_its_sequence_until_the_deadline() {
    let stack = Stack::start().await;
    let gateway = stack.gateway().await;
    let mut client = FindingServiceClient::new(gateway.channel().await);
    let wrong = ListFindingsRequest { filter: "sites = x".to_owned(), ..Default::default() };
    let refused = client.list_findings(wrong).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.get_error_details().bad_request().unwrap().field_violations.len()),
        (Code::InvalidArgument, 1)
    );

    let mut request = tonic::Request::new(ListFindingsRequest { at_least_sequence: 7, ..Default::default() });
    request.set_timeout(Duration::from_millis(400));
    let late = client.list_findings(request).await.unwrap_err();
    assert!(matches!(late.code(), Code::DeadlineExceeded | Code::Cancelled), "{late:?}");

    let positions = stack.bus.positions().await.unwrap();
    let waiting = tokio::spawn({
        let mut client = client.clone();
        async move { client.list_findings(ListFindingsRequest { at_least_sequence: 7, ..Default::default() }).await }
    });
    stack.recorded(Stream::Events, 7).await;
    positions.passed("evaluator", Stream::Events, Some("dublin"), 7).await.unwrap();
    let answered = tokio::time::timeout(PATIENCE, waiting).await.expect("it is answered").unwrap().unwrap();
    assert!(answered.into_inner().findings.is_empty());
    gateway.stop().await;
}

fn asset(number: u8) -> Asset {
    let identifiers =
        vec![Identifier { kind: "address".to_owned(), value: format!("127.80.1.{number}"), ..Default::default() }];
    Asset { key: format!("web-{number:02}"), owner: "ada".to_owned(), identifiers, ..Asset::default() }
}

fn import(assets: Vec<Asset>, force: bool) -> impl Stream_<Item = ImportInventoryRequest> {
    import_of("", assets, force)
}

fn import_of(origin: &str, assets: Vec<Asset>, force: bool) -> impl Stream_<Item = ImportInventoryRequest> {
    let header = import_inventory_request::Header {
        site: "cork".to_owned(),
        source: "test".to_owned(),
        validate_only: false,
        force,
        origin: origin.to_owned(),
    };
    let seen = prost_types::Timestamp { seconds: 1_767_225_600, nanos: 0 };
    let last_seen = if origin.is_empty() { Vec::new() } else { vec![seen; assets.len()] };
    let chunk = InventoryChunk { import_id: Vec::new(), index: 0, assets, last_seen };
    let parts = [import_inventory_request::Part::Header(header), import_inventory_request::Part::Chunk(chunk)];
    futures::stream::iter(parts.map(|part| ImportInventoryRequest { part: Some(part) }))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_is_imported_listed_and_kept_from_vanishing() {
    let stack = Stack::start().await;
    let recording = stack.recorder();
    let gateway = stack.gateway().await;
    let channel = gateway.channel().await;
    let documents = vec![document("cork", 1)];
    let apply = ApplyEstateRequest { documents, ..Default::default() };
    EstateServiceClient::new(channel.clone()).apply_estate(apply).await.unwrap();
    let mut client = InventoryServiceClient::new(channel);
    let assets: Vec<_> = (1..=20).map(asset).collect();
    let imported = client.import_inventory(import(assets.clone(), false)).await.unwrap().into_inner();
    assert_eq!((imported.added, imported.revision), (20, 1));

    // What the import led to is seen by a list that names its sequence.
    let at_least_sequence = imported.mutation.unwrap().sequence;
    let list = ListAssetsRequest { site: "cork".to_owned(), page_size: 15, at_least_sequence, ..Default::default() };
    let first = client.list_assets(list.clone()).await.unwrap().into_inner();
    let rest = ListAssetsRequest { page_token: first.next_page_token.clone(), ..list.clone() };
    let second = client.list_assets(rest).await.unwrap().into_inner();
    let keys: Vec<_> = first.assets.iter().chain(&second.assets).map(|row| row.asset.clone().unwrap().key).collect();
    assert_eq!(keys, assets.iter().map(|asset| asset.key.clone()).collect::<Vec<_>>());
    let other = ListAssetsRequest { page_token: first.next_page_token, filter: "owner = x".to_owned(), ..list.clone() };
    let refused = client.list_assets(other).await.unwrap_err();
    assert_eq!(refused.get_error_details().error_info().unwrap().reason, "MUS-1003");

    // The same again changes nothing; half of it needs force.
    let again = client.import_inventory(import(assets.clone(), false)).await.unwrap().into_inner();
    assert!(again.mutation.is_none() && again.unchanged == 20);
    let half = assets[..10].to_vec();
    let refused = client.import_inventory(import(half.clone(), false)).await.unwrap_err();
    assert_eq!(refused.get_error_details().error_info().unwrap().reason, "MUS-4002");
    let forced = client.import_inventory(import(half, true)).await.unwrap().into_inner();
    assert_eq!((forced.removed, forced.revision), (10, 2));

    // Single assets, at the revision that stands and at no other.
    let mut update = UpdateAssetsRequest { site: "cork".to_owned(), upserts: vec![asset(30)], ..Default::default() };
    update.expected_revision = 1;
    assert_eq!(client.update_assets(update.clone()).await.unwrap_err().code(), Code::Aborted);
    update.expected_revision = 2;
    let updated = client.update_assets(update).await.unwrap().into_inner();
    let filter = "identifier:127.80.1.30".to_owned();
    let at_least_sequence = updated.mutation.unwrap().sequence;
    let found = client.list_assets(ListAssetsRequest { filter, at_least_sequence, ..list }).await.unwrap().into_inner();
    assert_eq!(found.assets[0].asset.clone().unwrap().key, "web-30");

    // And the books balance.
    let books = LedgerServiceClient::new(gateway.channel().await).verify(VerifyRequest {}).await.unwrap().into_inner();
    assert!(books.balanced, "{:?}", books.problems);
    gateway.stop().await;
    recording.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_source_of_an_inventory_replaces_only_what_it_said() {
    let stack = Stack::start().await;
    let recording = stack.recorder();
    let gateway = stack.gateway().await;
    let channel = gateway.channel().await;
    let document = EstateDocument { inventory_precedence: vec!["servicenow".to_owned()], ..document("cork", 1) };
    let apply = ApplyEstateRequest { documents: vec![document], ..Default::default() };
    EstateServiceClient::new(channel.clone()).apply_estate(apply).await.unwrap();
    let mut client = InventoryServiceClient::new(channel);
    let csv: Vec<_> = (1..=12).map(asset).collect();
    client.import_inventory(import(csv.clone(), false)).await.unwrap();

    // Another source knows two of them under its own keys, and one more; its owner counts.
    let theirs =
        |number: u8, owner: &str| Asset { key: format!("s{number}"), owner: owner.to_owned(), ..asset(number) };
    let servicenow = vec![theirs(1, "grace"), theirs(2, ""), theirs(40, "joan")];
    let imported =
        client.import_inventory(import_of("servicenow", servicenow.clone(), false)).await.unwrap().into_inner();
    let of = imported.of_source.unwrap();
    assert_eq!((of.added, of.removed, of.shared), (3, 0, 2));
    assert_eq!(of.precedence, ["servicenow", "csv"], "as the estate declares it");
    let at_least_sequence = imported.mutation.unwrap().sequence;
    let list = ListAssetsRequest { site: "cork".to_owned(), page_size: 50, at_least_sequence, ..Default::default() };
    let listed = client.list_assets(list.clone()).await.unwrap().into_inner().assets;
    let owner = |listed: &[ListedAsset], key: &str| {
        let row = listed.iter().find(|row| row.asset.as_ref().unwrap().key == key)?;
        let asset = row.asset.clone().unwrap();
        let sources =
            asset.claims.iter().map(|claim| (claim.source.clone(), claim.last_seen.is_some())).collect::<Vec<_>>();
        Some((asset.owner, sources))
    };
    let both = vec![("servicenow".to_owned(), true), ("csv".to_owned(), false)];
    assert_eq!(listed.len(), 13);
    assert_eq!(owner(&listed, "s1"), Some(("grace".to_owned(), both.clone())));
    assert_eq!(owner(&listed, "s2"), Some(("ada".to_owned(), both)), "the other source fills the gap");
    assert_eq!(owner(&listed, "web-03"), Some(("ada".to_owned(), vec![("csv".to_owned(), false)])));
    let filter = ListAssetsRequest { filter: "source:servicenow".to_owned(), ..list.clone() };
    assert_eq!(client.list_assets(filter).await.unwrap().into_inner().assets.len(), 3);

    // What it no longer says goes, and nothing else; the tenth counts for it alone.
    let less = vec![theirs(1, "grace")];
    let refused = client.import_inventory(import_of("servicenow", less.clone(), false)).await.unwrap_err();
    assert_eq!(refused.get_error_details().error_info().unwrap().reason, "MUS-4002");
    let forced = client.import_inventory(import_of("servicenow", less, true)).await.unwrap().into_inner();
    assert_eq!(forced.of_source.unwrap().removed, 2);
    let at_least_sequence = forced.mutation.unwrap().sequence;
    let list = ListAssetsRequest { at_least_sequence, ..list };
    let listed = client.list_assets(list.clone()).await.unwrap().into_inner().assets;
    assert_eq!((listed.len(), owner(&listed, "s40")), (12, None));
    assert_eq!(owner(&listed, "web-02").unwrap().0, "ada", "and the key is that of the file again");
    let again = client.import_inventory(import(csv, false)).await.unwrap().into_inner();
    assert!(again.mutation.is_none() && again.unchanged == 12, "{again:?}");
    let wrong = client.import_inventory(import_of("Service Now", vec![asset(1)], true)).await.unwrap_err();
    assert_eq!(wrong.get_error_details().error_info().unwrap().reason, "MUS-1006", "{wrong}");
    gateway.stop().await;
    recording.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_loopback_it_does_not_start_without_tls() {
    let listen: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let gateway = GatewayConfig { listen, ..GatewayConfig::default() };
    let config = Config { gateway, ..Config::default() };
    let kit = KitConfig::default();
    let exit = muster_kit::launch::run("gateway", "test", &kit, |context| async move {
        match Service::new(config, &context).await {
            Ok(_) => Ok(()),
            Err(failure) => {
                assert!(failure.to_string().contains("gateway.tls.certificate"), "{failure}");
                Err::<(), Failure>(failure)
            }
        }
    });
    assert_eq!(exit.await, Exit::Usage);
}
