//! What listens on an open port.
//!
//! A service gets the sweep's connection and at most five more; what they are used for, a dialogue of `muster-identify`
//! decides. A port that never gets a payload gets no further connection at all. Everything is bounded: bytes read, time,
//! connections at once.

mod ask;
mod certificate;
mod stream;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use muster_identify::dialogue::{Asker, Dialogue, Identified};
use muster_identify::recog::Database;
use muster_identify::{CERTIFICATE_MAX_BYTES, Fingerprint, HostIdentifier, certificate_sha256, recognise};
use rustls::crypto::CryptoProvider;
use tokio::sync::Semaphore;

use crate::gate::Gate;
use ask::Asking;

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
    /// What tells its host from others.
    pub identifiers: Vec<HostIdentifier>,
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
    database: Option<Arc<Database>>,
}

impl Prober {
    /// Behind a gate.
    #[must_use]
    pub fn new(gate: Arc<Gate>, options: ProbeOptions) -> Self {
        let places = Semaphore::new(options.concurrency.clamp(1, 4_096));
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Self { gate, options, crypto, places, database: None }
    }

    /// With a database in the form of Recog, which names what our own rules do not.
    #[must_use]
    pub fn with_database(mut self, database: Option<Arc<Database>>) -> Self {
        self.database = database;
        self
    }

    /// Asks one service. Silence, refusal and time-out are answers too: an empty one.
    pub async fn probe(&self, address: IpAddr, port: u16) -> Found {
        let Ok(_place) = self.places.acquire().await else { return Found::default() };
        let at = SocketAddr::new(address, port);
        let asker = Asker { user_agent: self.options.user_agent.clone(), host: at.to_string() };
        let mut dialogue = Dialogue::new(port, asker);
        let Self { gate, options, crypto, .. } = self;
        let mut asking = Asking { gate, options, crypto, at, connections: 0 };
        // Late: what was found until then counts.
        let _ = tokio::time::timeout(options.service_timeout, Box::pin(asking.run(&mut dialogue))).await;
        let Identified { mut fingerprint, banner, certificate, identifiers, .. } = dialogue.into_found();
        if let Some(database) = &self.database {
            fingerprint = recognise(database, fingerprint, &banner);
        }
        let certificate = (!certificate.is_empty()).then(|| {
            let sha256 = certificate_sha256(&certificate);
            let der = if certificate.len() <= CERTIFICATE_MAX_BYTES { certificate } else { Vec::new() };
            Certificate { sha256, der }
        });
        Found { fingerprint, banner, certificate, identifiers, connections: asking.connections }
    }
}
