//! `muster demo`: the main job on real input, in under a minute.
//!
//! Real engines, every service a process of its own, real listeners; three sites, one of them this very machine. What it
//! prints is read back over gRPC, as an operator would.

pub(crate) mod api;
mod story;
mod tell;

use std::path::PathBuf;

use clap::Args;
use muster_kit::{Exit, Failure, OrExit as _, Shutdown};

use crate::operator::{Format, check_document, document};
use crate::process::Ending;
use story::Story;

/// Arguments of `muster demo`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  muster demo\n  muster demo --keep\n  muster demo -o json > demo.json")]
pub struct DemoArgs {
    /// Directory of the engines
    #[arg(long, value_name = "DIR")]
    engines: Option<PathBuf>,
    /// Leaves everything running until Ctrl-C
    #[arg(long)]
    keep: bool,
}

/// Where a demo's data goes when nothing else is said.
const DATA: &str = ".muster/demo";

/// Runs the demo in a directory of its own; what an earlier demo left there is removed.
///
/// # Errors
/// What did not work, in one line.
pub async fn demo(args: &DemoArgs, data: Option<PathBuf>, format: Format) -> Result<Ending, Failure> {
    check_document(format, "the demo")?;
    let data = data.unwrap_or_else(|| PathBuf::from(DATA));
    let shutdown = Shutdown::new();
    shutdown.listen_for_signals()?;
    let program = std::env::current_exe().or_exit(Exit::Internal)?;
    clear(&data, story::MARK)?;
    let telling = async {
        let mut story = Story::begin(&data, args.engines.clone(), program).await?;
        let result = story.tell().await;
        match result {
            Ok(told) => Ok((story, told)),
            Err(failure) => {
                story.end().await?;
                Err(failure)
            }
        }
    };
    let Some(told) = shutdown.or(Box::pin(telling)).await else { return Ok(Ending::Interrupted) };
    let (story, told) = told?;
    let report = data.join("report.html");
    std::fs::write(&report, crate::report::render(&told.report)).or_exit(Exit::CannotCreate)?;
    let data = document(format, "the demo", &told)?;
    crate::process::say(&data.unwrap_or_else(|| tell::text(&told, &report, args.keep)));
    if args.keep {
        crate::process::talk("Everything goes on running. Stop it with Ctrl-C.");
        shutdown.requested().await;
    }
    story.end().await?;
    Ok(Ending::Done)
}

/// Removes what an earlier run left, and nothing else: a directory without its mark is not touched.
pub(crate) fn clear(data: &std::path::Path, mark: &str) -> Result<(), Failure> {
    let mark = data.join(mark);
    if data.exists() && !mark.exists() && data.read_dir().or_exit(Exit::NoInput)?.next().is_some() {
        let what = format!("failed to begin in {}: it holds something else; name another --data", data.display());
        return Err(Failure::message(Exit::Usage, what));
    }
    if mark.exists() {
        std::fs::remove_dir_all(data).or_exit(Exit::CannotCreate)?;
    }
    std::fs::create_dir_all(data).or_exit(Exit::CannotCreate)?;
    std::fs::write(mark, "muster made this directory and removes it when it begins anew\n").or_exit(Exit::CannotCreate)
}
