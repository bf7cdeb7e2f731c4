//! A lease swept by the scanner's raw engine, as the service does it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use anyhow::ensure;
use ipnet::Ipv4Net;
use muster_netlab::{State, Truth};
use muster_scanner::engine::End;
use muster_scanner::gate::{Gate, Permit};
use muster_scanner::raw::{self, RawOptions};
use muster_sweep::{Lease, PortRange, Rates, SliceCounts, Transport, UNITS_PER_SLICE_MAX};

/// More than any machine sends.
pub(crate) const UNLIMITED: Rates = Rates { site_pps: 1_000_000_000, host_pps: 1_000_000_000 };

/// What was found.
pub(crate) struct Swept {
    /// Rows of each open pair: one, or something is wrong.
    pub(crate) open: HashMap<(Ipv4Addr, u16), u32>,
    pub(crate) counts: SliceCounts,
    pub(crate) took_s: f64,
}

/// Sweeps the first so many ports of a block.
pub(crate) async fn sweep(
    block: Ipv4Net,
    ports: u16,
    seed: u64,
    rates: Rates,
    options: RawOptions,
) -> anyhow::Result<Swept> {
    let range = PortRange { transport: Transport::Tcp, first: 1, last: ports };
    let mut key = [0; 16];
    key[..8].copy_from_slice(&seed.to_be_bytes());
    let lease = Arc::new(Lease::new(vec![block.into()], &[range], key, UNITS_PER_SLICE_MAX)?);
    let gate = Arc::new(Gate::new(|_: IpAddr, _: Transport, _: u16| Ok(Permit::Payload), rates));
    let started = Instant::now();
    let mut run = raw::start(lease, 0, gate, options)?;
    let (mut open, mut counts) = (HashMap::new(), SliceCounts::default());
    while let Some(slice) = run.next().await {
        for found in &slice.open {
            if let IpAddr::V4(address) = found.address {
                *open.entry((address, found.port)).or_default() += 1;
            }
        }
        counts.open += slice.counts.open;
        counts.closed += slice.counts.closed;
        counts.silent += slice.counts.silent;
        counts.skipped += slice.counts.skipped;
    }
    let end = run.end().await;
    ensure!(end == End::Finished, "the sweep ended as {end:?}");
    Ok(Swept { open, counts, took_s: started.elapsed().as_secs_f64() })
}

/// What was found against what is there.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Score {
    /// Open pairs.
    pub(crate) open: u64,
    /// Of these, found.
    pub(crate) found: u64,
    /// Found and not there.
    pub(crate) invented: u64,
    /// Rows beyond the first of a pair.
    pub(crate) twice: u64,
}

impl Score {
    pub(crate) fn of(swept: &Swept, truth: &Truth, ports: u16) -> Self {
        let ports: Vec<u16> = (1..=ports).collect();
        let mut score = Self::default();
        for pair in truth.open_pairs(&ports) {
            score.open += 1;
            score.found += u64::from(swept.open.contains_key(&pair));
        }
        for ((address, port), rows) in &swept.open {
            score.invented += u64::from(truth.of(*address, *port) != State::Open);
            score.twice += u64::from(rows - 1);
        }
        score
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.open += other.open;
        self.found += other.found;
        self.invented += other.invented;
        self.twice += other.twice;
    }

    /// The first few open pairs that were not found.
    pub(crate) fn missed(swept: &Swept, truth: &Truth, ports: u16) -> Vec<(Ipv4Addr, u16)> {
        let ports: Vec<u16> = (1..=ports).collect();
        truth.open_pairs(&ports).filter(|pair| !swept.open.contains_key(pair)).take(8).collect()
    }

    /// In percent.
    pub(crate) fn recall(self) -> f64 {
        real(self.found) / real(self.open) * 100.0
    }

    /// In percent.
    pub(crate) fn precision(self) -> f64 {
        let all = self.found + self.invented;
        real(self.found) / real(all) * 100.0
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts; exact to 2^53")]
pub(crate) const fn real(count: u64) -> f64 {
    count as f64
}
