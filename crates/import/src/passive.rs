//! What passive sources saw: leases, neighbours, tables of switches, logs of a sensor; each to the same sightings.

pub mod dhcpd;
pub mod kea;
pub mod neighbours;
pub mod snmp;
pub mod zeek;

use std::net::IpAddr;

use jiff::Timestamp;
use muster_estate::inventory::identifier;

use crate::found::{Skipped, is_of_a_host};
use crate::{Limits, Problem};

/// A host was seen by somebody else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sighting {
    /// Where it stands in the document.
    pub place: String,
    /// Its address; a table of a switch has none.
    pub address: Option<IpAddr>,
    /// Its MAC address, lower case with colons.
    pub mac: Option<String>,
    /// The name that it gave.
    pub name: Option<String>,
    /// The client id of its lease, hexadecimal with colons.
    pub client_id: Option<String>,
    /// A service of it: `tcp/22 ssh`.
    pub service: Option<String>,
    /// Who its certificate is for.
    pub certificate: Option<String>,
    /// Where it is plugged in: interface or port, as the source counts.
    pub port: Option<String>,
    /// When it was seen last; `None`: when the table was taken.
    pub at: Option<Timestamp>,
}

/// What a document says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Sightings, in the order of the document.
    pub sightings: Vec<Sighting>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

/// A format of a passive source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassiveFormat {
    /// `dhcpd.leases` of ISC DHCP.
    Dhcpd,
    /// Lease file of Kea.
    Kea,
    /// `ip neigh`, `arp -an`, `show ip arp`.
    Neighbours,
    /// `known_hosts`, `known_services`, `known_certs`, `known_devices` of Zeek.
    Zeek,
    /// `snmpwalk -On` over tables of neighbours and of forwarding.
    Snmp,
}

/// What is looked at to tell formats apart.
const HEAD_BYTES: usize = 64 * 1024;

impl PassiveFormat {
    /// The format that a document looks like. Neighbours are what looks like nothing else.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
        let head = bytes.get(..HEAD_BYTES.min(bytes.len())).unwrap_or_default();
        let holds = |what: &str| head.windows(what.len()).any(|window| window == what.as_bytes());
        if head.starts_with(b"#separator") || head.starts_with(b"#fields") || head.starts_with(b"{") {
            Self::Zeek
        } else if head.starts_with(b"address,hwaddr") || head.starts_with(b"address,duid") {
            Self::Kea
        } else if head.starts_with(b".1.3.6.") || holds("\n.1.3.6.") {
            Self::Snmp
        } else if holds("lease ") && holds("{") {
            Self::Dhcpd
        } else {
            Self::Neighbours
        }
    }

    /// Reads a document.
    ///
    /// # Errors
    /// When it is none, or beyond the bounds.
    pub fn read(self, bytes: &[u8], limits: Limits) -> Result<Seen, Problem> {
        limits.check_bytes(bytes)?;
        let text = std::str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            Problem::at(1 + before.iter().filter(|byte| **byte == b'\n').count(), "not UTF-8")
        })?;
        match self {
            Self::Dhcpd => dhcpd::parse(text, limits),
            Self::Kea => kea::parse(text, limits),
            Self::Neighbours => neighbours::parse(text, limits),
            Self::Zeek => zeek::parse(text, limits),
            Self::Snmp => snmp::parse(text, limits),
        }
    }
}

impl Seen {
    fn skip(&mut self, line: usize, reason: impl Into<String>) {
        self.skipped.push(Skipped { place: format!("line {line}"), reason: reason.into() });
    }

    /// Takes a sighting that says something about a host.
    fn take(&mut self, line: usize, sighting: Sighting, limits: Limits) -> Result<(), Problem> {
        if sighting.address.is_none() && sighting.mac.is_none() {
            self.skip(line, "there is neither an address nor a MAC address in it");
            return Ok(());
        }
        if self.sightings.len() >= limits.rows {
            return Err(Problem::TooManyRows { place: format!("line {line}"), max: limits.rows });
        }
        self.sightings.push(Sighting { place: format!("line {line}"), ..sighting });
        Ok(())
    }
}

/// An address that a host can have.
fn address(text: &str) -> Option<IpAddr> {
    // A scope such as "%eth0" belongs to whoever looked.
    let text = text.split('%').next().unwrap_or_default();
    identifier::address(text).ok().filter(|address| is_of_a_host(*address))
}

/// A MAC address that a host can have, in whatever notation.
fn mac(text: &str) -> Option<String> {
    let whole = identifier::mac(text).ok().or_else(|| {
        // Solaris, BSD and net-snmp leave leading zeros out: 0:1a:2b:3:4:5.
        let parts: Vec<&str> = text.split(':').collect();
        let short = parts.len() == 6 && parts.iter().all(|part| (1..=2).contains(&part.len()));
        short.then(|| {
            identifier::mac(&parts.iter().map(|part| format!("{part:0>2}")).collect::<Vec<_>>().join(":")).ok()
        })?
    })?;
    // The lowest bit is a group of hosts.
    let group = whole.get(1..2).and_then(|digit| u8::from_str_radix(digit, 16).ok()).is_none_or(|digit| digit & 1 == 1);
    (!group && whole != "00:00:00:00:00:00").then_some(whole)
}

/// A name that a host gave. Whoever asks for a lease chooses it: one that is no host name counts as none.
fn name(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches('.');
    if text.is_empty() { None } else { identifier::host_name(text).ok() }
}
