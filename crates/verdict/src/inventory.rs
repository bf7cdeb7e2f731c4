//! The inventory as the rules need it: joined from deltas and imports by revision, in whatever order they come.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::RandomState;
use muster_estate::model::{Asset, IdentifierKind};
use smallvec::SmallVec;

use crate::text::Text;
use crate::time::{FOREVER, NEVER, Us};

/// An address of an asset, with the time it is valid, both ends inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) address: IpAddr,
    pub(crate) from: Us,
    pub(crate) until: Us,
}

impl Claim {
    pub(crate) fn holds_at(&self, at: Us) -> bool {
        self.from <= at && at <= self.until
    }
}

/// One asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) key: Text,
    /// The revision that said it last.
    pub(crate) revision: u64,
    /// It is in the inventory, and not the mark that it was taken out.
    pub(crate) present: bool,
    pub(crate) name: Text,
    pub(crate) owner: Text,
    pub(crate) support_group: Text,
    pub(crate) role: Text,
    pub(crate) zone: Text,
    pub(crate) base_image: Text,
    pub(crate) claims: SmallVec<[Claim; 1]>,
}

/// What changed: a record, and the addresses it had and has.
pub(crate) type Touched = Vec<(u32, IpAddr)>;

/// The inventory of a site.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    records: Vec<Record>,
    by_key: HashMap<Arc<str>, u32, RandomState>,
    /// Revision of the newest import: what is older counts for nothing.
    imported: u64,
    /// Newest revision.
    pub(crate) revision: u64,
    /// Owners, zones and images repeat over many assets.
    words: HashSet<Arc<str>, RandomState>,
}

impl Inventory {
    pub(crate) fn get(&self, number: u32) -> Option<&Record> {
        self.records.get(number as usize).filter(|record| record.present)
    }

    /// Adds or changes an asset at a revision.
    pub(crate) fn upsert(&mut self, revision: u64, asset: &Asset, touched: &mut Touched) {
        self.revision = self.revision.max(revision);
        if revision >= self.imported {
            self.put(revision, asset, touched);
        }
    }

    /// Takes an asset out at a revision.
    pub(crate) fn remove(&mut self, revision: u64, key: &str, touched: &mut Touched) {
        self.revision = self.revision.max(revision);
        if revision < self.imported {
            return;
        }
        let number = self.number(key);
        self.take_out(number, revision, touched);
    }

    /// Replaces everything that is older than a revision.
    pub(crate) fn import(&mut self, revision: u64, assets: &[Asset], touched: &mut Touched) {
        self.revision = self.revision.max(revision);
        if revision <= self.imported {
            return;
        }
        self.imported = revision;
        self.words = HashSet::default();
        for asset in assets {
            self.put(revision, asset, touched);
        }
        let known = u32::try_from(self.records.len()).unwrap_or(u32::MAX);
        for number in 0..known {
            self.take_out(number, revision, touched);
        }
    }

    /// The inventory as a store holds it at a revision: nothing older counts after it.
    pub(crate) fn restore(&mut self, revision: u64, assets: &[(u64, Asset)], touched: &mut Touched) {
        for (said, asset) in assets {
            self.put(*said, asset, touched);
        }
        self.imported = revision;
        self.revision = revision;
    }

    fn put(&mut self, revision: u64, asset: &Asset, touched: &mut Touched) {
        let number = self.number(&asset.key);
        if self.records[number as usize].revision >= revision {
            return;
        }
        let record = Record {
            key: self.records[number as usize].key.clone(),
            revision,
            present: true,
            name: Text::from(asset.name.clone()),
            owner: self.word(&asset.owner),
            support_group: self.word(&asset.support_group),
            role: self.word(&asset.role),
            zone: self.word(&asset.zone),
            base_image: self.word(&asset.base_image),
            claims: claims(asset),
        };
        let old = std::mem::replace(&mut self.records[number as usize], record);
        let new = &self.records[number as usize];
        touched.extend(old.claims.iter().chain(&new.claims).map(|claim| (number, claim.address)));
    }

    /// Where a record is older than the revision: it is out.
    fn take_out(&mut self, number: u32, revision: u64, touched: &mut Touched) {
        let record = &mut self.records[number as usize];
        if record.revision >= revision {
            return;
        }
        let key = std::mem::take(&mut record.key);
        let old = std::mem::replace(record, Record { revision, ..Record::absent(key) });
        touched.extend(old.claims.iter().map(|claim| (number, claim.address)));
    }

    fn number(&mut self, key: &str) -> u32 {
        if let Some(number) = self.by_key.get(key) {
            return *number;
        }
        let number = u32::try_from(self.records.len()).unwrap_or(u32::MAX);
        let key: Arc<str> = key.into();
        self.records.push(Record::absent(Text::Shared(Arc::clone(&key))));
        self.by_key.insert(key, number);
        number
    }

    fn word(&mut self, word: &str) -> Text {
        if word.is_empty() {
            return Text::EMPTY;
        }
        if let Some(known) = self.words.get(word) {
            return Text::Shared(Arc::clone(known));
        }
        let new: Arc<str> = word.into();
        self.words.insert(Arc::clone(&new));
        Text::Shared(new)
    }
}

impl Record {
    fn absent(key: Text) -> Self {
        Self {
            key,
            revision: 0,
            present: false,
            name: Text::EMPTY,
            owner: Text::EMPTY,
            support_group: Text::EMPTY,
            role: Text::EMPTY,
            zone: Text::EMPTY,
            base_image: Text::EMPTY,
            claims: SmallVec::new(),
        }
    }

    /// The claim of an address that holds at an instant; of several, the one that began last.
    pub(crate) fn claim(&self, address: IpAddr, at: Us) -> Option<&Claim> {
        self.claims
            .iter()
            .filter(|claim| claim.address == address && claim.holds_at(at))
            .max_by_key(|claim| (claim.from, claim.until))
    }
}

fn claims(asset: &Asset) -> SmallVec<[Claim; 1]> {
    let addresses = asset.identifiers.iter().filter_map(|identifier| match &identifier.kind {
        IdentifierKind::Address(address) => Some(Claim {
            // As a socket would send to it, and as hosts are found.
            address: address.to_canonical(),
            from: identifier.valid_from.map_or(NEVER, |at| at.as_microsecond()),
            until: identifier.valid_until.map_or(FOREVER, |at| at.as_microsecond()),
        }),
        IdentifierKind::Mac(_)
        | IdentifierKind::Fqdn(_)
        | IdentifierKind::DirectoryId(_)
        | IdentifierKind::Serial(_)
        | IdentifierKind::CloudId(_) => None,
    });
    addresses.collect()
}
