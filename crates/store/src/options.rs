//! Where the engine is and as whom to ask it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How to reach the store.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreOptions {
    /// ClickHouse's HTTP(S) address, without a user or a password.
    pub url: String,
    /// PEM file of the authorities that may have signed the server's certificate; `None`: those that browsers trust.
    pub ca_file: Option<PathBuf>,
    /// Database with Muster's tables.
    pub database: String,
    /// User of this service.
    pub user: String,
    /// Its password; never printed.
    #[serde(skip_serializing)]
    pub password: String,
    /// LZ4 on the wire. Off pays on loopback, on pays on a network.
    pub compression: bool,
    /// An insert without an answer after this is indefinite and is repeated.
    pub insert_timeout_ms: u64,
    /// A connection attempt, a ping or a schema check gives up after this.
    pub connect_timeout_ms: u64,
    /// Replicas that must have an insert before it is acknowledged: 0 for one server, else a majority is usual.
    pub insert_quorum: u32,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8123".to_owned(),
            ca_file: None,
            database: "muster".to_owned(),
            user: "default".to_owned(),
            password: String::new(),
            compression: false,
            // 64 MiB (the largest batch) at 10 MB/s is 7 s; the rest is for merges that hold the server up.
            insert_timeout_ms: 30_000,
            // A handshake across the world is 1 s; more means that nobody is there.
            connect_timeout_ms: 5_000,
            insert_quorum: 0,
        }
    }
}

impl StoreOptions {
    pub(crate) fn insert_timeout(&self) -> Duration {
        Duration::from_millis(self.insert_timeout_ms)
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("url", &self.url)
            .field("ca_file", &self.ca_file)
            .field("database", &self.database)
            .field("user", &self.user)
            .field("password", &"…")
            .field("compression", &self.compression)
            .field("insert_timeout_ms", &self.insert_timeout_ms)
            .field("connect_timeout_ms", &self.connect_timeout_ms)
            .field("insert_quorum", &self.insert_quorum)
            .finish()
    }
}
