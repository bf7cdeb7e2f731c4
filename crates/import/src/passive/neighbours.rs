//! Tables of neighbours, a line an entry: `ip neigh`, `arp -an`, `arp -n`, `/proc/net/arp`, `show ip arp`. An entry is an
//! address and, behind it, a MAC address; entries without one are those that nobody answered for.

use super::{Seen, Sighting, address, mac};
use crate::{Limits, Problem};

pub(super) fn parse(text: &str, limits: Limits) -> Result<Seen, Problem> {
    let mut seen = Seen::default();
    for (line, text) in (1..).zip(text.lines()) {
        let words: Vec<&str> = text.split_whitespace().map(|word| word.trim_matches(['(', ')', '[', ']'])).collect();
        let Some((at, address)) = words.iter().enumerate().find_map(|(at, word)| Some((at, address(word)?))) else {
            // The head of a table, an empty line, a prompt.
            continue;
        };
        let rest = words.get(at + 1..).unwrap_or_default();
        let Some(mac) = rest.iter().find_map(|word| mac(word)) else {
            seen.skip(line, format!("nobody answered for {address}"));
            continue;
        };
        let after = |name: &str| rest.iter().skip_while(|word| **word != name).nth(1);
        // Of the others the interface is the last word.
        let port = after("dev").or_else(|| after("on")).or_else(|| rest.last());
        let port = port.filter(|port| super::mac(port).is_none()).map(|port| (*port).to_owned());
        let sighting = Sighting { address: Some(address), mac: Some(mac), port, ..Sighting::default() };
        seen.take(line, sighting, limits)?;
    }
    Ok(seen)
}
