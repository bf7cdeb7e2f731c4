//! What the gateway can be told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use muster_kit::TlsFiles;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Section `gateway` and what every service has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Logging, health, shutdown.
    pub kit: muster_kit::KitConfig,
    /// Where the bus is.
    pub bus: muster_connect::BusConfig,
    /// Where the store is.
    pub store: muster_connect::StoreConfig,
    /// The gateway's own.
    pub gateway: GatewayConfig,
}

/// Section `gateway`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GatewayConfig {
    /// Where gRPC is served. Beyond loopback only with `tls` and a credential (`access_file`).
    pub listen: SocketAddr,
    /// Certificate and key of the server; with `ca` every client must show a certificate of it.
    pub tls: TlsFiles,
    /// Who may call: tokens and certificate names with their roles per site. Without it everybody on this machine is the
    /// local admin, which is allowed on loopback only.
    pub access_file: Option<PathBuf>,
    /// 32 bytes that authenticate page and resume tokens; made when it is not there. Replicas share one. None: a random
    /// key, so that tokens end with the process.
    pub page_key_file: Option<PathBuf>,
    /// Milliseconds that a call may take when the client sets no deadline.
    pub deadline_usual_ms: u64,
    /// Milliseconds that a call may take at most.
    pub deadline_max_ms: u64,
    /// Calls that one caller may have open.
    pub calls_per_caller: usize,
    /// Imports that one caller may have open.
    pub imports_per_caller: usize,
    /// Watches that one caller may have open.
    pub watches_per_caller: usize,
    /// Bytes of assets that one import may have; it is held in memory until its manifest.
    pub import_max_bytes: usize,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7420),
            tls: TlsFiles::default(),
            access_file: None,
            page_key_file: None,
            deadline_usual_ms: 30_000,
            // An import of the largest size, its chunks at 7,000 durable messages/s, is done in seconds; a proxy in
            // front usually gives up after a minute or two.
            deadline_max_ms: 120_000,
            calls_per_caller: 64,
            imports_per_caller: 2,
            watches_per_caller: 16,
            // 300,000 assets of about 200 bytes.
            import_max_bytes: 64 << 20,
        }
    }
}

/// Why a configuration cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    /// Beyond loopback without TLS.
    #[error(
        "failed to serve gRPC on {listen}: beyond loopback TLS is needed; set gateway.tls.certificate and gateway.tls.key, \
         or listen on 127.0.0.1"
    )]
    NeedsTls {
        /// Where it was to listen.
        listen: SocketAddr,
    },
    /// Beyond loopback without a credential.
    #[error(
        "failed to serve gRPC on {listen}: beyond loopback a credential is needed; name the callers in \
         gateway.access_file, or listen on 127.0.0.1"
    )]
    NeedsCredential {
        /// Where it was to listen.
        listen: SocketAddr,
    },
    /// A limit that lets nothing through, or a deadline that contradicts another.
    #[error("failed to use gateway.{key}: {problem}")]
    Value {
        /// Which.
        key: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
}

impl GatewayConfig {
    /// Refuses what must not be served (I-8) and what cannot be meant.
    ///
    /// # Errors
    /// With the key and what to do.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !self.listen.ip().is_loopback() {
            if self.tls.certificate.is_none() || self.tls.key.is_none() {
                return Err(ConfigError::NeedsTls { listen: self.listen });
            }
            if self.access_file.is_none() {
                return Err(ConfigError::NeedsCredential { listen: self.listen });
            }
        }
        let positive = [
            ("calls_per_caller", self.calls_per_caller),
            ("imports_per_caller", self.imports_per_caller),
            ("watches_per_caller", self.watches_per_caller),
            ("import_max_bytes", self.import_max_bytes),
        ];
        if let Some((key, _)) = positive.into_iter().find(|(_, value)| *value == 0) {
            return Err(ConfigError::Value { key, problem: "0 lets nothing through" });
        }
        if self.deadline_usual_ms == 0 || self.deadline_usual_ms > self.deadline_max_ms {
            return Err(ConfigError::Value { key: "deadline_usual_ms", problem: "it is 1 to gateway.deadline_max_ms" });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_default_is_served() {
        assert_eq!(GatewayConfig::default().check(), Ok(()));
    }

    #[test]
    fn beyond_loopback_tls_and_a_credential_are_needed() {
        let listen = "0.0.0.0:7420".parse().unwrap();
        let mut config = GatewayConfig { listen, ..GatewayConfig::default() };
        assert_eq!(config.check(), Err(ConfigError::NeedsTls { listen }));
        config.tls.certificate = Some("server.pem".into());
        config.tls.key = Some("server.key".into());
        assert_eq!(config.check(), Err(ConfigError::NeedsCredential { listen }));
        config.access_file = Some("access.toml".into());
        assert_eq!(config.check(), Ok(()));
    }

    #[test]
    fn a_limit_of_nothing_is_refused() {
        let config = GatewayConfig { calls_per_caller: 0, ..GatewayConfig::default() };
        assert!(config.check().unwrap_err().to_string().contains("gateway.calls_per_caller"));
    }
}
