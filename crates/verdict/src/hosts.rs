//! All addresses of a site, found by address, numbered by arrival.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::{Index, IndexMut};

use foldhash::fast::RandomState;

use crate::host::Host;

/// The hosts. A host keeps its number; none is ever taken out.
///
/// The maps' hash is seeded by the process (an outsider must not be able to make addresses collide); nothing ever
/// iterates over them, so no answer depends on the seed.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    hosts: Vec<Host>,
    v4: HashMap<u32, u32, RandomState>,
    v6: HashMap<u128, u32, RandomState>,
}

impl Hosts {
    pub(crate) fn find(&self, address: IpAddr) -> Option<u32> {
        match address.to_canonical() {
            IpAddr::V4(v4) => self.v4.get(&v4.to_bits()).copied(),
            IpAddr::V6(v6) => self.v6.get(&v6.to_bits()).copied(),
        }
    }

    /// The number of an address; a new one where it has none.
    pub(crate) fn find_or_add(&mut self, address: IpAddr) -> u32 {
        // 2^32 hosts of 300 bytes do not fit any memory.
        let next = u32::try_from(self.hosts.len()).unwrap_or(u32::MAX);
        let address = address.to_canonical();
        let slot = match address {
            IpAddr::V4(v4) => *self.v4.entry(v4.to_bits()).or_insert(next),
            IpAddr::V6(v6) => *self.v6.entry(v6.to_bits()).or_insert(next),
        };
        if slot == next {
            self.hosts.push(Host::new(address));
        }
        slot
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Host)> {
        (0u32..).zip(&self.hosts)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Host)> {
        (0u32..).zip(&mut self.hosts)
    }

    pub(crate) fn len(&self) -> usize {
        self.hosts.len()
    }
}

impl Index<u32> for Hosts {
    type Output = Host;

    fn index(&self, slot: u32) -> &Host {
        &self.hosts[slot as usize]
    }
}

impl IndexMut<u32> for Hosts {
    fn index_mut(&mut self, slot: u32) -> &mut Host {
        &mut self.hosts[slot as usize]
    }
}
