//! ICMP errors (RFC 792, RFC 4443) and the probes that they quote.

use std::net::IpAddr;

use super::PacketError;
use super::bytes::Reader;
use super::ip::{Ip, protocol};

/// Why a probe did not arrive, or was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The host has nobody at this UDP port: the host is there, the port is closed.
    PortUnreachable,
    /// The host does not speak this protocol.
    ProtocolUnreachable,
    /// A router found nobody with this address.
    HostUnreachable,
    /// A router knows no way.
    NetworkUnreachable,
    /// A filter says so.
    Prohibited,
    /// Time to live ran out: usually a loop.
    TimeExceeded,
    /// The packet is too large for a link.
    TooBig,
    /// A header makes no sense to a router or host.
    ParameterProblem,
    /// Unreachable for another reason; its code.
    Other(u8),
}

impl Reason {
    /// RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1.
    const fn v4(kind: u8, code: u8) -> Option<Self> {
        Some(match (kind, code) {
            (3, 0 | 6 | 11) => Self::NetworkUnreachable,
            (3, 1 | 7 | 8 | 12) => Self::HostUnreachable,
            (3, 2) => Self::ProtocolUnreachable,
            (3, 3) => Self::PortUnreachable,
            (3, 4) => Self::TooBig,
            (3, 9 | 10 | 13) => Self::Prohibited,
            (3, code) => Self::Other(code),
            (11, _) => Self::TimeExceeded,
            (12, _) => Self::ParameterProblem,
            _ => return None,
        })
    }

    /// RFC 4443, section 3.
    const fn v6(kind: u8, code: u8) -> Option<Self> {
        Some(match (kind, code) {
            (1, 0) => Self::NetworkUnreachable,
            (1, 1 | 5 | 6) => Self::Prohibited,
            (1, 3) => Self::HostUnreachable,
            (1, 4) => Self::PortUnreachable,
            (1, code) => Self::Other(code),
            (2, _) => Self::TooBig,
            (3, _) => Self::TimeExceeded,
            (4, 1) => Self::ProtocolUnreachable,
            (4, _) => Self::ParameterProblem,
            _ => return None,
        })
    }
}

/// What a quoted probe was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quote<'a> {
    /// A SYN. 8 bytes are all that RFC 792 promises, so this is all there is.
    Tcp {
        /// Ours.
        source_port: u16,
        /// The port probed.
        port: u16,
        /// Sequence number.
        sequence: u32,
    },
    /// A datagram.
    Udp {
        /// Ours.
        source_port: u16,
        /// The port probed.
        port: u16,
        /// What is quoted of the payload; often nothing.
        payload: &'a [u8],
    },
    /// An echo request.
    Echo {
        /// Identifier.
        identifier: u16,
        /// Sequence number.
        sequence: u16,
        /// What is quoted of the data; often nothing.
        data: &'a [u8],
    },
}

/// The probe that an error quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted<'a> {
    /// Ours, unless it was translated or forged.
    pub source: IpAddr,
    /// The address probed.
    pub target: IpAddr,
    /// As in [`Ip::ident`].
    pub ident: u32,
    /// What it was.
    pub probe: Quote<'a>,
}

/// An error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpError<'a> {
    /// Why.
    pub reason: Reason,
    /// What it answers.
    pub quoted: Quoted<'a>,
}

/// The version of ICMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V4,
    V6,
}

impl<'a> IcmpError<'a> {
    /// Reads an error from its first byte on; its checksum has been looked at.
    pub(super) fn parse(version: Version, message: &'a [u8]) -> Result<Self, PacketError> {
        let mut reader = Reader::new("an ICMP error", message);
        let (kind, code) = (reader.u8()?, reader.u8()?);
        let reason = match version {
            Version::V4 => Reason::v4(kind, code),
            Version::V6 => Reason::v6(kind, code),
        };
        let Some(reason) = reason else {
            return Err(PacketError::NoAnswer { what: "ICMP type", value: kind.into() });
        };
        // Checksum, and four bytes whose meaning depends on the type.
        reader.take(6)?;
        Ok(Self { reason, quoted: quoted(reader.rest())? })
    }
}

/// Reads the probe back. Extensions of the error (RFC 4884) stand behind at least 128 bytes of it and look like
/// payload.
fn quoted(packet: &[u8]) -> Result<Quoted<'_>, PacketError> {
    let ip = Ip::parse_quoted(packet)?;
    let mut reader = Reader::new("the probe that an ICMP error quotes", ip.payload);
    let probe = match (ip.protocol, ip.source) {
        (protocol::TCP, _) => Quote::Tcp { source_port: reader.u16()?, port: reader.u16()?, sequence: reader.u32()? },
        (protocol::UDP, _) => {
            let (source_port, port) = (reader.u16()?, reader.u16()?);
            reader.u32()?;
            Quote::Udp { source_port, port, payload: reader.rest() }
        }
        (protocol::ICMP, IpAddr::V4(_)) | (protocol::ICMPV6, IpAddr::V6(_)) => {
            let kind = reader.u8()?;
            if kind != super::answer::echo_request(ip.source) {
                return Err(PacketError::NoAnswer { what: "a quoted ICMP message of type", value: kind.into() });
            }
            reader.take(3)?;
            let (identifier, sequence) = (reader.u16()?, reader.u16()?);
            Quote::Echo { identifier, sequence, data: reader.rest() }
        }
        (other, _) => return Err(PacketError::NoAnswer { what: "a quoted packet of protocol", value: other.into() }),
    };
    Ok(Quoted { source: ip.source, target: ip.destination, ident: ip.ident, probe })
}
