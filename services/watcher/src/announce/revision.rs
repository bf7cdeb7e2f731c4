//! Bulletins as revisions on the wire, and what they may say.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use muster_bulletin::{Bulletin, ContentHash, Edition};
use muster_bus::convert::time::to_proto;
use muster_bus::{Bus, Stream, Subject};
use muster_proto::v1::BulletinRevision;

use crate::config::FeedConfig;
use crate::error::{Refusal, WatcherError};
use crate::standing;

/// A version is a date or a counter.
const VERSION_BYTES_MAX: usize = 128;
/// An edition from the future would have every later one refused as older. Two days are more than any wrong time zone.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(48);
/// What the store can hold: ClickHouse's DateTime64(3) ends with the year 2299, and no advisory is older than Unix time.
const YEARS: std::ops::RangeInclusive<i64> = 0..=10_413_791_999;

/// A new or changed bulletin.
pub(super) fn revised(
    feed: &FeedConfig,
    edition: &Edition,
    bulletin: &Bulletin,
    hash: ContentHash,
) -> BulletinRevision {
    BulletinRevision {
        feed: feed.name.clone(),
        publisher: feed.kind.publisher().to_owned(),
        bulletin_id: bulletin.id.clone(),
        feed_version: edition.version.clone(),
        content_sha256: hash.0.to_vec(),
        title: bulletin.title.clone(),
        description: bulletin.description.clone(),
        vendor: bulletin.vendor.clone(),
        product: bulletin.product.clone(),
        published_at: Some(to_proto(bulletin.published_at)),
        due_at: bulletin.due_at.map(to_proto),
        exploited: bulletin.exploited,
        ransomware: bulletin.ransomware,
        required_action: bulletin.required_action.clone(),
        aliases: bulletin.aliases.clone(),
        weaknesses: bulletin.weaknesses.clone(),
        references: bulletin.references.clone(),
        withdrawn: false,
        source_sha256: edition.source_sha256.to_vec(),
    }
}

/// A bulletin that is no longer listed: what it said last, as far as the stream still has it.
pub(super) fn withdrawn(
    feed: &FeedConfig,
    edition: &Edition,
    bulletin_id: &str,
    last: Option<BulletinRevision>,
) -> BulletinRevision {
    BulletinRevision {
        feed: feed.name.clone(),
        publisher: feed.kind.publisher().to_owned(),
        bulletin_id: bulletin_id.to_owned(),
        feed_version: edition.version.clone(),
        withdrawn: true,
        source_sha256: edition.source_sha256.to_vec(),
        ..last.unwrap_or_default()
    }
}

/// The last revision of each of these bulletins. Reads the whole subject, and only when something was withdrawn.
pub(super) async fn last_of(
    bus: &Bus,
    feed: &str,
    subject: &Subject,
    ids: &[&str],
) -> Result<BTreeMap<String, BulletinRevision>, WatcherError> {
    let mut found = BTreeMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let Some(last) = bus.last_on_subject(Stream::Events, subject).await? else { return Ok(found) };
    standing::read(bus, feed, subject, (0, last.sequence), |_, revision| {
        if ids.contains(&revision.bulletin_id.as_str()) {
            found.insert(revision.bulletin_id.clone(), revision);
        }
    })
    .await?;
    Ok(found)
}

/// Whether every value can be.
pub(super) fn check(edition: &Edition, now: Timestamp) -> Result<(), Refusal> {
    let refuse = |field: String, problem: String| Err(Refusal::Value { field, problem });
    if edition.version.len() > VERSION_BYTES_MAX {
        return refuse("version".to_owned(), format!("{} bytes, at most {VERSION_BYTES_MAX}", edition.version.len()));
    }
    if edition.released_at.duration_since(now) > AHEAD_MAX {
        return refuse("release".to_owned(), format!("{} is in the future", edition.released_at));
    }
    for bulletin in edition.bulletins.values() {
        for instant in [Some(bulletin.published_at), bulletin.due_at].into_iter().flatten() {
            if !YEARS.contains(&instant.as_second()) {
                return refuse(bulletin.id.clone(), format!("{instant} is not between 1970 and 2299"));
            }
        }
    }
    Ok(())
}
