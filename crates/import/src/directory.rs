//! Active Directory: computer objects, from a file ([`crate::ldif`]) or as an LDAP server answers.
//!
//! | asset | attribute, unless mapped |
//! |---|---|
//! | key | `objectGUID`, else the distinguished name |
//! | name | `cn`, else `name`, else `sAMAccountName` without its `$` |
//! | owner | `managedBy`: the first part of the name |
//! | support group, role, zone | none; mapped ones only |
//! | identifiers | `objectGUID` as directory id, `dNSHostName`, `ipHostNumber`, `macAddress`, `serialNumber` |
//! | last seen | `lastLogonTimestamp`, which a domain writes every 9 to 14 days |
//!
//! A disabled account (bit 0x2 of `userAccountControl`) is left out.

use jiff::Timestamp;
use muster_estate::model::IdentifierKind;

use crate::found::{Draft, Imported, Mapping};
use crate::problem::shown;

/// Attributes of computers, for a server that is asked for no more than that.
pub const ATTRIBUTES: [&str; 12] = [
    "objectClass",
    "objectGUID",
    "cn",
    "name",
    "sAMAccountName",
    "dNSHostName",
    "managedBy",
    "lastLogonTimestamp",
    "userAccountControl",
    "serialNumber",
    "ipHostNumber",
    "macAddress",
];

/// The filter for them; it names no attribute that could be written.
pub const FILTER: &str = "(objectClass=computer)";

/// An entry of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands: a line, or the number of the answer.
    pub place: String,
    /// Its name.
    pub dn: String,
    /// Attributes and values, in their order.
    pub attributes: Vec<(String, Vec<u8>)>,
}

impl Entry {
    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        // An option such as ";lang-de" or ";binary" stands behind the name.
        let matches = move |own: &str| own.split(';').next().is_some_and(|own| own.eq_ignore_ascii_case(name));
        self.attributes.iter().filter(move |(own, _)| matches(own)).map(|(_, value)| value.as_slice())
    }

    fn text(&self, name: &str) -> &str {
        self.values(name).find_map(|value| std::str::from_utf8(value).ok()).unwrap_or_default().trim()
    }

    fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.values(name).filter_map(|value| std::str::from_utf8(value).ok())
    }
}

/// The computers among entries.
#[must_use]
pub fn assets(entries: &[Entry], mapping: &Mapping) -> Imported {
    let mut imported = Imported::default();
    for entry in entries {
        computer(entry, mapping, &mut imported);
    }
    imported.finish()
}

fn computer(entry: &Entry, mapping: &Mapping, imported: &mut Imported) {
    if !entry.texts("objectClass").any(|class| class.eq_ignore_ascii_case("computer")) {
        return imported.skip(&entry.place, format!("{} is no computer", shown(&entry.dn)));
    }
    // ADS_UF_ACCOUNTDISABLE
    if entry.text("userAccountControl").parse::<i64>().is_ok_and(|flags| flags & 0x2 != 0) {
        return imported.skip(&entry.place, format!("{} is disabled", shown(&entry.dn)));
    }
    let guid = entry.values("objectGUID").next().and_then(guid);
    let mut draft = Draft::new(&entry.place, guid.clone().unwrap_or_else(|| entry.dn.clone()));
    let names = [entry.text("cn"), entry.text("name"), entry.text("sAMAccountName").trim_end_matches('$')];
    names.into_iter().find(|name| !name.is_empty()).unwrap_or_default().clone_into(&mut draft.asset.name);
    let mapped = |field: &Option<String>| field.as_deref().map(|field| entry.text(field)).unwrap_or_default();
    let owner = if mapping.owner.is_some() { mapped(&mapping.owner) } else { entry.text("managedBy") };
    draft.asset.owner = first_value(owner);
    draft.asset.support_group = first_value(mapped(&mapping.support_group));
    mapped(&mapping.role).clone_into(&mut draft.asset.role);
    mapped(&mapping.zone).clone_into(&mut draft.asset.zone);
    if let Some(guid) = guid {
        draft.identifier(IdentifierKind::DirectoryId(guid));
    }
    draft.fqdn(entry.text("dNSHostName"));
    for address in entry.texts("ipHostNumber") {
        draft.address(address);
    }
    for mac in entry.texts("macAddress") {
        draft.mac(mac);
    }
    draft.serial(entry.text("serialNumber"));
    draft.last_seen = file_time(entry.text("lastLogonTimestamp"));
    draft.into(imported);
}

/// An object's GUID as people write it: its first three parts are little-endian in the 16 bytes (MS-DTYP 2.3.4).
fn guid(bytes: &[u8]) -> Option<String> {
    let bytes: [u8; 16] = bytes.try_into().ok()?;
    let [a0, a1, a2, a3, b0, b1, c0, c1, d @ ..] = bytes;
    let hex = hex::encode([[a3, a2, a1, a0].as_slice(), &[b1, b0], &[c1, c0], &d].concat());
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    Some(format!("{}-{}-{}-{}-{}", part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)))
}

/// 100 ns since 1601 (MS-DTYP 2.3.3); 0 is never.
fn file_time(text: &str) -> Option<Timestamp> {
    // 1970-01-01 in that count: 134,774 days.
    const UNIX_EPOCH: i64 = 134_774 * 86_400 * 10_000_000;
    let ticks = text.parse::<i64>().ok().filter(|ticks| *ticks > 0)?;
    Timestamp::from_microsecond(ticks.checked_sub(UNIX_EPOCH)? / 10).ok()
}

/// `CN=Ada Lovelace,OU=People,…` to `Ada Lovelace`; what is no such name stays. RFC 4514: `\` escapes one character or
/// two hexadecimal digits.
fn first_value(name: &str) -> String {
    let value = match name.split_once('=') {
        Some((attribute, value)) if attribute.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') => value,
        _ => return name.to_owned(),
    };
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b',' | b'+' => break,
            b'\\' => {
                let Some(first) = rest.next() else { break };
                match (first as char).to_digit(16) {
                    Some(high) => {
                        let low = rest.next().and_then(|low| (low as char).to_digit(16)).unwrap_or(0);
                        bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                    }
                    None => bytes.push(first),
                }
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).trim().to_owned()
}
