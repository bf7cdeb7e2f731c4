//! The state of one site, and what each input does to it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::RandomState;
use jiff::Timestamp;
use muster_estate::model::{AliveBy, Asset, Site};
use muster_ids::{Derivation, FindingId, HostId};
use smallvec::SmallVec;

use crate::host::{Service, Sighting, Standing, dirty};
use crate::hosts::Hosts;
use crate::input::{Closed, DispositionSet, FinishedSweep, Input, Observations};
use crate::inventory::{Inventory, Touched};
use crate::life::Record;
use crate::outcome::Outcome;
use crate::rules::{Limits, Stamps};
use crate::sweeps::{NO_SWEEP, Sweeps};
use crate::time::{NEVER, Us, instant};
use crate::titles::Titles;
use crate::zones::Zones;

/// Refusals of one port that wait for their sweep to end: a sweep and a few audits beside it.
pub(crate) const PENDING_MAX: usize = 4;

/// The site's document, worked out.
#[derive(Debug)]
pub(crate) struct Estate {
    pub(crate) site: Arc<Site>,
    pub(crate) zones: Zones,
    pub(crate) limits: Limits,
    pub(crate) realm: Arc<str>,
    /// `HostId::of_address` up to the address.
    pub(crate) host_ids: Derivation,
}

/// The state machine of one site.
///
/// [`apply`](Self::apply) takes inputs in any order and any number of times; [`evaluate`](Self::evaluate) judges what
/// they touched and returns the differences to what it returned before. Nothing is judged before the first
/// [`Input::Estate`].
///
/// `as_of` is the newest [`Input::Clock`]. Before the first one it is the newest time that any other input carried;
/// afterwards no observation moves it, so that a scanner with a fast clock cannot age a site.
#[derive(Debug, Default)]
pub struct SiteState {
    pub(crate) estate: Option<Estate>,
    pub(crate) inventory: Inventory,
    pub(crate) hosts: Hosts,
    pub(crate) sweeps: Sweeps,
    pub(crate) titles: Titles,
    pub(crate) stamps: Stamps,
    pub(crate) findings: HashMap<FindingId, Record, RandomState>,
    pub(crate) dispositions: HashMap<FindingId, DispositionSet, RandomState>,
    /// Those of them whose host is not known yet.
    pub(crate) unplaced: HashSet<FindingId, RandomState>,
    /// (host, service) → refusals that wait for their sweep to end.
    pub(crate) pending: HashMap<(u32, u32), SmallVec<[Sighting; 2]>, RandomState>,
    /// Hosts to judge, in the order they were touched.
    pub(crate) queue: Vec<u32>,
    /// When the clock has to look at which host.
    pub(crate) wakes: BinaryHeap<Reverse<(Us, u32)>>,
    clock: Option<Us>,
    newest: Option<Us>,
}

impl SiteState {
    /// A site of which nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The instant that verdicts are judged for; see [`SiteState`].
    #[must_use]
    pub fn as_of(&self) -> Timestamp {
        instant(self.now())
    }

    pub(crate) fn now(&self) -> Us {
        self.clock.or(self.newest).unwrap_or(0)
    }

    /// Addresses that are kept: hosts seen, and addresses of assets.
    #[must_use]
    pub fn addresses(&self) -> usize {
        self.hosts.len()
    }

    /// Hosts that wait to be judged.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Takes an input.
    pub fn apply(&mut self, input: Input<'_>) {
        match input {
            Input::Estate(site) => self.apply_estate(site),
            Input::InventoryDelta(delta) => {
                let mut touched = Touched::new();
                for asset in delta.upserts {
                    self.inventory.upsert(delta.revision, asset, &mut touched);
                }
                for key in delta.removals {
                    self.inventory.remove(delta.revision, key, &mut touched);
                }
                self.claim(&touched);
            }
            Input::InventoryImport(import) => {
                let mut touched = Touched::new();
                self.inventory.import(import.revision, import.assets, &mut touched);
                self.claim(&touched);
            }
            Input::Observations(observations) => self.apply_observations(&observations),
            Input::Closed(closed) => self.apply_closed(&closed),
            Input::SweepFinished(sweep) => self.apply_finished(&sweep),
            Input::Disposition(set) => self.apply_disposition(set),
            Input::Clock(at) => self.apply_clock(at.as_microsecond()),
        }
    }

    pub(crate) fn restore_inventory(&mut self, revision: u64, assets: &[(u64, Asset)]) {
        let mut touched = Touched::new();
        self.inventory.restore(revision, assets, &mut touched);
        self.claim(&touched);
    }

    pub(crate) fn mark(&mut self, slot: u32, bits: u8) {
        let host = &mut self.hosts[slot];
        if host.dirty == 0 {
            self.queue.push(slot);
        }
        host.dirty |= bits;
    }

