//! Editions of a feed on the real broker.

use muster_bulletin::EditionError;

use super::bench::{Bench, from_file, over_http, published};
use super::document::{catalogue, entries, entry};
use super::server::Publisher;
use crate::announce::Taken;
use crate::error::{Refusal, WatcherError};

async fn feed(name: &str) -> (Publisher, Bench) {
    let publisher = Publisher::start().await;
    let bench = Bench::new(over_http(name, publisher.url())).await;
    (publisher, bench)
}

#[tokio::test]
async fn what_is_new_is_published_and_what_stands_is_not() {
    let (publisher, bench) = feed("differences").await;
    let mut watcher = bench.started();
    publisher.publishes("\"1\"", &catalogue(1, &entries(20)));
    assert_eq!(watcher.check().await.unwrap(), published(20));
    let cursor = bench.cursor_revision().await;
    assert_eq!(watcher.check().await.unwrap(), Taken::Unchanged);
    assert_eq!(publisher.requests()[1].get("if-none-match").unwrap(), "\"1\"");
    // The same document under another name, and a start in between.
    publisher.publishes("\"other\"", &catalogue(1, &entries(20)));
    let mut watcher = bench.started();
    assert_eq!(watcher.check().await.unwrap(), Taken::Unchanged);
    assert_eq!(bench.cursor_revision().await, cursor, "an unchanged document writes no cursor");

    let mut changed = entries(22);
    changed[4] = entry(5, "a larger hole");
    publisher.publishes("\"2\"", &catalogue(2, &changed));
    assert_eq!(watcher.check().await.unwrap(), published(3));
    let ids: Vec<String> = bench.published().await.into_iter().skip(20).map(|revision| revision.bulletin_id).collect();
    assert_eq!(ids, ["CVE-2025-0005", "CVE-2025-0021", "CVE-2025-0022"]);
}

#[tokio::test]
async fn a_publisher_without_etags_is_asked_by_date() {
    let (publisher, bench) = feed("by-date").await;
    let at = "Wed, 01 Jan 2025 15:00:00 GMT";
    publisher.says(200, &[("last-modified", at)], catalogue(1, &entries(2)));
    assert_eq!(bench.started().check().await.unwrap(), published(2));
    // The body would be refused: it is not sent.
    publisher.says(200, &[("last-modified", at)], "{");
    assert_eq!(bench.started().check().await.unwrap(), Taken::Unchanged);
    assert_eq!(publisher.requests()[1].get("if-modified-since").unwrap(), at);
}

#[tokio::test]
async fn what_is_broken_is_refused_and_the_last_good_one_stands() {
    let (publisher, bench) = feed("refusals").await;
    let mut watcher = bench.started();
    publisher.publishes("\"1\"", &catalogue(3, &entries(60)));
    assert_eq!(watcher.check().await.unwrap(), published(60));
    let cursor = bench.cursor_revision().await;
    let next = catalogue(4, &entries(61));
    publisher.publishes("\"2\"", &next[..next.len() / 2]);
    assert!(matches!(watcher.check().await.unwrap(), Taken::Refused(Refusal::Kev(_))));
    publisher.publishes("\"3\"", &catalogue(4, &entries(50)));
    let shrunk = watcher.check().await.unwrap();
    assert!(matches!(shrunk, Taken::Refused(Refusal::Edition(EditionError::Shrunk { missing: 10, known: 60 }))));
    publisher.publishes("\"4\"", &catalogue(2, &entries(60)));
    assert!(matches!(watcher.check().await.unwrap(), Taken::Refused(Refusal::Edition(EditionError::Older { .. }))));
    publisher.publishes("\"5\"", &catalogue(4, &entries(61)).replace("2025-01-04T", "2925-01-04T"));
    assert!(matches!(watcher.check().await.unwrap(), Taken::Refused(Refusal::Value { .. })));
    publisher.says(404, &[], "");
    assert!(matches!(watcher.check().await, Err(WatcherError::Fetch(_))));
    assert_eq!((bench.cursor_revision().await, bench.published().await.len()), (cursor, 60));
    publisher.publishes("\"6\"", &next);
    assert_eq!(watcher.check().await.unwrap(), published(1));
}

