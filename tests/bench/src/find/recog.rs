//! `recog_examples`, `recog_attributes`, `recog_rate`: measured by the own benchmark of `muster-identify`.

use anyhow::{Context as _, ensure};

use crate::output::talk;

/// Runs it and passes its lines through.
pub(crate) async fn measure() -> anyhow::Result<()> {
    if std::env::var_os("MUSTER_TEST_DATA").is_none() {
        talk("skipped: recog needs the files of Recog: MUSTER_TEST_DATA=DIR");
        return Ok(());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut bench = tokio::process::Command::new(cargo);
    // Offline: no way leads out of this network.
    bench.args(["bench", "--offline", "--quiet", "--package", "muster-identify", "--bench", "recog"]);
    let status = bench.current_dir(env!("CARGO_MANIFEST_DIR")).status().await.context("running cargo bench")?;
    ensure!(status.success(), "the benchmark of muster-identify failed: {status}");
    Ok(())
}
