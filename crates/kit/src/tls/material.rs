//! What the files said last that could be used.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ServerConfig};

use super::resolve::{Keys, Servers, Visitors};
use super::{TlsError, TlsFiles, provider, read};
use crate::shutdown::Shutdown;
use crate::telemetry::event::{TlsKept, TlsReloaded};

/// What one look at the files led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// They are as before.
    Unchanged,
    /// They changed and are in use.
    Reloaded,
    /// They changed, cannot be used, and the last good ones stay.
    Kept,
}

/// The parsed files.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) key: Option<Arc<CertifiedKey>>,
    pub(super) visitors: Option<Arc<dyn rustls::server::danger::ClientCertVerifier>>,
    pub(super) servers: Option<Arc<WebPkiServerVerifier>>,
}

/// The bytes of the files, to see a change. They are small (kilobytes), so comparing them is cheaper to trust than
/// modification times, which a renewal within one clock tick or a restored file leaves unchanged.
#[derive(Debug, PartialEq, Eq, Default)]
struct Bytes {
    certificate: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
    ca: Option<Vec<u8>>,
}

#[derive(Debug)]
pub(super) struct Shared {
    files: TlsFiles,
    seen: Mutex<Bytes>,
    current: RwLock<Arc<Parsed>>,
}

impl Shared {
    pub(super) fn current(&self) -> Arc<Parsed> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Certificates and authorities for servers and clients. Clones share them.
#[derive(Debug, Clone)]
pub struct TlsMaterial {
    shared: Arc<Shared>,
}

impl TlsMaterial {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// When one of them cannot be used, or a certificate comes without its key.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let bytes = read_all(files)?;
        let parsed = parse(files, &bytes)?;
        let shared = Shared { files: files.clone(), seen: Mutex::new(bytes), current: RwLock::new(Arc::new(parsed)) };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// For a server. With `ca` every client must show a certificate of it.
    ///
    /// # Errors
    /// When no certificate is configured.
    pub fn server_config(&self, alpn: &[&[u8]]) -> Result<Arc<ServerConfig>, TlsError> {
        let parsed = self.shared.current();
        if parsed.key.is_none() {
            return Err(TlsError::Missing { missing: "tls.certificate", needed_by: "a server" });
        }
        let keys = Arc::new(Keys(Arc::clone(&self.shared)));
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        let mut config = if parsed.visitors.is_some() {
            let visitors = Arc::new(Visitors(Arc::clone(&self.shared)));
            builder.with_client_cert_verifier(visitors).with_cert_resolver(keys)
        } else {
            builder.with_no_client_auth().with_cert_resolver(keys)
        };
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        // A resumed session is not checked against the authorities again, so one that was withdrawn would still count.
        // Our connections live long: a full handshake each costs nothing.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }

    /// For a client that trusts the authorities in `ca` and shows its certificate, if it has one.
    ///
    /// # Errors
    /// When no authority is configured.
    pub fn client_config(&self, alpn: &[&[u8]]) -> Result<Arc<ClientConfig>, TlsError> {
        if self.shared.current().servers.is_none() {
            return Err(TlsError::Missing { missing: "tls.ca", needed_by: "a client" });
        }
        let servers = Arc::new(Servers(Arc::clone(&self.shared)));
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
        // "Dangerous" is any verifier of one's own; this one asks rustls's, with the authorities read last.
        let builder = builder.dangerous().with_custom_certificate_verifier(servers);
        let mut config = builder.with_client_cert_resolver(Arc::new(Keys(Arc::clone(&self.shared))));
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Arc::new(config))
    }

    /// Looks at the files. What cannot be used is said once a change.
    pub fn reload(&self) -> Reload {
        let files = &self.shared.files;
        let certificate = files.certificate.as_deref().or(files.ca.as_deref()).unwrap_or(Path::new(""));
        let mut seen = self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = match read_all(files) {
            Ok(bytes) => bytes,
            Err(error) => {
                // Said once: a file that is away is remembered as nothing seen.
                if *seen != Bytes::default() {
                    *seen = Bytes::default();
                    TlsKept { certificate, error: &error }.emit();
                }
                return Reload::Kept;
            }
        };
        if *seen == bytes {
            return Reload::Unchanged;
        }
        let parsed = parse(files, &bytes);
        *seen = bytes;
        match parsed {
            Ok(parsed) => {
                *self.shared.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(parsed);
                TlsReloaded { certificate }.emit();
                Reload::Reloaded
            }
            Err(error) => {
                TlsKept { certificate, error: &error }.emit();
                Reload::Kept
            }
        }
    }

    /// How often [`Self::watch`] looks: a renewal happens hours before it is needed, and a look is three small reads.
    pub const INTERVAL: Duration = Duration::from_secs(5);

    /// Looks again and again until the stop.
    pub async fn watch(self, every: Duration, stop: Shutdown) {
        while stop.or(tokio::time::sleep(every)).await.is_some() {
            let material = self.clone();
            // File reads block. A failed join is the runtime's end.
            let _ = tokio::task::spawn_blocking(move || material.reload()).await;
        }
    }
}

fn read_all(files: &TlsFiles) -> Result<Bytes, TlsError> {
    let one = |file: &Option<std::path::PathBuf>| file.as_deref().map(read::read_file).transpose();
    Ok(Bytes { certificate: one(&files.certificate)?, key: one(&files.key)?, ca: one(&files.ca)? })
}

fn parse(files: &TlsFiles, bytes: &Bytes) -> Result<Parsed, TlsError> {
    let mut parsed = Parsed::default();
    match (&files.certificate, &bytes.certificate, &files.key, &bytes.key) {
        (Some(certificate), Some(certificate_pem), Some(key), Some(key_pem)) => {
            let chain = read::certificates(certificate, certificate_pem)?;
            let pair = CertifiedKey::from_der(chain, read::key(key, key_pem)?, &provider());
            let fail = |source| TlsError::Pair { certificate: certificate.clone(), key: key.clone(), source };
            parsed.key = Some(Arc::new(pair.map_err(fail)?));
        }
        (Some(_), ..) => return Err(TlsError::Missing { missing: "tls.key", needed_by: "tls.certificate" }),
        (None, _, Some(_), _) => return Err(TlsError::Missing { missing: "tls.certificate", needed_by: "tls.key" }),
        (None, _, None, _) => {}
    }
    if let (Some(file), Some(pem)) = (&files.ca, &bytes.ca) {
        let roots = Arc::new(read::roots(file, pem)?);
        let fail = |reason: rustls::server::VerifierBuilderError| TlsError::Roots {
            file: file.clone(),
            reason: reason.to_string(),
        };
        let visitors = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), provider());
        parsed.visitors = Some(visitors.build().map_err(fail)?);
        let servers = WebPkiServerVerifier::builder_with_provider(roots, provider());
        parsed.servers = Some(servers.build().map_err(fail)?);
    }
    Ok(parsed)
}
