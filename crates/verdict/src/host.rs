//! What is kept of one address: 300 bytes or so, since a site may have a million of them.

use std::net::IpAddr;

use muster_estate::model::Transport;
use muster_ids::HostId;
use smallvec::SmallVec;

use crate::outcome::{Outcome, Reason, Subject};
use crate::sweeps::NO_SWEEP;
use crate::time::{FOREVER, NEVER, Us};

/// No asset, no zone.
pub(crate) const NONE: u32 = u32::MAX;

/// Sweeps of which a host remembers that it had an open port in them: the running one, and audits beside it.
const ALIVE_IN_MAX: usize = 4;

/// What has to be judged again.
pub(crate) mod dirty {
    /// Its asset, its zone or the site: everything.
    pub(crate) const IDENTITY: u8 = 1;
    /// When it was seen.
    pub(crate) const SEEN: u8 = 2;
    /// When another address of its asset was seen.
    pub(crate) const SIBLING: u8 = 4;
    /// Its services.
    pub(crate) const SERVICES: u8 = 8;
    /// The life of its findings.
    pub(crate) const LIFE: u8 = 16;
}

/// When and by which sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sighting {
    pub(crate) at: Us,
    pub(crate) sweep: u32,
}

impl Sighting {
    pub(crate) const NEVER: Self = Self { at: NEVER, sweep: NO_SWEEP };
}

/// What was published last for one subject, in 16 bytes: the hash stands for reason, evidence and `valid_until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) print: u64,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) reason: Option<Reason>,
    /// A finding that is not resolved exists.
    pub(crate) finding: bool,
}

impl Standing {
    pub(crate) const NONE: Self = Self { print: 0, outcome: None, reason: None, finding: false };
}

/// A port that was open once.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) key: u32,
    pub(crate) title: u32,
    pub(crate) open: Sighting,
    /// Newest refusal that proves that nothing listens any more.
    pub(crate) gone_at: Us,
    pub(crate) standing: Standing,
}

impl Service {
    /// One number for transport and port, ascending by transport, then port.
    pub(crate) fn key(transport: Transport, port: u16) -> u32 {
        let transport = match transport {
            Transport::Tcp => 0,
            Transport::Udp => 1,
        };
        transport << 16 | u32::from(port)
    }

    pub(crate) fn transport(key: u32) -> Transport {
        if key >> 16 == 0 { Transport::Tcp } else { Transport::Udp }
    }

    pub(crate) fn port(key: u32) -> u16 {
        (key & 0xffff) as u16
    }

    pub(crate) fn subject(key: u32) -> Subject {
        Subject::ApprovedService { transport: Self::transport(key), port: Self::port(key) }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone_at > self.open.at
    }
}

/// One address: something seen, or an asset expected there.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) address: IpAddr,
    pub(crate) id: Option<HostId>,
    pub(crate) first_seen: Us,
    /// Newest open port.
    pub(crate) open: Sighting,
    /// Newest refusal.
    pub(crate) answer: Sighting,
    alive_in: [Sighting; ALIVE_IN_MAX],
    /// Index of the zone at the address.
    pub(crate) zone: u32,
    /// The asset that has the address now.
    pub(crate) asset: u32,
    /// Until when that holds.
    pub(crate) asset_until: Us,
    /// No asset has the address now, but one had it when the host was last seen.
    pub(crate) asset_ran_out: bool,
    /// Assets that name the address, whenever that is or was valid.
    pub(crate) claims: SmallVec<[u32; 2]>,
    /// A claim has a beginning or an end.
    pub(crate) claims_bounded: bool,
    /// A finding of it has a disposition.
    pub(crate) disposed: bool,
    /// A refusal of one of its ports waits for its sweep to end.
    pub(crate) pending: bool,
    /// Published as a host.
    pub(crate) appeared: bool,
    pub(crate) dirty: u8,
    /// Verdicts of known, managed, zone and seen.
    pub(crate) standing: [Standing; 4],
    /// Hash of what the last host change said.
    pub(crate) identity_print: u64,
    /// When the clock has to look at it.
    pub(crate) wakes_at: Us,
    /// Ascending by key.
    pub(crate) services: SmallVec<[Service; 1]>,
}

impl Host {
    pub(crate) fn new(address: IpAddr) -> Self {
        Self {
            address,
            id: None,
            first_seen: FOREVER,
            open: Sighting::NEVER,
            answer: Sighting::NEVER,
            alive_in: [Sighting::NEVER; ALIVE_IN_MAX],
            zone: NONE,
            asset: NONE,
            asset_until: FOREVER,
            asset_ran_out: false,
            claims: SmallVec::new(),
            claims_bounded: false,
            disposed: false,
            pending: false,
            appeared: false,
            dirty: 0,
            standing: [Standing::NONE; 4],
            identity_print: 0,
            wakes_at: FOREVER,
            services: SmallVec::new(),
        }
    }

    /// Had it an open port in this sweep?
    pub(crate) fn alive_in(&self, sweep: u32) -> bool {
        self.alive_in.iter().any(|seen| seen.at != NEVER && seen.sweep == sweep)
    }

    /// Remembers the newest few sweeps that found an open port.
    pub(crate) fn remember_alive_in(&mut self, seen: Sighting) {
        if let Some(same) = self.alive_in.iter_mut().find(|other| other.at != NEVER && other.sweep == seen.sweep) {
            same.at = same.at.max(seen.at);
            return;
        }
        if let Some(oldest) = self.alive_in.iter_mut().min_by_key(|other| other.at)
            && oldest.at < seen.at
        {
            *oldest = seen;
        }
    }

    /// The service of a key.
    pub(crate) fn service(&self, key: u32) -> Option<&Service> {
        let place = self.services.binary_search_by_key(&key, |service| service.key).ok()?;
        self.services.get(place)
    }

    /// The service of a key, to change.
    pub(crate) fn service_mut(&mut self, key: u32) -> Option<&mut Service> {
        let place = self.services.binary_search_by_key(&key, |service| service.key).ok()?;
        self.services.get_mut(place)
    }

    /// Some finding of it is not resolved.
    pub(crate) fn has_findings(&self) -> bool {
        self.standing.iter().any(|standing| standing.finding)
            || self.services.iter().any(|service| service.standing.finding)
    }
}
