//! What listens on an open port.
//!
//! A service gets at most three connections: the sweep's, one in plain text and one in TLS. A port that never gets a
//! payload gets no further connection at all. Everything is bounded: bytes read, time, connections at once.

mod certificate;
mod stream;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use muster_identify::{Fingerprint, banner, certificate_sha256, identify};
use muster_sweep::Transport;
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

use crate::gate::{Gate, Permit};
use certificate::Recorder;
use stream::{read_reply, write};

/// Implicit TLS by registration (IANA) or long habit.
const TLS_PORTS: [u16; 14] = [443, 465, 563, 636, 853, 989, 990, 992, 993, 995, 4_443, 5_986, 8_443, 9_443];

/// Where HTTP is expected, so that there is no use in waiting for a greeting.
const HTTP_PORTS: [u16; 16] =
    [80, 81, 591, 3_000, 5_000, 5_985, 7_001, 8_000, 8_008, 8_080, 8_081, 8_088, 8_888, 9_000, 9_080, 9_090];

/// Where a greeting is expected, which a busy server (or one that looks up our name first) may give late.
const GREETING_PORTS: [u16; 16] = [21, 22, 23, 25, 110, 119, 143, 465, 587, 990, 993, 995, 2_222, 2_525, 3_306, 5_900];

/// How to probe.
#[derive(Debug, Clone)]
pub struct ProbeOptions {
    /// Who is asking, with a way to reach them: in every HTTP request.
    pub user_agent: String,
    /// For a connection to be made; the sweep has just seen one.
    pub connect_timeout: Duration,
    /// For a greeting where none is expected.
    pub greeting_wait: Duration,
    /// For a reply, or a greeting where one is expected.
    pub reply_wait: Duration,
    /// For everything together.
    pub service_timeout: Duration,
    /// Services at once.
    pub concurrency: usize,
}

impl Default for ProbeOptions {
    fn default() -> Self {
        Self {
            user_agent: concat!("Muster/", env!("CARGO_PKG_VERSION"), " (network audit)").to_owned(),
            connect_timeout: Duration::from_secs(2),
            greeting_wait: Duration::from_millis(700),
            reply_wait: Duration::from_secs(3),
            service_timeout: Duration::from_secs(10),
            concurrency: 64,
        }
    }
}

/// A leaf certificate as it was presented; that it is valid is not said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the DER.
    pub sha256: [u8; 32],
    /// DER; empty when it is larger than 16 KiB.
    pub der: Vec<u8>,
}

/// What a service said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// What it is; `None`: it said nothing readable.
    pub fingerprint: Option<Fingerprint>,
    /// First bytes it sent, at most 1 KiB.
    pub banner: Vec<u8>,
    /// Its certificate.
    pub certificate: Option<Certificate>,
    /// Connections that were made for this.
    pub connections: u8,
}

/// Asks services what they are.
#[derive(Debug)]
pub struct Prober {
    gate: Arc<Gate>,
    options: ProbeOptions,
    crypto: Arc<CryptoProvider>,
    places: Semaphore,
}

impl Prober {
    /// Behind a gate.
    #[must_use]
    pub fn new(gate: Arc<Gate>, options: ProbeOptions) -> Self {
        let places = Semaphore::new(options.concurrency.clamp(1, 4_096));
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Self { gate, options, crypto, places }
    }

    /// Asks one service. Silence, refusal and time-out are answers too: an empty one.
    pub async fn probe(&self, address: IpAddr, port: u16) -> Found {
        let mut found = Found::default();
        let Ok(_place) = self.places.acquire().await else { return found };
        let asking = self.ask(address, port, &mut found);
        // Late: what was found until then counts.
        let _ = tokio::time::timeout(self.options.service_timeout, asking).await;
        found
    }

    async fn ask(&self, address: IpAddr, port: u16, found: &mut Found) {
        if TLS_PORTS.contains(&port) {
            if self.ask_in_tls(address, port, found).await.is_none() && found.fingerprint.is_none() {
                self.ask_in_plain(address, port, found).await;
            }
            return;
        }
        self.ask_in_plain(address, port, found).await;
        if wants_tls(found) {
            let plain = found.fingerprint.take();
            if self.ask_in_tls(address, port, found).await.is_none() && found.fingerprint.is_none() {
                found.fingerprint = plain;
            }
        }
    }

