//! An edition becomes the revisions that are missing, in order, each once; then the cursor moves.

mod revision;

use bytes::Bytes;
use jiff::Timestamp;
use muster_bulletin::{Change, Edition};
use muster_bus::{Bus, Draft, Expect, Kv, KvError, MAX_EVENT_BYTES, PublishError, Publisher, Subject};
use muster_ids::EventId;
use muster_kit::{Backoff, crash};
use muster_proto::v1::{BulletinRevision, envelope::Body};
use prost::Message as _;

use crate::config::FeedConfig;
use crate::cursor::{ShortHash, SourceHash, Validators};
use crate::error::{Refusal, WatcherError};
use crate::standing::Standing;

/// What an envelope adds to a body: ids, a producer, an actor, well below this.
const ENVELOPE_ROOM_BYTES: usize = 4 << 10;
/// Attempts to publish one revision before the feed pauses: 0.2 + 0.4 + 0.8 + 1.6 s.
const ATTEMPTS_MAX: u32 = 5;
/// Times that another watcher may be first in a row; with one leader at a time even two are rare.
const OVERTAKEN_MAX: u32 = 5;

/// What came of an edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Nothing of it is new.
    Unchanged,
    /// So many revisions of it were.
    Published {
        /// New or changed.
        revised: usize,
        /// No longer listed.
        withdrawn: usize,
    },
    /// It cannot be taken.
    Refused(Refusal),
}

/// Publishes one feed.
#[derive(Debug)]
pub(crate) struct Announcer {
    pub(crate) bus: Bus,
    pub(crate) publisher: Publisher,
    pub(crate) cursors: Kv,
    pub(crate) subject: Subject,
    pub(crate) feed: FeedConfig,
    standing: Option<Standing>,
}

impl Announcer {
    pub(crate) fn new(bus: Bus, publisher: Publisher, cursors: Kv, feed: FeedConfig) -> Result<Self, WatcherError> {
        let subject = Subject::bulletin(&feed.name)?;
        Ok(Self { bus, publisher, cursors, subject, feed, standing: None })
    }

    /// What stands, read where it is not known.
    pub(crate) async fn standing(&mut self) -> Result<&mut Standing, WatcherError> {
        let standing = match self.standing.take() {
            Some(standing) => standing,
            None => Standing::load(&self.bus, &self.cursors, &self.feed.name, &self.subject).await?,
        };
        Ok(self.standing.insert(standing))
    }

    /// Takes an edition: publishes what differs from what stands and moves the cursor. After an error the same edition
    /// may be taken again: nothing is published twice.
    pub(crate) async fn take(&mut self, edition: &Edition, validators: &Validators) -> Result<Taken, WatcherError> {
        let mut count = (0, 0);
        for _ in 0..OVERTAKEN_MAX {
            match self.try_take(edition, validators, &mut count).await {
                Err(WatcherError::Overtaken { feed }) => {
                    tracing::info!(feed, "another watcher was first: reading and deciding again");
                    self.standing = None;
                }
                // What stands is read again: it is never wrong, and after a failure what is remembered may be.
                Err(error) => {
                    self.standing = None;
                    return Err(error);
                }
                Ok(taken) => return Ok(taken),
            }
        }
        Err(WatcherError::Overtaken { feed: self.feed.name.clone() })
    }

    async fn try_take(
        &mut self,
        edition: &Edition,
        validators: &Validators,
        count: &mut (usize, usize),
    ) -> Result<Taken, WatcherError> {
        let cursor = self.standing().await?.cursor.clone();
        let known = cursor.known_for(edition);
        let changes = match edition.changes(&known, cursor.released_at) {
            Ok(changes) => changes,
            Err(error) => return Ok(Taken::Refused(error.into())),
        };
        if changes.is_empty() && cursor.source_sha256 == Some(SourceHash(edition.source_sha256)) {
            return Ok(Taken::Unchanged);
        }
        // Everything that can refuse the edition comes before its first revision is published.
        let revisions = self.revisions(edition, &changes).await?;
        let refused = revision::check(edition, Timestamp::now())
            .and_then(|()| revisions.iter().try_for_each(fits))
            .and_then(|()| cursor.after(edition, &changes, validators).encode().map(drop));
        if let Err(refusal) = refused {
            return Ok(Taken::Refused(refusal));
        }
        if !revisions.is_empty() {
            self.standing().await?.cursor.forget_document();
        }
        for revision in revisions {
            let withdrawn = revision.withdrawn;
            self.publish(revision).await?;
            if withdrawn { count.1 += 1 } else { count.0 += 1 }
        }
        self.move_cursor(edition, validators).await?;
        match *count {
            (0, 0) => Ok(Taken::Unchanged),
            (revised, withdrawn) => Ok(Taken::Published { revised, withdrawn }),
        }
    }

