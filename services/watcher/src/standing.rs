//! What stands of a feed: its cursor, and what its subject holds after it.

use std::time::Duration;

use muster_bus::{Bus, EnvelopeError, Kv, Limits, Received, Stream, Subject, open};
use muster_proto::v1::{BulletinRevision, envelope::Body};
use tokio::time::timeout;

use crate::cursor::{Cursor, ShortHash};
use crate::error::WatcherError;

/// A pull that the server does not answer is made again within seconds; this is several of them.
const READ_DEADLINE: Duration = Duration::from_secs(30);
/// A revision is about 1 KiB.
const LIMITS: Limits = Limits { messages: 1_000, bytes: 8 << 20, linger: Duration::from_millis(5) };

/// What stands of a feed, and what the next change of it has to expect.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) cursor: Cursor,
    /// Revision of the cursor in its bucket.
    pub(crate) revision: Option<u64>,
    /// Stream sequence of the last message that is on the subject now; 0: there is none, or it has aged out.
    pub(crate) expected: u64,
}

impl Standing {
    /// Reads the cursor and folds in what was published after it.
    pub(crate) async fn load(bus: &Bus, cursors: &Kv, feed: &str, subject: &Subject) -> Result<Self, WatcherError> {
        let (mut cursor, revision) = match cursors.get(feed).await? {
            None => (Cursor::default(), None),
            Some(entry) => {
                let cursor = Cursor::decode(&entry.value)
                    .map_err(|error| WatcherError::Cursor { feed: feed.to_owned(), cause: error.to_string() })?;
                (cursor, Some(entry.revision))
            }
        };
        let info = bus.stream_info(Stream::Events).await?;
        if cursor.incarnation != info.incarnation || cursor.last_sequence > info.last_sequence {
            if revision.is_some() {
                tracing::warn!(
                    feed,
                    "the stream lost what was published on this feed: what is missing is published again"
                );
            }
            cursor.incarnation.clone_from(&info.incarnation);
            cursor.last_sequence = 0;
            cursor.known.clear();
            cursor.forget_document();
        }
        let last = bus.last_on_subject(Stream::Events, subject).await?.map_or(0, |received| received.sequence);
        if last > cursor.last_sequence {
            let after = cursor.last_sequence;
            let mut folded = 0_usize;
            read(bus, feed, subject, (after, last), |sequence, revision| {
                let content = if revision.withdrawn { None } else { ShortHash::of(&revision.content_sha256) };
                cursor.apply(sequence, &revision.bulletin_id, content);
                folded += 1;
            })
            .await?;
            cursor.last_sequence = last;
            // Part of a document was published: the cursor's document is not what stands any more.
            cursor.forget_document();
            tracing::info!(feed, after, folded, "took over what was published after the cursor");
        }
        // A copy of the stream may lag behind the cursor; what has aged out of it is not expected any more.
        let expected = if last == 0 { 0 } else { cursor.last_sequence };
        Ok(Self { cursor, revision, expected })
    }
}

/// Reads the revisions on a feed's subject after one sequence and up to another.
pub(crate) async fn read(
    bus: &Bus,
    feed: &str,
    subject: &Subject,
    (after, last): (u64, u64),
    mut visit: impl FnMut(u64, BulletinRevision),
) -> Result<(), WatcherError> {
    let mut tail = bus.tail(Stream::Events, &[subject.as_str().to_owned()], after);
    let mut at = after;
    while at < last {
        let silent =
            |_| WatcherError::Silent { feed: feed.to_owned(), after: at, deadline_ms: READ_DEADLINE.as_millis() };
        let batch = timeout(READ_DEADLINE, tail.next_batch(LIMITS)).await.map_err(silent)??;
        for received in &batch.messages {
            at = received.sequence;
            if let Some(revision) = revision_of(feed, received)? {
                visit(at, revision);
            }
        }
        // The last one may have aged out meanwhile.
        if batch.pending == 0 {
            break;
        }
    }
    Ok(())
}

fn revision_of(feed: &str, received: &Received) -> Result<Option<BulletinRevision>, WatcherError> {
    let sequence = received.sequence;
    match open(received) {
        Ok((_, Body::Bulletin(revision))) if revision.feed == feed => Ok(Some(revision)),
        Err(error @ EnvelopeError::Newer { .. }) => {
            Err(WatcherError::Newer { feed: feed.to_owned(), sequence, cause: error.to_string() })
        }
        // What is no revision of this feed changes nothing of it; the recorder puts it aside with the reason.
        Ok(_) | Err(_) => {
            tracing::warn!(feed, sequence, "a message on the feed's subject is no revision of it");
            Ok(None)
        }
    }
}
