//! The part of a sweep that one scanner holds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::permutation::Permutation;
use crate::ports::{PortRange, Ports, PortsError, Transport};

/// Units in one slice. A slice message stays under 256 KiB while an open unit averages 262 bytes, banners included;
/// at the default 1,000 packets a second a slice closes about once a second, which is what a crash may cost.
pub const UNITS_PER_SLICE_MAX: u32 = 1_000;

/// Blocks in one lease: an order of 65,536 single addresses is 1.2 MB, just what the bus carries in one message.
const BLOCKS_MAX: usize = 65_536;

/// Why an order's lease cannot be worked on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// No address.
    #[error("failed to read the lease: it has no blocks")]
    NoBlocks,
    /// Too many blocks.
    #[error("failed to read the lease: {count} blocks, at most {BLOCKS_MAX}")]
    TooManyBlocks {
        /// Blocks found.
        count: usize,
    },
    /// An address stands in two blocks.
    #[error("failed to read the lease: block {inner} lies inside block {outer}")]
    Overlap {
        /// The one.
        outer: IpNet,
        /// The other.
        inner: IpNet,
    },
    /// Bits beyond the prefix.
    #[error("failed to read the lease: block {0} has host bits; write {trunc}", trunc = .0.trunc())]
    HostBits(IpNet),
    /// More units than an index can count.
    #[error("failed to read the lease: more than 2^32 - 1 units; cut it into smaller ones")]
    TooManyUnits,
    /// Units for each slice out of bounds.
    #[error("failed to read the lease: {0} units in a slice; 1 to {UNITS_PER_SLICE_MAX} are possible")]
    UnitsPerSlice(u32),
    /// The ports make no sense.
    #[error(transparent)]
    Ports(#[from] PortsError),
}

/// One (address, port) of a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Unit {
    /// Its index.
    pub index: u32,
    /// Where.
    pub address: IpAddr,
    /// How.
    pub transport: Transport,
    /// Which.
    pub port: u16,
}

/// A run of units that is reported at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceRange {
    /// k, counted from 0.
    pub index: u32,
    /// Its first unit.
    pub first_unit: u32,
    /// How many.
    pub units: u32,
}

impl SliceRange {
    /// The unit indices.
    #[must_use]
    pub const fn unit_indices(&self) -> std::ops::Range<u32> {
        self.first_unit..self.first_unit + self.units
    }
}

/// Blocks times ports in the order of a permutation.
#[derive(Debug, Clone)]
pub struct Lease {
    blocks: Vec<IpNet>,
    /// Addresses before each block.
    before: Vec<u32>,
    /// The blocks' numbers, by address.
    by_address: Vec<u32>,
    ports: Ports,
    permutation_key: [u8; 16],
    permutation: Permutation,
    units: u32,
    units_per_slice: u32,
}

impl Lease {
    /// Checks and prepares a lease.
    ///
    /// # Errors
    /// When it is empty, overlaps itself, or is too large.
    pub fn new(
        blocks: Vec<IpNet>,
        ports: &[PortRange],
        permutation_key: [u8; 16],
        units_per_slice: u32,
    ) -> Result<Self, LeaseError> {
        check_blocks(&blocks)?;
        if !(1..=UNITS_PER_SLICE_MAX).contains(&units_per_slice) {
            return Err(LeaseError::UnitsPerSlice(units_per_slice));
        }
        let ports = Ports::new(ports)?;
        let mut addresses = 0_u32;
        let mut before = Vec::with_capacity(blocks.len());
        for block in &blocks {
            before.push(addresses);
            let more = block_len(*block).ok_or(LeaseError::TooManyUnits)?;
            addresses = addresses.checked_add(more).ok_or(LeaseError::TooManyUnits)?;
        }
        let units = addresses.checked_mul(ports.count()).ok_or(LeaseError::TooManyUnits)?;
        let permutation = Permutation::new(permutation_key, units);
        let mut by_address: Vec<u32> = (0_u32..).take(blocks.len()).collect();
        by_address.sort_unstable_by_key(|at| blocks.get(*at as usize));
        Ok(Self { blocks, before, by_address, ports, permutation_key, permutation, units, units_per_slice })
    }

