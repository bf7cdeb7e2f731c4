//! What a document says about assets.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use jiff::Timestamp;
use muster_estate::inventory::{check_assets, identifier};
use muster_estate::model::{Asset, Identifier, IdentifierKind};

/// An asset as one source describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its record. Empty texts: the source does not say.
    pub asset: Asset,
    /// The source's name for the site, where it has one.
    pub site: Option<String>,
    /// When the source itself last saw it.
    pub last_seen: Option<Timestamp>,
    /// Where it stands in the document.
    pub place: String,
}

/// Something that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Where it stands in the document.
    pub place: String,
    /// Why it was left out.
    pub reason: String,
}

/// What a document says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Assets, in the order of the document; no key stands twice, and no address belongs to two of them.
    pub assets: Vec<Found>,
    /// What was left out, in the order in which it was met.
    pub skipped: Vec<Skipped>,
}

/// Which fields of a source hold what Muster asks for. `None`: those that each module names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Field of the owner.
    pub owner: Option<String>,
    /// Field of the support group.
    pub support_group: Option<String>,
    /// Field of the role.
    pub role: Option<String>,
    /// Field of the zone.
    pub zone: Option<String>,
}

impl Imported {
    pub(crate) fn skip(&mut self, place: impl Into<String>, reason: impl Into<String>) {
        self.skipped.push(Skipped { place: place.into(), reason: reason.into() });
    }

    /// Takes a record, unless it is one that no inventory may hold.
    pub(crate) fn take(&mut self, found: Found) {
        match check_assets([&found.asset]) {
            Ok(()) => self.assets.push(found),
            Err(problems) => self.skip(found.place, problems.to_string().trim_start_matches("asset 1: ")),
        }
    }

    /// Leaves out what cannot be true of two assets at once: of two with one key the second, and of an address that
    /// two of them have its second mention.
    pub(crate) fn finish(mut self) -> Self {
        let mut keys: HashSet<String> = HashSet::new();
        let mut holders: HashMap<IpAddr, String> = HashMap::new();
        for mut found in std::mem::take(&mut self.assets) {
            if !keys.insert(found.asset.key.clone()) {
                self.skip(&found.place, format!("key {:?} stands a second time", found.asset.key));
                continue;
            }
            let (place, key) = (&found.place, &found.asset.key);
            let skipped = &mut self.skipped;
            found.asset.identifiers.retain(|identifier| {
                let IdentifierKind::Address(address) = identifier.kind else { return true };
                let holder = holders.entry(address).or_insert_with(|| key.clone());
                if holder != key {
                    let reason = format!("address {address} belongs to {holder:?} already, and stays there");
                    skipped.push(Skipped { place: place.clone(), reason });
                }
                holder == key
            });
            self.assets.push(found);
        }
        self
    }
}

/// Collects one asset.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) asset: Asset,
    pub(crate) site: Option<String>,
    pub(crate) last_seen: Option<Timestamp>,
    place: String,
    /// Identifiers that are none, with the reason.
    pub(crate) wrong: Vec<String>,
}

impl Draft {
    pub(crate) fn new(place: impl Into<String>, key: impl Into<String>) -> Self {
        let empty = String::new;
        let asset = Asset {
            key: key.into(),
            name: empty(),
            owner: empty(),
            support_group: empty(),
            role: empty(),
            zone: empty(),
            base_image: empty(),
            criticality: empty(),
            identifiers: Vec::new(),
            claims: Vec::new(),
        };
        Self { asset, site: None, last_seen: None, place: place.into(), wrong: Vec::new() }
    }

    pub(crate) fn identifier(&mut self, kind: IdentifierKind) {
        let identifier = Identifier { kind, valid_from: None, valid_until: None };
        if !self.asset.identifiers.contains(&identifier) {
            self.asset.identifiers.push(identifier);
        }
    }

    /// An address, with or without the length of its network.
    pub(crate) fn address(&mut self, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let alone = text.split_once('/').map_or(text, |(address, _)| address);
        match identifier::address(alone) {
            Ok(address) if is_of_a_host(address) => self.identifier(IdentifierKind::Address(address)),
            Ok(address) => self.wrong.push(format!("{address} is the address of no host")),
            Err(what) => self.wrong.push(what),
        }
    }

    pub(crate) fn mac(&mut self, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        match identifier::mac(text) {
            Ok(mac) if mac == "00:00:00:00:00:00" || mac == "ff:ff:ff:ff:ff:ff" => {
                self.wrong.push(format!("{mac} is the MAC address of no host"));
            }
            Ok(mac) => self.identifier(IdentifierKind::Mac(mac)),
            Err(what) => self.wrong.push(what),
        }
    }

    /// A name with a domain. One without is a name that two sites may use, and identifies nothing.
    pub(crate) fn fqdn(&mut self, text: &str) {
        let text = text.trim().trim_end_matches('.');
        if !text.contains('.') || identifier::address(text).is_ok() {
            return;
        }
        match identifier::host_name(text) {
            Ok(name) => self.identifier(IdentifierKind::Fqdn(name)),
            Err(what) => self.wrong.push(what),
        }
    }

    pub(crate) fn serial(&mut self, text: &str) {
        // What makers write where they did not write a number.
        const FILLERS: [&str; 8] = [
            "0",
            "none",
            "n/a",
            "unknown",
            "default string",
            "not specified",
            "to be filled by o.e.m.",
            "system serial number",
        ];
        let text = text.trim();
        if !text.is_empty() && !FILLERS.contains(&text.to_lowercase().as_str()) {
            self.identifier(IdentifierKind::Serial(text.to_owned()));
        }
    }

    /// Gives the asset to the import, and says which of its identifiers were none.
    pub(crate) fn into(self, imported: &mut Imported) {
        for what in self.wrong {
            imported.skip(&self.place, what);
        }
        imported.take(Found { asset: self.asset, site: self.site, last_seen: self.last_seen, place: self.place });
    }
}

/// Loopback, unspecified, multicast and broadcast addresses are what many hosts have, or none.
pub(crate) fn is_of_a_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !(v4.is_unspecified() || v4.is_multicast() || v4.is_broadcast()),
        IpAddr::V6(v6) => !(v6.is_unspecified() || v6.is_multicast() || v6.is_loopback()),
    }
}

/// An instant as sources write it: RFC 3339, or ServiceNow's `2026-01-31 12:00:00` in UTC.
pub(crate) fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}
