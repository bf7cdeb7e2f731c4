//! A process that dies at every crash point, and the next one.

use std::process::Command;

use muster_bus::{Bus, BusOptions};
use muster_engines::testing::{TEST_PASSWORD, TEST_USER, test_engines};

use super::bench::{Bench, from_file};
use super::document::{catalogue, entries, entry};

const BUS: &str = "MUSTER_WATCHER_TEST_BUS";
const FEED: &str = "MUSTER_WATCHER_TEST_FEED";
const FILE: &str = "MUSTER_WATCHER_TEST_FILE";

/// The process that dies: this test alone, told by the environment what to do. Without, it has nothing to do.
#[tokio::test]
async fn child() {
    let (Ok(url), Ok(feed), Ok(file)) = (std::env::var(BUS), std::env::var(FEED), std::env::var(FILE)) else { return };
    muster_kit::crash::check().unwrap();
    let (user, password) = (TEST_USER.to_owned(), TEST_PASSWORD.to_owned());
    let options = BusOptions { url, user, password, name: "watcher child".to_owned(), ..BusOptions::default() };
    let bench = Bench::on(Bus::connect(options).await.unwrap(), from_file(&feed, file.into())).await;
    bench.started().check().await.unwrap();
}

/// Whether it came to its end.
fn run(feed: &str, file: &std::path::Path, crash_at: Option<&str>) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "tests::crash::child", "--nocapture"]);
    command.env(BUS, test_engines().nats_url()).env(FEED, feed).env(FILE, file);
    if let Some(point) = crash_at {
        command.env(muster_kit::crash::VARIABLE, point);
    }
    command.output().unwrap().status.success()
}

#[tokio::test]
async fn no_crash_repeats_or_loses_a_revision() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kev.json");
    let points = [
        "watcher.before-publish:1",
        "watcher.before-publish:8",
        "watcher.after-publish:1",
        "watcher.after-publish:7",
        "watcher.after-publish:14",
        "watcher.before-cursor",
        "watcher.after-cursor",
    ];
    for (number, point) in points.iter().enumerate() {
        let feed = format!("crash-{number}");
        let bench = Bench::new(from_file(&feed, file.clone())).await;
        std::fs::write(&file, catalogue(1, &entries(10))).unwrap();
        assert!(run(&feed, &file, None), "{point}");
        // 5 new, 8 changed, 1 gone: 14 revisions.
        let mut changed: Vec<_> = entries(15).into_iter().skip(1).collect();
        for (index, number) in (2..=9).enumerate() {
            changed[index] = entry(number, "a larger hole");
        }
        std::fs::write(&file, catalogue(2, &changed)).unwrap();
        assert!(!run(&feed, &file, Some(point)), "{point} was not reached");
        assert!(run(&feed, &file, None), "{point}");
        let revisions = bench.published().await;
        assert_eq!(revisions.len(), 10 + 14, "{point}");
        assert_eq!(revisions.iter().filter(|revision| revision.withdrawn).count(), 1, "{point}");
    }
}
