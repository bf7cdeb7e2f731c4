//! The gateway's path: check, load, bind, serve, drain.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use muster_bus::{Bucket, Origin, Stream};
use muster_connect::producer;
use muster_kit::health::bind;
use muster_kit::{Condition, Context, Exit, Failure, OrExit as _, Shutdown, TlsMaterial};
use muster_proto::FILE_DESCRIPTOR_SET;
use muster_proto::v1::{
    audit_service_server::AuditServiceServer, bulletin_service_server::BulletinServiceServer,
    estate_service_server::EstateServiceServer, finding_service_server::FindingServiceServer,
    gate_service_server::GateServiceServer, host_service_server::HostServiceServer,
    inventory_service_server::InventoryServiceServer, ledger_service_server::LedgerServiceServer,
    sweep_service_server::SweepServiceServer, verdict_service_server::VerdictServiceServer,
};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;

use crate::config::Config;
use crate::connection::{Connection, accept};
use crate::core::Core;
use crate::estate_bucket::EstateBucket;
use crate::estate_change;
use crate::guard::{Gate, GuardLayer};
use crate::identity::{self, AccessError, Directory};
use crate::keys;
use crate::limit::{Limiter, Limits};
use crate::progress::{Follower, Progress};
use crate::realms::{self, RealmMap, Realms};
use crate::rpc;

/// How often the access file is looked at: whoever lost a role loses it within seconds.
const ACCESS_EVERY: Duration = Duration::from_secs(5);
/// Largest access file: 10,000 entries of 400 bytes.
const ACCESS_MAX_BYTES: u64 = 4 << 20;
/// Streams of one connection at once; a caller has its own limit above it.
const STREAMS_MAX: u32 = 256;
/// Connections that are accepted and not yet served.
const ACCEPTED_MAX: usize = 64;

/// Why the access file cannot be used.
#[derive(Debug, Error)]
pub enum AccessFileError {
    /// It cannot be read.
    #[error("failed to read {file} (gateway.access_file): {source}")]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It does not say what it should.
    #[error("{source}: {file} (gateway.access_file)")]
    Wrong {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: AccessError,
    },
    /// It lets nobody in.
    #[error("failed to serve gRPC: {file} (gateway.access_file) names nobody; add a [[token]] or a [[certificate]]")]
    Nobody {
        /// The file.
        file: PathBuf,
    },
}

/// The gateway: bound, and not yet serving.
pub struct Service {
    listener: TcpListener,
    access_file: Option<PathBuf>,
    core: Arc<Core>,
    gate: Arc<Gate>,
    tls: Option<TlsMaterial>,
    follower: Follower,
    realms: tokio::sync::watch::Sender<RealmMap>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("listener", &self.listener).finish_non_exhaustive()
    }
}

impl Service {
    /// Checks the configuration, loads what it names, connects and binds.
    ///
    /// # Errors
    /// In one line: what must not be served, what cannot be loaded, reached or bound.
    pub async fn new(config: Config, context: &Context) -> Result<Self, Failure> {
        let Config { bus, store, gateway: config, .. } = config;
        config.check().or_exit(Exit::Usage)?;
        let tls = config.tls.certificate.is_some().then(|| TlsMaterial::load(&config.tls)).transpose()?;
        let directory = config.access_file.as_deref().map(read_access).transpose().or_exit(Exit::Usage)?;
        let page_key = keys::page_key(config.page_key_file.as_deref()).or_exit(Exit::CannotCreate)?;
        let bus = bus.connect_checked(context, &Stream::ALL).await?;
        let store = store.connect(context.name).await?;
        let listener = bind("gRPC (gateway.listen)", config.listen).await?;
        let limits = Limits {
            calls: config.calls_per_caller,
            imports: config.imports_per_caller,
            watches: config.watches_per_caller,
        };
        let usual = Duration::from_millis(config.deadline_usual_ms);
        let most = Duration::from_millis(config.deadline_max_ms);
        let gate = Arc::new(Gate::new(directory, Limiter::new(limits), usual, most));
        let (progress, follower) = Progress::new(bus.clone());
        let (realms, realms_sender) = Realms::new();
        let core = Arc::new(Core {
            publisher: bus.publisher(producer(context)),
            estate: EstateBucket::new(bus.kv(Bucket::Estate).await.or_exit(Exit::Unavailable)?),
            store,
            progress,
            realms,
            page_key,
            import_max_bytes: config.import_max_bytes,
            stop: context.shutdown.clone(),
            bus,
        });
        Ok(Self { listener, access_file: config.access_file, core, gate, tls, follower, realms: realms_sender })
    }

    /// Where it listens: the port the system chose, when 0 was asked for.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the stop, then lets open calls end.
    ///
    /// # Errors
    /// When the server breaks.
    pub async fn run(self, context: Context) -> Result<(), Failure> {
        let core = self.core;
        let stop = context.shutdown.clone();
        let ready = context.readiness.condition("grpc");
        context.bound("grpc", self.listener.local_addr()?)?;
        let tasks = [
            tokio::spawn(self.follower.run(stop.clone())),
            tokio::spawn(realms::follow(core.estate.kv(), self.realms, stop.clone())),
            tokio::spawn(mend(Arc::clone(&core))),
            tokio::spawn(reload(self.access_file, Arc::clone(&self.gate), stop.clone())),
        ];
        let acceptor = match self.tls {
            Some(material) => {
                let acceptor = TlsAcceptor::from(material.server_config(&[b"h2"])?);
                tokio::spawn(material.watch(TlsMaterial::INTERVAL, stop.clone()));
                Some(acceptor)
            }
            None => None,
        };
        let (connections, accepted) = mpsc::channel(ACCEPTED_MAX);
        tokio::spawn(accept(self.listener, acceptor, connections, stop.clone()));
        let served = serve(core, self.gate, accepted, ready, stop).await;
        for task in tasks {
            task.abort();
        }
        Ok(served?)
    }
}

