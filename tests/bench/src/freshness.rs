//! `freshness_p50`, `freshness_p99`: from the publish of an observation until the verdict that it changes can be
//! queried, at half of the maximum rate.

use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use clickhouse::Client;
use muster_bus::{Expect, Publisher, SiteName};
use tokio::sync::mpsc;

use crate::bed::{Bed, PATIENCE};
use crate::corpus::{LEASES, Sweep, subject};
use crate::output::{Value, figure, percentile, talk};
use crate::pipeline_rows::{SERVICES, through_pipeline};
use crate::verdicts::address;
use crate::{Effort, calibrate, publish, site};

const P50_LIMIT_MS: f64 = 300.0;
const P99_LIMIT_MS: f64 = 1_500.0;
/// How long a round publishes.
const ROUND: Duration = Duration::from_secs(15);
const QUICK: Duration = Duration::from_secs(3);
/// How often verdicts are looked for: what it adds to each latency is half of it, on average.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Slices made ahead of their time: a second's worth at 500,000 rows/s.
const AHEAD: usize = 500;
/// The block of hosts that is swept again and again.
const BLOCK: u8 = 0;

/// A verdict that changed.
#[derive(clickhouse::Row, serde::Deserialize)]
struct Changed {
    stream_sequence: u64,
    address: Ipv6Addr,
    subject: String,
}

/// (address, subject) → when its slice was published.
type Awaited = HashMap<(Ipv6Addr, String), Instant>;

/// Measures at half of a rate; without one it is measured first.
pub(crate) async fn measure(effort: Effort, maximum: Option<f64>) -> anyhow::Result<()> {
    let bed = Bed::start(&SERVICES).await?;
    site::declare(&bed).await?;
    publish::warm_up(&bed, BLOCK).await?;
    let name = site::name()?;
    let mut next = 1;
    let maximum = match maximum {
        Some(maximum) => maximum,
        None => {
            // The first pass warms up.
            through_pipeline(&bed, &Sweep::numbered(BLOCK, 1), &name).await?;
            next = 3;
            through_pipeline(&bed, &Sweep::numbered(BLOCK, 2), &name).await?
        }
    };
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    let length = if effort.quick { QUICK } else { ROUND };
    for round in 0..effort.rounds {
        let taken = one_round(&bed, &name, &mut next, maximum / 2.0, length).await?;
        let (half, most) = (percentile(&taken, 50), percentile(&taken, 99));
        talk(&format!(
            "freshness round {round}: {} changes at {:.0} rows/s: p50 {half:.0} ms, p99 {most:.0} ms, most {:.0} ms",
            taken.len(),
            maximum / 2.0,
            percentile(&taken, 100)
        ));
        p50.push(half);
        p99.push(most);
    }
    let limit = |value| Value { name: "limit", value, unit: "ms" };
    figure(Value { name: "freshness_p50", value: percentile(&p50, 50), unit: "ms" }, limit(P50_LIMIT_MS));
    figure(Value { name: "freshness_p99", value: percentile(&p99, 50), unit: "ms" }, limit(P99_LIMIT_MS));
    calibrate::print(bed.directory()).await?;
    bed.stop().await
}

/// Publishes at a rate for a while; the latency of every change, ms.
async fn one_round(
    bed: &Bed,
    name: &SiteName,
    next: &mut u16,
    rate: f64,
    length: Duration,
) -> anyhow::Result<Vec<f64>> {
    let slices_per_s = rate / 1_000.0;
    let sweeps =
        (slices_per_s * length.as_secs_f64() * 1_000.0 / Sweep::numbered(BLOCK, 1).rows() as f64).ceil() as u16;
    let sweeps = (*next..*next + sweeps.max(1)).map(|number| Sweep::numbered(BLOCK, number)).collect::<Vec<_>>();
    *next += u16::try_from(sweeps.len())?;
    for sweep in &sweeps {
        publish::issue(bed, sweep, name).await?;
    }
    bed.settled(name.as_str()).await?;
    let (made, slices) = mpsc::channel(AHEAD);
    // A thread of its own: making rows is no part of what is timed.
    let (site, making) = (name.clone(), sweeps);
    let maker = std::thread::spawn(move || make(&site, &making, &made));
    let after = bed.bus.stream_info(muster_bus::Stream::Verdicts).await?.last_sequence;
    let (tell, told) = mpsc::unbounded_channel();
    let over = Arc::new(AtomicBool::new(false));
    let publishing = publish_paced(bed.publisher(), slices, slices_per_s, length, tell, Arc::clone(&over));
    let (_, taken) = tokio::try_join!(publishing, watch(bed, after, told, over))?;
    // It ends when nobody takes what it makes.
    maker.join().map_err(|_| anyhow::anyhow!("making slices failed"))??;
    Ok(taken)
}