#[tokio::test]
async fn a_feed_that_does_not_fit_its_cursor_is_refused_before_anything_is_published() {
    let (publisher, bench) = feed("too-many").await;
    publisher.publishes("\"1\"", &catalogue(1, &entries(9_001)));
    let taken = bench.started().check().await.unwrap();
    assert!(matches!(taken, Taken::Refused(Refusal::TooMany { entries: 9_001, .. })), "{taken:?}");
    assert_eq!((bench.cursor_revision().await, bench.published().await.len()), (None, 0));
}

#[tokio::test]
async fn a_cursor_that_was_rolled_back_or_lost_repeats_nothing() {
    let (publisher, bench) = feed("rolled-back").await;
    publisher.publishes("\"1\"", &catalogue(1, &entries(20)));
    bench.started().check().await.unwrap();
    let old = bench.cursors.get("rolled-back").await.unwrap().unwrap();
    let mut changed = entries(23);
    changed[0] = entry(1, "a larger hole");
    publisher.publishes("\"2\"", &catalogue(2, &changed));
    assert_eq!(bench.started().check().await.unwrap(), published(4));

    bench.cursors.put("rolled-back", old.value.clone()).await.unwrap();
    assert_eq!(bench.started().check().await.unwrap(), Taken::Unchanged);
    bench.cursors.delete("rolled-back").await.unwrap();
    assert_eq!(bench.started().check().await.unwrap(), Taken::Unchanged);
    assert_eq!(bench.published().await.len(), 24);
    assert_eq!(bench.started().check().await.unwrap(), Taken::Unchanged);

    // The publisher went back to the very document that the rolled-back cursor is of: its name is not believed.
    bench.cursors.put("rolled-back", old.value).await.unwrap();
    publisher.publishes("\"1\"", &catalogue(1, &entries(20)));
    assert_eq!(bench.started().check().await.unwrap(), Taken::Published { revised: 1, withdrawn: 3 });
}

#[tokio::test]
async fn what_is_withdrawn_says_what_it_was_and_may_come_back() {
    let (publisher, bench) = feed("withdrawn").await;
    let mut watcher = bench.started();
    publisher.publishes("\"1\"", &catalogue(1, &entries(20)));
    watcher.check().await.unwrap();
    publisher.publishes("\"2\"", &catalogue(2, &entries(19)));
    assert_eq!(watcher.check().await.unwrap(), Taken::Published { revised: 0, withdrawn: 1 });
    let last = bench.published().await.pop().unwrap();
    assert!(last.withdrawn && last.bulletin_id == "CVE-2025-0020" && last.title == "a hole", "{last:?}");
    assert_eq!(last.feed_version, "2025.01.02");
    publisher.publishes("\"3\"", &catalogue(3, &entries(20)));
    assert_eq!(watcher.check().await.unwrap(), published(1));
    assert!(!bench.published().await.pop().unwrap().withdrawn);
}

#[tokio::test]
async fn content_that_comes_back_is_published_again() {
    let (publisher, bench) = feed("a-b-a").await;
    let mut watcher = bench.started();
    for (day, text) in [(1, "a"), (2, "b"), (3, "a"), (4, "b")] {
        publisher.publishes(&format!("\"{day}\""), &catalogue(day, &[entry(1, text)]));
        assert_eq!(watcher.check().await.unwrap(), published(1), "day {day}");
    }
    let titles: Vec<String> = bench.published().await.into_iter().map(|revision| revision.title).collect();
    assert_eq!(titles, ["a", "b", "a", "b"]);
}