/// All services on the connections that come, until the stop and the end of the open calls.
async fn serve(
    core: Arc<Core>,
    gate: Arc<Gate>,
    accepted: mpsc::Receiver<std::io::Result<Connection>>,
    ready: Condition,
    stop: Shutdown,
) -> Result<(), tonic::transport::Error> {
    let (reporter, health) = tonic_health::server::health_reporter();
    set_serving(&reporter).await;
    let unhealthy = {
        let stop = stop.clone();
        tokio::spawn(async move {
            stop.requested().await;
            for name in SERVICES.into_iter().chain([""]) {
                reporter.set_service_status(name, tonic_health::ServingStatus::NotServing).await;
            }
        })
    };
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1();
    let mut router = Server::builder()
        .trace_fn(span_of)
        .layer(GuardLayer(gate))
        .max_concurrent_streams(STREAMS_MAX)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .add_service(health)
        .add_service(EstateServiceServer::new(rpc::estate::EstateRpc(Arc::clone(&core))))
        .add_service(InventoryServiceServer::new(rpc::inventory::InventoryRpc(Arc::clone(&core))))
        .add_service(SweepServiceServer::new(rpc::sweep::SweepRpc(Arc::clone(&core))))
        .add_service(AuditServiceServer::new(rpc::audit::AuditRpc(Arc::clone(&core))))
        .add_service(HostServiceServer::new(rpc::host::HostRpc(Arc::clone(&core))))
        .add_service(VerdictServiceServer::new(rpc::verdict::VerdictRpc(Arc::clone(&core))))
        .add_service(FindingServiceServer::new(rpc::finding::FindingRpc(Arc::clone(&core))))
        .add_service(GateServiceServer::new(rpc::gate::GateRpc(Arc::clone(&core))))
        .add_service(BulletinServiceServer::new(rpc::bulletin::BulletinRpc(Arc::clone(&core))))
        .add_service(LedgerServiceServer::new(rpc::ledger::LedgerRpc(core)));
    match reflection {
        Ok(reflection) => router = router.add_service(reflection),
        Err(error) => tracing::error!(%error, "reflection is not served: the descriptors cannot be read"),
    }
    ready.met();
    let served = router.serve_with_incoming_shutdown(ReceiverStream::new(accepted), stop.requested()).await;
    unhealthy.abort();
    served
}

/// The span of a call: a part of the caller's trace, where it names one.
fn span_of(call: &http::Request<()>) -> tracing::Span {
    let span = tracing::info_span!("call", path = call.uri().path());
    let header = |name: &str| call.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(origin) = header("traceparent").and_then(|parent| Origin::of_call(parent, header("tracestate"))) {
        origin.continue_in(&span);
    }
    span
}

/// Services whose health is told, by name; the empty name is the whole process.
const SERVICES: [&str; 10] = [
    "muster.v1.EstateService",
    "muster.v1.InventoryService",
    "muster.v1.SweepService",
    "muster.v1.AuditService",
    "muster.v1.HostService",
    "muster.v1.VerdictService",
    "muster.v1.FindingService",
    "muster.v1.GateService",
    "muster.v1.BulletinService",
    "muster.v1.LedgerService",
];

async fn set_serving(reporter: &tonic_health::server::HealthReporter) {
    for name in SERVICES.into_iter().chain([""]) {
        reporter.set_service_status(name, tonic_health::ServingStatus::Serving).await;
    }
}

/// Publishes what a crash kept back; tries until it has, or the stop.
async fn mend(core: Arc<Core>) {
    let mut pause = Duration::from_secs(1);
    while let Err(error) = estate_change::mend(&core).await {
        tracing::warn!(%error, "cannot check whether every estate change was published, trying again");
        if core.stop.or(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
        pause = (pause * 2).min(Duration::from_secs(60));
    }
}

/// Looks at the access file again and again; what cannot be used is said, and the last good one stays.
async fn reload(file: Option<PathBuf>, gate: Arc<Gate>, stop: Shutdown) {
    let Some(file) = file else { return };
    let mut said = String::new();
    while stop.or(tokio::time::sleep(ACCESS_EVERY)).await.is_some() {
        let path = file.clone();
        match tokio::task::spawn_blocking(move || read_access(&path)).await {
            Ok(Ok(directory)) => {
                said.clear();
                gate.replace(directory);
            }
            Ok(Err(error)) => {
                let text = error.to_string();
                if text != said {
                    tracing::error!(error = text, "the access file cannot be used, the last good one stays");
                    said = text;
                }
            }
            Err(_) => return,
        }
    }
}

fn read_access(file: &Path) -> Result<Directory, AccessFileError> {
    use std::io::Read as _;
    let fail = |source| AccessFileError::Read { file: file.to_owned(), source };
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(fail)?;
    opened.take(ACCESS_MAX_BYTES).read_to_string(&mut text).map_err(fail)?;
    let directory =
        identity::parse(&text).map_err(|source| AccessFileError::Wrong { file: file.to_owned(), source })?;
    if directory.is_empty() { Err(AccessFileError::Nobody { file: file.to_owned() }) } else { Ok(directory) }
}
