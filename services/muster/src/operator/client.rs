//! The connection to the gateway, and how each call is made: with a deadline and, where there is one, a credential.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use muster_kit::tls::{load_certificates, load_key, load_roots};
use muster_kit::{Exit, Failure, OrExit};
use muster_proto::v1::ListSitesRequest;
use muster_proto::v1::audit_service_client::AuditServiceClient;
use muster_proto::v1::bulletin_service_client::BulletinServiceClient;
use muster_proto::v1::estate_service_client::EstateServiceClient;
use muster_proto::v1::finding_service_client::FindingServiceClient;
use muster_proto::v1::gate_service_client::GateServiceClient;
use muster_proto::v1::host_service_client::HostServiceClient;
use muster_proto::v1::inventory_service_client::InventoryServiceClient;
use muster_proto::v1::ledger_service_client::LedgerServiceClient;
use muster_proto::v1::sweep_service_client::SweepServiceClient;
use muster_proto::v1::verdict_service_client::VerdictServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Uri};
use tonic::{Request, Response, Status};

use super::connect::ConnectArgs;
use super::failure;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// Silent connections are asked whether they live, so that a watch notices a lost network.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// A page of 1,000 findings of at most 16 KiB each (16 pieces of evidence of 1 KiB).
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// What a call may take when nothing is said.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Adds the bearer token to each call.
#[derive(Clone)]
pub(super) struct Credential(Option<MetadataValue<Ascii>>);

impl Interceptor for Credential {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

type Transport = InterceptedService<Channel, Credential>;

/// A connected gateway.
#[derive(Clone)]
pub struct Client {
    address: String,
    transport: Transport,
    timeout: Duration,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("address", &self.address).finish_non_exhaustive()
    }
}

macro_rules! services {
    ($($name:ident: $client:ident),+) => { $(
        pub(super) fn $name(&self) -> $client<Transport> {
            $client::new(self.transport.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
        }
    )+ };
}

impl Client {
    services!(
        findings: FindingServiceClient, hosts: HostServiceClient, verdicts: VerdictServiceClient,
        sweeps: SweepServiceClient, gates: GateServiceClient, audits: AuditServiceClient, estate: EstateServiceClient,
        inventory: InventoryServiceClient, bulletins: BulletinServiceClient, ledger: LedgerServiceClient
    );

    /// Connects.
    ///
    /// # Errors
    /// When the address is none, a credential cannot be used, or nobody answers there.
    pub async fn connect(args: &ConnectArgs) -> Result<Self, Failure> {
        let address = args.address()?;
        let token = args.token()?;
        let endpoint = endpoint(&address, args, token.is_some())?;
        let channel = endpoint.connect().await.map_err(|error| failure::unreachable(&address, &error))?;
        let token = token
            .map(|token| MetadataValue::try_from(format!("Bearer {token}")))
            .transpose()
            .map_err(|_| anyhow::anyhow!("failed to use the token: it holds bytes that no header may have"))
            .or_exit(Exit::Data)?
            .map(|mut token| {
                token.set_sensitive(true);
                token
            });
        let timeout = args.timeout.and_then(|span| Duration::try_from(span).ok()).unwrap_or(TIMEOUT);
        Ok(Self { address, transport: InterceptedService::new(channel, Credential(token)), timeout })
    }

    /// Asks for something small that any role may read.
    ///
    /// # Errors
    /// When the answer is a refusal or none.
    pub(crate) async fn answers(&self) -> Result<(), Failure> {
        let request = self.request(ListSitesRequest { page_size: 1, page_token: String::new() });
        self.answer("list sites", self.estate().list_sites(request).await).map(|_| ())
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A request with the deadline that was asked for.
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        self.request_within(message, self.timeout)
    }

    /// A request with a deadline of its own.
    pub(super) fn request_within<T>(&self, message: T, deadline: Duration) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(deadline);
        request
    }

    /// The answer, or a failure that says what could not be done.
    pub(super) fn answer<T>(&self, what: &str, answer: Result<Response<T>, Status>) -> Result<T, Failure> {
        answer.map(Response::into_inner).map_err(|status| failure::of_status(what, &self.address, &status))
    }
}

fn endpoint(address: &str, args: &ConnectArgs, credential: bool) -> Result<Endpoint, Failure> {
    let wrong = |what: String| Failure::message(Exit::Usage, format!("failed to use the address {address:?}: {what}"));
    let uri: Uri = address.parse().map_err(|error| wrong(format!("{error}")))?;
    let host = uri.host().ok_or_else(|| wrong("it names no host; write https://HOST:PORT".to_owned()))?.to_owned();
    let secure = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        Some(_) | None => return Err(wrong("it starts with http:// or https://".to_owned())),
    };
    if !secure && !loopback(&host) && (credential || args.cert.is_some()) {
        return Err(wrong("a credential is not sent without TLS; write https://".to_owned()));
    }
    if !secure && (args.ca.is_some() || args.cert.is_some()) {
        return Err(wrong("certificates need TLS; write https://".to_owned()));
    }
    let endpoint = Endpoint::from(uri)
        .connect_timeout(CONNECT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .user_agent(concat!("muster-cli/", env!("CARGO_PKG_VERSION")))
        .map_err(|error| wrong(error.to_string()))?;
    if !secure {
        return Ok(endpoint);
    }
    endpoint.tls_config(tls(args)?).map_err(|error| wrong(failure::chain(&error)))
}

fn loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The files are read by kit first, whose errors name the file and what is wrong with it.
fn tls(args: &ConnectArgs) -> Result<ClientTlsConfig, Failure> {
    muster_kit::tls::install_provider();
    let mut config = ClientTlsConfig::new();
    match &args.ca {
        Some(ca) => {
            load_roots(ca)?;
            config = config.ca_certificate(Certificate::from_pem(pem(ca)?));
        }
        None => config = config.with_native_roots(),
    }
    if let (Some(cert), Some(key)) = (&args.cert, &args.key) {
        load_certificates(cert)?;
        load_key(key)?;
        config = config.identity(Identity::from_pem(pem(cert)?, pem(key)?));
    }
    Ok(config)
}

fn pem(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file)
        .map_err(|error| anyhow::anyhow!("failed to read {}: {error}", file.display()))
        .or_exit(Exit::NoInput)
}