    async fn ask_in_plain(&self, address: IpAddr, port: u16, found: &mut Found) -> Option<()> {
        let mut stream = self.connect(address, port, found).await?;
        let mut reply = Vec::new();
        if !HTTP_PORTS.contains(&port) {
            reply = read_reply(&mut stream, self.greeting_wait(port)).await;
        }
        if reply.is_empty() {
            write(&self.gate, address, port, &mut stream, &self.request(address, port)).await?;
            reply = read_reply(&mut stream, self.options.reply_wait).await;
        }
        found.banner = banner(&reply).to_vec();
        found.fingerprint = identify(&reply, port);
        Some(())
    }

    async fn ask_in_tls(&self, address: IpAddr, port: u16, found: &mut Found) -> Option<()> {
        let stream = self.connect(address, port, found).await?;
        // The hello is a payload.
        if self.gate.permit(address, Transport::Tcp, port) != Ok(Permit::Payload) {
            return None;
        }
        let recorder = Arc::new(Recorder::new(Arc::clone(&self.crypto)));
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.crypto))
            .with_safe_default_protocol_versions()
            .ok()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&recorder) as _)
            .with_no_client_auth();
        // An address as the name: no server name is sent, and the server answers with its default certificate.
        let connecting = TlsConnector::from(Arc::new(config)).connect(ServerName::from(address), stream);
        let handshake = tokio::time::timeout(self.options.reply_wait, connecting).await;
        if let Some(der) = recorder.take() {
            let sha256 = certificate_sha256(&der);
            let der = if der.len() <= muster_identify::CERTIFICATE_MAX_BYTES { der } else { Vec::new() };
            found.certificate = Some(Certificate { sha256, der });
            // Whatever happens from here on, this is TLS.
            found.fingerprint = Some(tls_only("tls.certificate", &hex_prefix(sha256)));
        }
        let mut stream = match handshake.ok()? {
            Ok(stream) => stream,
            Err(error) => {
                // An alert is an answer in TLS: it only does not speak a version or a suite of today.
                if let Some(rustls::Error::AlertReceived(alert)) = error.get_ref().and_then(|e| e.downcast_ref()) {
                    found.fingerprint.get_or_insert_with(|| tls_only("tls.alert", &format!("{alert:?}")));
                }
                return None;
            }
        };
        let mut reply = Vec::new();
        if GREETING_PORTS.contains(&port) {
            reply = read_reply(&mut stream, self.greeting_wait(port)).await;
        }
        if reply.is_empty() {
            write(&self.gate, address, port, &mut stream, &self.request(address, port)).await?;
            reply = read_reply(&mut stream, self.options.reply_wait).await;
        }
        if !reply.is_empty() {
            found.banner = banner(&reply).to_vec();
        }
        if let Some(fingerprint) = identify(&reply, port) {
            found.fingerprint = Some(Fingerprint { tls: true, ..fingerprint });
        }
        Some(())
    }

    /// One more connection: rates first, the scope last.
    async fn connect(&self, address: IpAddr, port: u16, found: &mut Found) -> Option<TcpStream> {
        if self.gate.permit(address, Transport::Tcp, port) != Ok(Permit::Payload) || !self.gate.pace.wait(address).await
        {
            return None;
        }
        let connecting = stream::connect(&self.gate, SocketAddr::new(address, port))?;
        found.connections += 1;
        tokio::time::timeout(self.options.connect_timeout, connecting).await.ok()?.ok()
    }

    fn greeting_wait(&self, port: u16) -> Duration {
        if GREETING_PORTS.contains(&port) { self.options.reply_wait } else { self.options.greeting_wait }
    }

    fn request(&self, address: IpAddr, port: u16) -> Vec<u8> {
        let host = SocketAddr::new(address, port);
        let agent: String = self.options.user_agent.chars().filter(|c| !c.is_control()).take(256).collect();
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\nConnection: close\r\n\r\n")
            .into_bytes()
    }
}

/// Whether the plain answer says that TLS is spoken here: an alert, nothing at all, or an HTTP server that says so.
fn wants_tls(found: &Found) -> bool {
    match &found.fingerprint {
        None => found.banner.is_empty(),
        Some(fingerprint) => {
            // nginx and Apache answer plain HTTP on a TLS port with a page that says it.
            let page = String::from_utf8_lossy(&found.banner);
            fingerprint.tls || page.contains("HTTPS port") || page.contains("SSL-enabled server port")
        }
    }
}

fn tls_only(name: &str, value: &str) -> Fingerprint {
    Fingerprint { service: "tls".to_owned(), evidence: format!("{name}: {value}"), tls: true, ..Fingerprint::default() }
}

/// Enough of a digest to recognise it in a list.
fn hex_prefix(sha256: [u8; 32]) -> String {
    sha256.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