    fn mark_all(&mut self, bits: u8) {
        for (slot, host) in self.hosts.iter_mut() {
            if host.dirty == 0 {
                self.queue.push(slot);
            }
            host.dirty |= bits;
        }
    }

    fn note(&mut self, at: Us) {
        self.newest = self.newest.max(Some(at));
    }

    fn apply_estate(&mut self, site: Arc<Site>) {
        if self.estate.as_ref().is_some_and(|estate| estate.site.revision >= site.revision) {
            return;
        }
        // A site's realm does not change: the host ids that were published rest on it.
        let (realm, host_ids) = match self.estate.take() {
            Some(estate) => (estate.realm, estate.host_ids),
            None => (site.realm.as_str().into(), HostId::derivation("address").text(&site.realm)),
        };
        let (zones, limits) = (Zones::new(&site), Limits::new(&site));
        for (_, host) in self.hosts.iter_mut() {
            host.zone = zones.of(host.address);
        }
        self.estate = Some(Estate { site, zones, limits, realm, host_ids });
        self.mark_all(dirty::IDENTITY);
    }

    /// Ties addresses to the assets that name them.
    fn claim(&mut self, touched: &Touched) {
        for (number, address) in touched {
            let slot = self.host_at(*address);
            let Self { inventory, hosts, .. } = self;
            let host = &mut hosts[slot];
            let claims = |number: u32| {
                inventory.get(number).into_iter().flat_map(|record| &record.claims).filter(|c| c.address == *address)
            };
            host.claims.retain(|claim| *claim != *number);
            if claims(*number).next().is_some() {
                host.claims.push(*number);
            }
            host.claims_bounded = host
                .claims
                .iter()
                .flat_map(|number| claims(*number))
                .any(|claim| claim.from != NEVER || claim.until != crate::time::FOREVER);
            self.mark(slot, dirty::IDENTITY);
        }
    }

    /// The number of an address; a new one gets its zone.
    pub(crate) fn host_at(&mut self, address: IpAddr) -> u32 {
        let before = self.hosts.len();
        let slot = self.hosts.find_or_add(address);
        if self.hosts.len() > before
            && let Some(estate) = &self.estate
        {
            self.hosts[slot].zone = estate.zones.of(address);
        }
        slot
    }

    fn apply_observations(&mut self, observations: &Observations<'_>) {
        let sweep = self.sweeps.number(observations.sweep);
        for seen in observations.seen {
            let sighting = Sighting { at: seen.at.as_microsecond(), sweep };
            let title = self.titles.number(seen.title);
            let slot = self.host_at(seen.address);
            self.note(sighting.at);
            self.see_open(slot, Service::key(seen.transport, seen.port), sighting, title);
        }
    }

    /// A port of a host was open.
    pub(crate) fn see_open(&mut self, slot: u32, key: u32, seen: Sighting, title: u32) {
        let Self { hosts, sweeps, .. } = self;
        let host = &mut hosts[slot];
        host.first_seen = host.first_seen.min(seen.at);
        host.remember_alive_in(seen);
        let mut bits = 0;
        match host.services.binary_search_by_key(&key, |service| service.key) {
            Ok(place) => {
                let service = &mut host.services[place];
                if newer(sweeps, seen, service.open) {
                    let was_gone = service.is_gone();
                    (service.open, service.title) = (seen, title);
                    if was_gone {
                        bits |= dirty::SERVICES;
                    }
                }
            }
            Err(place) => {
                let service = Service { key, title, open: seen, gone_at: NEVER, standing: Standing::NONE };
                host.services.insert(place, service);
                bits |= dirty::SERVICES;
            }
        }
        if host.pending {
            bits |= dirty::SERVICES;
        }
        bits |= self.sighted(slot, seen, true);
        if bits != 0 {
            self.mark(slot, bits);
        }
    }

    /// Moves the last sighting of a host; what of it has to be judged again?
    pub(crate) fn sighted(&mut self, slot: u32, seen: Sighting, open: bool) -> u8 {
        let Self { hosts, sweeps, estate, .. } = self;
        let host = &mut hosts[slot];
        let last = if open { &mut host.open } else { &mut host.answer };
        let before = last.at;
        if newer(sweeps, seen, *last) {
            *last = seen;
        }
        let mut bits = 0;
        let moved = estate
            .as_ref()
            .is_none_or(|e| before == NEVER || e.limits.seen_floor(before) != e.limits.seen_floor(seen.at.max(before)));
        if moved || host.standing[3].outcome != Some(Outcome::Pass) {
            bits |= dirty::SEEN;
        }
        if !host.appeared || host.claims_bounded || host.disposed {
            bits |= dirty::IDENTITY;
        }
        bits
    }

