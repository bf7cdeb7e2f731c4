//! The recorder dies at every point there is, over and over, and every row stands once (I-2).
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::time::Duration;

use muster::process::ServiceName;
use muster_kit::crash::{POINTS, VARIABLE, WITHOUT_VARIABLE};
use muster_tests::{Load, Rig, RigOptions, Rng};

/// A batch takes about as long.
const BETWEEN_BURSTS: Duration = Duration::from_millis(15);

fn seed() -> u64 {
    std::env::var("MUSTER_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_123)
}

fn points() -> Vec<&'static str> {
    POINTS.iter().copied().filter(|point| point.starts_with("recorder.")).collect()
}

async fn rounds(rounds: u64, without: Option<&str>) -> anyhow::Result<()> {
    let seed = seed();
    eprintln!("seed {seed}: replay with MUSTER_SEED={seed}");
    let mut rng = Rng::new(seed);
    let mut rig = Rig::start(RigOptions::default()).await?;
    let mut load = Load::new(&rig.bus, seed);
    let mut fired = 0;
    for round in 1..=rounds {
        let point = format!("{}:{}", rng.one_of(&points()), 1 + rng.below(4));
        let mut environment = vec![(VARIABLE.to_owned(), point.clone())];
        if let Some(without) = without {
            environment.push((WITHOUT_VARIABLE.to_owned(), without.to_owned()));
        }
        rig.stack.replace(ServiceName::Recorder, 1, environment).await.unwrap();
        // Until it dies: every point is passed once a batch, and there is always a next batch.
        let died = tokio::time::timeout(Duration::from_secs(60), async {
            while rig.stack.ended(ServiceName::Recorder, 1) == 0 {
                load.burst().await?;
                // One batch after the other, rather than one that holds everything.
                let _died = tokio::time::timeout(BETWEEN_BURSTS, rig.stack.next_end(ServiceName::Recorder, 1)).await;
            }
            Ok::<_, anyhow::Error>(())
        });
        died.await.map_err(|_| anyhow::anyhow!("round {round}: {point} never fired"))??;
        fired += 1;
        if round % 100 == 0 || round == rounds {
            rig.stack.replace(ServiceName::Recorder, 1, Vec::new()).await.unwrap();
            rig.recorded().await?;
            load.compare(&rig.books).await.map_err(|error| error.context(format!("after round {round}, {point}")))?;
            eprintln!("{round} rounds, {fired} crashes: {:?}", load.sent);
        }
    }
    rig.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_crashes_count_every_row_once() {
    let wanted = std::env::var("MUSTER_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1_000);
    rounds(wanted, None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_deduplication_the_same_crashes_are_noticed() {
    let error = rounds(40, Some("deduplication")).await.unwrap_err();
    assert!(error.root_cause().to_string().contains("twice"), "{error:#}");
}
