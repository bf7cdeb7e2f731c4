//! What `snmpwalk -On` prints of a router's neighbours and of a switch's forwarding table:
//!
//! - `ipNetToMediaPhysAddress` (RFC 4293) `.1.3.6.1.2.1.4.22.1.2.<interface>.<IPv4>`
//! - `ipNetToPhysicalPhysAddress` (RFC 4293) `.1.3.6.1.2.1.4.35.1.4.<interface>.<type>.<length>.<address>`
//! - `dot1dTpFdbPort` (RFC 4188) `.1.3.6.1.2.1.17.4.3.1.2.<MAC>`
//! - `dot1qTpFdbPort` (RFC 4363) `.1.3.6.1.2.1.17.7.1.2.2.1.2.<VLAN>.<MAC>`

use std::net::IpAddr;

use super::{Seen, Sighting, address, mac};
use crate::{Limits, Problem};

const MEDIA: &str = ".1.3.6.1.2.1.4.22.1.2.";
const PHYSICAL: &str = ".1.3.6.1.2.1.4.35.1.4.";
const FDB: &str = ".1.3.6.1.2.1.17.4.3.1.2.";
const FDB_OF_VLAN: &str = ".1.3.6.1.2.1.17.7.1.2.2.1.2.";
/// Numbers behind the longest of them: interface, type, length, 20 octets of an address with its zone.
const NUMBERS_MAX: usize = 32;

pub(super) fn parse(text: &str, limits: Limits) -> Result<Seen, Problem> {
    let mut seen = Seen::default();
    for (line, text) in (1..).zip(text.lines()) {
        let Some((oid, value)) = text.split_once(" = ") else { continue };
        let oid = oid.trim();
        let read = if let Some(index) = oid.strip_prefix(MEDIA) {
            numbers(index).and_then(|index| neighbour(index.first()?, index.get(1..)?, value))
        } else if let Some(index) = oid.strip_prefix(PHYSICAL) {
            // The length says how many octets follow; a zone behind them belongs to the router.
            numbers(index).and_then(|index| {
                let length = usize::try_from(*index.get(2)?).ok()?;
                neighbour(index.first()?, index.get(3..)?.get(..length.min(16))?, value)
            })
        } else if let Some(index) = oid.strip_prefix(FDB) {
            numbers(index).and_then(|index| forwarded(&index, value, ""))
        } else if let Some(index) = oid.strip_prefix(FDB_OF_VLAN) {
            numbers(index).and_then(|index| forwarded(index.get(1..)?, value, &format!(" vlan {}", index.first()?)))
        } else {
            // Another table of the same walk.
            continue;
        };
        match read {
            Some(sighting) => seen.take(line, sighting, limits)?,
            None => seen.skip(line, "it names no host"),
        }
    }
    Ok(seen)
}

fn numbers(text: &str) -> Option<Vec<u32>> {
    let numbers: Option<Vec<u32>> = text.split('.').take(NUMBERS_MAX + 1).map(|part| part.parse().ok()).collect();
    numbers.filter(|numbers| numbers.len() <= NUMBERS_MAX)
}

fn octets(numbers: &[u32]) -> Option<Vec<u8>> {
    numbers.iter().map(|number| u8::try_from(*number).ok()).collect()
}

fn neighbour(interface: &u32, of_address: &[u32], value: &str) -> Option<Sighting> {
    let octets = octets(of_address)?;
    let ip = match octets.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(octets).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(octets).ok()?),
        _ => return None,
    };
    // The same rules as for an address that was written.
    let address = address(&ip.to_string())?;
    let (kind, text) = value.split_once(": ")?;
    let text = text.trim().trim_matches('"');
    let mac = match kind.trim() {
        "Hex-STRING" => mac(&text.split_whitespace().collect::<Vec<_>>().join(":"))?,
        "STRING" => mac(text)?,
        _ => return None,
    };
    let port = Some(format!("interface {interface}"));
    Some(Sighting { address: Some(address), mac: Some(mac), port, ..Sighting::default() })
}

fn forwarded(of_mac: &[u32], value: &str, vlan: &str) -> Option<Sighting> {
    let octets = octets(of_mac).filter(|octets| octets.len() == 6)?;
    let mac = mac(&octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(":"))?;
    let port: u32 = value.strip_prefix("INTEGER: ")?.trim().parse().ok()?;
    // Port 0 is where the switch does not know.
    (port > 0).then(|| Sighting { mac: Some(mac), port: Some(format!("port {port}{vlan}")), ..Sighting::default() })
}
