//! The leases of the sweeps that are not over: which address and port a unit is, and what was really looked at.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;

use bytes::Bytes;
use ipnet::IpNet;
use jiff::Timestamp;
use muster_bus::convert::{ConvertError, estate, network};
use muster_estate::model::PortRange;
use muster_ids::{OrderId, SweepId};
use muster_proto::v1;
use muster_sweep::Lease;
use muster_verdict::{FinishedSweep, Refused};

use crate::convert::inputs::{bits, id, wrong};
use crate::convert::words::{transport_of_sweep, transport_to_sweep};

/// Sweeps remembered after their end, so that what comes late is known to be late.
const OVER_MAX: usize = 1_024;
/// Addresses of one lease that were passed over. Beyond it the lease proves nothing about silence: 4,096 are the
/// sixteenth part of its addresses, and more than a sweep may miss.
const HOLES_MAX: usize = 4_096;

/// What a slice says about units other than the open ones.
#[derive(Debug, Clone)]
pub(crate) struct SliceBits {
    pub(crate) sweep: SweepId,
    pub(crate) started_at: Timestamp,
    pub(crate) first_unit: u32,
    pub(crate) units: u32,
    pub(crate) closed: Bytes,
    pub(crate) skipped: Bytes,
}

impl SliceBits {
    /// A copy that shares no bytes with the message.
    pub(crate) fn detached(&self) -> Self {
        let (closed, skipped) = (Bytes::copy_from_slice(&self.closed), Bytes::copy_from_slice(&self.skipped));
        Self { closed, skipped, ..self.clone() }
    }
}

#[derive(Debug)]
struct Held {
    sweep: SweepId,
    lease: Lease,
    /// Units before this one are in a slice.
    reached: u64,
    /// Addresses with a unit that was not probed; `None`: too many.
    holes: Option<BTreeSet<IpAddr>>,
}

/// The leases of a site's open sweeps.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    held: HashMap<OrderId, Held>,
    over: VecDeque<SweepId>,
}

impl Leases {
    /// An order was issued.
    pub(crate) fn issued(&mut self, issued: &v1::OrderIssued) -> Result<(), ConvertError> {
        let order = issued.order.as_ref().ok_or_else(|| wrong("order_issued.order", "not set".to_owned()))?;
        let lease = order.lease.as_ref().ok_or_else(|| wrong("order.lease", "not set".to_owned()))?;
        let key = lease
            .permutation_key
            .as_slice()
            .try_into()
            .map_err(|_| wrong("lease.permutation_key", "not 16 bytes".to_owned()))?;
        let blocks = lease.blocks.iter().map(|block| network::block_from_proto("lease.blocks", block));
        let (order, sweep) = (
            id("order.order_id", OrderId::from_bytes(&order.order_id))?,
            id("order.sweep_id", SweepId::from_bytes(&order.sweep_id))?,
        );
        let (blocks, ports) = (blocks.collect::<Result<_, _>>()?, estate::ports("lease.ports", &lease.ports)?);
        self.add(order, sweep, blocks, &ports, key, lease.units_per_slice)
    }

    /// Adds a lease of which nothing has been seen.
    pub(crate) fn add(
        &mut self,
        order: OrderId,
        sweep: SweepId,
        blocks: Vec<IpNet>,
        ports: &[PortRange],
        key: [u8; 16],
        units_per_slice: u32,
    ) -> Result<(), ConvertError> {
        if self.is_over(sweep) || self.held.contains_key(&order) {
            return Ok(());
        }
        let ports: Vec<_> = ports
            .iter()
            .map(|range| muster_sweep::PortRange {
                transport: transport_to_sweep(range.transport),
                first: range.first,
                last: range.last,
            })
            .collect();
        let lease = Lease::new(blocks, &ports, key, units_per_slice)
            .map_err(|error| wrong("order.lease", error.to_string()))?;
        self.held.insert(order, Held { sweep, lease, reached: 0, holes: Some(BTreeSet::new()) });
        Ok(())
    }

    /// Says of a lease what the store knows: how many of its units are in slices.
    pub(crate) fn reach(&mut self, order: OrderId, reached: u64) {
        if let Some(held) = self.held.get_mut(&order) {
            held.reached = held.reached.max(reached);
        }
    }

    /// Takes a slice: the ports that refused, or `None` when the order is not known.
    pub(crate) fn slice(&mut self, order: OrderId, slice: &SliceBits) -> Option<Vec<Refused>> {
        let held = self.held.get_mut(&order)?;
        // Slices come in order; where one is missing, nothing behind it counts as looked at.
        if u64::from(slice.first_unit) <= held.reached {
            held.reached = held.reached.max(u64::from(slice.first_unit) + u64::from(slice.units));
        }
        for bit in bits(&slice.skipped).take_while(|bit| *bit < slice.units) {
            let Some(holes) = &mut held.holes else { break };
            if let Some(unit) = held.lease.unit(slice.first_unit.saturating_add(bit)) {
                holes.insert(unit.address);
            }
            if holes.len() > HOLES_MAX {
                held.holes = None;
            }
        }
        let refused = bits(&slice.closed).take_while(|bit| *bit < slice.units).filter_map(|bit| {
            let unit = held.lease.unit(slice.first_unit.saturating_add(bit))?;
            Some(Refused { address: unit.address, transport: transport_of_sweep(unit.transport), port: unit.port })
        });
        Some(refused.collect())
    }