    async fn revisions(
        &mut self,
        edition: &Edition,
        changes: &[Change<'_>],
    ) -> Result<Vec<BulletinRevision>, WatcherError> {
        let withdrawn: Vec<&str> = changes
            .iter()
            .filter_map(|change| match change {
                Change::Withdrawn(id) => Some(*id),
                Change::Revised(..) => None,
            })
            .collect();
        let mut last = revision::last_of(&self.bus, &self.feed.name, &self.subject, &withdrawn).await?;
        let of = |change: &Change<'_>| match change {
            Change::Revised(bulletin, hash) => revision::revised(&self.feed, edition, bulletin, *hash),
            Change::Withdrawn(id) => revision::withdrawn(&self.feed, edition, id, last.remove(*id)),
        };
        Ok(changes.iter().map(of).collect())
    }

    /// Publishes one revision after what stands.
    async fn publish(&mut self, revision: BulletinRevision) -> Result<(), WatcherError> {
        let (after, expected) = {
            let standing = self.standing().await?;
            (standing.cursor.last_sequence, standing.expected)
        };
        let bulletin_id = revision.bulletin_id.clone();
        let content = if revision.withdrawn { None } else { ShortHash::of(&revision.content_sha256) };
        let said: &[u8] = if revision.withdrawn { &[] } else { &revision.content_sha256 };
        let id = EventId::of_bulletin_after(&self.feed.name, &bulletin_id, said, after);
        let draft = Draft::by_service(id, Timestamp::now(), "all", "watcher", Body::Bulletin(revision));
        crash::point("watcher.before-publish");
        let sequence = self.publish_until_definite(draft, Expect::LastOnSubject(expected)).await?;
        crash::point("watcher.after-publish");
        let standing = self.standing().await?;
        standing.cursor.apply(sequence, &bulletin_id, content);
        standing.expected = sequence;
        Ok(())
    }

    /// The same id and the same expectation again: accepted once, however often it is sent.
    async fn publish_until_definite(&self, draft: Draft, expect: Expect) -> Result<u64, WatcherError> {
        let mut attempt = 0;
        loop {
            match self.publisher.publish(&self.subject, draft.clone(), expect).await {
                Ok(published) => return Ok(published.sequence),
                Err(PublishError::Conflict { .. }) => {
                    return Err(WatcherError::Overtaken { feed: self.feed.name.clone() });
                }
                Err(error) if error.is_passing() && attempt + 1 < ATTEMPTS_MAX => {
                    tokio::time::sleep(Backoff::DEFAULT.delay(&self.feed.name, attempt)).await;
                    attempt += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn move_cursor(&mut self, edition: &Edition, validators: &Validators) -> Result<(), WatcherError> {
        let (next, revision) = {
            let standing = self.standing().await?;
            (standing.cursor.after(edition, &[], validators), standing.revision)
        };
        let too_many = |error: Refusal| WatcherError::Cursor { feed: self.feed.name.clone(), cause: error.to_string() };
        let value = Bytes::from(next.encode().map_err(too_many)?);
        crash::point("watcher.before-cursor");
        let revision = match self.cursors.set(&self.feed.name, value, revision).await {
            Ok(revision) => revision,
            Err(KvError::Conflict { .. }) => return Err(WatcherError::Overtaken { feed: self.feed.name.clone() }),
            Err(error) => return Err(error.into()),
        };
        crash::point("watcher.after-cursor");
        let standing = self.standing().await?;
        standing.cursor = next;
        standing.revision = Some(revision);
        Ok(())
    }
}

fn fits(revision: &BulletinRevision) -> Result<(), Refusal> {
    let size_bytes = revision.encoded_len();
    if size_bytes + ENVELOPE_ROOM_BYTES <= MAX_EVENT_BYTES {
        return Ok(());
    }
    let problem = format!("{size_bytes} bytes are more than an event may have");
    Err(Refusal::Value { field: revision.bulletin_id.clone(), problem })
}
