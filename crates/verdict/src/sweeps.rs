//! The sweeps of a site: short numbers for their ids, and what the finished ones prove about silence.

use std::collections::HashMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;
use muster_estate::lookup::BlockSet;
use muster_estate::model::{PortRange, Transport};
use muster_ids::SweepId;

use crate::input::FinishedSweep;
use crate::time::Us;

/// Number of a sweep whose id is not kept.
pub(crate) const NO_SWEEP: u32 = u32::MAX;

/// Ids that get a number: at one sweep and one audit an hour, 60 years. Beyond it a sweep proves nothing about
/// silence, and evidence does not name it.
const IDS_MAX: usize = 1 << 20;

/// Finished sweeps that are kept, the newest by start: ten days of one sweep and one audit an hour, and more than any
/// sensible `absent_after_sweeps`.
const FINISHED_MAX: usize = 512;

/// A finished sweep that was not void.
#[derive(Debug)]
struct Proof {
    number: u32,
    started_at: Us,
    finished_at: Us,
    covered: BlockSet,
    ports: Vec<PortRange>,
}

/// What of a host has to be silent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Silence {
    /// Everything.
    Host,
    /// One port: only sweeps that look at it count.
    Port(Transport, u16),
}

/// How many sweeps in a row did not see something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Missed {
    /// Sweeps, counted up to the limit asked for.
    pub(crate) count: u32,
    /// End of the newest of them.
    pub(crate) newest_at: Option<Us>,
}

/// The sweeps of a site.
#[derive(Debug, Default)]
pub(crate) struct Sweeps {
    ids: Vec<SweepId>,
    numbers: HashMap<SweepId, u32, RandomState>,
    /// By number: `Some(void)` once it is over.
    over: Vec<Option<bool>>,
    /// The newest by (start, id), newest first.
    proofs: Vec<Proof>,
}

impl Sweeps {
    /// The number of an id.
    pub(crate) fn number(&mut self, id: SweepId) -> u32 {
        if let Some(number) = self.numbers.get(&id) {
            return *number;
        }
        let Ok(number) = u32::try_from(self.ids.len()) else { return NO_SWEEP };
        if self.ids.len() >= IDS_MAX {
            return NO_SWEEP;
        }
        self.ids.push(id);
        self.over.push(None);
        self.numbers.insert(id, number);
        number
    }

    /// The id of a number.
    pub(crate) fn id(&self, number: u32) -> Option<SweepId> {
        self.ids.get(number as usize).copied()
    }

    /// `Some(void)` once the sweep is over.
    pub(crate) fn over(&self, number: u32) -> Option<bool> {
        self.over.get(number as usize).copied().flatten()
    }

    /// A sweep is over; the first word about it stands. Returns its number if it is news.
    pub(crate) fn finish(&mut self, sweep: &FinishedSweep) -> Option<u32> {
        let number = self.number(sweep.sweep);
        let over = self.over.get_mut(number as usize)?;
        if over.is_some() {
            return None;
        }
        *over = Some(sweep.void);
        if !sweep.void {
            let started_at = sweep.started_at.as_microsecond();
            let place = self.proofs.partition_point(|other| {
                (other.started_at, self.ids[other.number as usize]) > (started_at, sweep.sweep)
            });
            let proof = Proof {
                number,
                started_at,
                finished_at: sweep.finished_at.as_microsecond(),
                covered: BlockSet::new(sweep.covered.iter().copied()),
                ports: sweep.ports.clone(),
            };
            self.proofs.insert(place, proof);
            self.proofs.truncate(FINISHED_MAX);
        }
        Some(number)
    }

    /// Counts sweeps that were not void, covered the address, began after `since`, and are not `seen_in`; up to
    /// `limit` of them.
    ///
    /// A sweep that began before the last sighting does not count: it saw the host, or had passed it by. `seen_in`
    /// guards against a scanner's clock that runs behind the scheduler's.
    pub(crate) fn missed(&self, address: IpAddr, what: Silence, since: Us, seen_in: u32, limit: u32) -> Missed {
        let mut missed = Missed::default();
        for proof in self.proofs.iter().take_while(|proof| proof.started_at > since) {
            if missed.count >= limit {
                break;
            }
            let looked = match what {
                Silence::Host => true,
                Silence::Port(transport, port) => proof
                    .ports
                    .iter()
                    .any(|range| range.transport == transport && (range.first..=range.last).contains(&port)),
            };
            if looked && proof.number != seen_in && proof.covered.contains(address) {
                missed.count += 1;
                missed.newest_at = missed.newest_at.max(Some(proof.finished_at));
            }
        }
        missed
    }
}
