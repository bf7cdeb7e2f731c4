//! Several sources of one inventory: each says what it says, and the site's precedence decides which is believed.
//!
//! An import of one source replaces what that source said before and nothing else. Claims of different sources become one
//! asset when they have one key, or when they share an identifier that is unique in either of them: directory id, serial,
//! cloud id, global MAC, host name, address, in that order. They stay apart where a directory id, a serial or a cloud id
//! contradicts. The key and every attribute come from the first source that has one; an address belongs to the asset to
//! which the first source gives it. The outcome depends on claims and precedence alone, not on the order of imports.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use jiff::Timestamp;

use super::compare::{Comparison, compare};
use super::identifier::is_global_mac;
use super::seen::{check_asset, check_source, ends_before};
use crate::limits::{IDENTIFIERS_MAX, ROWS_MAX, SOURCES_MAX};
use crate::model::{Asset, Claim, Identifier, IdentifierKind};

/// The source of what has no claims: there was no other before.
pub const CSV: &str = "csv";

/// What a source says about one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated {
    /// Its record.
    pub asset: Asset,
    /// When it last saw it.
    pub last_seen: Option<Timestamp>,
}

/// An inventory with what one source says anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The assets, by key.
    pub assets: Vec<Asset>,
    /// What changed in what the source says.
    pub of_source: Comparison,
    /// Assets of the source about which others speak too.
    pub shared: u64,
    /// All sources, the one that is believed first in front.
    pub precedence: Vec<String>,
}

/// What an inventory becomes when a source says something new.
///
/// # Errors
/// When the source has no name, there would be too many sources, or an asset would be too large.
pub fn merge(current: Vec<Asset>, source: &str, next: Vec<Stated>, precedence: &[String]) -> Result<Merged, String> {
    check_source(source)?;
    let mut claims = claims(current);
    let rank = rank_of(&claims, source);
    let before = claims.remove(source).unwrap_or_default();
    let of_source = compare(before.iter().map(|claim| &*claim.asset), next.iter().map(|stated| &stated.asset));
    if !next.is_empty() {
        let claim = |stated: Stated| Claim {
            source: source.to_owned(),
            rank,
            last_seen: stated.last_seen,
            asset: Box::new(stated.asset),
        };
        claims.insert(source.to_owned(), next.into_iter().map(claim).collect());
    }
    if claims.len() > SOURCES_MAX {
        return Err(format!("an inventory has at most {SOURCES_MAX} sources"));
    }
    let mut order: Vec<(usize, u32, String)> = claims
        .iter()
        .map(|(name, claims)| {
            let place = precedence.iter().position(|other| other == name).unwrap_or(precedence.len());
            (place, claims.first().map_or(0, |claim| claim.rank), name.clone())
        })
        .collect();
    order.sort();
    let precedence: Vec<String> = order.into_iter().map(|(_, _, name)| name).collect();
    if precedence.iter().all(|source| source == CSV) && claims.values().flatten().all(|claim| claim.last_seen.is_none())
    {
        let mut assets: Vec<Asset> = claims.into_values().flatten().map(|claim| *claim.asset).collect();
        assets.sort_by(|a, b| a.key.cmp(&b.key));
        return Ok(Merged { assets, of_source, shared: 0, precedence });
    }
    let mut groups = Groups::default();
    for source in &precedence {
        groups.add(claims.remove(source).unwrap_or_default());
    }
    let shares = |group: &&Vec<Claim>| group.len() > 1 && group.iter().any(|claim| claim.source == source);
    let shared = groups.groups.iter().filter(shares).count() as u64;
    let assets = groups.finish()?;
    Ok(Merged { assets, of_source, shared, precedence })
}

