//! A recorder that was thought dead comes back in the middle of an insert, while its standby has long gone on: with
//! compare-and-set it is refused, without it the books do not balance (I-2).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

use muster::process::ServiceName;
use muster_engines::faults::{Fault, Request};
use muster_kit::crash::WITHOUT_VARIABLE;
use muster_tests::{Load, Proxies, Rig, RigOptions, Rng, seed, until};
use rustix::process::{Pid, Signal, kill_process};

const EVENTS: &str = "recorder.EVENTS.1";
/// Longer than the insert is held: the old one waits for its answer for as long as it sleeps.
const INSERT_TIMEOUT: &str = "store.insert_timeout_ms=120000";

/// The statement as it stands in the URL.
const INSERT: &str = "INSERT+INTO+%60observations%60";

fn signal(rig: &Rig, process: &str, signal: Signal) {
    let pid = rig.stack.pids().into_iter().find(|(name, _)| name == process).unwrap().1;
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

async fn leads(rig: &Rig, wanted: &str) -> anyhow::Result<()> {
    until(&format!("{wanted} to lead"), || async { Ok(rig.leader(EVENTS).await?.as_deref() == Some(wanted)) }).await
}

/// One takeover: the leader is stopped in the middle of an insert, its standby records on, and it wakes up.
async fn takeover(rig: &mut Rig, load: &mut Load, rng: &mut Rng, without: Option<&str>) -> anyhow::Result<()> {
    let environment = || without.map(|without| (WITHOUT_VARIABLE.to_owned(), without.to_owned())).into_iter().collect();
    rig.stack.end(ServiceName::Recorder, 2).await;
    rig.stack.end(ServiceName::Recorder, 1).await;
    let proxies = Proxies::in_front_of(rig, ServiceName::Recorder, &[INSERT_TIMEOUT]).await?;
    rig.stack.replace(ServiceName::Recorder, 1, environment()).await.unwrap();
    leads(rig, "recorder-1").await?;
    rig.stack.replace(ServiceName::Recorder, 2, environment()).await.unwrap();
    rig.stack.ready().await.unwrap();
    proxies.store.set(Fault::HoldAnswer(Request::with(INSERT))).await?;
    while proxies.store.counts().answers_held == 0 {
        load.burst().await?;
    }
    // The next batch is prepared of this, and what comes later is not in it.
    load.burst().await?;
    signal(rig, "recorder-1", Signal::STOP);
    for _ in 0..4 + rng.below(4) {
        load.burst().await?;
    }
    leads(rig, "recorder-2").await?;
    rig.recorded().await?;
    proxies.store.release();
    let before = stood_by(rig)?;
    signal(rig, "recorder-1", Signal::CONT);
    if without.is_none() {
        load.burst().await?;
    }
    until("the old one to stand by", || async { Ok(stood_by(rig)? > before) }).await?;
    // Whoever comes next goes by the record.
    rig.stack.end(ServiceName::Recorder, 2).await;
    rig.stack.replace(ServiceName::Recorder, 1, Vec::new()).await.unwrap();
    load.burst().await?;
    rig.recorded().await?;
    load.compare(&rig.books).await
}

fn stood_by(rig: &Rig) -> anyhow::Result<usize> {
    let log = rig.log_of("recorder-1")?;
    Ok(log.lines().filter(|line| line.contains("standing by") && line.contains("EVENTS")).count())
}

async fn takeovers(rounds: u32, without: Option<&str>) -> anyhow::Result<()> {
    let seed = seed();
    let mut rng = Rng::new(seed);
    let mut rig = Rig::start(RigOptions::default()).await?;
    let mut load = Load::new(&rig.bus, seed);
    for round in 1..=rounds {
        let done = takeover(&mut rig, &mut load, &mut rng, without).await;
        done.map_err(|error| error.context(format!("takeover {round} of {rounds}")))?;
    }
    rig.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorder_that_was_thought_dead_is_refused() {
    takeovers(2, None).await.unwrap();
}

/// It hears within two round trips that it no longer leads, and does its harm within one; where it is too slow for that
/// once, it is not five times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_compare_and_set_its_return_is_noticed() {
    let error = takeovers(5, Some("compare-and-set")).await.unwrap_err();
    let cause = error.root_cause().to_string();
    eprintln!("noticed: {error:#}");
    assert!(["twice", "were sent", "its record ends at"].iter().any(|word| cause.contains(word)), "{error:#}");
}
