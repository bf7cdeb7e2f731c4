//! `pipeline_rows`: observation rows a second from publish to queryable, their verdicts included.

use std::time::{Duration, Instant};

use anyhow::ensure;
use muster::process::ServiceName;
use muster_bus::{SiteName, Stream};

use crate::bed::{Bed, PATIENCE};
use crate::corpus::Sweep;
use crate::cpu::{Used, rest};
use crate::direct::{Direct, observation_rows, slices};
use crate::output::{Value, figure, median, talk};
use crate::{Effort, calibrate, publish, site, verdicts};

/// How often it is asked whether all rows are there: a hundredth of a round. Every question costs the store a millisecond.
const LOOK_EVERY: Duration = Duration::from_millis(40);
/// Services that rows pass.
pub(crate) const SERVICES: [ServiceName; 2] = [ServiceName::Recorder, ServiceName::Evaluator];

/// Measures; gives the rows a second.
pub(crate) async fn measure(effort: Effort) -> anyhow::Result<f64> {
    let bed = Bed::start(&SERVICES).await?;
    site::declare(&bed).await?;
    let direct = Direct::new(&bed).await?;
    let (mut rates, mut references) = (Vec::new(), Vec::new());
    // The first round finds cold caches in every process; it is not counted where there are more.
    let warm = u32::from(!effort.quick);
    for round in 0..effort.rounds + warm {
        let (rate, reference, verdict_rows) = one_round(&bed, &direct, round).await?;
        let note = if round < warm { " (not counted)" } else { "" };
        talk(&format!(
            "pipeline_rows round {round}: {rate:.0} rows/s; direct insert {reference:.0} rows/s, with {verdict_rows} verdict rows; \
             ratio {:.3}{note}",
            rate / reference
        ));
        if round >= warm {
            rates.push(rate);
            references.push(reference);
        }
    }
    let rate = median(&rates);
    figure(
        Value { name: "pipeline_rows", value: rate, unit: "rows/s" },
        Value { name: "clickhouse-crate", value: median(&references), unit: "rows/s" },
    );
    calibrate::print(bed.directory()).await?;
    bed.books.nothing_twice().await?;
    bed.stop().await?;
    Ok(rate)
}

/// A block of hosts of its own, swept once to be known, and then measured; then the same rows directly.
async fn one_round(bed: &Bed, direct: &Direct, round: u32) -> anyhow::Result<(f64, f64, usize)> {
    let (name, block) = (site::name()?, u8::try_from(round)?);
    publish::warm_up(bed, block).await?;
    let sweep = Sweep::numbered(block, u16::try_from(round)?);
    let before = bed.bus.stream_info(Stream::Verdicts).await?.last_sequence;
    let rate = through_pipeline(bed, &sweep, &name).await?;

    let slices = slices(&sweep, &name)?;
    let rows = observation_rows(name.as_str(), &slices)?;
    let messages = verdicts::after(bed, before).await?;
    let judged = verdicts::rows(&messages)?;
    ensure!(rows.len() as u64 == sweep.rows(), "{} rows, {} were to be", rows.len(), sweep.rows());
    ensure!(
        judged.log.len() as u64 == sweep.changes(),
        "{} verdicts, {} were to change",
        judged.log.len(),
        sweep.changes()
    );
    rest(bed).await?;
    let used = Used::now(bed);
    let seconds = direct.insert(round, &rows, &judged).await?;
    talk(&format!("  direct insert: {}", Used::now(bed).since(&used)));
    Ok((rate, sweep.rows() as f64 / seconds, judged.count()))
}

/// Publishes a sweep and waits until all its rows and verdicts can be queried; the rows a second.
pub(crate) async fn through_pipeline(bed: &Bed, sweep: &Sweep, name: &SiteName) -> anyhow::Result<f64> {
    publish::issue(bed, sweep, name).await?;
    bed.settled(name.as_str()).await?;
    let ready = publish::ready(sweep, name)?;
    rest(bed).await?;
    let wanted = bed.books.number("SELECT count() FROM observations").await? + sweep.rows();
    let used = Used::now(bed);
    let started = Instant::now();
    let published = async {
        publish::all(&bed.publisher(), ready).await?;
        anyhow::Ok(started.elapsed().as_secs_f64())
    };
    let (published, ()) = tokio::try_join!(published, queryable(bed, sweep, wanted))?;
    let seconds = started.elapsed().as_secs_f64();
    talk(&format!(
        "  published after {published:.2} s, queryable after {seconds:.2} s; {}",
        Used::now(bed).since(&used)
    ));
    Ok(sweep.rows() as f64 / seconds)
}

/// Waits until so many observations stand, and every finding of the sweep.
async fn queryable(bed: &Bed, sweep: &Sweep, observations: u64) -> anyhow::Result<()> {
    let begun = Instant::now();
    let deadline = begun + PATIENCE;
    let subjects = sweep.subjects().iter().map(|subject| format!("'{subject}'")).collect::<Vec<_>>().join(",");
    let log = bed.books.number("SELECT count() FROM verdict_log").await? + sweep.changes();
    // Its subjects are of this sweep alone.
    let judged = format!("SELECT count() FROM findings FINAL WHERE site = 'bench' AND subject IN ({subjects})");
    let standing = format!("SELECT count() FROM verdicts FINAL WHERE site = 'bench' AND subject IN ({subjects})");
    let mut tick = tokio::time::interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // Cheapest first: the number of rows of a log is in its parts' headers.
    let questions = [
        ("SELECT count() FROM observations", observations),
        ("SELECT count() FROM verdict_log", log),
        (judged.as_str(), sweep.changes()),
        (standing.as_str(), sweep.changes()),
    ];
    for (question, wanted) in questions {
        loop {
            tick.tick().await;
            let found = bed.books.number(question).await?;
            if found == wanted {
                talk(&format!("  {:.2} s: {question}", begun.elapsed().as_secs_f64()));
                break;
            }
            ensure!(found < wanted, "{found} rows, {wanted} were published: {question}");
            ensure!(Instant::now() < deadline, "{found} rows of {wanted} are there: {question}");
        }
    }
    Ok(())
}
