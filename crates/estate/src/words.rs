//! The words of the model as people write them: enums in kebab-case, durations, ports, blocks.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::SignedDuration;
use thiserror::Error;

use crate::limits::{DAYS_MAX, PORT_RANGES_MAX};
use crate::model::{
    AliveBy, Exposure, PortRange, RangeKind, Requirement, ScanPolicy, ScheduleKind, Transport, ZoneClass,
};
use crate::problem::{hint, shown};

/// A text that does not say what it should.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct WordError(pub(crate) String);

/// An enum that people write as a word.
pub trait Word: Copy + Eq + Sized + 'static {
    /// What it is called in an error.
    const WHAT: &'static str;
    /// Every value with its word.
    const ALL: &'static [(Self, &'static str)];

    /// The word.
    #[must_use]
    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(value, _)| *value == self).map_or("", |(_, word)| word)
    }

    /// The value of a word.
    ///
    /// # Errors
    /// When there is none; the error names the nearest.
    fn from_word(text: &str) -> Result<Self, WordError> {
        Self::ALL.iter().find(|(_, word)| *word == text).map(|(value, _)| *value).ok_or_else(|| {
            let hint = hint(text, Self::ALL.iter().map(|(_, word)| *word));
            WordError(format!("unknown {} {}{hint}", Self::WHAT, shown(text)))
        })
    }
}

macro_rules! words {
    ($($type:ident, $what:literal: $($value:ident = $word:literal),+;)+) => { $(
        impl Word for $type {
            const WHAT: &'static str = $what;
            const ALL: &'static [(Self, &'static str)] = &[$(($type::$value, $word)),+];
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }

        impl std::str::FromStr for $type {
            type Err = WordError;

            fn from_str(text: &str) -> Result<Self, WordError> {
                Self::from_word(text)
            }
        }
    )+ };
}

words! {
    Transport, "transport": Tcp = "tcp", Udp = "udp";
    RangeKind, "kind of range": Static = "static", Dhcp = "dhcp", Vpn = "vpn", Cloud = "cloud", Container = "container";
    ZoneClass, "zone class": Production = "production", Test = "test", Build = "build", Quarantine = "quarantine";
    Exposure, "exposure": Internet = "internet", Intranet = "intranet";
    ScanPolicy, "scan policy": Full = "full", Gentle = "gentle", PassiveOnly = "passive-only", None = "none";
    ScheduleKind, "kind of schedule": Sweep = "sweep", Audit = "audit";
    AliveBy, "alive_by": OpenPort = "open-port", AnyAnswer = "any-answer";
    Requirement, "requirement": Owner = "owner", SupportGroup = "support-group", BaseImage = "base-image";
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.transport, self.first)?;
        if self.last == self.first { Ok(()) } else { write!(f, "-{}", self.last) }
    }
}

impl std::str::FromStr for PortRange {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let wrong = || WordError(format!("{} are no ports; write tcp/80, udp/53 or tcp/8000-8100", shown(text)));
        let (transport, ports) = text.split_once('/').ok_or_else(wrong)?;
        let transport = Transport::from_word(transport)?;
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let number = |digits: &str| {
            // parse() would take a sign.
            if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse::<u16>().ok() } else { None }
        };
        let (Some(first), Some(last)) = (number(first), number(last)) else { return Err(wrong()) };
        if first == 0 || last < first {
            return Err(WordError(format!("ports {} must run upwards from 1 to 65535 at most", shown(text))));
        }
        Ok(Self { transport, first, last })
    }
}

/// Ports as a list with commas: `tcp/80, tcp/8000-8100, udp/53`. An empty text is an empty list.
///
/// # Errors
/// When an entry is no run of ports, or there are too many.
pub fn parse_ports(text: &str) -> Result<Vec<PortRange>, WordError> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    if text.split(',').count() > PORT_RANGES_MAX {
        return Err(WordError(format!("more than {PORT_RANGES_MAX} runs of ports")));
    }
    text.split(',').map(|entry| entry.trim().parse()).collect()
}

