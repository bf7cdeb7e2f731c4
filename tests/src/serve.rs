//! A process that is expected to end by itself: what it said, and its exit code.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Exit code; none: a signal.
    pub code: Option<i32>,
    /// Why it ended, as it said on standard error: to a person, or in the last line of its log.
    pub errors: Vec<String>,
    /// All of it.
    pub said: String,
}

/// Runs a program until it ends.
///
/// # Errors
/// When it cannot be started, or has not ended after a minute.
pub async fn run_to_end<A: AsRef<std::ffi::OsStr>>(program: &Path, arguments: &[A]) -> anyhow::Result<Ended> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().context("failed to start the program under test")?;
    let mut stderr = child.stderr.take().context("standard error is piped")?;
    let mut said = String::new();
    let ended = async {
        stderr.read_to_string(&mut said).await?;
        child.wait().await
    };
    let status = tokio::time::timeout(Duration::from_secs(60), ended).await;
    let status = status.map_err(|_| anyhow::anyhow!("it has not ended after a minute: {said}"))??;
    let errors = said.lines().filter_map(last_word).collect();
    Ok(Ended { code: status.code(), errors, said })
}

/// A line that says why the process ends.
fn last_word(line: &str) -> Option<String> {
    if line.starts_with("error:") {
        return Some(line.to_owned());
    }
    let said: serde_json::Value = serde_json::from_str(line).ok()?;
    let ends = said["level"] == "ERROR" && said["target"] == "muster_kit::launch";
    ends.then(|| said["message"].as_str().unwrap_or_default().to_owned())
}