    /// The unit with an index, in the order they are probed; `None` beyond the last.
    #[must_use]
    pub fn unit(&self, index: u32) -> Option<Unit> {
        let place = self.permutation.forward(index)?;
        let (transport, port) = self.ports.get(place % self.ports.count())?;
        let address = self.address(place / self.ports.count())?;
        Some(Unit { index, address, transport, port })
    }

    /// The index of an (address, port); `None` when it is not part of the lease.
    #[must_use]
    pub fn index_of(&self, address: IpAddr, transport: Transport, port: u16) -> Option<u32> {
        let at = self.block_of(address)?;
        let place = self.before.get(at)? + offset_in(*self.blocks.get(at)?, address)?;
        self.permutation.backward(place * self.ports.count() + self.ports.index_of(transport, port)?)
    }

    /// Addresses times ports.
    #[must_use]
    pub const fn units(&self) -> u32 {
        self.units
    }

    /// Number of slices.
    #[must_use]
    pub const fn slice_count(&self) -> u32 {
        self.units.div_ceil(self.units_per_slice)
    }

    /// Slice k; `None` beyond the last.
    #[must_use]
    pub fn slice(&self, index: u32) -> Option<SliceRange> {
        let first_unit = index.checked_mul(self.units_per_slice).filter(|first| *first < self.units)?;
        Some(SliceRange { index, first_unit, units: self.units_per_slice.min(self.units - first_unit) })
    }

    /// All slices, in order.
    pub fn slices(&self) -> impl Iterator<Item = SliceRange> + '_ {
        (0..self.slice_count()).filter_map(|index| self.slice(index))
    }

    /// The blocks.
    #[must_use]
    pub fn blocks(&self) -> &[IpNet] {
        &self.blocks
    }

    /// The ports.
    #[must_use]
    pub fn ports(&self) -> &[PortRange] {
        self.ports.ranges()
    }

    /// Key of the permutation.
    #[must_use]
    pub const fn permutation_key(&self) -> [u8; 16] {
        self.permutation_key
    }

    /// Units in every slice but the last.
    #[must_use]
    pub const fn units_per_slice(&self) -> u32 {
        self.units_per_slice
    }

    /// Blocks do not overlap: the one that begins last before an address has it, or none.
    fn block_of(&self, address: IpAddr) -> Option<usize> {
        let begins_before = |at: &u32| self.blocks.get(*at as usize).is_some_and(|block| block.network() <= address);
        let place = self.by_address.partition_point(begins_before).checked_sub(1)?;
        let at = *self.by_address.get(place)? as usize;
        self.blocks.get(at)?.contains(&address).then_some(at)
    }

    fn address(&self, index: u32) -> Option<IpAddr> {
        let at = self.before.partition_point(|before| *before <= index).checked_sub(1)?;
        Some(address_in(*self.blocks.get(at)?, index - self.before.get(at)?))
    }
}

fn check_blocks(blocks: &[IpNet]) -> Result<(), LeaseError> {
    if blocks.is_empty() {
        return Err(LeaseError::NoBlocks);
    }
    if blocks.len() > BLOCKS_MAX {
        return Err(LeaseError::TooManyBlocks { count: blocks.len() });
    }
    if let Some(block) = blocks.iter().find(|block| block.trunc() != **block) {
        return Err(LeaseError::HostBits(*block));
    }
    // By first address and then by prefix length: an overlap is next to what it overlaps.
    let mut sorted = blocks.to_vec();
    sorted.sort_unstable();
    for pair in sorted.windows(2) {
        if let [one, next] = pair
            && (one.contains(next) || next.contains(one))
        {
            return Err(LeaseError::Overlap { outer: *one, inner: *next });
        }
    }
    Ok(())
}

/// Addresses of a block; `None` when there are 2^32 or more.
pub(crate) fn block_len(block: IpNet) -> Option<u32> {
    1_u32.checked_shl(u32::from(block.max_prefix_len() - block.prefix_len()))
}