/// Ports as [`parse_ports`] reads them.
#[must_use]
pub fn format_ports(ports: &[PortRange]) -> String {
    ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A block: `10.1.0.0/16`, or one address.
///
/// # Errors
/// When it is no block, when bits behind the prefix are set, or when it is IPv4 in the clothes of IPv6.
pub fn parse_block(text: &str) -> Result<IpNet, WordError> {
    let block = match (text.parse::<IpNet>(), text.parse::<IpAddr>()) {
        (Ok(block), _) => block,
        (_, Ok(address)) => IpNet::from(address),
        (Err(_), Err(_)) => {
            return Err(WordError(format!("{} is no address block; write 10.1.0.0/16 or 2001:db8::/48", shown(text))));
        }
    };
    if block != block.trunc() {
        let meant = block.trunc();
        return Err(WordError(format!("{block} has bits behind its prefix; did you mean {meant}?")));
    }
    if is_mapped(block) {
        return Err(WordError(format!("{block} is IPv4 written as IPv6; write the IPv4 block")));
    }
    Ok(block)
}

/// Lies in ::ffff:0:0/96: a socket would send IPv4 packets.
pub(crate) fn is_mapped(block: IpNet) -> bool {
    match block {
        IpNet::V4(_) => false,
        IpNet::V6(block) => block.prefix_len() >= 96 && block.addr().to_ipv4_mapped().is_some(),
    }
}

const NS_PER_S: i128 = 1_000_000_000;

/// Units with their nanoseconds, largest first.
const UNITS: [(&str, i128); 8] = [
    ("w", 7 * 86_400 * NS_PER_S),
    ("d", 86_400 * NS_PER_S),
    ("h", 3_600 * NS_PER_S),
    ("m", 60 * NS_PER_S),
    ("s", NS_PER_S),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// A duration: `24h`, `7d`, `1h30m`, `500ms`. A day is 24 hours.
///
/// # Errors
/// When it is none, or longer than ten years.
pub fn parse_duration(text: &str) -> Result<SignedDuration, WordError> {
    let wrong = || WordError(format!("{} is no duration; write 24h, 7d, 1h30m or 500ms", shown(text)));
    let mut rest = text;
    let mut total: i128 = 0;
    let mut coarser: i128 = i128::MAX;
    while !rest.is_empty() {
        let (digits, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
        let (unit, after) = after.split_at(after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len()));
        let (_, unit_ns) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        // Each unit once, from large to small: "1m2h" is a typing mistake.
        if unit_ns >= coarser {
            return Err(wrong());
        }
        coarser = unit_ns;
        total += i128::from(digits.parse::<u64>().map_err(|_| wrong())?) * unit_ns;
        rest = after;
    }
    if coarser == i128::MAX {
        return Err(wrong());
    }
    if total > i128::from(DAYS_MAX) * 86_400 * NS_PER_S {
        return Err(WordError(format!("{} is longer than {DAYS_MAX} days", shown(text))));
    }
    let seconds = i64::try_from(total / NS_PER_S).map_err(|_| wrong())?;
    let nanos = i32::try_from(total % NS_PER_S).map_err(|_| wrong())?;
    Ok(SignedDuration::new(seconds, nanos))
}

/// A duration as [`parse_duration`] reads it. From two days on it counts in days, so a daily schedule says `24h`.
#[must_use]
pub fn format_duration(span: SignedDuration) -> String {
    let mut rest = span.as_nanos();
    if rest <= 0 {
        // Nothing that was read is negative; what arrives otherwise is shown as it is.
        return if rest == 0 {
            "0s".to_owned()
        } else {
            format!("-{}", format_duration(SignedDuration::ZERO.saturating_sub(span)))
        };
    }
    let mut text = String::new();
    let days = if span.as_hours() < 48 { 2 } else { 1 };
    for (name, unit_ns) in UNITS.into_iter().skip(days) {
        let count = rest / unit_ns;
        if count > 0 {
            text.push_str(&format!("{count}{name}"));
            rest %= unit_ns;
        }
    }
    text
}

/// Why a text is no name of a site, zone, realm or schedule, if it is none.
pub(crate) fn name_problem(what: &str, name: &str) -> Option<String> {
    let letters = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if name.is_empty() || name.len() > 63 || !letters {
        let shown = shown(name);
        return Some(format!("{shown} is no {what} name; use 1 to 63 of the letters a-z, digits and \"-\""));
    }
    (what == "site" && name == "all").then(|| "no site may be named \"all\": subjects use it for every site".to_owned())
}
