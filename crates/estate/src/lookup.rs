//! Quick answers about one site: which zone, may a packet go there, is a service approved.
//!
//! Built once a revision; each answer is a binary search, tens of nanoseconds.

mod approvals;
mod blocks;
mod segments;

use std::collections::HashMap;
use std::net::IpAddr;

use thiserror::Error;

pub use blocks::BlockSet;
pub(crate) use blocks::{not_unicast, span};

use crate::model::{Approval, PortRange, ScanPolicy, Site, Transport, Zone};
use approvals::ZoneApprovals;
use segments::{Segments, flatten};

/// Why no packet goes to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Refusal {
    /// The site is no longer part of the estate.
    #[error("failed to allow a packet: the site was taken out of the estate")]
    SiteRemoved,
    /// Multicast, broadcast, "this network" or reserved.
    #[error("failed to allow a packet: no host can have this address")]
    NotUnicast,
    /// Not of this site.
    #[error("failed to allow a packet: the address is outside the ranges of the site")]
    OutsideRanges,
    /// Of this site, and not of its scope.
    #[error("failed to allow a packet: the address is not among those that the scope includes")]
    NotIncluded,
    /// Excluded by name.
    #[error("failed to allow a packet: the scope excludes the address")]
    Excluded,
    /// The zone only listens.
    #[error("failed to allow a packet: the scan policy of its zone is passive-only")]
    PassiveOnly,
    /// The zone is left alone.
    #[error("failed to allow a packet: the scan policy of its zone is none")]
    PolicyNone,
}

/// What is known about a run of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answer {
    zone: Option<u32>,
    in_ranges: bool,
    probe: Result<ScanPolicy, Refusal>,
}

/// A site, ready for questions.
///
/// An IPv4-mapped IPv6 address is taken for the IPv4 address that a socket would send to.
#[derive(Debug, Clone)]
pub struct SiteIndex {
    site: Site,
    v4: Segments<u32, Answer>,
    v6: Segments<u128, Answer>,
    zones: HashMap<String, usize>,
    approvals: Vec<ZoneApprovals>,
    never_payload: [Vec<(u16, u16)>; 2],
}

impl SiteIndex {
    /// Builds the index. Of two zones with the same block the first counts, of two with the same name too.
    #[must_use]
    pub fn new(site: &Site) -> Self {
        let mut zones = HashMap::new();
        for (index, zone) in site.zones.iter().enumerate() {
            zones.entry(zone.name.clone()).or_insert(index);
        }
        let v4 = answers(site, IpAddr::is_ipv4).into_iter();
        Self {
            v4: v4.filter_map(|(start, answer)| Some((u32::try_from(start).ok()?, answer))).collect(),
            v6: answers(site, IpAddr::is_ipv6).into_iter().collect(),
            zones,
            approvals: site.zones.iter().map(|zone| ZoneApprovals::new(&zone.approvals)).collect(),
            never_payload: [Transport::Tcp, Transport::Udp].map(|transport| runs(&site.scope.never_payload, transport)),
            site: site.clone(),
        }
    }

    /// The site that it was built from.
    #[must_use]
    pub const fn site(&self) -> &Site {
        &self.site
    }

    fn answer(&self, address: IpAddr) -> Option<&Answer> {
        match address.to_canonical() {
            IpAddr::V4(address) => self.v4.at(address.to_bits()),
            IpAddr::V6(address) => self.v6.at(address.to_bits()),
        }
    }

    /// The zone of an address: the one with the longest prefix around it.
    #[must_use]
    pub fn zone_of(&self, address: IpAddr) -> Option<&Zone> {
        self.site.zones.get(usize::try_from(self.answer(address)?.zone?).ok()?)
    }

    /// The zone of a name.
    #[must_use]
    pub fn zone(&self, name: &str) -> Option<&Zone> {
        self.site.zones.get(*self.zones.get(name)?)
    }

    /// Whether an address is of this site.
    #[must_use]
    pub fn in_ranges(&self, address: IpAddr) -> bool {
        self.answer(address).is_some_and(|answer| answer.in_ranges)
    }

    /// The scope lock: whether packets may go to an address, and how. An address without a zone has the policy `full`,
    /// since what stands where no zone was declared is what a sweep is for.
    ///
    /// # Errors
    /// With the reason why none may.
    pub fn may_probe(&self, address: IpAddr) -> Result<ScanPolicy, Refusal> {
        self.answer(address).map_or(Err(Refusal::OutsideRanges), |answer| answer.probe)
    }

