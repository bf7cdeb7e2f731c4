//! What the scanner can be told.

use std::path::PathBuf;
use std::time::Duration;

use muster_bus::SiteName;
use muster_estate::scope::TrustedKeys;
use serde::{Deserialize, Serialize};

use crate::connect::ConnectOptions;
use crate::error::ScannerError;
use crate::probe::ProbeOptions;
use crate::raw::RawOptions;

/// Leases of a site at once; two already hide the wait for the silent units at a lease's end.
const LEASES_MAX: usize = 64;

/// Section `scanner` and what every service has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Logging, health, shutdown.
    pub kit: muster_kit::KitConfig,
    /// Where the bus is.
    pub bus: muster_connect::BusConfig,
    /// The scanner's own.
    pub scanner: ScannerConfig,
    /// What services are recognised by, beside our own rules.
    pub fingerprints: FingerprintsConfig,
}

/// Section `fingerprints`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FingerprintsConfig {
    /// Folder of fingerprint files in the form of Recog (its folder `xml`). None: our own rules alone.
    pub recog_dir: Option<PathBuf>,
}

/// What a sweep is done with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// SYNs as frames where this process has `CAP_NET_RAW` and the way leads over Ethernet, else connections. The packet
    /// filter of this machine does not see frames.
    Auto,
    /// Connections.
    #[default]
    Connect,
}

/// Section `scanner`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScannerConfig {
    /// Sites that are scanned. None: every site of the estate, which only the scanner of one machine's stack may.
    pub sites: Vec<String>,
    /// Public keys whose signature of a scope counts, 64 hexadecimal digits each. Without one, loopback alone is scanned.
    pub trusted_keys: Vec<String>,
    /// How the owner of a probed system reaches you, for example a mail address; stands in every HTTP request.
    pub contact: Option<String>,
    /// Leases of one site at a time. They share the site's rates.
    pub leases_per_site: usize,
    /// What a sweep is done with: `connect` or `auto`.
    pub engine: Engine,
    /// After a SYN that was sent as a frame, until it is sent again or its unit is silent, ms.
    pub raw_wait_ms: u64,
    /// How often such a SYN is sent to a unit that does not answer, at most; twice at least, and as often as loss asks
    /// for.
    pub raw_attempts_max: u8,
    /// Until a unit without an answer counts as silent, ms.
    pub connect_timeout_ms: u64,
    /// Units of one lease that are under way at once.
    pub connect_window: u32,
    /// Threads of one lease.
    pub connect_threads: u32,
    /// For a connection to a port that was just found open, ms.
    pub probe_connect_timeout_ms: u64,
    /// For a greeting where none is expected, ms.
    pub greeting_wait_ms: u64,
    /// For a reply, or a greeting where one is expected, ms.
    pub reply_wait_ms: u64,
    /// For everything that one service is asked, ms.
    pub service_timeout_ms: u64,
    /// Services of one site that are asked at once.
    pub services_at_once: usize,
}

impl Default for ScannerConfig {
    fn default() -> Self {
        let (raw, connect, probe) = (RawOptions::default(), ConnectOptions::default(), ProbeOptions::default());
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            sites: Vec::new(),
            trusted_keys: Vec::new(),
            contact: None,
            leases_per_site: 2,
            engine: Engine::default(),
            raw_wait_ms: ms(raw.wait),
            raw_attempts_max: raw.attempts_max,
            connect_timeout_ms: ms(connect.timeout),
            connect_window: connect.window,
            connect_threads: connect.threads,
            probe_connect_timeout_ms: ms(probe.connect_timeout),
            greeting_wait_ms: ms(probe.greeting_wait),
            reply_wait_ms: ms(probe.reply_wait),
            service_timeout_ms: ms(probe.service_timeout),
            services_at_once: probe.concurrency,
        }
    }
}

impl ScannerConfig {
    pub(crate) fn sites(&self) -> Result<Vec<SiteName>, ScannerError> {
        let mut sites: Vec<SiteName> = Vec::new();
        for name in &self.sites {
            let site = SiteName::new(name).map_err(|cause| ScannerError::Site { cause: cause.to_string() })?;
            if site == SiteName::all() {
                let cause = "\"all\" is no site; leave scanner.sites empty to scan every site of the estate".to_owned();
                return Err(ScannerError::Site { cause });
            }
            if !sites.contains(&site) {
                sites.push(site);
            }
        }
        Ok(sites)
    }

    pub(crate) fn keys(&self) -> Result<TrustedKeys, ScannerError> {
        Ok(TrustedKeys::from_hex(self.trusted_keys.iter().map(String::as_str))?)
    }

    pub(crate) fn leases(&self) -> usize {
        self.leases_per_site.clamp(1, LEASES_MAX)
    }

    pub(crate) fn raw_options(&self) -> RawOptions {
        let wait = Duration::from_millis(self.raw_wait_ms);
        RawOptions { wait, attempts_max: self.raw_attempts_max, ..RawOptions::default() }
    }

    pub(crate) const fn connect_options(&self) -> ConnectOptions {
        ConnectOptions {
            timeout: Duration::from_millis(self.connect_timeout_ms),
            window: self.connect_window,
            threads: self.connect_threads,
        }
    }

    pub(crate) fn probe_options(&self) -> ProbeOptions {
        let defaults = ProbeOptions::default();
        ProbeOptions {
            user_agent: match &self.contact {
                Some(contact) => format!("Muster/{} (network audit; {contact})", env!("CARGO_PKG_VERSION")),
                None => defaults.user_agent,
            },
            connect_timeout: Duration::from_millis(self.probe_connect_timeout_ms),
            greeting_wait: Duration::from_millis(self.greeting_wait_ms),
            reply_wait: Duration::from_millis(self.reply_wait_ms),
            service_timeout: Duration::from_millis(self.service_timeout_ms),
            concurrency: self.services_at_once,
        }
    }
}
