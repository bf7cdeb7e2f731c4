//! The state: what was seen, and what was said about it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use crate::event::Event;
use crate::evidence::{Host, HostKey};
use crate::key::Key;
use crate::resolve::{Answer, resolve};
use crate::span::Spans;

/// How sightings are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Sightings of the same at one address that are not further apart than this are one stay: somewhat more than the
    /// time between two sweeps, and less than two of them, or a host that went and came back would seem to have been at
    /// two addresses at once.
    pub join: SignedDuration,
    /// Addresses that one host has at once; a key at more of them is a router's, a balancer's or a copied one.
    pub addresses_at_once_max: usize,
    /// Different appearances (an address with a set of keys) that are kept.
    pub appearances_max: usize,
    /// Keys of one sighting.
    pub keys_max: usize,
    /// Events that are kept for [`Identities::history`]; the oldest go first.
    pub history_max: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            // A sweep a day, with two hours of play.
            join: SignedDuration::from_hours(26),
            addresses_at_once_max: 16,
            appearances_max: 2_000_000,
            keys_max: 64,
            history_max: 100_000,
        }
    }
}

/// An address was seen, with keys that were found there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub address: IpAddr,
    /// What was found.
    pub keys: Vec<Key>,
}

/// It takes no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// Where and as what something was seen.
pub(crate) type Appearance = (IpAddr, Vec<Key>);

/// Hosts by their sightings.
#[derive(Debug, Clone, Default)]
pub struct Identities {
    policy: Policy,
    seen: BTreeMap<Appearance, Spans>,
    /// What was said last, by appearance.
    told: BTreeMap<Appearance, HostKey>,
    ambiguous: BTreeSet<Key>,
    hosts: Vec<Host>,
    history: std::collections::VecDeque<Event>,
}

impl Identities {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// Takes a sighting. Keys beyond the bound are left out, the weakest first. What follows from it is said by
    /// [`Self::resolve`].
    ///
    /// # Errors
    /// When it would be one appearance too many.
    pub fn see(&mut self, sighting: Sighting) -> Result<(), Full> {
        let mut keys = sighting.keys;
        keys.sort_unstable();
        keys.dedup();
        keys.truncate(self.policy.keys_max);
        let appearance = (sighting.address.to_canonical(), keys);
        if self.seen.len() >= self.policy.appearances_max && !self.seen.contains_key(&appearance) {
            return Err(Full);
        }
        self.seen.entry(appearance).or_default().add(sighting.at, self.policy.join);
        Ok(())
    }

    /// Decides about everything that was seen, and says what is different from the last time.
    pub fn resolve(&mut self) -> Vec<Event> {
        let Answer { hosts, told, ambiguous } = resolve(&self.seen, &self.policy);
        let events = self.changes(&hosts, &told, &ambiguous);
        (self.hosts, self.told, self.ambiguous) = (hosts, told, ambiguous);
        self.history.extend(events.iter().cloned());
        while self.history.len() > self.policy.history_max {
            self.history.pop_front();
        }
        events
    }

    /// Hosts as they were decided last, by id.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Keys that join nothing, as decided last.
    #[must_use]
    pub const fn ambiguous(&self) -> &BTreeSet<Key> {
        &self.ambiguous
    }

    /// What was said so far, oldest first.
    pub fn history(&self) -> impl Iterator<Item = &Event> {
        self.history.iter()
    }

    /// The host of an appearance, as decided last.
    #[must_use]
    pub fn host_of(&self, address: IpAddr, keys: &[Key]) -> Option<HostKey> {
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        keys.truncate(self.policy.keys_max);
        self.told.get(&(address.to_canonical(), keys)).copied()
    }

    fn changes(&self, hosts: &[Host], told: &BTreeMap<Appearance, HostKey>, ambiguous: &BTreeSet<Key>) -> Vec<Event> {
        let fresh: BTreeSet<&Key> = ambiguous.difference(&self.ambiguous).collect();
        let mut events: Vec<Event> = fresh.iter().map(|key| Event::Ambiguous { key: (*key).clone() }).collect();
        // Which old ids a new one has, and which new ones an old one has.
        let mut olds: BTreeMap<HostKey, BTreeSet<HostKey>> = BTreeMap::new();
        let mut news: BTreeMap<HostKey, BTreeSet<HostKey>> = BTreeMap::new();
        let mut keys_of_old: BTreeMap<HostKey, BTreeSet<&Key>> = BTreeMap::new();
        for (appearance, now) in told {
            let Some(before) = self.told.get(appearance) else { continue };
            olds.entry(*now).or_default().insert(*before);
            news.entry(*before).or_default().insert(*now);
            keys_of_old.entry(*before).or_default().extend(&appearance.1);
        }
        let none = BTreeSet::new();
        for host in hosts {
            let before = olds.get(&host.id).unwrap_or(&none);
            let keys: Vec<Key> = host.evidence.iter().map(|evidence| evidence.key.clone()).collect();
            let main = if before.contains(&host.id) { Some(host.id) } else { before.first().copied() };
            let Some(main) = main else {
                events.push(Event::Appeared { host: host.id, keys });
                continue;
            };
            for from in before.iter().filter(|from| **from != main) {
                let of = |id: &HostKey| keys_of_old.get(id).cloned().unwrap_or_default();
                let shared: Vec<Key> = of(from).intersection(&of(&main)).map(|key| (*key).clone()).collect();
                // Joined by something that came in between, they have nothing in common themselves.
                let because = if shared.is_empty() { keys.clone() } else { shared };
                events.push(Event::Merged { into: host.id, from: *from, because });
            }
            let parts = news.get(&main).unwrap_or(&none);
            let stayed = if parts.contains(&main) { Some(&main) } else { parts.first() };
            if parts.len() > 1 && stayed != Some(&host.id) {
                let of = keys_of_old.get(&main).cloned().unwrap_or_default();
                let because = of.intersection(&fresh).map(|key| (*key).clone()).collect();
                events.push(Event::Split { from: main, into: host.id, because });
            } else if main != host.id {
                events.push(Event::Renamed { from: main, to: host.id });
            }
        }
        events
    }
}