    /// Whether a payload may go to a port under a policy: gentle never sends one, and some ports never get one.
    #[must_use]
    pub fn may_send_payload(&self, policy: ScanPolicy, transport: Transport, port: u16) -> bool {
        match policy {
            ScanPolicy::Full => !self.is_never_payload(transport, port),
            ScanPolicy::Gentle | ScanPolicy::PassiveOnly | ScanPolicy::None => false,
        }
    }

    /// Whether a port is one that never gets a payload.
    #[must_use]
    pub fn is_never_payload(&self, transport: Transport, port: u16) -> bool {
        let [tcp, udp] = &self.never_payload;
        let runs = match transport {
            Transport::Tcp => tcp,
            Transport::Udp => udp,
        };
        let after = runs.partition_point(|(first, _)| *first <= port);
        after.checked_sub(1).and_then(|index| runs.get(index)).is_some_and(|(_, last)| port <= *last)
    }

    /// The first approval of a zone that allows a service to an asset of a role; an empty role is none.
    #[must_use]
    pub fn approved(&self, zone: &str, role: &str, transport: Transport, port: u16) -> Option<&Approval> {
        let index = *self.zones.get(zone)?;
        let approvals = &self.site.zones.get(index)?.approvals;
        self.approvals.get(index)?.find(approvals, role, transport, port)
    }
}

/// Where each answer of one address family starts.
fn answers(site: &Site, family: fn(&IpAddr) -> bool) -> Vec<(u128, Answer)> {
    let table = |blocks: &mut dyn Iterator<Item = (ipnet::IpNet, u32)>| -> Segments<u128, Option<u32>> {
        flatten(blocks.filter(|(block, _)| family(&block.addr())))
    };
    let ranges = table(&mut site.ranges.iter().map(|range| (range.block, 0)));
    let include = table(&mut site.scope.include.iter().map(|block| (*block, 0)));
    let exclude = table(&mut site.scope.exclude.iter().map(|block| (*block, 0)));
    let special = table(&mut not_unicast().iter().map(|block| (*block, 0)));
    let zones = table(
        &mut (0..).zip(&site.zones).flat_map(|(index, zone)| zone.blocks.iter().map(move |block| (*block, index))),
    );

    let mut starts: Vec<u128> =
        [&ranges, &include, &exclude, &special, &zones].into_iter().flat_map(Segments::starts).collect();
    starts.sort_unstable();
    starts.dedup();
    let holds = |table: &Segments<u128, Option<u32>>, start| table.at(start).is_some_and(Option::is_some);
    let mut answers: Vec<(u128, Answer)> = Vec::new();
    for start in starts {
        let zone = zones.at(start).copied().flatten();
        let in_ranges = holds(&ranges, start);
        let policy = zone
            .and_then(|index| site.zones.get(usize::try_from(index).ok()?))
            .map_or(ScanPolicy::Full, |zone| zone.scan_policy);
        let probe = if site.removed {
            Err(Refusal::SiteRemoved)
        } else if holds(&special, start) {
            Err(Refusal::NotUnicast)
        } else if !in_ranges {
            Err(Refusal::OutsideRanges)
        } else if !site.scope.include.is_empty() && !holds(&include, start) {
            Err(Refusal::NotIncluded)
        } else if holds(&exclude, start) {
            Err(Refusal::Excluded)
        } else {
            allowed(policy)
        };
        let answer = Answer { zone, in_ranges, probe };
        if answers.last().is_none_or(|(_, last)| *last != answer) {
            answers.push((start, answer));
        }
    }
    answers
}

const fn allowed(policy: ScanPolicy) -> Result<ScanPolicy, Refusal> {
    match policy {
        ScanPolicy::Full | ScanPolicy::Gentle => Ok(policy),
        ScanPolicy::PassiveOnly => Err(Refusal::PassiveOnly),
        ScanPolicy::None => Err(Refusal::PolicyNone),
    }
}

/// The ports of one transport, sorted and joined where they overlap.
fn runs(ports: &[PortRange], transport: Transport) -> Vec<(u16, u16)> {
    let mut runs: Vec<(u16, u16)> =
        ports.iter().filter(|ports| ports.transport == transport).map(|ports| (ports.first, ports.last)).collect();
    runs.sort_unstable();
    let mut joined: Vec<(u16, u16)> = Vec::new();
    for (first, last) in runs {
        match joined.last_mut() {
            Some(before) if first <= before.1 => before.1 = before.1.max(last),
            Some(_) | None => joined.push((first, last)),
        }
    }
    joined
}
