//! Other tools, side by side with ours.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

/// Nothing that is measured takes longer.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs a command of a line of words: what it wrote to standard output, and how long it took in s.
pub(crate) async fn run(line: &str) -> anyhow::Result<(String, f64)> {
    let mut words = line.split(' ');
    let mut command = tokio::process::Command::new(words.next().unwrap_or_default());
    command.args(words).stdin(Stdio::null()).kill_on_drop(true);
    let started = Instant::now();
    let output = tokio::time::timeout(PATIENCE, command.output()).await.context("it takes too long")?;
    let output = output.with_context(|| format!("running {line}"))?;
    let took_s = started.elapsed().as_secs_f64();
    ensure!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), took_s))
}
