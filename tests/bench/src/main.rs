//! `muster-bench`: every figure beside its reference, measured side by side in one run.
//!
//! Standard output holds a line a figure, `bench NAME VALUE UNIT; REFERENCE VALUE UNIT; ratio X`, and after every figure
//! the calibration of the machine in the same minutes. What each round gave goes to standard error. What a figure
//! measures and how to read it: `docs/benchmarks.md`.

mod bed;
mod bus_consume;
mod calibrate;
mod connect_sweep;
mod corpus;
mod cpu;
mod direct;
mod freshness;
mod output;
mod pipeline_rows;
mod publish;
mod query_overhead;
mod site;
mod startup;
mod verdicts;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};

/// The one of `muster`: what is measured in this process has it, and so has its reference.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Figure {
    /// Observation rows a second from publish to queryable, verdicts included
    PipelineRows,
    /// Our consumer beside the bare client
    BusConsume,
    /// From an observation to its verdict, at half of the maximum rate: p50 and p99
    Freshness,
    /// What the gateway adds to its SQL: p50 and p99
    QueryOverhead,
    /// The connect scanner beside nmap
    ConnectSweep,
    /// Until all services are ready, and what they need while nothing happens
    Startup,
}

/// Measures the figures of the README, each beside its reference
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  muster-bench\n  muster-bench pipeline_rows freshness --rounds 7\n  muster-bench --quick"
)]
struct Args {
    /// Which figures; all without one
    #[arg(value_name = "NAME")]
    figures: Vec<Figure>,
    /// Rounds of a figure, each with its reference beside it; the medians are printed
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=40))]
    rounds: u32,
    /// One round and few pairs: shows that everything runs; no figure to quote
    #[arg(long)]
    quick: bool,
}

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Rounds.
    pub(crate) rounds: u32,
    /// As little as shows that it runs.
    pub(crate) quick: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let effort = Effort { rounds: if args.quick { 1 } else { args.rounds }, quick: args.quick };
    match run(&args.figures, effort).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::talk(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(figures: &[Figure], effort: Effort) -> anyhow::Result<()> {
    muster_kit::tls::install_provider();
    let wanted = |figure| figures.is_empty() || figures.contains(&figure);
    if wanted(Figure::Startup) {
        Box::pin(startup::measure(effort)).await?;
    }
    let mut rate = None;
    if wanted(Figure::PipelineRows) {
        rate = Some(Box::pin(pipeline_rows::measure(effort)).await?);
    }
    if wanted(Figure::Freshness) {
        Box::pin(freshness::measure(effort, rate)).await?;
    }
    if wanted(Figure::BusConsume) {
        Box::pin(bus_consume::measure(effort)).await?;
    }
    if wanted(Figure::QueryOverhead) {
        Box::pin(query_overhead::measure(effort)).await?;
    }
    if wanted(Figure::ConnectSweep) {
        connect_sweep::measure(effort).await?;
    }
    Ok(())
}
