//! `recall_loss`, `recall_polite`: what the raw engine finds of a phantom's truth.

use std::time::Duration;

use anyhow::ensure;
use ipnet::Ipv4Net;
use muster_netlab::{Lab, Manner, Phantom, Seen, Truth, World};
use muster_scanner::raw::RawOptions;
use muster_sweep::Rates;

use crate::output::{Value, figure, talk};
use crate::sweep::{Score, real, sweep};
use crate::{Effort, note};

/// Each with 410,000 pairs, of which 6,100 are open: one miss in 61,000 is 0.0016 %.
const SEEDS: u64 = 10;
/// Of a million, each way.
const LOSS: u32 = 20_000;
/// What a sweep with loss has to find, %.
const WANTED_LOSS: f64 = 99.99;
const WANTED_POLITE: f64 = 100.0;
/// Where neither the phantom nor the machine is the limit: what they lose would be counted as the network's.
const FAST: Rates = Rates { site_pps: 60_000, host_pps: 100_000 };
const ROUND_TRIP: Duration = Duration::from_millis(10);
const JITTER: Duration = Duration::from_millis(10);

struct Size {
    block: Ipv4Net,
    ports: u16,
    seeds: u64,
}

fn size(effort: Effort, seeds: u64) -> anyhow::Result<Size> {
    Ok(if effort.quick {
        Size { block: "10.30.0.0/23".parse()?, ports: 20, seeds: 2 }
    } else {
        Size { block: "10.30.0.0/20".parse()?, ports: 100, seeds }
    })
}

/// With 2 % lost each way.
pub(crate) async fn with_loss(effort: Effort) -> anyhow::Result<()> {
    let manner = Manner { loss_in: LOSS, loss_out: LOSS, round_trip: ROUND_TRIP, jitter: JITTER, ..Manner::default() };
    let size = size(effort, SEEDS)?;
    let score = pooled("recall_loss", &size, manner, FAST).await?;
    print("recall_loss", &size, score, WANTED_LOSS);
    Ok(())
}

/// At the rates of a site that sets none.
pub(crate) async fn polite(effort: Effort) -> anyhow::Result<()> {
    let manner = Manner { round_trip: ROUND_TRIP, jitter: JITTER, ..Manner::default() };
    let size = size(effort, 1)?;
    let score = pooled("recall_polite", &size, manner, Rates::default()).await?;
    print("recall_polite", &size, score, WANTED_POLITE);
    Ok(())
}

async fn pooled(name: &str, size: &Size, manner: Manner, rates: Rates) -> anyhow::Result<Score> {
    let mut all = Score::default();
    for seed in 1..=size.seeds {
        let lab = Lab::build()?;
        let phantom = Phantom::start(&lab, Truth::new(World::sparse(seed, size.block)), manner, None)?;
        let swept = sweep(size.block, size.ports, seed, rates, RawOptions::default()).await?;
        let truth = phantom.truth().clone();
        let seen = phantom.stop()?;
        let score = Score::of(&swept, &truth, size.ports);
        all.add(score);
        talk(&format!(
            "{name} seed {seed}: {} of {} open pairs, {} invented, {} twice; {:.1} s, {} probes, {} lost here, {} back; {:?}",
            score.found,
            score.open,
            score.invented,
            score.twice,
            swept.took_s,
            seen.probes,
            seen.lost_in,
            seen.lost_out,
            swept.counts,
        ));
        if score.found < score.open {
            talk(&format!("{name} seed {seed}: missed {:?}", Score::missed(&swept, &truth, size.ports)));
        }
        sound(&seen)?;
    }
    Ok(all)
}

/// What the experiment itself lost makes it void.
pub(crate) fn sound(seen: &Seen) -> anyhow::Result<()> {
    ensure!(seen.unheard == 0 && seen.overflowed == 0, "the phantom did not keep up, the figure is void: {seen:?}");
    Ok(())
}

fn print(name: &str, size: &Size, score: Score, wanted: f64) {
    let limit = Value { name: "limit", value: wanted, unit: "%" };
    figure(Value { name, value: score.recall(), unit: "%" }, limit);
    note(&format!(
        "{name}: {} of {} open pairs of {} seeds, {} x {} ports; precision {:.4} %, {} rows twice; one miss is {:.5} %",
        score.found,
        score.open,
        size.seeds,
        size.block,
        size.ports,
        score.precision(),
        score.twice,
        100.0 / real(score.open),
    ));
}
