//! `sweep_16_1`: a /16 and one port, the kernel answering everywhere, from the request to the last row in the store.

use std::time::Instant;

use anyhow::ensure;
use muster_netlab::Lab;

use crate::output::{Value, figure, median, talk};
use crate::stack::System;
use crate::sweep::real;
use crate::{Effort, calibrate, command, note};

const BLOCK: &str = "10.10.0.0/16";
/// One that is connected to and never asked what it is, as nmap's `-sS` asks nobody either.
const PORT: u16 = 9_100;
const ADDRESSES: u64 = 65_536;
/// As fast as the estate allows.
const RATES: (u32, u32) = (1_000_000, 1_000);

/// Measures it, nmap in turn.
pub(crate) async fn measure(effort: Effort) -> anyhow::Result<()> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let (mut recall, mut recall_nmap): (f64, f64) = (100.0, 100.0);
    for round in 0..effort.rounds {
        let lab = Lab::build()?;
        lab.kernel_answers(BLOCK.parse()?)?;
        lab.listen(PORT)?;
        let mut system = System::start(BLOCK, 1, Some(RATES)).await?;
        let started = Instant::now();
        let sweep = system.sweep(BLOCK, PORT, PORT).await?;
        let rows = system.rows(&sweep, ADDRESSES).await?;
        let took_s = started.elapsed().as_secs_f64();
        system.rig.recorded().await?;
        let twice = system.rig.books.nothing_twice().await;
        system.rig.stop().await?;
        twice?;

        let line = format!("nmap -sS -n -Pn -T5 --min-rate 100000 -p {PORT} -oG - {BLOCK}");
        let (said, nmap_s) = command::run(&line).await?;
        let found = said.lines().filter(|line| line.contains("/open/")).count() as u64;
        talk(&format!("sweep_16_1 round {round}: {took_s:.2} s, {rows} rows; nmap {nmap_s:.2} s, {found} found"));
        ours.push(took_s);
        theirs.push(nmap_s);
        recall = recall.min(real(rows) / real(ADDRESSES) * 100.0);
        recall_nmap = recall_nmap.min(real(found) / real(ADDRESSES) * 100.0);
    }
    // Shorter is better: the ratio is nmap's over ours.
    let (ours, theirs) = (median(&ours), median(&theirs));
    figure(Value { name: "sweep_16_1", value: ours, unit: "s" }, Value { name: "nmap", value: theirs, unit: "s" });
    note(&format!(
        "sweep_16_1: nmap/ours {:.2}; recall {recall:.3} % at worst, nmap {recall_nmap:.3} %",
        theirs / ours
    ));
    ensure!(recall >= 100.0, "a row is missing");
    calibrate::print(tempfile::tempdir()?.path()).await
}