    /// Whether a sweep has ended.
    pub(crate) fn is_over(&self, sweep: SweepId) -> bool {
        self.over.contains(&sweep)
    }

    /// Ends a sweep: what it covered are the leases whose every unit is in a slice, without the addresses of which a unit
    /// was not probed.
    pub(crate) fn finish(
        &mut self,
        sweep: SweepId,
        void: bool,
        started_at: Timestamp,
        finished_at: Timestamp,
    ) -> FinishedSweep {
        if !self.is_over(sweep) {
            self.over.push_back(sweep);
            if self.over.len() > OVER_MAX {
                self.over.pop_front();
            }
        }
        let (mut covered, mut ports) = (Vec::new(), Vec::new());
        for (_, held) in self.held.extract_if(|_, held| held.sweep == sweep) {
            let Some(holes) = held.holes.filter(|_| held.reached >= u64::from(held.lease.units())) else { continue };
            for block in held.lease.blocks() {
                without(*block, &holes, &mut covered);
            }
            ports.extend(held.lease.ports().iter().map(|range| PortRange {
                transport: transport_of_sweep(range.transport),
                first: range.first,
                last: range.last,
            }));
        }
        covered.sort_unstable();
        ports.sort_unstable();
        ports.dedup();
        FinishedSweep { sweep, void, covered, ports, started_at, finished_at }
    }
}

/// A block without some addresses, as the largest blocks that are left.
fn without(block: IpNet, holes: &BTreeSet<IpAddr>, left: &mut Vec<IpNet>) {
    if holes.range(block.network()..=block.broadcast()).next().is_none() {
        left.push(block);
        return;
    }
    // A single address has no halves, and nothing of it is left.
    let Ok(halves) = block.subnets(block.prefix_len() + 1) else { return };
    for half in halves {
        without(half, holes, left);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn covered(leases: &mut Leases, sweep: SweepId) -> Vec<String> {
        let end = leases.finish(sweep, false, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        end.covered.iter().map(ToString::to_string).collect()
    }

    fn one_lease() -> (Leases, OrderId, SweepId) {
        let (order, sweep) = (OrderId::from_array([1; 16]), SweepId::from_array([2; 16]));
        let mut leases = Leases::default();
        let ports = ["tcp/80-81".parse().unwrap()];
        leases.add(order, sweep, vec!["10.0.0.0/29".parse().unwrap()], &ports, [3; 16], 8).unwrap();
        (leases, order, sweep)
    }

    fn slice(first_unit: u32, closed: &'static [u8], skipped: &'static [u8]) -> SliceBits {
        let (closed, skipped) = (Bytes::from_static(closed), Bytes::from_static(skipped));
        let sweep = SweepId::from_array([2; 16]);
        SliceBits { sweep, started_at: Timestamp::UNIX_EPOCH, first_unit, units: 8, closed, skipped }
    }

    #[test]
    fn a_lease_counts_when_all_of_it_was_looked_at() {
        let (mut leases, order, sweep) = one_lease();
        leases.slice(order, &slice(0, &[], &[])).unwrap();
        leases.slice(order, &slice(8, &[], &[])).unwrap();
        assert_eq!(covered(&mut leases, sweep), ["10.0.0.0/29"]);
        assert!(leases.is_over(sweep));
    }

    #[test]
    fn a_lease_with_a_slice_missing_covers_nothing() {
        let (mut leases, order, sweep) = one_lease();
        leases.slice(order, &slice(8, &[], &[])).unwrap();
        assert_eq!(covered(&mut leases, sweep), Vec::<String>::new());
    }

    #[test]
    fn an_address_that_was_passed_over_is_not_covered() {
        let (mut leases, order, sweep) = one_lease();
        let passed_over = leases.held.get(&order).unwrap().lease.unit(2).unwrap().address;
        leases.slice(order, &slice(0, &[], &[0b100])).unwrap();
        leases.slice(order, &slice(8, &[], &[])).unwrap();
        let left = covered(&mut leases, sweep);
        let left: Vec<IpNet> = left.iter().map(|net| net.parse().unwrap()).collect();
        assert!(left.iter().all(|net| !net.contains(&passed_over)), "{left:?} and {passed_over}");
        assert_eq!(left.iter().map(|net| 1 << (32 - net.prefix_len())).sum::<u32>(), 7);
    }

    #[test]
    fn a_closed_bit_is_the_address_and_port_of_its_unit() {
        let (mut leases, order, _) = one_lease();
        let unit = leases.held.get(&order).unwrap().lease.unit(9).unwrap();
        let refused = leases.slice(order, &slice(8, &[0b10], &[])).unwrap();
        let port = (refused[0].address, refused[0].port);
        assert_eq!((refused.len(), port), (1, (unit.address, unit.port)));
        assert!(leases.slice(OrderId::from_array([9; 16]), &slice(0, &[1], &[])).is_none());
    }
}
