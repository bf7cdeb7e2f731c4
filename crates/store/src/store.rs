//! The handle.

use std::time::Duration;

use clickhouse::Client;
use clickhouse::Compression;
use tokio::time::timeout;

use crate::error::{Failure, StoreError};
use crate::options::StoreOptions;
use crate::{http, version};

/// A connection to ClickHouse; cloning shares the connections.
#[derive(Clone)]
pub struct Store {
    pub(crate) client: Client,
    pub(crate) options: StoreOptions,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Store {
    /// Connects, logs in and compares the server's version with what is needed; what is in the database is
    /// [`Store::check_schema`]'s question.
    ///
    /// # Errors
    /// When nobody answers, the user or password is wrong, or the server is too old.
    pub async fn connect(options: StoreOptions) -> Result<Self, StoreError> {
        let store = Self::lazy(options)?;
        store.check_version().await?;
        Ok(store)
    }

    /// A handle that connects with its first request.
    ///
    /// # Errors
    /// When the authorities in `ca_file` cannot be used.
    pub fn lazy(options: StoreOptions) -> Result<Self, StoreError> {
        let compression = if options.compression { Compression::Lz4 } else { Compression::None };
        let client = match &options.ca_file {
            Some(file) => http::trusting(file)?,
            None if options.url.starts_with("http://") => http::plain(),
            // By HTTPS with the public authorities that the library knows.
            None => Client::default(),
        };
        let client = client
            .with_url(&options.url)
            .with_user(&options.user)
            .with_password(&options.password)
            .with_database(&options.database)
            .with_compression(compression);
        Ok(Self { client, options })
    }

    /// Asks for the engine's version: whether it is there, takes the user and is new enough.
    ///
    /// # Errors
    /// When nobody answers, the user or password is wrong, or the server is too old.
    pub async fn check_version(&self) -> Result<(), StoreError> {
        // Without the database: it may have yet to be made.
        let client = self.client.clone().with_database("default");
        let asked = client.query("SELECT version()").fetch_one::<String>();
        let found = self.within("which version it is", self.options.connect_timeout(), asked).await?;
        version::check(&found, &self.options.url)
    }

    /// What it was made with.
    #[must_use]
    pub fn options(&self) -> &StoreOptions {
        &self.options
    }

    /// Runs a request with a deadline of its own, and sorts its error.
    pub(crate) async fn within<T>(
        &self,
        what: &str,
        deadline: Duration,
        request: impl Future<Output = Result<T, clickhouse::error::Error>>,
    ) -> Result<T, StoreError> {
        let deadline_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        match timeout(deadline, request).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(Failure::from(error).of_query(what, deadline_ms, &self.options)),
            Err(_) => Err(StoreError::Deadline { what: what.to_owned(), deadline_ms }),
        }
    }
}
