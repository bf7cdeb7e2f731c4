//! Who may see and do what: a caller limited to a site, in every query; and whose name each command carries.

use std::collections::BTreeSet;

use muster_proto::v1::audit_service_client::AuditServiceClient;
use muster_proto::v1::host_service_client::HostServiceClient;
use muster_proto::v1::sweep_service_client::SweepServiceClient;
use muster_proto::v1::verdict_service_client::VerdictServiceClient;
use muster_proto::v1::{
    Disposition, Draw, DrawnItem, GetDrawRequest, GetFindingRequest, HostChange, HostChangeKind, ListHostsRequest,
    ListSweepsRequest, ListVerdictsRequest, Outcome, PortRange, RequestAuditRequest, RequestSweepRequest,
    SetDispositionRequest, SummarizeSitesRequest, SweepKind, SweepStarted, Transport,
};
use sha2::{Digest, Sha256};
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;

use super::*;

/// Puts a bearer token on every call.
#[derive(Debug, Clone)]
struct Token(&'static str);

impl Interceptor for Token {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        let value = MetadataValue::try_from(format!("Bearer {}", self.0)).unwrap();
        request.metadata_mut().insert("authorization", value);
        Ok(request)
    }
}

type Conn = InterceptedService<Channel, Token>;

const ADA: &str = "the token of somebody who may everything";
const DUB: &str = "the token of somebody who may look at dublin";

fn entry(name: &str, token: &str, grants: &str) -> String {
    let hash = hex::encode(Sha256::digest(token.as_bytes()));
    format!("[[token]]\nname = \"{name}\"\nsha256 = \"{hash}\"\ngrants = [{grants}]\n")
}

fn admin() -> String {
    entry("ada", ADA, "{ role = \"admin\", sites = [\"all\"] }")
}

fn limited() -> String {
    let grants = "{ role = \"viewer\", sites = [\"dublin\"] }, { role = \"auditor\", sites = [\"dublin\"] }";
    entry("dub", DUB, grants)
}

impl Stack {
    /// A gateway with an access file that says this.
    async fn guarded(&self, access: &str) -> Gateway {
        let file = self.directory.path().join("access.toml");
        std::fs::write(&file, access).unwrap();
        let mut config = self.config();
        config.gateway.access_file = Some(file);
        self.gateway_with(config).await
    }

    /// A host with a failed verdict and an open finding.
    async fn judged(&self, site: &str, number: u8) {
        let host = HostChange {
            host_id: vec![number; 16],
            kind: HostChangeKind::Appeared.into(),
            realm: "test".to_owned(),
            address: vec![127, 80, number, 7],
            ..HostChange::default()
        };
        let mut change = change(number, FindingState::Open);
        let verdict = change.verdict.as_mut().unwrap();
        (verdict.outcome, verdict.reason) = (Outcome::Fail.into(), "rogue".to_owned());
        change.address = vec![127, 80, number, 7];
        let batch =
            VerdictBatch { site: site.to_owned(), hosts: vec![host], changes: vec![change], ..VerdictBatch::default() };
        let name = SiteName::new(site).unwrap();
        self.say(EventId::of_verdicts(site, 0), site, &Subject::verdicts(&name), Body::Verdicts(batch)).await;
    }

    /// A sweep of a site, and the part of it in a draw.
    async fn planned(&self, site: &str, number: u8) {
        let started = SweepStarted {
            sweep_id: vec![number; 16],
            kind: SweepKind::Sweep.into(),
            site: site.to_owned(),
            leases: 1,
            units: 1,
            realm: "test".to_owned(),
            ..SweepStarted::default()
        };
        let subject = Subject::plan_sweep(&SiteName::new(site).unwrap());
        self.say(EventId::of_plan("sweep-started", &[number; 16]), site, &subject, Body::SweepStarted(started)).await;
    }

    async fn drawn(&self, sites: [(&str, u8); 2]) {
        let item = |(site, number): (&str, u8)| DrawnItem {
            item: format!("{site}/127.80.{number}.7"),
            address: vec![127, 80, number, 7],
            ticket: vec![number; 32],
        };
        let draw = Draw {
            draw_id: vec![5; 16],
            seed: vec![1; 32],
            frame_root: vec![2; 32],
            frame_size: 512,
            items: sites.map(item).to_vec(),
            sites: sites.map(|(site, _)| site.to_owned()).to_vec(),
            ..Draw::default()
        };
        self.say(EventId::of_plan("draw", &[5; 16]), "all", &Subject::plan_draw(), Body::Draw(draw)).await;
    }