/// A slice to publish, and the keys of the verdicts that it changes.
struct Made {
    ready: publish::Ready,
    changes: Vec<(Ipv6Addr, String)>,
}

/// One slice of each of several leases in turn, as they come from as many scanners.
fn make(site: &SiteName, sweeps: &[Sweep], made: &mpsc::Sender<Made>) -> anyhow::Result<()> {
    for sweep in sweeps {
        for index in 0..LEASES {
            let load = sweep.lease(site, index)?;
            for slice in load.slices {
                let unapproved = slice.observations.iter().filter(|seen| Sweep::is_unapproved(seen.port));
                let changes = unapproved
                    .map(|seen| Ok((address(&seen.address)?, format!("approved-service:tcp/{}", seen.port))))
                    .collect::<anyhow::Result<Vec<_>>>()?;
                let drafts = vec![sweep.draft(site, load.order, slice)];
                let ready = publish::Ready { subject: subject(site, load.order), drafts };
                if made.blocking_send(Made { ready, changes }).is_err() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Publishes at a steady rate; tells when each was begun. The place in the lease is its last answer's.
async fn publish_paced(
    publisher: Publisher,
    mut slices: mpsc::Receiver<Made>,
    per_s: f64,
    length: Duration,
    tell: mpsc::UnboundedSender<(Instant, Vec<(Ipv6Addr, String)>)>,
    over: Arc<AtomicBool>,
) -> anyhow::Result<()> {
    let started = tokio::time::Instant::now();
    let mut sent = 0_u32;
    let mut lasts = HashMap::new();
    while started.elapsed() < length {
        let Some(Made { ready, changes }) = slices.recv().await else { break };
        tokio::time::sleep_until(started + Duration::from_secs_f64(f64::from(sent) / per_s)).await;
        sent += 1;
        for draft in ready.drafts {
            let last = lasts.entry(ready.subject.clone()).or_insert(0);
            let begun = Instant::now();
            *last = publisher.publish(&ready.subject, draft, Expect::LastOnSubject(*last)).await?.sequence;
            let _watching = tell.send((begun, changes.clone()));
        }
    }
    let reached = f64::from(sent) / started.elapsed().as_secs_f64();
    talk(&format!("  published {sent} slices, {:.0} rows/s", reached * 1_000.0));
    ensure!(reached > per_s * 0.9, "published {reached:.0} slices/s of {per_s:.0}: one publisher cannot");
    over.store(true, Ordering::Release);
    Ok(())
}

/// Looks for verdicts until all that was published is there.
async fn watch(
    bed: &Bed,
    mut after: u64,
    mut told: mpsc::UnboundedReceiver<(Instant, Vec<(Ipv6Addr, String)>)>,
    over: Arc<AtomicBool>,
) -> anyhow::Result<Vec<f64>> {
    let options = bed.store_options();
    let client = Client::default()
        .with_url(&options.url)
        .with_user(&options.user)
        .with_password(&options.password)
        .with_database(&options.database)
        .with_validation(false);
    let mut awaited = Awaited::new();
    let mut early: HashMap<(Ipv6Addr, String), Instant> = HashMap::new();
    let mut taken = Vec::new();
    let mut tick = tokio::time::interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut deadline = Instant::now() + PATIENCE;
    loop {
        tick.tick().await;
        let finished = over.load(Ordering::Acquire);
        let question = format!(
            "SELECT stream_sequence, address, subject FROM verdicts WHERE stream_sequence > {after} AND site = 'bench' \
             AND startsWith(subject, 'approved-service:')"
        );
        let found = client.query(&question).fetch_all::<Changed>().await?;
        let now = Instant::now();
        while let Ok((begun, changes)) = told.try_recv() {
            awaited.extend(changes.into_iter().map(|key| (key, begun)));
        }
        for Changed { stream_sequence, address, subject } in found {
            after = after.max(stream_sequence);
            early.insert((address, subject), now);
            deadline = now + PATIENCE;
        }
        // A verdict may be there before its publisher has its answer.
        early.retain(|key, at| match awaited.remove(key) {
            Some(begun) => {
                taken.push(at.saturating_duration_since(begun).as_secs_f64() * 1e3);
                false
            }
            None => true,
        });
        if finished && awaited.is_empty() && told.is_empty() {
            return Ok(taken);
        }
        ensure!(Instant::now() < deadline, "{} verdicts did not come", awaited.len());
    }
}
