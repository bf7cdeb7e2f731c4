//! Processor time of the processes of a stack: on a machine that does other things too it says more than the clock.

use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::bed::{Bed, PATIENCE};

/// Linux counts processor time in hundredths of a second (`USER_HZ`) on every architecture that Muster is built for.
const TICKS_PER_S: f64 = 100.0;

/// Seconds used so far, by process; our own last.
#[derive(Debug, Clone)]
pub(crate) struct Used(Vec<(String, f64)>);

impl Used {
    /// Up to now.
    pub(crate) fn now(bed: &Bed) -> Self {
        let engines = bed.stack.engines();
        let named = [("nats", engines.nats_pid()), ("clickhouse", engines.clickhouse_pid())];
        let mut used: Vec<_> =
            named.into_iter().filter_map(|(name, pid)| Some((name.to_owned(), seconds(pid?)?))).collect();
        let services = bed.stack.pids().into_iter().filter_map(|(name, pid)| Some((name, seconds(pid)?)));
        used.extend(services);
        used.extend(seconds(std::process::id()).map(|own| ("bench".to_owned(), own)));
        Self(used)
    }

    /// Since an earlier look, as text.
    pub(crate) fn since(&self, earlier: &Self) -> String {
        let spent = |name: &str, now: f64| {
            let before = earlier.0.iter().find(|(other, _)| other == name).map_or(0.0, |(_, before)| *before);
            now - before
        };
        let parts: Vec<_> = self.0.iter().map(|(name, now)| format!("{name} {:.2}", spent(name, *now))).collect();
        let total: f64 = self.0.iter().map(|(name, now)| spent(name, *now)).sum();
        format!("processor time {total:.2} s: {}", parts.join(", "))
    }
}

/// How long one look at the store lasts, and what it may use of it while it rests: 2 of 50 hundredths of a second.
const LOOK: Duration = Duration::from_millis(500);
const RESTS_S: f64 = 0.02;

/// Waits until the store merges nothing any more. What an insert leaves to be merged is charged to who inserted, and
/// not to what is measured next.
pub(crate) async fn rest(bed: &Bed) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let pid = bed.stack.engines().clickhouse_pid().context("the store does not run")?;
    let mut before = seconds(pid).context("the store does not run")?;
    loop {
        tokio::time::sleep(LOOK).await;
        let now = seconds(pid).context("the store does not run")?;
        if now - before <= RESTS_S {
            return Ok(());
        }
        ensure!(tokio::time::Instant::now() < deadline, "the store does not come to rest");
        before = now;
    }
}

/// Fields 14 and 15 of `/proc/PID/stat` (proc_pid_stat(5)): user and system time of all threads.
fn seconds(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses, and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_S)
}
