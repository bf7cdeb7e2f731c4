//! The decision: appearances to hosts. It reads the whole evidence, so that its order says nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use crate::evidence::{Evidence, Host, HostKey};
use crate::groups::{Groups, Known, Numbered};
use crate::identities::{Appearance, Policy};
use crate::key::{Key, Kind};
use crate::span::{Span, Spans};

/// What is decided.
pub(crate) struct Answer {
    /// By id.
    pub(crate) hosts: Vec<Host>,
    pub(crate) told: BTreeMap<Appearance, HostKey>,
    pub(crate) ambiguous: BTreeSet<Key>,
}

/// Sets that one key may join; more of them are no history of one host.
const JOINED_MAX: usize = 4_096;

/// An appearance, its keys as numbers.
struct Seen<'a> {
    address: IpAddr,
    keys: Vec<usize>,
    spans: &'a Spans,
    hull: Span,
}

pub(crate) fn resolve(seen: &BTreeMap<Appearance, Spans>, policy: &Policy) -> Answer {
    let numbered = Numbered::new(seen.keys().flat_map(|(_, keys)| keys).collect());
    let appearances: Vec<Seen<'_>> = seen
        .iter()
        .filter_map(|((address, keys), spans)| {
            let keys = keys.iter().filter_map(|key| numbered.number(key)).collect();
            Some(Seen { address: *address, keys, spans, hull: spans.hull()? })
        })
        .collect();
    let kind = |key: usize| numbered.keys.get(key).map_or(Kind::Name, |key| key.kind);
    let known =
        appearances.iter().map(|seen| Known::new(seen.hull, seen.keys.iter().map(|key| (kind(*key), *key)))).collect();
    let mut decision = Decision {
        policy,
        numbered: &numbered,
        appearances: &appearances,
        groups: Groups::new(known),
        ambiguous: BTreeSet::new(),
    };
    // An interface outlives its host and goes into the next one: what hosts are is decided without it as far as can be.
    decision.strong(&[Kind::SmbGuid, Kind::SshHostKey, Kind::TlsKey]);
    decision.weak();
    decision.strong(&[Kind::DhcpClientId, Kind::Mac]);
    decision.weak();
    decision.bare();
    decision.answer(seen)
}

struct Decision<'a> {
    policy: &'a Policy,
    numbered: &'a Numbered,
    appearances: &'a [Seen<'a>],
    groups: Groups,
    ambiguous: BTreeSet<usize>,
}

