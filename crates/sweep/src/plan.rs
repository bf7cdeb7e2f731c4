//! Cutting a scope into leases.
//!
//! The scope becomes cells, /24 of IPv4 or /120 of IPv6 (or less, where a block ends), taken in the order of a
//! permutation. A cell is never shared by two leases: so the rates of a host and of a /24 are the business of the one
//! holder of its lease, and need no coordination.

use ipnet::IpNet;
use muster_ids::{OrderId, SweepId};

use crate::lease::{Lease, LeaseError, UNITS_PER_SLICE_MAX, address_in, block_len};
use crate::permutation::Permutation;
use crate::ports::{PortRange, Ports, PortsError};

/// What a lease aims at: 66 slices, 66 s at the default 1,000 packets a second. Long enough that orders are few (a
/// /8 with 20 ports is 5,462 leases), short enough that a scanner that joins gets work within a minute or so.
/// A single cell with many ports is more: 256 * 65,535 = 16.8 million.
pub const UNITS_PER_LEASE: u32 = 65_536;

/// IPv6 blocks are listed addresses, not address space: 2^16 of them at most.
const V6_PREFIX_MIN: u8 = 112;

const CELL_HOST_BITS: u8 = 8;

/// Why a scope cannot be swept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Nothing in it.
    #[error("failed to plan the sweep: the scope has no addresses")]
    Empty,
    /// Not countable.
    #[error("failed to plan the sweep: {0} is too large to be swept; name blocks of /{V6_PREFIX_MIN} or smaller")]
    TooLarge(IpNet),
    /// The ports make no sense.
    #[error(transparent)]
    Ports(#[from] PortsError),
    /// A lease that cannot be worked on.
    #[error(transparent)]
    Lease(#[from] LeaseError),
}

/// All leases of a sweep; each is made when it is asked for.
#[derive(Debug, Clone)]
pub struct LeasePlan {
    sweep: SweepId,
    /// Disjoint, ascending.
    blocks: Vec<IpNet>,
    /// Cells before each block.
    before: Vec<u32>,
    ports: Vec<PortRange>,
    order: Permutation,
    cells_per_lease: u32,
    units: u64,
}

impl LeasePlan {
    /// Plans a sweep of `include` without `exclude`. The same arguments give the same leases.
    ///
    /// # Errors
    /// When nothing is left, an IPv6 block is too large, or the ports make no sense.
    pub fn new(sweep: SweepId, include: &[IpNet], exclude: &[IpNet], ports: &[PortRange]) -> Result<Self, PlanError> {
        let port_count = Ports::new(ports)?.count();
        let blocks = subtract(include, exclude);
        if let Some(block) = blocks.iter().find(|net| matches!(net, IpNet::V6(v6) if v6.prefix_len() < V6_PREFIX_MIN)) {
            return Err(PlanError::TooLarge(*block));
        }
        let mut cells = 0_u32;
        let mut addresses = 0_u64;
        let mut before = Vec::with_capacity(blocks.len());
        for block in &blocks {
            before.push(cells);
            // 2^24 cells of IPv4 at most; IPv6 adds 2^8 a block, so only 2^24 such blocks would overflow.
            cells = cells.checked_add(cells_in(*block)).ok_or(PlanError::TooLarge(*block))?;
            addresses += block_len(*block).map_or(1 << 32, u64::from);
        }
        if cells == 0 {
            return Err(PlanError::Empty);
        }
        let cells_per_lease = (UNITS_PER_LEASE / (1 << CELL_HOST_BITS) / port_count).max(1);
        let order = Permutation::new(*sweep.as_bytes(), cells);
        let units = addresses * u64::from(port_count);
        Ok(Self { sweep, blocks, before, ports: ports.to_vec(), order, cells_per_lease, units })
    }

    /// Number of leases.
    #[must_use]
    pub fn lease_count(&self) -> u32 {
        u32::try_from(self.order.len()).map_or(u32::MAX, |cells| cells.div_ceil(self.cells_per_lease))
    }

    /// Units of all leases together.
    #[must_use]
    pub const fn units(&self) -> u64 {
        self.units
    }

    /// What is swept, as disjoint blocks in ascending order.
    #[must_use]
    pub fn blocks(&self) -> &[IpNet] {
        &self.blocks
    }

    /// The id of the order for lease `index`.
    #[must_use]
    pub fn order_id(&self, index: u32) -> OrderId {
        OrderId::of_lease(self.sweep, index)
    }

    /// Lease `index`; `None` beyond the last. Its permutation key is its order id.
    ///
    /// # Errors
    /// When the lease cannot be worked on.
    pub fn lease(&self, index: u32) -> Option<Result<Lease, PlanError>> {
        let first = index.checked_mul(self.cells_per_lease)?;
        let mut cells: Vec<IpNet> = (first..first.saturating_add(self.cells_per_lease))
            .map_while(|at| self.cell(self.order.forward(at)?))
            .collect();
        if cells.is_empty() {
            return None;
        }
        cells.sort_unstable();
        let key = *self.order_id(index).as_bytes();
        Some(Lease::new(cells, &self.ports, key, UNITS_PER_SLICE_MAX).map_err(PlanError::from))
    }

    fn cell(&self, index: u32) -> Option<IpNet> {
        let at = self.before.partition_point(|before| *before <= index).checked_sub(1)?;
        let block = *self.blocks.get(at)?;
        let prefix = cell_prefix(block);
        let offset = (index - self.before.get(at)?) << CELL_HOST_BITS;
        IpNet::new(address_in(block, offset), prefix).ok()
    }
}

fn cell_prefix(block: IpNet) -> u8 {
    block.prefix_len().max(block.max_prefix_len() - CELL_HOST_BITS)
}

fn cells_in(block: IpNet) -> u32 {
    1 << (cell_prefix(block) - block.prefix_len())
}

/// `include` without `exclude`, as disjoint blocks in ascending order.
fn subtract(include: &[IpNet], exclude: &[IpNet]) -> Vec<IpNet> {
    let mut rest = IpNet::aggregate(&include.iter().map(IpNet::trunc).collect());
    for hole in IpNet::aggregate(&exclude.iter().map(IpNet::trunc).collect()) {
        rest = rest.into_iter().flat_map(|block| without(block, hole)).collect();
    }
    rest.sort_unstable();
    rest
}

fn without(block: IpNet, hole: IpNet) -> Vec<IpNet> {
    if hole.contains(&block) {
        return Vec::new();
    }
    if !block.contains(&hole) {
        return vec![block];
    }
    // Halve the block towards the hole; the halves beside it stay: at most one for each prefix length.
    let mut rest = Vec::new();
    let mut around = block;
    while around.prefix_len() < hole.prefix_len() {
        let Some([one, two]) = halves(around) else { break };
        let (inside, beside) = if one.contains(&hole) { (one, two) } else { (two, one) };
        rest.push(beside);
        around = inside;
    }
    rest
}

fn halves(block: IpNet) -> Option<[IpNet; 2]> {
    let longer = block.prefix_len() + 1;
    let mut halves = match block {
        IpNet::V4(net) => net.subnets(longer).ok()?.map(IpNet::from).collect::<Vec<_>>(),
        IpNet::V6(net) => net.subnets(longer).ok()?.map(IpNet::from).collect(),
    }
    .into_iter();
    Some([halves.next()?, halves.next()?])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;
    use std::net::Ipv4Addr;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn sweep() -> SweepId {
        SweepId::from_array([9; 16])
    }

    #[test]
    fn leases_cover_the_scope_once() {
        let include = nets(&["10.0.0.0/20", "10.0.4.0/22", "192.168.7.64/26", "fd00::/116"]);
        let exclude = nets(&["10.0.3.17/32", "10.0.8.0/24", "172.16.0.0/12"]);
        let ports = [PortRange::tcp(80), PortRange::tcp(443), PortRange::tcp(22)];
        let plan = LeasePlan::new(sweep(), &include, &exclude, &ports).unwrap();
        let mut seen = HashSet::new();
        for index in 0..plan.lease_count() {
            let lease = plan.lease(index).unwrap().unwrap();
            assert!(lease.units() <= UNITS_PER_LEASE);
            for index in 0..lease.units() {
                let unit = lease.unit(index).unwrap();
                assert!(seen.insert((unit.address, unit.port)));
                assert!(!exclude.iter().any(|block| block.contains(&unit.address)), "{}", unit.address);
            }
        }
        assert_eq!(seen.len(), (4_096 - 1 - 256 + 64 + 4_096) * 3);
        assert_eq!(plan.units(), seen.len() as u64);
        assert!(plan.lease(plan.lease_count()).is_none());
    }

    #[test]
    fn the_arithmetic_of_a_large_site() {
        let ports = [PortRange { transport: crate::Transport::Tcp, first: 1, last: 20 }];
        let plan = LeasePlan::new(sweep(), &nets(&["10.0.0.0/8"]), &[], &ports).unwrap();
        assert_eq!(plan.units(), 335_544_320);
        assert_eq!(plan.lease_count(), 5_462);
    }

    #[test]
    fn a_cell_is_not_shared_however_many_ports() {
        let ports = [PortRange { transport: crate::Transport::Tcp, first: 1, last: u16::MAX }];
        let plan = LeasePlan::new(sweep(), &nets(&["10.0.0.0/24"]), &[], &ports).unwrap();
        assert_eq!(plan.lease_count(), 1);
        assert_eq!(plan.lease(0).unwrap().unwrap().units(), 256 * 65_535);
    }

    #[test]
    fn what_cannot_be_swept_is_refused() {
        let ports = [PortRange::tcp(80)];
        let plan = |include: &[&str], exclude: &[&str]| LeasePlan::new(sweep(), &nets(include), &nets(exclude), &ports);
        assert_eq!(plan(&[], &[]).unwrap_err(), PlanError::Empty);
        assert_eq!(plan(&["10.0.0.0/24"], &["10.0.0.0/8"]).unwrap_err(), PlanError::Empty);
        assert!(matches!(plan(&["fd00::/64"], &[]).unwrap_err(), PlanError::TooLarge(_)));
        assert!(plan(&["0.0.0.0/0"], &[]).is_ok());
    }

    proptest! {
        #[test]
        fn subtraction_is_set_difference(
            include in proptest::collection::vec((any::<u8>(), 24_u8..=32), 0..5),
            exclude in proptest::collection::vec((any::<u8>(), 24_u8..=32), 0..5),
        ) {
            let net = |(last, len): (u8, u8)| IpNet::new(Ipv4Addr::new(10, 0, 0, last).into(), len).unwrap();
            let include: Vec<_> = include.into_iter().map(net).collect();
            let exclude: Vec<_> = exclude.into_iter().map(net).collect();
            let rest = subtract(&include, &exclude);
            for last in 0..=u8::MAX {
                let address = std::net::IpAddr::from([10, 0, 0, last]);
                let holds = |nets: &[IpNet]| nets.iter().filter(|net| net.contains(&address)).count();
                let wanted = usize::from(holds(&include) > 0 && holds(&exclude) == 0);
                prop_assert_eq!(holds(&rest), wanted);
            }
        }
    }
}