    async fn say(&self, id: EventId, site: &str, subject: &Subject, body: Body) {
        let publisher = self.bus.publisher(muster_proto::v1::Producer::default());
        let draft = Draft::by_service(id, jiff::Timestamp::now(), site, "test", body);
        publisher.publish(subject, draft, Expect::Any).await.unwrap();
    }

    /// Who is named in the last event on a subject.
    async fn actor(&self, subject: &Subject) -> (String, String) {
        let last = self.bus.last_on_subject(Stream::Events, subject).await.unwrap();
        let (envelope, _) = decode(last.unwrap_or_else(|| panic!("nothing on {subject}")).payload).unwrap();
        let actor = envelope.actor.unwrap();
        (actor.subject, actor.issuer)
    }
}

/// What a caller sees, by call: the sites.
async fn seen(conn: &Conn) -> Vec<(&'static str, BTreeSet<String>)> {
    let hosts = HostServiceClient::new(conn.clone()).list_hosts(ListHostsRequest::default()).await;
    let figures = HostServiceClient::new(conn.clone()).summarize_sites(SummarizeSitesRequest::default()).await;
    let verdicts = VerdictServiceClient::new(conn.clone()).list_verdicts(ListVerdictsRequest::default()).await;
    let findings = FindingServiceClient::new(conn.clone()).list_findings(ListFindingsRequest::default()).await;
    let assets = InventoryServiceClient::new(conn.clone()).list_assets(ListAssetsRequest::default()).await;
    let sweeps = SweepServiceClient::new(conn.clone()).list_sweeps(ListSweepsRequest::default()).await;
    let sites = EstateServiceClient::new(conn.clone()).list_sites(ListSitesRequest::default()).await;
    let draw = AuditServiceClient::new(conn.clone());
    let draw = draw.clone().get_draw(GetDrawRequest { draw_id: vec![5; 16], at_least_sequence: 0 }).await;
    let items = draw.map(|draw| draw.into_inner().items).unwrap_or_default();
    let drawn = items.into_iter().map(|item| item.item.split('/').next().unwrap().to_owned());
    vec![
        ("hosts", hosts.unwrap().into_inner().hosts.into_iter().map(|row| row.site).collect()),
        ("figures", figures.unwrap().into_inner().sites.into_iter().map(|row| row.site).collect()),
        ("verdicts", verdicts.unwrap().into_inner().verdicts.into_iter().map(|row| row.site).collect()),
        ("findings", findings.unwrap().into_inner().findings.into_iter().map(|row| row.site).collect()),
        ("assets", assets.unwrap().into_inner().assets.into_iter().map(|row| row.site).collect()),
        ("sweeps", sweeps.unwrap().into_inner().sweeps.into_iter().map(|row| row.site).collect()),
        ("sites", sites.unwrap().into_inner().sites.into_iter().map(|row| row.site).collect()),
        ("draw", drawn.collect()),
    ]
}

fn all_of(seen: &[(&str, BTreeSet<String>)], sites: &[&str]) -> bool {
    seen.iter().all(|(_, found)| found.iter().eq(sites))
}

