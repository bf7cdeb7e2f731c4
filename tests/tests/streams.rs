//! A stream that fills up and drains again; streams that are not the ones that were recorded.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

use std::path::{Path, PathBuf};

use muster::process::ServiceName;
use muster_bus::topology::Sizing;
use muster_bus::{Bucket, Provisioning, RecorderRecord, Stream};
use muster_kit::Exit;
use muster_tests::{Ended, Load, Rig, RigOptions, is_full, muster_program, run_to_end, seed, until};

/// Full after some 2,000 slices.
const TINY: Sizing = Sizing { replicas: 1, events_bytes: 16 << 20 };

/// Readers that do not run here, and have read all.
async fn others_have_passed(rig: &Rig) -> anyhow::Result<()> {
    let positions = rig.bus.positions().await?;
    let events = rig.bus.stream_info(Stream::Events).await?.last_sequence;
    positions.passed("evaluator", Stream::Events, Some("all"), events).await?;
    positions.passed("scheduler", Stream::Events, None, events).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_stream_refuses_until_it_is_read_and_loses_nothing() {
    let seed = seed();
    let mut rig = Rig::start(RigOptions { sizing: Some(TINY), ..RigOptions::default() }).await.unwrap();
    let mut load = Load::new(&rig.bus, seed);
    load.until_full().await.unwrap();
    let full = rig.bus.stream_info(Stream::Events).await.unwrap();
    eprintln!("full with {} messages: {:?}", full.messages, load.sent);
    assert_eq!(full.first_sequence, 1);
    rig.stack.replace(ServiceName::Recorder, 1, Vec::new()).await.unwrap();
    rig.recorded().await.unwrap();
    // Recorded alone is not passed: the evaluator may be behind.
    load.compare(&rig.books).await.unwrap();
    assert!(is_full(&load.refused_burst().await.unwrap()), "nothing may go that a declared reader has not passed");
    assert_eq!(rig.bus.stream_info(Stream::Events).await.unwrap().first_sequence, 1);
    others_have_passed(&rig).await.unwrap();
    let purged = || async { Ok(rig.bus.stream_info(Stream::Events).await?.first_sequence > 1) };
    until("the stream to be relieved", purged).await.unwrap();
    // As much again as it holds, with readers that keep up.
    let twice = 2 * full.last_sequence;
    while rig.bus.stream_info(Stream::Events).await.unwrap().last_sequence < twice {
        match load.burst().await {
            Ok(()) => {}
            Err(error) if is_full(&error) => {
                rig.recorded().await.unwrap();
                let before = rig.bus.stream_info(Stream::Events).await.unwrap().first_sequence;
                others_have_passed(&rig).await.unwrap();
                let purged = || async { Ok(rig.bus.stream_info(Stream::Events).await?.first_sequence > before) };
                until("the stream to be relieved again", purged).await.unwrap();
            }
            Err(error) => panic!("{error:#}"),
        }
    }
    rig.recorded().await.unwrap();
    load.compare(&rig.books).await.unwrap();
    rig.stop().await.unwrap();
}

/// Runs a recorder until it ends by itself.
async fn recorder_ends(rig: &Rig) -> Ended {
    let mut arguments = vec!["serve".to_owned(), "recorder".to_owned()];
    for setting in rig.stack.settings_of(ServiceName::Recorder).unwrap() {
        arguments.extend(["--set".to_owned(), setting]);
    }
    run_to_end(muster_program(), &arguments).await.unwrap()
}

fn assert_lost_tail(ended: &Ended, evidence: &str) {
    assert_eq!(ended.code, Some(i32::from(Exit::Data.code())), "{}", ended.said);
    let [line] = ended.errors.as_slice() else { panic!("not one line: {}", ended.said) };
    assert!(line.contains("the broker lost its tail") && line.contains(evidence), "{line}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A rig whose recorder has recorded some, and then more, with a copy of the bus from in between.
async fn recorded_beyond_a_copy() -> (Rig, Load, PathBuf, PathBuf) {
    let seed = seed();
    let mut rig = Rig::start(RigOptions::default()).await.unwrap();
    let mut load = Load::new(&rig.bus, seed);
    rig.stack.replace(ServiceName::Recorder, 1, Vec::new()).await.unwrap();
    load.burst().await.unwrap();
    rig.recorded().await.unwrap();
    let engines = rig.stack.engines().clone();
    let (data, backup) = (engines.data_dir().join("nats/data"), rig.directory().join("backup"));
    engines.kill_nats().await.unwrap();
    copy(&data, &backup);
    engines.restart_nats().await.unwrap();
    for _ in 0..3 {
        load.burst().await.unwrap();
    }
    rig.recorded().await.unwrap();
    rig.stack.end(ServiceName::Recorder, 1).await;
    (rig, load, data, backup)
}

async fn restore(rig: &Rig, data: &Path, backup: &Path) {
    let engines = rig.stack.engines();
    engines.kill_nats().await.unwrap();
    std::fs::remove_dir_all(data).unwrap();
    copy(backup, data);
    engines.restart_nats().await.unwrap();
}

/// The folder of a stream in a store of the server.
fn folder_of(data: &Path, stream: &str) -> PathBuf {
    let below = |path: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(path).map_or_else(|_| Vec::new(), |all| all.flatten().map(|entry| entry.path()).collect())
    };
    let accounts = below(&data.join("jetstream"));
    accounts.iter().map(|account| account.join("streams").join(stream)).find(|path| path.is_dir()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_lost_its_tail_is_not_recorded_any_further() {
    let (rig, mut load, data, backup) = recorded_beyond_a_copy().await;
    let standing = rig.books.count_all().await.unwrap();
    // EVENTS alone is the older one; the recorder's record, which is in a bucket, is not.
    let engines = rig.stack.engines().clone();
    engines.kill_nats().await.unwrap();
    let events = folder_of(&data, "EVENTS");
    std::fs::remove_dir_all(&events).unwrap();
    copy(&folder_of(&backup, "EVENTS"), &events);
    engines.restart_nats().await.unwrap();
    assert_lost_tail(&recorder_ends(&rig).await, "was there, the last one now is");
    // It does not help to publish until the sequences are there again: they are other messages.
    let recorded = rig.bus.kv(Bucket::Recorder).await.unwrap();
    let entry = recorded.get(&RecorderRecord::key(Stream::Events, 1)).await.unwrap().unwrap();
    let record: RecorderRecord = serde_json::from_slice(&entry.value).unwrap();
    while rig.bus.stream_info(Stream::Events).await.unwrap().last_sequence <= record.committed {
        load.burst().await.unwrap();
    }
    assert_lost_tail(&recorder_ends(&rig).await, "was event");
    assert_eq!(standing, rig.books.count_all().await.unwrap());
    rig.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_that_was_restored_from_an_older_copy_is_noticed_by_the_rows() {
    let (rig, _load, data, backup) = recorded_beyond_a_copy().await;
    let standing = rig.books.count_all().await.unwrap();
    // The recorder's own record is older too, and agrees with the streams.
    restore(&rig, &data, &backup).await;
    assert_lost_tail(&recorder_ends(&rig).await, "stand in the store, its record ends at");
    assert_eq!(standing, rig.books.count_all().await.unwrap());
    rig.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_that_was_made_anew_is_not_recorded_over_what_stands() {
    let (rig, _load, data, _backup) = recorded_beyond_a_copy().await;
    let engines = rig.stack.engines().clone();
    engines.kill_nats().await.unwrap();
    // EVENTS alone: the recorder's record names the stream that it was.
    std::fs::remove_dir_all(folder_of(&data, "EVENTS")).unwrap();
    engines.restart_nats().await.unwrap();
    Provisioning::new(&rig.bus, Sizing::EMBEDDED).apply().await.unwrap();
    assert_lost_tail(&recorder_ends(&rig).await, "made anew");
    // And all of it, with the record.
    engines.kill_nats().await.unwrap();
    std::fs::remove_dir_all(&data).unwrap();
    engines.restart_nats().await.unwrap();
    Provisioning::new(&rig.bus, Sizing::EMBEDDED).apply().await.unwrap();
    assert_lost_tail(&recorder_ends(&rig).await, "stand in the store, its record ends at 0");
    rig.stop().await.unwrap();
}
