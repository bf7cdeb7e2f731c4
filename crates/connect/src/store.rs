//! Section `store`.

use std::path::PathBuf;

use muster_kit::{Exit, Failure, Secret};
use muster_store::{Store, StoreError, StoreOptions};
use serde::{Deserialize, Serialize};

/// Where the store is, and as whom.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// ClickHouse's HTTP(S) address.
    #[serde(deserialize_with = "crate::url::of_store")]
    pub url: String,
    /// PEM file of the authorities that may have signed the server's certificate. None: those that browsers trust.
    pub ca_file: Option<PathBuf>,
    /// Database with Muster's tables.
    pub database: String,
    /// User. None: the service's name.
    pub user: Option<String>,
    /// Password. None: the server asks for none.
    pub password: Option<Secret>,
    /// LZ4 on the wire: off pays on loopback, on pays on a network.
    pub compression: bool,
    /// An insert without an answer after so many milliseconds is repeated.
    pub insert_timeout_ms: u64,
    /// Replicas that must have an insert before it is acknowledged; 0: one server.
    pub insert_quorum: u32,
}

impl Default for StoreConfig {
    fn default() -> Self {
        let options = StoreOptions::default();
        Self {
            url: options.url,
            ca_file: None,
            database: options.database,
            user: None,
            password: None,
            compression: options.compression,
            insert_timeout_ms: options.insert_timeout_ms,
            insert_quorum: options.insert_quorum,
        }
    }
}

impl StoreConfig {
    /// How to connect as a service.
    #[must_use]
    pub fn options(&self, service: &str) -> StoreOptions {
        StoreOptions {
            url: self.url.clone(),
            ca_file: self.ca_file.clone(),
            database: self.database.clone(),
            user: match &self.user {
                Some(user) => user.clone(),
                None if self.password.is_some() => service.to_owned(),
                None => "default".to_owned(),
            },
            password: self.password.as_ref().map(|password| password.expose().to_owned()).unwrap_or_default(),
            compression: self.compression,
            insert_timeout_ms: self.insert_timeout_ms,
            insert_quorum: self.insert_quorum,
            ..StoreOptions::default()
        }
    }

    /// Connects, and compares the schema with what this version needs.
    ///
    /// # Errors
    /// One line, with the exit code of what is wrong.
    pub async fn connect(&self, service: &str) -> Result<Store, Failure> {
        let store = Store::connect(self.options(service)).await.map_err(store_failure)?;
        store.check_schema().await.map_err(store_failure)?;
        Ok(store)
    }
}

/// The failure of a process: one line, with the exit code of what is wrong.
#[must_use]
pub fn store_failure(error: StoreError) -> Failure {
    let exit = match &error {
        StoreError::Unreachable { .. } => Exit::Unavailable,
        StoreError::WrongPassword { .. } | StoreError::MissingPermission { .. } => Exit::Permission,
        StoreError::SchemaMissing { .. }
        | StoreError::SchemaTooOld { .. }
        | StoreError::SchemaTooNew { .. }
        | StoreError::MigrationChanged { .. }
        | StoreError::Authority { .. }
        | StoreError::TooOld { .. }
        | StoreError::OtherEngine { .. } => Exit::Usage,
        StoreError::Deadline { .. } => Exit::Temporary,
        StoreError::Limit { .. }
        | StoreError::Cancelled { .. }
        | StoreError::Filter(_)
        | StoreError::Server { .. }
        | StoreError::Answer { .. } => Exit::Internal,
    };
    Failure::message(exit, format!("failed to {error}"))
}