#[tokio::test]
async fn two_watchers_publish_once() {
    let (publisher, bench) = feed("two-watchers").await;
    publisher.publishes("\"1\"", &catalogue(1, &entries(200)));
    let (mut one, mut other) = (bench.started(), bench.started());
    let (first, second) = tokio::join!(one.check(), other.check());
    for taken in [first, second] {
        // Overtaken five times in a row is an error of this attempt, and of no other.
        assert!(matches!(taken, Ok(_) | Err(WatcherError::Overtaken { .. })), "{taken:?}");
    }
    one.check().await.unwrap();
    assert_eq!(bench.published().await.len(), 200);
}

/// The server knows event ids for two minutes and would hide a repeat: here every id of the sleeper is its own, so that
/// nothing but the expected sequence is in its way.
#[tokio::test]
async fn one_that_slept_is_refused_and_reads_first() {
    let (publisher, bench) = feed("slept").await;
    let mut sleeper = bench.started();
    publisher.publishes("\"1\"", &catalogue(1, &entries(20)));
    assert_eq!(sleeper.check().await.unwrap(), published(20));
    let mut other = bench.started();
    publisher.publishes("\"2\"", &catalogue(2, &entries(21)));
    assert_eq!(other.check().await.unwrap(), published(1));
    let mut changed = entries(21);
    changed[0] = entry(1, "a larger hole");
    publisher.publishes("\"3\"", &catalogue(3, &changed));
    assert_eq!(other.check().await.unwrap(), published(1));
    changed.push(entry(22, "a hole"));
    publisher.publishes("\"4\"", &catalogue(4, &changed));
    assert_eq!(sleeper.check().await.unwrap(), published(1));
    assert_eq!(bench.published().await.len(), 23);
}

#[tokio::test]
async fn a_file_is_read_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kev.json");
    let bench = Bench::new(from_file("from-file", file.clone())).await;
    let mut watcher = bench.started();
    assert!(matches!(watcher.check().await, Err(WatcherError::Fetch(_))));
    std::fs::write(&file, catalogue(1, &entries(3))).unwrap();
    assert_eq!(watcher.check().await.unwrap(), published(3));
    assert_eq!(watcher.check().await.unwrap(), Taken::Unchanged);
    // Of the same size, within the same second.
    let mut changed = entries(3);
    changed[1] = entry(2, "A hole");
    std::fs::write(&file, catalogue(1, &changed)).unwrap();
    assert_eq!(watcher.check().await.unwrap(), published(1));
}

#[tokio::test]
async fn a_file_that_did_not_change_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kev.json");
    std::fs::write(&file, catalogue(1, &entries(3))).unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(long_ago).unwrap();
    let mut source = crate::source::Source::new(&from_file("unread", file), 1 << 20).unwrap();
    let standing =
        crate::cursor::Cursor { source_sha256: Some(crate::cursor::SourceHash([0; 32])), ..Default::default() };
    assert!(matches!(source.look(&standing).await.unwrap(), crate::source::Found::Document(_)));
    assert!(matches!(source.look(&standing).await.unwrap(), crate::source::Found::NotModified));
}

/// Real revisions of the catalogue, in the order of their days.
#[tokio::test]
async fn data_real_revisions_are_published_as_counted() {
    let Some(directory) = std::env::var_os("MUSTER_TEST_DATA") else { return };
    let mut files: Vec<_> = std::fs::read_dir(std::path::Path::new(&directory).join("kev"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let (publisher, bench) = feed("data-kev").await;
    let mut counts = Vec::new();
    for (number, file) in files.iter().enumerate() {
        publisher.publishes(&format!("\"{number}\""), &std::fs::read_to_string(file).unwrap());
        // A new process each time: the cursor is all it has.
        let mut watcher = bench.started();
        match watcher.check().await.unwrap() {
            Taken::Published { revised, withdrawn } => counts.push(revised + withdrawn),
            other @ (Taken::Unchanged | Taken::Refused(_)) => panic!("{}: {other:?}", file.display()),
        }
        assert_eq!(watcher.check().await.unwrap(), Taken::Unchanged);
    }
    assert_eq!(counts, [1252, 1, 6, 13, 9]);
    assert_eq!(bench.published().await.len(), counts.iter().sum::<usize>());
}
