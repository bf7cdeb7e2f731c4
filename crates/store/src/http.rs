//! Connections to the server: without the delay of small packets, and by HTTPS where a private authority signed.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clickhouse::Client;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::error::StoreError;

/// As the client library has them for its own connections: ClickHouse closes an idle one after 3 s.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(2);
/// A bundle of all 150 public authorities is 220 KiB.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A client for plain HTTP.
///
/// The client library's own has Nagle's algorithm on: the end of a body, a few bytes, then waits until the server has
/// acknowledged what came before, which it may put off for 40 ms.
pub(crate) fn plain() -> Client {
    Client::with_http_client(builder().build(connector()))
}

fn connector() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.set_keepalive(Some(TCP_KEEPALIVE));
    tcp.set_nodelay(true);
    tcp
}

fn builder() -> hyper_util::client::legacy::Builder {
    let mut http = HttpClient::builder(TokioExecutor::new());
    http.pool_idle_timeout(POOL_IDLE_TIMEOUT);
    http
}

/// A client that trusts the authorities of a PEM file and no other.
pub(crate) fn trusting(ca_file: &Path) -> Result<Client, StoreError> {
    let unusable = |reason: String| StoreError::Authority { file: ca_file.to_owned(), reason };
    let roots = roots(ca_file).map_err(unusable)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = connector();
    tcp.enforce_http(false);
    let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1();
    let connector = connector.wrap_connector(tcp);
    Ok(Client::with_http_client(builder().build(connector)))
}

fn roots(file: &Path) -> Result<RootCertStore, String> {
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).map_err(|error| error.to_string())?;
    opened.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("it is larger than {MAX_FILE_BYTES} bytes"));
    }
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        store.add(certificate).map_err(|error| error.to_string())?;
    }
    if store.is_empty() { Err("there is no CERTIFICATE section".to_owned()) } else { Ok(store) }
}