    fn apply_closed(&mut self, closed: &Closed<'_>) {
        let seen = Sighting { at: closed.at.as_microsecond(), sweep: self.sweeps.number(closed.sweep) };
        self.note(seen.at);
        let any_answer = self.estate.as_ref().is_some_and(|estate| match estate.site.alive_by {
            AliveBy::AnyAnswer => true,
            AliveBy::OpenPort => false,
        });
        for refused in closed.refused {
            let slot = match self.hosts.find(refused.address) {
                Some(slot) => slot,
                None if any_answer => self.host_at(refused.address),
                None => continue,
            };
            let mut bits = 0;
            if any_answer {
                let host = &mut self.hosts[slot];
                host.first_seen = host.first_seen.min(seen.at);
                bits |= self.sighted(slot, seen, false);
            } else if newer(&self.sweeps, seen, self.hosts[slot].answer) {
                self.hosts[slot].answer = seen;
            }
            let key = Service::key(refused.transport, refused.port);
            if self.refuse(slot, key, seen) {
                bits |= dirty::SERVICES;
            }
            if bits != 0 {
                self.mark(slot, bits);
            }
        }
    }

    /// Keeps a refusal of a known service until its sweep's end says what it is worth.
    fn refuse(&mut self, slot: u32, key: u32, seen: Sighting) -> bool {
        let host = &mut self.hosts[slot];
        let Some(service) = host.service(key) else { return false };
        if seen.at <= service.gone_at || seen.sweep == NO_SWEEP || self.sweeps.over(seen.sweep) == Some(true) {
            return false;
        }
        host.pending = true;
        let waiting = self.pending.entry((slot, key)).or_default();
        if let Some(same) = waiting.iter_mut().find(|other| other.sweep == seen.sweep) {
            same.at = same.at.max(seen.at);
        } else {
            waiting.push(seen);
            waiting.sort_unstable_by_key(|waiting| Reverse(waiting.at));
            waiting.truncate(PENDING_MAX);
        }
        true
    }

    fn apply_finished(&mut self, sweep: &FinishedSweep) {
        self.note(sweep.finished_at.as_microsecond());
        let Some(number) = self.sweeps.finish(sweep) else { return };
        let refuted: Vec<u32> = self
            .pending
            .iter()
            .filter(|(_, waiting)| waiting.iter().any(|seen| seen.sweep == number))
            .map(|((slot, _), _)| *slot)
            .collect();
        // One pass over the hosts a sweep: those it confirmed, and those whose silence now counts.
        let Self { hosts, queue, .. } = self;
        for (slot, host) in hosts.iter_mut() {
            let confirmed = host.alive_in(number) || host.answer.sweep == number;
            let silent = !sweep.void && host.standing[3].outcome.is_some_and(|outcome| outcome != Outcome::Pass);
            let mut bits = 0;
            if (confirmed && host.has_findings()) || (silent && host.asset != crate::host::NONE) {
                bits |= dirty::LIFE;
            }
            if host.disposed {
                bits |= dirty::IDENTITY | dirty::LIFE;
            }
            if bits != 0 {
                if host.dirty == 0 {
                    queue.push(slot);
                }
                host.dirty |= bits;
            }
        }
        // The map has no order of its own.
        let mut refuted = refuted;
        refuted.sort_unstable();
        for slot in refuted {
            self.mark(slot, dirty::SERVICES);
        }
    }

    pub(crate) fn apply_disposition(&mut self, set: DispositionSet) {
        self.note(set.at.as_microsecond());
        let finding = set.finding;
        let stands = self.dispositions.get(&finding);
        if stands.is_some_and(|stands| (stands.at, stands.event) >= (set.at, set.event)) {
            return;
        }
        self.dispositions.insert(finding, set);
        if let Some(slot) = self.host_of(finding) {
            self.hosts[slot].disposed = true;
            self.mark(slot, dirty::IDENTITY | dirty::LIFE);
        } else {
            self.unplaced.insert(finding);
        }
    }

    fn apply_clock(&mut self, at: Us) {
        if self.clock.is_some_and(|clock| clock >= at) {
            return;
        }
        if self.clock.is_none() && self.newest.is_some_and(|newest| newest > at) {
            // What was judged so far was judged for a later instant.
            self.mark_all(dirty::IDENTITY | dirty::LIFE);
        }
        self.clock = Some(at);
        while let Some(Reverse((due, slot))) = self.wakes.peek().copied() {
            if due >= at {
                break;
            }
            self.wakes.pop();
            // A host that was given an earlier time since is woken by that one.
            if self.hosts[slot].wakes_at == due {
                self.hosts[slot].wakes_at = crate::time::FOREVER;
                self.mark(slot, dirty::IDENTITY | dirty::LIFE);
            }
        }
    }
}

/// Newer by time, then by the sweep's id.
fn newer(sweeps: &Sweeps, seen: Sighting, than: Sighting) -> bool {
    seen.at > than.at || (seen.at == than.at && sweeps.id(seen.sweep) > sweeps.id(than.sweep))
}
