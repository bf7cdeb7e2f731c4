//! The zone of an address by number, since a million hosts keep it.

use std::net::IpAddr;

use muster_estate::lookup::SiteIndex;
use muster_estate::model::{Site, Transport};

use crate::host::NONE;
use crate::text::Text;

/// A zone as the rules see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ZoneHere<'a> {
    pub(crate) name: &'a Text,
    zones: &'a Zones,
}

impl ZoneHere<'_> {
    /// May an asset of this role run this service here?
    pub(crate) fn approves(&self, role: &str, transport: Transport, port: u16) -> bool {
        self.zones.index.approved(self.name, role, transport, port).is_some()
    }
}

/// The zones of one estate revision.
#[derive(Debug)]
pub(crate) struct Zones {
    index: SiteIndex,
    names: Vec<Text>,
}

impl Zones {
    pub(crate) fn new(site: &Site) -> Self {
        let names = site.zones.iter().map(|zone| Text::from(zone.name.clone())).collect();
        Self { index: SiteIndex::new(site), names }
    }

    /// Number of the zone that holds an address.
    pub(crate) fn of(&self, address: IpAddr) -> u32 {
        let Some(zone) = self.index.zone_of(address) else { return NONE };
        let place = self.names.iter().position(|name| **name == *zone.name);
        place.and_then(|place| u32::try_from(place).ok()).unwrap_or(NONE)
    }

    /// The zone of a number.
    pub(crate) fn get(&self, zone: u32) -> Option<ZoneHere<'_>> {
        Some(ZoneHere { name: self.names.get(zone as usize)?, zones: self })
    }
}
