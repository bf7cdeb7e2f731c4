//! When a stack has nothing left to do: every input judged, every verdict stored.

use std::time::Duration;

use anyhow::bail;
use muster_bus::{Bucket, Bus, RecorderRecord, Stream};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often the positions are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until the evaluator of every named site has passed what EVENTS and PLANS held when this was called, and the
/// recorder has committed what the three streams hold then.
///
/// # Errors
/// When that has not come about within `patience`, with what is missing.
pub async fn settled(bus: &Bus, sites: &[&str], generation: u32, patience: Duration) -> anyhow::Result<()> {
    let deadline = Instant::now() + patience;
    let positions = bus.positions().await?;
    for stream in [Stream::Events, Stream::Plans] {
        // Messages that concern no site of ours move no position: the last one of each site is what counts.
        for site in sites {
            let last = last_that_concerns(bus, stream, site).await?;
            let mut tick = ticks();
            loop {
                let passed = positions.of("evaluator", stream, Some(site)).await?;
                if passed >= last {
                    break;
                }
                if Instant::now() > deadline {
                    bail!("site {site} is judged up to {passed} of {last} of {}", stream.name());
                }
                tick.tick().await;
            }
        }
    }
    let records = bus.kv(Bucket::Recorder).await?;
    for stream in Stream::RECORDED {
        let last = bus.stream_info(stream).await?.last_sequence;
        let mut tick = ticks();
        loop {
            let entry = records.get(&RecorderRecord::key(stream, generation)).await?;
            let record = entry.and_then(|entry| serde_json::from_slice::<RecorderRecord>(&entry.value).ok());
            let committed = record.map_or(0, |record| record.committed);
            if committed >= last {
                break;
            }
            if Instant::now() > deadline {
                bail!("{} is recorded up to {committed} of {last}", stream.name());
            }
            tick.tick().await;
        }
    }
    Ok(())
}

async fn last_that_concerns(bus: &Bus, stream: Stream, site: &str) -> anyhow::Result<u64> {
    let class = if stream == Stream::Events { "event" } else { "plan" };
    let mut last = 0;
    for of in [site, "all"] {
        last = last.max(bus.last_matching(stream, &format!("muster.v1.{class}.{of}.>")).await?);
    }
    Ok(last)
}

fn ticks() -> tokio::time::Interval {
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}
