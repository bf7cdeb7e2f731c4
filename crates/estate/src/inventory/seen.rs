//! What no two assets of an inventory share, and what each asset has to be.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

use jiff::Timestamp;

use super::encode::canonical_asset;
use crate::limits::{ASSET_BYTES_MAX, FIELD_BYTES_MAX, IDENTIFIERS_MAX};
use crate::model::{Asset, Claim, Identifier, IdentifierKind};
use crate::problem::{Collector, Problem, Problems, shown};

/// Assets that may hold one address one after the other: a lease a week for a year. It keeps the search short.
const HOLDERS_MAX: usize = 53;

/// Checks assets that did not come from a file: the same rules as [`super::read_csv`] has for its rows.
///
/// # Errors
/// With everything that is wrong, up to a bound; the texts name the asset by its number, from 1.
pub fn check_assets<'a>(assets: impl IntoIterator<Item = &'a Asset>) -> Result<(), Problems> {
    let mut seen = Seen::by("asset");
    let mut problems = Collector::default();
    for (number, asset) in (1..).zip(assets) {
        if let Err(what) = check_asset(asset).and_then(|()| seen.check(asset, number)) {
            problems.add(Problem::nowhere(format!("asset {number}: {what}")));
        }
        if problems.is_full() {
            break;
        }
    }
    problems.finish()
}

/// Whether an asset is within bounds.
pub(super) fn check_asset(asset: &Asset) -> Result<(), String> {
    if asset.key.is_empty() {
        return Err("the key is empty".to_owned());
    }
    let fields = [
        ("key", &asset.key),
        ("name", &asset.name),
        ("owner", &asset.owner),
        ("support_group", &asset.support_group),
        ("role", &asset.role),
        ("zone", &asset.zone),
        ("base_image", &asset.base_image),
        ("criticality", &asset.criticality),
    ];
    for (name, text) in fields {
        check_text(name, text)?;
    }
    if asset.identifiers.len() > IDENTIFIERS_MAX {
        return Err(format!("more than {IDENTIFIERS_MAX} identifiers"));
    }
    for Identifier { kind, valid_from, valid_until } in &asset.identifiers {
        match kind {
            IdentifierKind::Address(_) => {}
            IdentifierKind::Mac(text)
            | IdentifierKind::Fqdn(text)
            | IdentifierKind::DirectoryId(text)
            | IdentifierKind::Serial(text)
            | IdentifierKind::CloudId(text) => check_text("an identifier", text)?,
        }
        if let (Some(from), Some(until)) = (valid_from, valid_until)
            && until <= from
        {
            return Err(format!("valid_until {until} is not after valid_from {from}"));
        }
    }
    check_claims(&asset.claims)?;
    let bytes = canonical_asset(asset).len();
    if bytes > ASSET_BYTES_MAX {
        return Err(format!("asset {} has {bytes} bytes, at most {ASSET_BYTES_MAX}", shown(&asset.key)));
    }
    Ok(())
}

/// Sources that speak about one asset at most.
const CLAIMS_MAX: usize = 16;

fn check_claims(claims: &[Claim]) -> Result<(), String> {
    if claims.len() > CLAIMS_MAX {
        return Err(format!("more than {CLAIMS_MAX} sources speak about it"));
    }
    for (index, claim) in claims.iter().enumerate() {
        check_source(&claim.source)?;
        if claims.iter().skip(index + 1).any(|other| other.source == claim.source) {
            return Err(format!("source {} speaks about it twice", shown(&claim.source)));
        }
        if !claim.asset.claims.is_empty() {
            return Err(format!("what source {} says holds claims itself", shown(&claim.source)));
        }
        check_asset(&claim.asset)?;
    }
    Ok(())
}

/// Whether a source has a name that can stand in a list of an estate file.
pub(crate) fn check_source(source: &str) -> Result<(), String> {
    const SOURCE_BYTES_MAX: usize = 63;
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    if source.is_empty() || source.len() > SOURCE_BYTES_MAX || !source.bytes().all(letter) {
        let source = shown(source);
        return Err(format!("{source} names no source; write 1 to 63 of a-z, 0-9, \"-\" and \"_\""));
    }
    Ok(())
}

fn check_text(name: &str, text: &str) -> Result<(), String> {
    if text.len() > FIELD_BYTES_MAX {
        let bytes = text.len();
        return Err(format!("{name} has {bytes} bytes, at most {FIELD_BYTES_MAX}"));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(format!("{name} {} holds control characters", shown(text)));
    }
    Ok(())
}

/// Where an asset stands, and when it holds the address.
type Held = (u64, Option<Timestamp>, Option<Timestamp>);

/// What earlier assets took.
pub(super) struct Seen {
    what: &'static str,
    keys: HashMap<String, u64>,
    addresses: HashMap<IpAddr, Vec<Held>>,
}

impl Seen {
    /// Counts in "line" or "asset".
    pub(super) fn by(what: &'static str) -> Self {
        Self { what, keys: HashMap::new(), addresses: HashMap::new() }
    }

    pub(super) fn check(&mut self, asset: &Asset, number: u64) -> Result<(), String> {
        let what = self.what;
        match self.keys.entry(asset.key.clone()) {
            Entry::Occupied(first) => {
                return Err(format!("key {} stands a second time, first on {what} {}", shown(&asset.key), first.get()));
            }
            Entry::Vacant(place) => place.insert(number),
        };
        for Identifier { kind, valid_from, valid_until } in &asset.identifiers {
            let IdentifierKind::Address(address) = kind else { continue };
            let held = self.addresses.entry(address.to_canonical()).or_default();
            let apart = |(_, from, until): &Held| ends_before(*valid_until, *from) || ends_before(*until, *valid_from);
            if let Some((first, _, _)) = held.iter().find(|other| other.0 != number && !apart(other)) {
                return Err(format!("address {address} belongs to another asset already, on {what} {first}"));
            }
            if held.len() >= HOLDERS_MAX {
                return Err(format!("address {address} is held by more than {HOLDERS_MAX} assets in turn"));
            }
            held.push((number, *valid_from, *valid_until));
        }
        Ok(())
    }
}

/// Whether a time that ends lies wholly before one that starts.
pub(super) fn ends_before(end: Option<Timestamp>, start: Option<Timestamp>) -> bool {
    matches!((end, start), (Some(end), Some(start)) if end <= start)
}
