//! A gateway with canned answers, on a port of this machine.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use muster_proto::v1::audit_service_server::{AuditService, AuditServiceServer};
use muster_proto::v1::bulletin_service_server::{BulletinService, BulletinServiceServer};
use muster_proto::v1::estate_service_server::{EstateService, EstateServiceServer};
use muster_proto::v1::finding_service_server::{FindingService, FindingServiceServer};
use muster_proto::v1::host_service_server::{HostService, HostServiceServer};
use muster_proto::v1::inventory_service_server::{InventoryService, InventoryServiceServer};
use muster_proto::v1::ledger_service_server::{LedgerService, LedgerServiceServer};
use muster_proto::v1::sweep_service_server::{SweepService, SweepServiceServer};
use muster_proto::v1::verdict_service_server::{VerdictService, VerdictServiceServer};
use muster_proto::v1::*;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt};

use super::samples;

type Answer<T> = Result<Response<T>, Status>;

/// What is given; the usual samples unless a test says otherwise.
#[derive(Debug, Clone)]
pub(super) struct Canned {
    pub(super) findings: Vec<ListedFinding>,
    pub(super) host: Result<GetHostResponse, Status>,
    pub(super) sweeps: VecDeque<Result<Sweep, Status>>,
    pub(super) draw: Draw,
    pub(super) books: VerifyResponse,
    pub(super) changes: Vec<EstateChange>,
    /// What the second call would change, where that is something else.
    pub(super) later: Option<Vec<EstateChange>>,
    /// With what an estate is refused.
    pub(super) unsound: Option<Status>,
    pub(super) import: ImportInventoryResponse,
    /// Each connection of a watch: its messages, and how it ends.
    pub(super) watches: VecDeque<Vec<Result<WatchFindingsResponse, Status>>>,
}

impl Default for Canned {
    fn default() -> Self {
        Self {
            findings: samples::findings(),
            host: Ok(samples::host()),
            sweeps: VecDeque::from([Ok(samples::sweep(true, false))]),
            draw: samples::draw(),
            books: samples::books(true),
            changes: Vec::new(),
            later: None,
            unsound: None,
            import: ImportInventoryResponse::default(),
            watches: VecDeque::new(),
        }
    }
}

pub(super) fn refusal(code: tonic::Code, reason: &str, message: &str) -> Status {
    let details = ErrorDetails::with_error_info(reason, "muster.v1", [(String::new(), String::new())]);
    Status::with_error_details(code, message, details)
}

#[derive(Clone)]
struct Fake {
    canned: Arc<Mutex<Canned>>,
    asked: Arc<Mutex<Vec<String>>>,
}

pub(super) struct Gateway {
    pub(super) address: String,
    fake: Fake,
    task: tokio::task::JoinHandle<()>,
}