/// What stands, by source. A record without claims is the CSV's, or was adopted: that counts as a line of it.
fn claims(current: Vec<Asset>) -> BTreeMap<String, Vec<Claim>> {
    let mut claims: BTreeMap<String, Vec<Claim>> = BTreeMap::new();
    let mut bare = Vec::new();
    for mut asset in current {
        if asset.claims.is_empty() {
            bare.push(asset);
        } else {
            for claim in std::mem::take(&mut asset.claims) {
                claims.entry(claim.source.clone()).or_default().push(claim);
            }
        }
    }
    if !bare.is_empty() {
        let rank = rank_of(&claims, CSV);
        let said: HashSet<String> =
            claims.get(CSV).into_iter().flatten().map(|claim| claim.asset.key.clone()).collect();
        let bare = bare.into_iter().filter(|asset| !said.contains(&asset.key));
        let claim = |asset| Claim { source: CSV.to_owned(), rank, last_seen: None, asset: Box::new(asset) };
        claims.entry(CSV.to_owned()).or_default().extend(bare.map(claim));
    }
    claims
}

/// The place of a source in the order of first imports; a new one comes last.
fn rank_of(claims: &BTreeMap<String, Vec<Claim>>, source: &str) -> u32 {
    let ranks = |claims: &[Claim]| claims.iter().map(|claim| claim.rank).min();
    match claims.get(source).and_then(|claims| ranks(claims)) {
        Some(rank) => rank,
        None => claims.values().flatten().map(|claim| claim.rank).max().unwrap_or(0).saturating_add(1),
    }
}

/// How well an identifier tells assets apart; the lowest is asked first.
fn strength(identifier: &Identifier) -> Option<usize> {
    match &identifier.kind {
        IdentifierKind::DirectoryId(_) => Some(0),
        IdentifierKind::Serial(_) => Some(1),
        IdentifierKind::CloudId(_) => Some(2),
        IdentifierKind::Mac(mac) => is_global_mac(mac).then_some(3),
        IdentifierKind::Fqdn(_) => Some(4),
        // One that is lent for some time is several hosts' in turn.
        IdentifierKind::Address(_) => {
            (identifier.valid_from.is_none() && identifier.valid_until.is_none()).then_some(5)
        }
    }
}

const STRENGTHS: usize = 6;

#[derive(Debug, Default)]
struct Groups {
    /// Claims about one asset, in order of precedence.
    groups: Vec<Vec<Claim>>,
    /// Groups by their own key, which is that of their first claim.
    by_key: HashMap<String, usize>,
    /// Groups by the other keys that they have; the first one counts.
    by_other_key: HashMap<String, usize>,
    by_identifier: HashMap<IdentifierKind, Vec<usize>>,
}

impl Groups {
    /// Adds the claims of one source. No two of them become one asset.
    fn add(&mut self, mut claims: Vec<Claim>) {
        claims.sort_by(|a, b| a.asset.key.cmp(&b.asset.key));
        let mut times: HashMap<&IdentifierKind, u32> = HashMap::new();
        for claim in &claims {
            let kinds: HashSet<&IdentifierKind> = claim.asset.identifiers.iter().map(|own| &own.kind).collect();
            for kind in kinds {
                *times.entry(kind).or_default() += 1;
            }
        }
        let mut matched: Vec<Option<usize>> = vec![None; claims.len()];
        let mut taken: HashSet<usize> = HashSet::new();
        for keys in [&self.by_key, &self.by_other_key] {
            for (claim, matched) in claims.iter().zip(&mut matched) {
                if matched.is_none()
                    && let Some(group) = keys.get(&claim.asset.key)
                    && taken.insert(*group)
                {
                    *matched = Some(*group);
                }
            }
        }
        for wanted in 0..STRENGTHS {
            for (claim, matched) in claims.iter().zip(&mut matched) {
                if matched.is_some() {
                    continue;
                }
                let candidates: HashSet<usize> = claim
                    .asset
                    .identifiers
                    .iter()
                    .filter(|own| strength(own) == Some(wanted) && times.get(&own.kind) == Some(&1))
                    // What two assets of the other side have tells nothing.
                    .filter_map(|own| match self.by_identifier.get(&own.kind).map(Vec::as_slice) {
                        Some([only]) => Some(*only),
                        _ => None,
                    })
                    .filter(|group| !taken.contains(group) && !self.contradicts(*group, &claim.asset))
                    .collect();
                let mut candidates = candidates.into_iter();
                if let (Some(group), None) = (candidates.next(), candidates.next()) {
                    taken.insert(group);
                    *matched = Some(group);
                }
            }
        }
        for (claim, matched) in claims.into_iter().zip(matched) {
            self.put(claim, matched);
        }
    }

