//! Lease files of Kea (`kea-leases4.csv`, `kea-leases6.csv`): the header names the columns, the last row about an address
//! is the one that holds. Declined leases are left out: there somebody unknown has the address.

use std::collections::HashMap;
use std::net::IpAddr;

use csv::ReaderBuilder;
use jiff::Timestamp;

use super::{Seen, Sighting, address, mac, name};
use crate::problem::shown;
use crate::{Limits, Problem};

/// State of a lease that was found to be in use by somebody else.
const DECLINED: &str = "1";

pub(super) fn parse(text: &str, limits: Limits) -> Result<Seen, Problem> {
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| Problem::at(1, format!("no CSV: {error}")))?.clone();
    let column = |name: &str| header.iter().position(|own| own.trim() == name);
    let Some(at_address) = column("address") else {
        return Err(Problem::at(1, "there is no column \"address\"; is it a lease file of Kea?"));
    };
    let columns = ["hwaddr", "client_id", "duid", "hostname", "expire", "valid_lifetime", "state"].map(column);
    let mut seen = Seen::default();
    let mut places: HashMap<(IpAddr, Option<String>), usize> = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(1, csv::Position::line);
            Problem::at(usize::try_from(line).unwrap_or(usize::MAX), format!("no CSV: {error}"))
        })?;
        let line = record.position().map_or(1, |position| usize::try_from(position.line()).unwrap_or(usize::MAX));
        let field = |at: Option<usize>| at.and_then(|at| record.get(at)).map(str::trim).unwrap_or_default();
        let [hwaddr, client_id, duid, hostname, expire, lifetime, state] = columns.map(field);
        let text = field(Some(at_address));
        let Some(address) = address(text) else {
            seen.skip(line, format!("{} is no address of a host", shown(text)));
            continue;
        };
        if state == DECLINED {
            seen.skip(line, format!("{address} was declined: somebody else has it"));
            continue;
        }
        let id = if client_id.is_empty() { duid } else { client_id }.to_ascii_lowercase();
        let hex = |id: &str| !id.is_empty() && id.chars().all(|letter| letter.is_ascii_hexdigit() || letter == ':');
        let sighting = Sighting {
            address: Some(address),
            mac: mac(hwaddr),
            name: name(hostname),
            client_id: Some(id).filter(|id| hex(id)),
            at: granted(expire, lifetime),
            ..Sighting::default()
        };
        let key = (address, sighting.mac.clone().or_else(|| sighting.client_id.clone()));
        match places.get(&key).and_then(|place| seen.sightings.get_mut(*place)) {
            Some(before) => *before = Sighting { place: format!("line {line}"), ..sighting },
            None => {
                places.insert(key, seen.sightings.len());
                seen.take(line, sighting, limits)?;
            }
        }
    }
    Ok(seen)
}

/// When a lease was given: its end less its length.
fn granted(expire: &str, lifetime: &str) -> Option<Timestamp> {
    let (expire, lifetime): (i64, i64) = (expire.parse().ok()?, lifetime.parse().ok()?);
    Timestamp::from_second(expire.checked_sub(lifetime)?).ok()
}
