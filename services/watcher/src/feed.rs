//! One feed: look, read, take, wait.

use std::time::Duration;

use muster_bulletin::{Edition, kev};
use muster_kit::Backoff;
use sha2::{Digest, Sha256};

use crate::announce::{Announcer, Taken};
use crate::breaker::{Breaker, Turned};
use crate::config::FeedKind;
use crate::cursor::{SourceHash, Validators};
use crate::error::{FetchError, Refusal, WatcherError};
use crate::source::{Document, Found, Source};
use crate::telemetry::{Circuit, Failed, Looked, Refused, Took};

/// A feed at work.
#[derive(Debug)]
pub(crate) struct Feed {
    announcer: Announcer,
    source: Source,
    breaker: Breaker,
    /// Read and not yet taken: the bus was away. The publisher is not asked again for it.
    pending: Option<(Edition, Validators)>,
    /// The last document refused, so that each is spoken of once.
    refused: Option<String>,
    /// Failures of the bus in a row.
    bus_failures: u32,
}

impl Feed {
    pub(crate) fn new(announcer: Announcer, source: Source, instance: &str) -> Self {
        let feed = &announcer.feed;
        let breaker = Breaker::new(feed.every(), format!("{}/{instance}", feed.name));
        Self { announcer, source, breaker, pending: None, refused: None, bus_failures: 0 }
    }

    /// Watches until it is dropped.
    pub(crate) async fn watch(mut self) {
        loop {
            let wait = self.look().await;
            tokio::time::sleep(wait).await;
        }
    }

    /// Looks once, and says how long to wait.
    async fn look(&mut self) -> Duration {
        let result = self.check().await;
        let feed = self.announcer.feed.name.clone();
        Looked { feed: &feed, result: result.as_ref() }.emit();
        let ((wait, turned), bus_failures) = match &result {
            Ok(_) => (self.breaker.succeeded(), 0),
            Err(WatcherError::Fetch(error)) => (self.breaker.failed(retry_after(error)), 0),
            Err(_) => {
                let wait = Backoff::DEFAULT.delay(&feed, self.bus_failures);
                ((wait, Turned::No), self.bus_failures.saturating_add(1))
            }
        };
        self.bus_failures = bus_failures;
        if let Err(error) = &result {
            Failed { feed: &feed, error, wait }.emit();
        }
        match turned {
            Turned::No => {}
            Turned::Open | Turned::Closed => Circuit { feed: &feed, open: self.breaker.is_open(), wait }.emit(),
        }
        wait
    }

    /// Looks whether there is something new, and publishes it.
    #[tracing::instrument(name = "feed", skip_all, fields(feed = self.announcer.feed.name))]
    pub(crate) async fn check(&mut self) -> Result<Taken, WatcherError> {
        if self.pending.is_none() {
            match self.fetch().await? {
                Fetched::Unchanged => return Ok(Taken::Unchanged),
                Fetched::Refused(refusal, key) => return Ok(self.refuse(refusal, key)),
                Fetched::Edition(edition, validators) => self.pending = Some((*edition, validators)),
            }
        }
        let Some((edition, validators)) = &self.pending else { return Ok(Taken::Unchanged) };
        let taken = self.announcer.take(edition, validators).await?;
        let key = SourceHash(edition.source_sha256).to_string();
        if let Taken::Published { revised, withdrawn } = taken {
            let (feed, version) = (self.announcer.feed.name.as_str(), edition.version.as_str());
            Took { feed, version, released_at: edition.released_at, revised, withdrawn }.emit();
        }
        self.pending = None;
        match taken {
            Taken::Refused(refusal) => Ok(self.refuse(refusal, key)),
            Taken::Unchanged | Taken::Published { .. } => {
                self.refused = None;
                Ok(taken)
            }
        }
    }

    async fn fetch(&mut self) -> Result<Fetched, WatcherError> {
        let kind = self.announcer.feed.kind;
        let standing = self.announcer.standing().await?;
        let Document { bytes, validators } = match self.source.look(&standing.cursor).await? {
            Found::NotModified => return Ok(Fetched::Unchanged),
            Found::Refused(refusal, key) => return Ok(Fetched::Refused(refusal, key)),
            Found::Document(document) => document,
        };
        let stands = standing.cursor.source_sha256;
        // A document of 64 MiB takes a second to read: not on a thread that others wait for.
        let (hash, parsed) = tokio::task::spawn_blocking(move || {
            let hash = SourceHash(Sha256::digest(&bytes).into());
            (hash, (stands != Some(hash)).then(|| parse(kind, &bytes)))
        })
        .await?;
        match parsed {
            None => {
                // The same document under a new name: remembered, and not worth a write.
                standing.cursor.etag = validators.etag;
                standing.cursor.last_modified = validators.last_modified;
                self.refused = None;
                Ok(Fetched::Unchanged)
            }
            Some(Ok(edition)) => Ok(Fetched::Edition(Box::new(edition), validators)),
            Some(Err(refusal)) => Ok(Fetched::Refused(refusal, hash.to_string())),
        }
    }

    fn refuse(&mut self, refusal: Refusal, key: String) -> Taken {
        if self.refused.as_ref() != Some(&key) {
            Refused { feed: &self.announcer.feed.name, refusal: &refusal, document: &key }.emit();
            self.refused = Some(key);
        }
        Taken::Refused(refusal)
    }
}

enum Fetched {
    Unchanged,
    Edition(Box<Edition>, Validators),
    Refused(Refusal, String),
}

fn parse(kind: FeedKind, document: &[u8]) -> Result<Edition, Refusal> {
    match kind {
        FeedKind::CisaKev => Ok(kev::parse(document)?),
    }
}

fn retry_after(error: &FetchError) -> Option<Duration> {
    match error {
        FetchError::Status { retry_after_s, .. } => retry_after_s.map(Duration::from_secs),
        FetchError::Unreachable { .. } | FetchError::File { .. } => None,
    }
}