pub(crate) fn address_in(block: IpNet, offset: u32) -> IpAddr {
    match block {
        IpNet::V4(net) => Ipv4Addr::from_bits(net.network().to_bits().wrapping_add(offset)).into(),
        IpNet::V6(net) => Ipv6Addr::from_bits(net.network().to_bits().wrapping_add(u128::from(offset))).into(),
    }
}

fn offset_in(block: IpNet, address: IpAddr) -> Option<u32> {
    match (block, address) {
        (IpNet::V4(net), IpAddr::V4(v4)) => v4.to_bits().checked_sub(net.network().to_bits()),
        (IpNet::V6(net), IpAddr::V6(v6)) => u32::try_from(v6.to_bits().checked_sub(net.network().to_bits())?).ok(),
        (IpNet::V4(_), IpAddr::V6(_)) | (IpNet::V6(_), IpAddr::V4(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn every_address_and_port_is_one_unit_of_one_slice() {
        let ports = [PortRange::tcp(22), PortRange { transport: Transport::Tcp, first: 80, last: 82 }];
        let blocks = nets(&["10.0.9.0/30", "fd00::/125", "10.0.1.0/24"]);
        let lease = Lease::new(blocks.clone(), &ports, [7; 16], 100).unwrap();
        assert_eq!(lease.units(), (256 + 4 + 8) * 4);
        let mut seen = HashSet::new();
        for slice in lease.slices() {
            for index in slice.unit_indices() {
                let unit = lease.unit(index).unwrap();
                assert!(blocks.iter().any(|block| block.contains(&unit.address)));
                assert!(seen.insert((unit.address, unit.port)));
                assert_eq!(lease.index_of(unit.address, unit.transport, unit.port), Some(index));
            }
        }
        assert_eq!(seen.len(), 1_072);
        assert_eq!(lease.slices().map(|slice| slice.units).sum::<u32>(), lease.units());
        assert_eq!(lease.slice(lease.slice_count()), None);
        assert_eq!(lease.unit(lease.units()), None);
        assert_eq!(lease.index_of("10.0.2.0".parse().unwrap(), Transport::Tcp, 22), None);
    }

    #[test]
    fn what_cannot_be_worked_on_is_refused() {
        let ports = [PortRange::tcp(80)];
        let refused = |blocks: &[&str]| Lease::new(nets(blocks), &ports, [0; 16], 1_000).unwrap_err();
        assert_eq!(refused(&[]), LeaseError::NoBlocks);
        assert!(matches!(refused(&["10.0.0.0/24", "10.0.0.128/25"]), LeaseError::Overlap { .. }));
        assert!(matches!(refused(&["10.0.0.0/16", "10.0.0.0/24", "10.0.0.0/24"]), LeaseError::Overlap { .. }));
        assert!(matches!(refused(&["10.0.0.1/24"]), LeaseError::HostBits(_)));
        assert_eq!(refused(&["fd00::/64"]), LeaseError::TooManyUnits);
        assert_eq!(refused(&["0.0.0.0/0"]), LeaseError::TooManyUnits);
        let all = Lease::new(nets(&["10.0.0.0/24"]), &ports, [0; 16], 1_001);
        assert_eq!(all.unwrap_err(), LeaseError::UnitsPerSlice(1_001));
    }

    proptest! {
        #[test]
        fn any_lease_is_refused_or_names_its_units(
            blocks in proptest::collection::vec((any::<u32>(), 0_u8..=32), 0..6),
            ports in proptest::collection::vec((any::<u16>(), any::<u16>()), 0..4),
            key: [u8; 16],
            index: u32,
        ) {
            let blocks = blocks
                .into_iter()
                .map(|(bits, len)| IpNet::new(Ipv4Addr::from_bits(bits).into(), len).unwrap().trunc())
                .collect();
            let ports: Vec<_> =
                ports.into_iter().map(|(first, last)| PortRange { transport: Transport::Tcp, first, last }).collect();
            if let Ok(lease) = Lease::new(blocks, &ports, key, 1_000) {
                let unit = lease.unit(index % lease.units()).unwrap();
                prop_assert_eq!(lease.index_of(unit.address, unit.transport, unit.port), Some(unit.index));
            }
        }
    }
}