impl Decision<'_> {
    fn kind(&self, key: usize) -> Kind {
        self.numbered.keys.get(key).map_or(Kind::Name, |key| key.kind)
    }

    /// Strong keys of some kinds, the strongest kind first; within a kind by value.
    fn strong(&mut self, kinds: &[Kind]) {
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, seen) in self.appearances.iter().enumerate() {
            for key in &seen.keys {
                if kinds.contains(&self.kind(*key)) && self.numbered.keys.get(*key).is_some_and(Key::is_strong) {
                    members.entry(*key).or_default().push(index);
                }
            }
        }
        // What is copied is found before anything is joined: it must not make two hosts look like one.
        for (key, members) in &members {
            if self.at_once_on_several(members, self.kind(*key)) {
                self.ambiguous.insert(*key);
            }
        }
        for (key, members) in &members {
            if !self.ambiguous.contains(key) && !self.join(members, self.kind(*key)) {
                self.ambiguous.insert(*key);
            }
        }
    }

    /// Two pieces of weak evidence together. A pair that is copied joins nothing either.
    fn weak(&mut self) {
        /// What stands beside a weak key.
        #[derive(PartialEq, Eq, PartialOrd, Ord)]
        enum Beside {
            Name(usize),
            Address(IpAddr),
        }
        let mut pairs: BTreeMap<(usize, Beside), Vec<usize>> = BTreeMap::new();
        for (index, seen) in self.appearances.iter().enumerate() {
            let names = || seen.keys.iter().copied().filter(|key| self.kind(*key) == Kind::Name);
            for key in &seen.keys {
                let strong = self.numbered.keys.get(*key).is_some_and(Key::is_strong);
                if strong && !self.ambiguous.contains(key) {
                    continue;
                }
                // Copies of one disk stand in one pool of leases: there an address says nothing more.
                if matches!(self.kind(*key), Kind::Mac | Kind::Name) {
                    pairs.entry((*key, Beside::Address(seen.address))).or_default().push(index);
                }
                for name in names().filter(|name| name != key) {
                    pairs.entry((*key, Beside::Name(name))).or_default().push(index);
                }
            }
        }
        for ((key, _), members) in pairs {
            let kind = self.kind(key);
            // Of a pair the name agrees by itself; what has to agree or may contradict is the rest.
            if !self.at_once_on_several(&members, Kind::Name) {
                self.join(&members, kind);
            }
        }
    }

    /// Sightings without any key: of the one host that held the address then, or of the address.
    fn bare(&mut self) {
        let mut by_address: BTreeMap<IpAddr, (Option<usize>, Vec<usize>)> = BTreeMap::new();
        for (index, seen) in self.appearances.iter().enumerate() {
            let (bare, others) = by_address.entry(seen.address).or_default();
            if seen.keys.is_empty() { *bare = Some(index) } else { others.push(index) }
        }
        for (bare, others) in by_address.into_values() {
            let Some(bare) = bare else { continue };
            let Some(seen) = self.appearances.get(bare) else { continue };
            // One appearance for all bare sightings of an address: it is one host's when that held it all the time.
            let over =
                |index: &&usize| self.appearances.get(**index).is_some_and(|other| other.spans.overlaps(seen.spans));
            let holders: Vec<usize> = others.iter().filter(over).copied().collect();
            let roots: BTreeSet<usize> = holders.iter().map(|holder| self.groups.find(*holder)).collect();
            let mut roots = roots.into_iter();
            let (Some(root), None) = (roots.next(), roots.next()) else { continue };
            let hull = holders.iter().filter_map(|holder| self.appearances.get(*holder)).map(|other| other.hull);
            let hull = hull.reduce(|mut a, b| {
                a.extend(&b);
                a
            });
            if hull.is_some_and(|hull| hull.first <= seen.hull.first && seen.hull.last <= hull.last) {
                self.groups.join(root, bare);
            }
        }
    }

    /// Whether a key is seen at once at two addresses that are not two of one host.
    fn at_once_on_several(&self, members: &[usize], kind: Kind) -> bool {
        let mut spans: Vec<(Span, usize)> = members
            .iter()
            .filter_map(|index| Some((*index, self.appearances.get(*index)?)))
            .flat_map(|(index, seen)| seen.spans.iter().map(move |span| (*span, index)))
            .collect();
        spans.sort_unstable();
        let mut open: Vec<(Span, usize)> = Vec::new();
        // Whether two addresses were found to be one host's at some time: a probe fails now and then.
        let mut agreed: BTreeMap<(IpAddr, IpAddr), bool> = BTreeMap::new();
        for (span, index) in spans {
            open.retain(|(other, _)| other.last >= span.first);
            let here = self.appearances.get(index);
            for (_, other) in &open {
                let (Some(a), Some(b)) = (here, self.appearances.get(*other)) else { continue };
                if a.address == b.address {
                    continue;
                }
                let pair = (a.address.min(b.address), a.address.max(b.address));
                match self.one_host(a, b, kind) {
                    Some(false) => return true,
                    Some(true) => *agreed.entry(pair).or_default() = true,
                    None => *agreed.entry(pair).or_default() |= !kind.is_copied_with_a_disk(),
                }
            }
            open.push((span, index));
            let addresses: BTreeSet<IpAddr> =
                open.iter().filter_map(|(_, index)| self.appearances.get(*index)).map(|seen| seen.address).collect();
            if addresses.len() > self.policy.addresses_at_once_max {
                return true;
            }
        }
        // What a copy of the disk would share too has to be agreed with by something else, once for each two addresses.
        agreed.into_values().any(|agreed| !agreed)
    }

    /// Whether two addresses that share a key at one time are two of one host: nothing that a host has one of differs,
    /// and something agrees. `None`: there is nothing to compare.
    fn one_host(&self, a: &Seen<'_>, b: &Seen<'_>, shared: Kind) -> Option<bool> {
        let mut agrees = None;
        for kind in Kind::ALL.into_iter().filter(|kind| kind.is_of_the_host() && *kind != shared) {
            let of = |seen: &'_ Seen<'_>| -> BTreeSet<usize> {
                seen.keys.iter().copied().filter(|key| self.kind(*key) == kind).collect()
            };
            let (own, others) = (of(a), of(b));
            if own.is_empty() || others.is_empty() {
                continue;
            }
            if own.is_disjoint(&others) {
                return Some(false);
            }
            agrees = Some(true);
        }
        agrees
    }

    /// Joins the sets of some appearances, unless two of them lived side by side as different hosts.
    fn join(&mut self, members: &[usize], kind: Kind) -> bool {
        let roots: BTreeSet<usize> = members.iter().map(|member| self.groups.find(*member)).collect();
        if roots.len() > JOINED_MAX || self.contradicts(&roots, kind) {
            return false;
        }
        let mut roots = roots.into_iter();
        let Some(first) = roots.next() else { return true };
        for other in roots {
            self.groups.join(first, other);
        }
        true
    }

    fn contradicts(&self, roots: &BTreeSet<usize>, kind: Kind) -> bool {
        let mut known: Vec<&Known> = roots.iter().filter_map(|root| self.groups.known(*root)).collect();
        known.sort_by_key(|known| known.span);
        let mut open: Vec<&Known> = Vec::new();
        for known in known {
            open.retain(|other| other.span.last >= known.span.first);
            if open.iter().any(|other| other.contradicts(known, kind)) {
                return true;
            }
            open.push(known);
        }
        false
    }

    fn answer(mut self, seen: &BTreeMap<Appearance, Spans>) -> Answer {
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for index in 0..self.appearances.len() {
            let root = self.groups.find(index);
            members.entry(root).or_default().push(index);
        }
        let mut hosts = Vec::with_capacity(members.len());
        let mut ids: HashMap<usize, HostKey> = HashMap::new();
        for members in members.into_values() {
            let Some(host) = self.host(&members) else { continue };
            ids.extend(members.into_iter().map(|member| (member, host.id)));
            hosts.push(host);
        }
        hosts.sort_by_key(|host| host.id);
        let told = seen.keys().enumerate();
        let told = told.filter_map(|(index, appearance)| Some((appearance.clone(), *ids.get(&index)?))).collect();
        let ambiguous = self.ambiguous.iter().filter_map(|key| self.numbered.keys.get(*key).cloned()).collect();
        Answer { hosts, told, ambiguous }
    }

    fn host(&self, members: &[usize]) -> Option<Host> {
        let members: Vec<&Seen<'_>> = members.iter().filter_map(|index| self.appearances.get(*index)).collect();
        let first = members
            .iter()
            .min_by(|a, b| (a.hull.first, a.address, &a.keys).cmp(&(b.hull.first, b.address, &b.keys)))?;
        let keys: Vec<Key> = first.keys.iter().filter_map(|key| self.numbered.keys.get(*key).cloned()).collect();
        let mut span = first.hull;
        let mut addresses: BTreeMap<IpAddr, Span> = BTreeMap::new();
        let mut evidence: BTreeMap<usize, Span> = BTreeMap::new();
        for seen in &members {
            span.extend(&seen.hull);
            addresses.entry(seen.address).or_insert(seen.hull).extend(&seen.hull);
            for key in &seen.keys {
                evidence.entry(*key).or_insert(seen.hull).extend(&seen.hull);
            }
        }
        let evidence = evidence.into_iter().filter_map(|(key, span)| {
            let ambiguous = self.ambiguous.contains(&key);
            Some(Evidence { key: self.numbered.keys.get(key)?.clone(), span, ambiguous })
        });
        Some(Host {
            id: HostKey::of(first.hull.first, first.address, &keys),
            span,
            addresses: addresses.into_iter().collect(),
            evidence: evidence.collect(),
        })
    }
}
