//! Which zone holds an address, and what may run there.

use std::net::IpAddr;

use ipnet::IpNet;
use muster_estate::model::{Site, Transport, Zone};

use crate::host::NONE;
use crate::text::Text;

/// The zones of one estate revision, ready to be asked.
#[derive(Debug, Default)]
pub(crate) struct Zones {
    /// Longest prefix first; of equal blocks, the zone that is named first.
    blocks: Vec<(IpNet, u32)>,
    names: Vec<Text>,
}

impl Zones {
    pub(crate) fn new(site: &Site) -> Self {
        let mut blocks: Vec<(IpNet, u32)> =
            (0u32..).zip(&site.zones).flat_map(|(zone, z)| z.blocks.iter().map(move |b| (b.trunc(), zone))).collect();
        blocks.sort_by_key(|(block, zone)| (std::cmp::Reverse(block.prefix_len()), *zone));
        let names = site.zones.iter().map(|zone| Text::from(zone.name.clone())).collect();
        Self { blocks, names }
    }

    /// The name of a zone, shared; empty for none.
    pub(crate) fn name(&self, zone: u32) -> Text {
        self.names.get(zone as usize).cloned().unwrap_or_default()
    }

    /// Index of the zone that holds an address: the longest prefix decides.
    pub(crate) fn of(&self, address: IpAddr) -> u32 {
        self.blocks.iter().find(|(block, _)| block.contains(&address)).map_or(NONE, |(_, zone)| *zone)
    }
}

/// May an asset of this role run this service in the zone?
pub(crate) fn approved(zone: &Zone, role: &str, transport: Transport, port: u16) -> bool {
    zone.approvals.iter().any(|approval| {
        approval.ports.transport == transport
            && (approval.ports.first..=approval.ports.last).contains(&port)
            && approval.role.as_deref().is_none_or(|only| only == role)
    })
}