impl Gateway {
    pub(super) fn asked(&self) -> Vec<String> {
        self.fake.asked.lock().unwrap().clone()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(super) async fn serve(canned: Canned) -> Gateway {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let fake = Fake { canned: Arc::new(Mutex::new(canned)), asked: Arc::default() };
    let server = Server::builder()
        .add_service(FindingServiceServer::new(fake.clone()))
        .add_service(HostServiceServer::new(fake.clone()))
        .add_service(VerdictServiceServer::new(fake.clone()))
        .add_service(SweepServiceServer::new(fake.clone()))
        .add_service(AuditServiceServer::new(fake.clone()))
        .add_service(EstateServiceServer::new(fake.clone()))
        .add_service(InventoryServiceServer::new(fake.clone()))
        .add_service(BulletinServiceServer::new(fake.clone()))
        .add_service(LedgerServiceServer::new(fake.clone()));
    let task = tokio::spawn(async move {
        server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
    });
    Gateway { address, fake, task }
}

impl Fake {
    /// Notes a request that came with a deadline, and takes its message.
    fn take<T: Debug>(&self, request: Request<T>) -> T {
        assert!(request.metadata().contains_key("grpc-timeout"), "a call without a deadline");
        let message = request.into_inner();
        self.note(&message);
        message
    }

    fn note(&self, message: &impl Debug) {
        self.asked.lock().unwrap().push(format!("{message:?}"));
    }

    fn canned<T>(&self, read: impl FnOnce(&mut Canned) -> T) -> T {
        read(&mut self.canned.lock().unwrap())
    }
}

fn ok<T>(message: T) -> Answer<T> {
    Ok(Response::new(message))
}

#[tonic::async_trait]
impl FindingService for Fake {
    type WatchFindingsStream = tokio_stream::Iter<std::vec::IntoIter<Result<WatchFindingsResponse, Status>>>;

    async fn get_finding(&self, request: Request<GetFindingRequest>) -> Answer<ListedFinding> {
        self.take(request);
        let found = self.canned(|canned| canned.findings.first().cloned());
        found.map(Response::new).ok_or_else(|| refusal(tonic::Code::NotFound, "MUS-3001", "no finding"))
    }

    async fn list_findings(&self, request: Request<ListFindingsRequest>) -> Answer<ListFindingsResponse> {
        self.take(request);
        ok(ListFindingsResponse { findings: self.canned(|c| c.findings.clone()), next_page_token: String::new() })
    }

    async fn group_findings(&self, request: Request<GroupFindingsRequest>) -> Answer<GroupFindingsResponse> {
        self.take(request);
        ok(samples::groups())
    }

    async fn set_disposition(&self, request: Request<SetDispositionRequest>) -> Answer<SetDispositionResponse> {
        self.take(request);
        ok(SetDispositionResponse { mutation: samples::mutation() })
    }

    async fn watch_findings(&self, request: Request<WatchFindingsRequest>) -> Answer<Self::WatchFindingsStream> {
        self.note(&request.into_inner());
        let messages = self.canned(|canned| canned.watches.pop_front());
        let messages = messages.ok_or_else(|| refusal(tonic::Code::InvalidArgument, "MUS-1004", "no more"))?;
        ok(tokio_stream::iter(messages))
    }
}

#[tonic::async_trait]
impl HostService for Fake {
    async fn get_host(&self, request: Request<GetHostRequest>) -> Answer<GetHostResponse> {
        self.take(request);
        self.canned(|canned| canned.host.clone()).map(Response::new)
    }

    async fn list_hosts(&self, request: Request<ListHostsRequest>) -> Answer<ListHostsResponse> {
        self.take(request);
        let hosts = samples::host().host.into_iter().collect();
        ok(ListHostsResponse { hosts, next_page_token: String::new() })
    }

    async fn summarize_sites(&self, request: Request<SummarizeSitesRequest>) -> Answer<SummarizeSitesResponse> {
        self.take(request);
        ok(SummarizeSitesResponse { sites: vec![samples::summary()] })
    }
}

#[tonic::async_trait]
impl VerdictService for Fake {
    async fn list_verdicts(&self, request: Request<ListVerdictsRequest>) -> Answer<ListVerdictsResponse> {
        self.take(request);
        let mut silent = samples::listed_verdict(40, "seen", Outcome::Unknown, "never-seen");
        silent.verdict.as_mut().unwrap().valid_until = samples::at(1440);
        ok(ListVerdictsResponse { verdicts: vec![silent], next_page_token: String::new() })
    }
}

#[tonic::async_trait]
impl SweepService for Fake {
    async fn request_sweep(&self, request: Request<RequestSweepRequest>) -> Answer<RequestSweepResponse> {
        self.take(request);
        ok(RequestSweepResponse { sweep_id: samples::sweep(true, false).sweep_id, mutation: samples::mutation() })
    }

    async fn get_sweep(&self, request: Request<GetSweepRequest>) -> Answer<Sweep> {
        self.take(request);
        self.canned(|canned| canned.sweeps.pop_front()).unwrap().map(Response::new)
    }

    async fn list_sweeps(&self, request: Request<ListSweepsRequest>) -> Answer<ListSweepsResponse> {
        self.take(request);
        ok(ListSweepsResponse { sweeps: vec![samples::sweep(true, false)], next_page_token: String::new() })
    }
}

#[tonic::async_trait]
impl AuditService for Fake {
    async fn request_audit(&self, request: Request<RequestAuditRequest>) -> Answer<RequestAuditResponse> {
        self.take(request);
        ok(RequestAuditResponse { draw_id: samples::draw().draw_id, mutation: samples::mutation() })
    }

    async fn get_draw(&self, request: Request<GetDrawRequest>) -> Answer<Draw> {
        self.take(request);
        ok(self.canned(|canned| canned.draw.clone()))
    }

    async fn list_audits(&self, request: Request<ListSweepsRequest>) -> Answer<ListSweepsResponse> {
        self.take(request);
        let sweep =
            Sweep { kind: SweepKind::Audit.into(), draw_id: samples::draw().draw_id, ..samples::sweep(true, false) };
        ok(ListSweepsResponse { sweeps: vec![sweep], next_page_token: String::new() })
    }
}

#[tonic::async_trait]
impl EstateService for Fake {
    async fn list_sites(&self, request: Request<ListSitesRequest>) -> Answer<ListSitesResponse> {
        self.take(request);
        ok(ListSitesResponse { sites: vec![samples::site()], next_page_token: String::new() })
    }

    async fn get_site(&self, request: Request<GetSiteRequest>) -> Answer<EstateDocument> {
        self.take(request);
        ok(samples::site())
    }

    async fn apply_estate(&self, request: Request<ApplyEstateRequest>) -> Answer<ApplyEstateResponse> {
        let request = self.take(request);
        if let Some(refused) = self.canned(|canned| canned.unsound.clone()) {
            return Err(refused);
        }
        let mutation = if request.validate_only { None } else { samples::mutation() };
        let changes = self.canned(|canned| {
            let changes = canned.changes.clone();
            canned.changes = canned.later.take().unwrap_or_else(|| changes.clone());
            changes
        });
        ok(ApplyEstateResponse { changes, mutation })
    }

    async fn set_halt(&self, request: Request<SetHaltRequest>) -> Answer<SetHaltResponse> {
        self.take(request);
        ok(SetHaltResponse { mutation: samples::mutation() })
    }
}

#[tonic::async_trait]
impl InventoryService for Fake {
    async fn import_inventory(
        &self,
        request: Request<Streaming<ImportInventoryRequest>>,
    ) -> Answer<ImportInventoryResponse> {
        let mut stream = self.take_stream(request);
        let mut header = None;
        while let Some(message) = stream.message().await? {
            self.note(&message);
            if let Some(import_inventory_request::Part::Header(first)) = message.part {
                header = Some(first);
            }
        }
        let header = header.ok_or_else(|| Status::invalid_argument("no header"))?;
        let import = self.canned(|canned| canned.import.clone());
        let stood = import.removed + import.changed + import.unchanged;
        if !header.force && import.removed * 10 > stood {
            return Err(refusal(tonic::Code::FailedPrecondition, "MUS-4002", "too many would vanish"));
        }
        ok(ImportInventoryResponse { mutation: (!header.validate_only).then(samples::mutation).flatten(), ..import })
    }

    async fn update_assets(&self, _: Request<UpdateAssetsRequest>) -> Answer<UpdateAssetsResponse> {
        Err(Status::unimplemented("not asked by the command line"))
    }

    async fn list_assets(&self, request: Request<ListAssetsRequest>) -> Answer<ListAssetsResponse> {
        self.take(request);
        ok(ListAssetsResponse { assets: vec![samples::asset()], next_page_token: String::new() })
    }
}

impl Fake {
    fn take_stream<T>(&self, request: Request<Streaming<T>>) -> Streaming<T> {
        assert!(request.metadata().contains_key("grpc-timeout"), "a call without a deadline");
        request.into_inner()
    }
}

#[tonic::async_trait]
impl BulletinService for Fake {
    async fn list_bulletins(&self, request: Request<ListBulletinsRequest>) -> Answer<ListBulletinsResponse> {
        self.take(request);
        ok(ListBulletinsResponse { bulletins: vec![samples::bulletin()], next_page_token: String::new() })
    }
}

#[tonic::async_trait]
impl LedgerService for Fake {
    async fn verify(&self, request: Request<VerifyRequest>) -> Answer<VerifyResponse> {
        self.take(request);
        ok(self.canned(|canned| canned.books.clone()))
    }
}
