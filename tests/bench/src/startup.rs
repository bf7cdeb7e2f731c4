//! `startup`: how long the services take to be ready once the engines are; `idle`: what they need together while nothing
//! happens.

use std::time::Duration;

use anyhow::Context as _;
use muster::process::ServiceName;

use crate::bed::Bed;
use crate::output::{Value, figure, median, talk};
use crate::{Effort, calibrate};

/// What the services may take until all are ready.
const STARTUP_LIMIT_S: f64 = 2.0;
/// What they may need together.
const IDLE_LIMIT_MB: f64 = 150.0;
/// When the allocations of a start are over: leaders are elected and first positions are recorded within a second.
const SETTLE: Duration = Duration::from_secs(5);

/// Measures both: each round is a stack of its own, with every service once and empty engines.
pub(crate) async fn measure(effort: Effort) -> anyhow::Result<()> {
    let (mut startups, mut idles) = (Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        let bed = Bed::start(ServiceName::ALL).await?;
        let startup = bed.stack.services_ready_after.as_secs_f64();
        tokio::time::sleep(SETTLE).await;
        let mut total = 0.0;
        let mut each = Vec::new();
        for (name, pid) in bed.stack.pids() {
            let used = pss_mb(pid)?;
            each.push(format!("{name} {used:.1}"));
            total += used;
        }
        talk(&format!("startup round {round}: {startup:.2} s; idle {total:.1} MB: {}", each.join(", ")));
        startups.push(startup);
        idles.push(total);
        bed.stop().await?;
    }
    let limit = |value, unit| Value { name: "limit", value, unit };
    figure(Value { name: "startup", value: median(&startups), unit: "s" }, limit(STARTUP_LIMIT_S, "s"));
    figure(Value { name: "idle", value: median(&idles), unit: "MB" }, limit(IDLE_LIMIT_MB, "MB"));
    calibrate::print(tempfile::tempdir()?.path()).await
}

/// Proportional set size in MB: pages that processes share are divided among them, so that a sum counts each once.
fn pss_mb(pid: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).with_context(|| format!("no Pss in {path}"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().with_context(|| format!("Pss of {path}"))?;
    Ok(kib * 1024.0 / 1e6)
}
