//! How people name things on the command line: hosts, findings, instants, spans, ports, blocks.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use muster_estate::model::PortRange;
use muster_estate::words::{parse_block, parse_duration, parse_ports};
use muster_proto::v1::SiteAddress;
use muster_proto::v1::get_host_request::Key;

/// A host, as somebody wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostName {
    /// 32 hexadecimal digits.
    Id(muster_ids::HostId),
    /// `SITE/ADDRESS`, or an address alone, which has to be of one site only.
    Address {
        /// Empty: of any site.
        site: String,
        /// Address.
        address: IpAddr,
    },
}

impl HostName {
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Id(id) => Key::HostId(id.to_vec()),
            Self::Address { site, address } => {
                Key::SiteAddress(SiteAddress { site: site.clone(), address: address.to_string() })
            }
        }
    }
}

impl std::fmt::Display for HostName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => write!(f, "{id}"),
            Self::Address { site, address } if site.is_empty() => write!(f, "{address}"),
            Self::Address { site, address } => write!(f, "{site}/{address}"),
        }
    }
}

/// Reads a host: `dublin/127.20.0.7`, `127.20.0.7`, `dublin/2001:db8::1` or an id.
pub(super) fn host(text: &str) -> Result<HostName, String> {
    if let Ok(id) = text.parse() {
        return Ok(HostName::Id(id));
    }
    let (site, address) = text.rsplit_once('/').unwrap_or(("", text));
    let address = address
        .parse()
        .map_err(|_| format!("{address:?} is no address; write SITE/ADDRESS, ADDRESS or a host id of 32 digits"))?;
    if text.starts_with('/') {
        return Err("the site before \"/\" is missing; an address alone is fine".to_owned());
    }
    Ok(HostName::Address { site: site.to_owned(), address })
}

/// A finding, as somebody wrote it: its id, or the host it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindingName {
    /// 32 hexadecimal digits.
    Id(muster_ids::FindingId),
    /// The host.
    Of(HostName),
}

pub(super) fn finding(text: &str) -> Result<FindingName, String> {
    if let Ok(id) = text.parse() {
        return Ok(FindingName::Id(id));
    }
    host(text)
        .map(FindingName::Of)
        .map_err(|_| format!("{text:?} is no finding; write its id of 32 digits, or SITE/ADDRESS of its host"))
}

/// What a sweep looks at: a site, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub(super) site: String,
    pub(super) block: Option<IpNet>,
}

/// Reads `dublin`, `dublin/127.20.0.7` or `dublin/127.20.0.0/28`.
pub(super) fn target(text: &str) -> Result<Target, String> {
    let (site, rest) = text.split_once('/').map_or((text, None), |(site, rest)| (site, Some(rest)));
    if site.is_empty() || site.parse::<IpAddr>().is_ok() {
        return Err("name the site first: SITE, SITE/ADDRESS or SITE/BLOCK".to_owned());
    }
    let block = rest.map(parse_block).transpose().map_err(|error| error.to_string())?;
    Ok(Target { site: site.to_owned(), block })
}

/// A span of time, for a deadline: positive.
pub(super) fn span(text: &str) -> Result<SignedDuration, String> {
    let span = parse_duration(text).map_err(|error| error.to_string())?;
    if span.is_positive() { Ok(span) } else { Err("a span is longer than nothing".to_owned()) }
}

/// An instant: RFC 3339, or how long from now.
pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    let span = parse_duration(text)
        .map_err(|_| format!("{text:?} is no instant; write 2026-12-31T00:00:00Z, or 30d for thirty days from now"))?;
    Timestamp::now().checked_add(span).map_err(|error| error.to_string())
}

/// An instant of the past, for `--as-of`.
pub(super) fn past(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    let span = parse_duration(text)
        .map_err(|_| format!("{text:?} is no instant; write 2026-01-31T00:00:00Z, or 7d for seven days ago"))?;
    Timestamp::now().checked_sub(span).map_err(|error| error.to_string())
}

/// Ports of one option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports(pub(super) Vec<PortRange>);

pub(super) fn ports(text: &str) -> Result<Ports, String> {
    let ranges = parse_ports(text).map_err(|error| error.to_string())?;
    if ranges.is_empty() { Err("name ports such as tcp/22,tcp/8000-8100".to_owned()) } else { Ok(Ports(ranges)) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_are_named_in_three_ways() {
        for text in ["dublin/127.20.0.7", "127.20.0.7", "dublin/2001:db8::1", "000102030405060708090a0b0c0d0e0f"] {
            assert_eq!(host(text).unwrap().to_string(), text);
        }
        for text in ["", "dublin", "dublin/", "/10.0.0.1", "dublin/10.0.0.256", "00ff"] {
            assert!(host(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_target_names_its_site() {
        assert_eq!(target("dublin").unwrap(), Target { site: "dublin".to_owned(), block: None });
        assert_eq!(target("dublin/10.0.0.7").unwrap().block.unwrap().to_string(), "10.0.0.7/32");
        assert_eq!(target("dublin/10.0.0.0/28").unwrap().block.unwrap().to_string(), "10.0.0.0/28");
        assert!(target("10.0.0.7").is_err());
        assert!(target("dublin/10.0.0.7/28").is_err(), "host bits");
    }

    proptest! {
        #[test]
        fn any_text_is_a_name_or_an_error(text in "\\PC{0,60}") {
            let _either = (host(&text), finding(&text), target(&text), span(&text), instant(&text), ports(&text));
        }
    }
}