async fn world(stack: &Stack, admin: &Conn) {
    let documents = vec![document("cork", 1), document("dublin", 2)];
    let apply = ApplyEstateRequest { documents, ..Default::default() };
    EstateServiceClient::new(admin.clone()).apply_estate(apply).await.unwrap();
    for (site, number) in [("cork", 1), ("dublin", 2)] {
        let upserts = vec![asset(number)];
        let update = UpdateAssetsRequest { site: site.to_owned(), upserts, ..Default::default() };
        InventoryServiceClient::new(admin.clone()).update_assets(update).await.unwrap();
        stack.judged(site, number).await;
        stack.planned(site, number).await;
    }
    stack.drawn([("cork", 1), ("dublin", 2)]).await;
    // Until the recorder has all of it: each look is a round of queries.
    let recorded = async {
        loop {
            let seen = seen(admin).await;
            if all_of(&seen, &["cork", "dublin"]) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, recorded).await.expect("who may everything sees both sites in every call");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_of_one_site_sees_that_site_in_every_query_and_loses_a_watch_with_the_role() {
    let stack = Stack::start().await;
    let recording = stack.recorder();
    let gateway = stack.guarded(&(admin() + &limited())).await;
    let channel = gateway.channel().await;
    let conn = |token| InterceptedService::new(channel.clone(), Token(token));
    let before = jiff::Timestamp::now();
    world(&stack, &conn(ADA)).await;
    let seen = seen(&conn(DUB)).await;
    assert!(all_of(&seen, &["dublin"]), "{seen:?}");

    let mut client = FindingServiceClient::new(conn(DUB));
    let other =
        client.get_finding(GetFindingRequest { finding_id: vec![1; 16], at_least_sequence: 0 }).await.unwrap_err();
    assert_eq!(other.code(), Code::NotFound);
    let asked = ListFindingsRequest { filter: "site = cork".to_owned(), ..Default::default() };
    assert!(client.list_findings(asked).await.unwrap().into_inner().findings.is_empty());

    // As it stood before anything was judged, and as it stands.
    let at = |at: jiff::Timestamp| Some(prost_types::Timestamp { seconds: at.as_second(), nanos: 0 });
    let then = ListFindingsRequest { as_of: at(before), ..Default::default() };
    assert!(client.list_findings(then).await.unwrap().into_inner().findings.is_empty());
    let now = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1);
    let now = ListFindingsRequest { as_of: at(now), ..Default::default() };
    assert_eq!(client.list_findings(now).await.unwrap().into_inner().findings.len(), 1);

    // A watch has one site too, and ends when its caller is taken out of the access file.
    let mut watch = client.watch_findings(WatchFindingsRequest::default()).await.unwrap().into_inner();
    assert_eq!(next(&mut watch).await.1, Some((2, FindingState::Open)));
    assert_eq!(next(&mut watch).await.1, None, "the bookmark: there is no other");
    std::fs::write(stack.directory.path().join("access.toml"), admin()).unwrap();
    let ended = tokio::time::timeout(PATIENCE, async {
        loop {
            match watch.next().await {
                Some(Ok(_)) => {}
                Some(Err(status)) => return status,
                None => panic!("it says why it ends"),
            }
        }
    });
    assert_eq!(ended.await.expect("it ends").code(), Code::Unauthenticated);
    gateway.stop().await;
    recording.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_is_an_event_with_the_name_of_its_actor() {
    let stack = Stack::start().await;
    let recording = stack.recorder();
    let gateway = stack.guarded(&admin()).await;
    let conn = InterceptedService::new(gateway.channel().await, Token(ADA));
    world(&stack, &conn).await;
    let (cork, ports) =
        (SiteName::new("cork").unwrap(), vec![PortRange { transport: Transport::Tcp.into(), first: 22, last: 22 }]);
    let site = || "cork".to_owned();

    let sweep = RequestSweepRequest { site: site(), ports: ports.clone(), ..Default::default() };
    SweepServiceClient::new(conn.clone()).request_sweep(sweep).await.unwrap();
    let audit = RequestAuditRequest { sites: vec![site()], sample_size: 2, ports, ..Default::default() };
    AuditServiceClient::new(conn.clone()).request_audit(audit.clone()).await.unwrap();
    let halt = SetHaltRequest { site: site(), halted: true, reason: "test".to_owned() };
    EstateServiceClient::new(conn.clone()).set_halt(halt).await.unwrap();
    InventoryServiceClient::new(conn.clone()).import_inventory(import(vec![asset(1), asset(9)], false)).await.unwrap();
    let disposition = SetDispositionRequest {
        finding_id: vec![1; 16],
        disposition: Disposition::Decommissioned.into(),
        reason: "test".to_owned(),
        ..Default::default()
    };
    FindingServiceClient::new(conn.clone()).set_disposition(disposition).await.unwrap();

    let ada = ("ada".to_owned(), "token".to_owned());
    let host = muster_ids::HostId::from_array([1; 16]);
    for subject in [
        Subject::estate(&cork),
        Subject::command(&cork, "sweep"),
        Subject::command(&SiteName::all(), "audit"),
        Subject::command(&cork, "halt"),
        Subject::inventory(&cork),
        Subject::inventory_chunk(&cork),
        Subject::disposition(&cork, host),
    ] {
        assert_eq!(stack.actor(&subject).await, ada, "{subject}");
    }

    // What could never be drawn is no event at all.
    let told = stack.bus.stream_info(Stream::Events).await.unwrap().last_sequence;
    let portless = RequestAuditRequest { ports: Vec::new(), ..audit };
    let refused = AuditServiceClient::new(conn).request_audit(portless).await.unwrap_err();
    assert_eq!((refused.code(), refused.message().contains("no sweep schedule")), (Code::InvalidArgument, true));
    assert_eq!(stack.bus.stream_info(Stream::Events).await.unwrap().last_sequence, told);
    gateway.stop().await;
    recording.abort();
}
