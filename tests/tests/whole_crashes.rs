//! Every service dies at every point there is, over and over, while sweeps run; the books balance and the verdicts are
//! true (I-2, I-3).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

use std::time::{Duration, Instant};

use muster::process::ServiceName;
use muster_kit::crash::{POINTS, VARIABLE};
use muster_tests::{Rng, SmallEstate, seed, until};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;

/// After so many the system is left alone until nothing is left to do, and looked at.
const BATCH: u64 = 25;
/// A sweep takes about as long; the next one is asked for when the point has not been passed by then.
const BETWEEN_SWEEPS: Duration = Duration::from_millis(400);

fn service_of(point: &str) -> ServiceName {
    let name = point.split('.').next().unwrap();
    *ServiceName::ALL.iter().find(|service| service.name() == name).unwrap()
}

/// What makes a service pass its points. Done again with the same number it is the same work.
async fn work(whole: &SmallEstate, service: ServiceName, number: u64) -> anyhow::Result<()> {
    if service == ServiceName::Gateway {
        whole.declare_anew(number).await?;
    }
    whole.sweep(number).await
}

/// One service is armed, and worked until it dies.
async fn round(whole: &mut SmallEstate, rng: &mut Rng, number: u64) -> anyhow::Result<()> {
    let point = *rng.one_of(POINTS);
    let service = service_of(point);
    let armed = format!("{point}:{}", 1 + rng.below(2));
    whole.rig.stack.replace(service, 1, vec![(VARIABLE.to_owned(), armed.clone())]).await.unwrap();
    let mut asked = 0;
    let died = async {
        while whole.rig.stack.ended(service, 1) == 0 {
            if service == ServiceName::Watcher {
                whole.publish_bulletin()?;
            } else {
                asked += 1;
                // A gateway that dies before it has done a thing dies again at every attempt.
                tokio::select! {
                    done = work(whole, service, number * 1_000 + asked) => done?,
                    () = whole.rig.stack.next_end(service, 1) => return Ok(()),
                }
            }
            let _died = timeout(BETWEEN_SWEEPS, whole.rig.stack.next_end(service, 1)).await;
        }
        Ok::<_, anyhow::Error>(())
    };
    timeout(Duration::from_secs(90), died).await.map_err(|_| anyhow::anyhow!("{armed} never fired"))??;
    whole.rig.stack.replace(service, 1, Vec::new()).await.unwrap();
    if asked > 0 {
        work(whole, service, number * 1_000 + asked).await?;
        whole.sweeps += asked;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_crashes_of_the_whole_leave_the_books_balanced_and_the_verdicts_true() {
    let rounds = std::env::var("MUSTER_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(200);
    let mut rng = Rng::new(seed());
    let mut whole = SmallEstate::start().await.unwrap();
    let began = Instant::now();
    for number in 1..=rounds {
        let done = round(&mut whole, &mut rng, number).await;
        done.map_err(|error| error.context(format!("round {number}"))).unwrap();
        if number % BATCH == 0 || number == rounds {
            let balances = whole.balances().await;
            balances.map_err(|error| error.context(format!("after round {number}"))).unwrap();
            eprintln!("{number} crashes, {} sweeps: balanced after {:.0?}", whole.sweeps, began.elapsed());
        }
    }
    whole.rig.stop().await.unwrap();
}

fn signal(whole: &SmallEstate, process: &str, signal: Signal) {
    let pid = whole.rig.stack.pids().into_iter().find(|(name, _)| name == process).unwrap().1;
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_service_that_was_thought_dead_is_refused_when_it_wakes() {
    let _seed = seed();
    let mut whole = SmallEstate::start().await.unwrap();
    let services = [ServiceName::Scanner, ServiceName::Scheduler, ServiceName::Evaluator, ServiceName::Recorder];
    for (number, service) in services.into_iter().enumerate() {
        whole.rig.stack.replace(service, 2, Vec::new()).await.unwrap();
        whole.rig.stack.ready().await.unwrap();
        let id = 1_000_000 + number as u64 * 10;
        whole.sweep(id).await.unwrap();
        whole.sweeps += 3;
        signal(&whole, &format!("{}-1", service.name()), Signal::STOP);
        whole.sweep(id + 1).await.unwrap();
        let wanted = whole.sweeps - 1;
        let books = &whole.rig.books;
        let finished =
            || async { Ok(books.number("SELECT uniqExact(sweep_id) FROM sweeps_finished").await? >= wanted) };
        until(&format!("a standby to do the work of {}", service.name()), finished).await.unwrap();
        signal(&whole, &format!("{}-1", service.name()), Signal::CONT);
        whole.sweep(id + 2).await.unwrap();
        whole.balances().await.map_err(|error| error.context(format!("{service:?}"))).unwrap();
        whole.rig.stack.end(service, 2).await;
    }
    whole.rig.stop().await.unwrap();
}
