//! Blocks as numbers, and sets of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// First and last address of a block, as numbers of its own family.
pub(crate) fn span(block: IpNet) -> (u128, u128) {
    match block {
        IpNet::V4(block) => (block.network().to_bits().into(), block.broadcast().to_bits().into()),
        IpNet::V6(block) => (block.network().to_bits(), block.broadcast().to_bits()),
    }
}

/// Addresses that no single host has (IANA special-purpose registries).
pub(crate) fn not_unicast() -> &'static [IpNet] {
    static BLOCKS: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
        let v4 = |first, length| Ipv4Net::new(Ipv4Addr::new(first, 0, 0, 0), length).map(IpNet::V4);
        let v6 = |first, length| Ipv6Net::new(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, 0), length).map(IpNet::V6);
        // "This network" (RFC 791), multicast (RFC 5771) with reserved and broadcast (RFC 1112, RFC 919) behind it,
        // the unspecified address and multicast of IPv6 (RFC 4291).
        [v4(0, 8), v4(224, 3), v6(0, 128), v6(0xff00, 8)].into_iter().flatten().collect()
    });
    &BLOCKS
}

/// A set of addresses.
#[derive(Debug, Clone, Default)]
pub struct BlockSet {
    v4: Vec<(u128, u128)>,
    v6: Vec<(u128, u128)>,
}

impl BlockSet {
    /// The addresses of all blocks.
    #[must_use]
    pub fn new(blocks: impl IntoIterator<Item = IpNet>) -> Self {
        let mut set = Self::default();
        for block in blocks {
            set.family(&block.addr()).push(span(block));
        }
        set.v4 = joined(std::mem::take(&mut set.v4));
        set.v6 = joined(std::mem::take(&mut set.v6));
        set
    }

    fn family(&mut self, address: &IpAddr) -> &mut Vec<(u128, u128)> {
        if address.is_ipv4() { &mut self.v4 } else { &mut self.v6 }
    }

    /// Whether every address of a block is in the set.
    #[must_use]
    pub fn covers(&self, block: IpNet) -> bool {
        let (start, end) = span(block);
        let runs = if block.addr().is_ipv4() { &self.v4 } else { &self.v6 };
        let after = runs.partition_point(|(first, _)| *first <= start);
        after.checked_sub(1).and_then(|index| runs.get(index)).is_some_and(|(_, last)| end <= *last)
    }

    /// Whether an address is in the set.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.covers(IpNet::from(address.to_canonical()))
    }
}

/// Sorted, and joined where they overlap or touch.
fn joined(mut spans: Vec<(u128, u128)>) -> Vec<(u128, u128)> {
    spans.sort_unstable();
    let mut joined: Vec<(u128, u128)> = Vec::new();
    for (start, end) in spans {
        match joined.last_mut() {
            Some(before) if start <= before.1.saturating_add(1) => before.1 = before.1.max(end),
            Some(_) | None => joined.push((start, end)),
        }
    }
    joined
}
