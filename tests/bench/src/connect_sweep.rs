//! `connect_sweep`: measured by the scanner's own benchmark, which holds the listeners and runs nmap beside us.

use anyhow::{Context as _, ensure};

use crate::{Effort, calibrate};

/// Runs it and passes its lines through.
pub(crate) async fn measure(effort: Effort) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut bench = tokio::process::Command::new(cargo);
    bench.args(["bench", "--quiet", "--package", "muster-scanner", "--bench", "connect_sweep"]);
    bench.current_dir(env!("CARGO_MANIFEST_DIR")).env("MUSTER_BENCH_ROUNDS", effort.rounds.to_string());
    let status = bench.status().await.context("running cargo bench of the scanner")?;
    ensure!(status.success(), "the scanner's connect_sweep failed: {status}");
    calibrate::print(tempfile::tempdir()?.path()).await
}