    /// Whether an asset has another directory id, serial or cloud id than the group.
    fn contradicts(&self, group: usize, asset: &Asset) -> bool {
        let theirs = || self.groups.get(group).into_iter().flatten().flat_map(|claim| &claim.asset.identifiers);
        (0..=2).any(|wanted| {
            let mut own = asset.identifiers.iter().filter(|own| strength(own) == Some(wanted)).peekable();
            let mut other = theirs().filter(|other| strength(other) == Some(wanted)).peekable();
            own.peek().is_some()
                && other.peek().is_some()
                && !own.any(|own| theirs().any(|other| other.kind == own.kind))
        })
    }

    fn put(&mut self, claim: Claim, matched: Option<usize>) {
        let group = matched.unwrap_or(self.groups.len());
        if matched.is_none() {
            self.by_key.insert(claim.asset.key.clone(), group);
            self.groups.push(Vec::new());
        } else {
            self.by_other_key.entry(claim.asset.key.clone()).or_insert(group);
        }
        for identifier in claim.asset.identifiers.iter().filter(|own| strength(own).is_some()) {
            let groups = self.by_identifier.entry(identifier.kind.clone()).or_default();
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
        if let Some(claims) = self.groups.get_mut(group) {
            claims.push(claim);
        }
    }

    fn finish(self) -> Result<Vec<Asset>, String> {
        if self.groups.len() as u64 > ROWS_MAX {
            return Err(format!("an inventory has at most {ROWS_MAX} assets"));
        }
        let mut held = Held::default();
        let mut identifiers: Vec<Vec<Identifier>> = vec![Vec::new(); self.groups.len()];
        // By source first, so that an address goes to the asset of the one that is believed first.
        let most = self.groups.iter().map(Vec::len).max().unwrap_or(0);
        for place in 0..most {
            for (group, (claims, identifiers)) in self.groups.iter().zip(&mut identifiers).enumerate() {
                let Some(claim) = claims.get(place) else { continue };
                for own in &claim.asset.identifiers {
                    if identifiers.len() < IDENTIFIERS_MAX && !identifiers.contains(own) && held.take(group, own) {
                        identifiers.push(own.clone());
                    }
                }
            }
        }
        let mut assets = Vec::with_capacity(self.groups.len());
        for (claims, identifiers) in self.groups.into_iter().zip(identifiers) {
            let asset = asset(claims, identifiers);
            check_asset(&asset).map_err(|what| format!("asset {:?}: {what}", asset.key))?;
            assets.push(asset);
        }
        assets.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(assets)
    }
}

/// The asset of claims, the one that is believed first in front.
fn asset(claims: Vec<Claim>, identifiers: Vec<Identifier>) -> Asset {
    let first = |field: fn(&Asset) -> &String| {
        claims.iter().map(|claim| field(&claim.asset)).find(|text| !text.is_empty()).cloned().unwrap_or_default()
    };
    Asset {
        key: first(|asset| &asset.key),
        name: first(|asset| &asset.name),
        owner: first(|asset| &asset.owner),
        support_group: first(|asset| &asset.support_group),
        role: first(|asset| &asset.role),
        zone: first(|asset| &asset.zone),
        base_image: first(|asset| &asset.base_image),
        criticality: first(|asset| &asset.criticality),
        identifiers,
        claims,
    }
}

/// When a group holds an address.
type Window = (usize, Option<Timestamp>, Option<Timestamp>);

/// Which group holds an address, and when.
#[derive(Debug, Default)]
struct Held(HashMap<IpAddr, Vec<Window>>);

impl Held {
    /// Whether a group may have an identifier; an address that another one has at the same time it may not.
    fn take(&mut self, group: usize, identifier: &Identifier) -> bool {
        let IdentifierKind::Address(address) = identifier.kind else { return true };
        let (from, until) = (identifier.valid_from, identifier.valid_until);
        let held = self.0.entry(address.to_canonical()).or_default();
        let apart = |other: &Window| ends_before(until, other.1) || ends_before(other.2, from);
        let free = held.iter().all(|other| other.0 == group || apart(other));
        if free {
            held.push((group, from, until));
        }
        free
    }
}
