//! `muster-bench-find`: how well and how politely a network is swept, in a lab of network namespaces.
//!
//! Standard output holds a line a figure, as `muster-bench` prints them; what each round gave goes to standard error.
//! It runs itself in namespaces of its own, from which no way leads out. What a figure measures: `docs/lab.md`.

mod bound;
#[path = "../calibrate.rs"]
mod calibrate;
mod command;
mod gate;
mod lab;
mod manners;
#[path = "../output.rs"]
mod output;
mod recall;
mod recog;
mod stack;
mod sweep;
mod sweep_16_1;
mod syn_silent;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use muster_netlab::{Entered, enter};

/// The one of `muster`: what is measured in this process has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What can be measured, in the order in which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Figure {
    /// Packets a second into silence, beside a bare loop of sendmmsg and masscan
    SynSilent,
    /// A /16 with one port until its last row can be queried, beside nmap
    #[value(name = "sweep_16_1")]
    Sweep161,
    /// Examples, attributes and rate of Recog
    Recog,
    /// What is found where 2 % are lost each way
    RecallLoss,
    /// How often the stated bound covers the truth
    Bound,
    /// From `muster halt` to the last packet of eight scanners
    Halt,
    /// What a host sees of eight scanners, and what an excluded address does
    Manners,
    /// What is found at the default rates: a quarter of an hour
    RecallPolite,
}

/// Measures how well and how politely a network is swept
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  muster-bench-find\n  muster-bench-find syn_silent recall_loss --rounds 7\n  \
                  muster-bench-find lab --seed 7 --block 10.10.0.0/24 --ports 22,80,443"
)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
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

#[derive(Debug, Subcommand)]
enum Command {
    /// A network with a known truth, until Ctrl-C: the truth as CSV on standard output
    Lab(lab::LabArgs),
}

/// Prints what belongs to a figure and has no reference.
pub(crate) fn note(line: &str) {
    let _closed = writeln!(std::io::stdout(), "note {line}");
}

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Rounds.
    pub(crate) rounds: u32,
    /// As little as shows that it runs.
    pub(crate) quick: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match enter() {
        Ok(Entered::Outside(code)) => return code,
        Ok(Entered::Inside) => {}
        Err(error) => {
            output::talk(&format!("skipped: network namespaces are not permitted here: {error}"));
            return ExitCode::from(77);
        }
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::talk(&format!("error: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::talk(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> anyhow::Result<()> {
    if let Some(Command::Lab(args)) = args.command {
        return lab::serve(&args).await;
    }
    muster_kit::tls::install_provider();
    let effort = Effort { rounds: if args.quick { 1 } else { args.rounds }, quick: args.quick };
    let figures = if args.figures.is_empty() { Figure::value_variants().to_vec() } else { args.figures };
    for figure in figures {
        match figure {
            Figure::SynSilent => syn_silent::measure(effort).await?,
            Figure::Sweep161 => Box::pin(sweep_16_1::measure(effort)).await?,
            Figure::Recog => recog::measure().await?,
            Figure::RecallLoss => recall::with_loss(effort).await?,
            Figure::Bound => bound::measure(effort)?,
            Figure::Halt => Box::pin(manners::halt(effort)).await?,
            Figure::Manners => {
                gate::measure(effort)?;
                Box::pin(manners::measure(effort)).await?;
            }
            Figure::RecallPolite => recall::polite(effort).await?,
        }
    }
    Ok(())
}
