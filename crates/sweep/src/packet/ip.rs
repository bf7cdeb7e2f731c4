//! IPv4 (RFC 791) and IPv6 (RFC 8200) headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::PacketError;
use super::answer::Checks;
use super::bytes::Reader;
use super::checksum::Sum;

/// Extension headers of one IPv6 packet that are walked through. The order that RFC 8200, section 4.1, recommends has
/// seven at most.
pub const EXTENSIONS_MAX: usize = 8;

/// Protocol numbers (IANA, Assigned Internet Protocol Numbers).
pub mod protocol {
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
}

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const MOBILITY: u8 = 135;
const HIP: u8 = 139;
const SHIM6: u8 = 140;

pub(super) const IPV4_HEADER_LEN: usize = 20;
pub(super) const IPV6_HEADER_LEN: usize = 40;

/// A packet of either version, its options or extension headers taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ip<'a> {
    /// From whom.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// What the payload is, see [`protocol`].
    pub protocol: u8,
    /// Time to live or hop limit, as it arrived.
    pub hop_limit: u8,
    /// IPv4: identification, 16 bits. IPv6: flow label, 20 bits.
    pub ident: u32,
    /// As long as the header says: padding of the link is cut off.
    pub payload: &'a [u8],
}

/// How much of a packet is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// All of it: lengths and checksum have to fit.
    Whole(Checks),
    /// The beginning, as an ICMP error quotes it. Routers on the way may have changed length and checksum.
    Quoted,
}

impl<'a> Ip<'a> {
    /// Reads a whole packet of the version that its first four bits name.
    ///
    /// # Errors
    /// When a header is cut off or contradicts itself, the IPv4 checksum is wrong, or it is a fragment.
    pub fn parse(packet: &'a [u8], checks: Checks) -> Result<Self, PacketError> {
        Self::read(packet, Extent::Whole(checks))
    }

    /// Reads the beginning of a packet.
    pub(super) fn parse_quoted(packet: &'a [u8]) -> Result<Self, PacketError> {
        Self::read(packet, Extent::Quoted)
    }

    fn read(packet: &'a [u8], extent: Extent) -> Result<Self, PacketError> {
        match packet.first().map(|first| first >> 4) {
            Some(4) => v4(packet, extent),
            Some(6) => v6(packet, extent),
            Some(version) => Err(PacketError::Field { what: "the IP version", value: version.into() }),
            None => Err(PacketError::Short { what: "an IP packet", need: 1, have: 0 }),
        }
    }

    /// The sum of the pseudo header for a payload of this packet (RFC 9293, section 3.1; RFC 8200, section 8.1).
    pub(super) fn pseudo(&self) -> Sum {
        let sum = Sum::ZERO.word(self.protocol.into());
        let sum = u32::try_from(self.payload.len()).map_or(sum, |len| sum.double(len));
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => sum.v4(source).v4(destination),
            (IpAddr::V6(source), IpAddr::V6(destination)) => sum.v6(source).v6(destination),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => sum,
        }
    }
}

fn v4(packet: &[u8], extent: Extent) -> Result<Ip<'_>, PacketError> {
    let mut reader = Reader::new("an IPv4 header", packet);
    let first = reader.u8()?;
    let header_len = usize::from(first & 0x0f) * 4;
    if header_len < IPV4_HEADER_LEN {
        return Err(PacketError::Field { what: "the length of an IPv4 header", value: u32::from(first & 0x0f) });
    }
    let header = Reader::new("an IPv4 header", packet).take(header_len)?;
    reader.u8()?;
    let total_len = reader.u16()?;
    let ident = reader.u16()?;
    let fragment = reader.u16()?;
    let (hop_limit, protocol) = (reader.u8()?, reader.u8()?);
    reader.u16()?;
    let source = Ipv4Addr::from(reader.array::<4>()?);
    let destination = Ipv4Addr::from(reader.array::<4>()?);
    // More fragments, or an offset (RFC 791, section 3.1). The first fragment of a quote still has its ports.
    let (more, offset) = (fragment & 0x2000 != 0, fragment & 0x1fff != 0);
    let payload = match extent {
        Extent::Whole(checks) => {
            if checks == Checks::Verify && Sum::ZERO.bytes(header).checksum() != 0 {
                return Err(PacketError::Checksum { what: "an IPv4 header" });
            }
            if more || offset {
                return Err(PacketError::Fragment);
            }
            let whole = Reader::new("an IPv4 packet", packet).take(usize::from(total_len))?;
            whole
                .get(header_len..)
                .ok_or(PacketError::Field { what: "the total length of an IPv4 packet", value: total_len.into() })?
        }
        Extent::Quoted if offset => return Err(PacketError::Fragment),
        Extent::Quoted => packet.get(header_len..).unwrap_or_default(),
    };
    let (source, destination) = (source.into(), destination.into());
    Ok(Ip { source, destination, protocol, hop_limit, ident: ident.into(), payload })
}

fn v6(packet: &[u8], extent: Extent) -> Result<Ip<'_>, PacketError> {
    let mut reader = Reader::new("an IPv6 header", packet);
    let first = reader.u32()?;
    let payload_len = reader.u16()?;
    let (next, hop_limit) = (reader.u8()?, reader.u8()?);
    let source = Ipv6Addr::from(reader.array::<16>()?);
    let destination = Ipv6Addr::from(reader.array::<16>()?);
    let payload = match extent {
        Extent::Whole(_) => Reader::new("an IPv6 packet", reader.rest()).take(usize::from(payload_len))?,
        Extent::Quoted => reader.rest(),
    };
    let (protocol, payload) = skip_extensions(next, payload)?;
    let (source, destination) = (source.into(), destination.into());
    Ok(Ip { source, destination, protocol, hop_limit, ident: first & 0x000f_ffff, payload })
}

/// Walks to the first header that is none of IPv6's own (RFC 8200, section 4; RFC 6564).
fn skip_extensions(mut next: u8, mut payload: &[u8]) -> Result<(u8, &[u8]), PacketError> {
    for _ in 0..=EXTENSIONS_MAX {
        let mut reader = Reader::new("an IPv6 extension header", payload);
        match next {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | MOBILITY | HIP | SHIM6 => {
                next = reader.u8()?;
                // In units of 8 bytes, without the first.
                let len = usize::from(reader.u8()?) * 8 + 6;
                reader.take(len)?;
            }
            AUTHENTICATION => {
                next = reader.u8()?;
                // In units of 4 bytes, minus 2 (RFC 4302, section 2.2).
                let len = usize::from(reader.u8()?) * 4 + 6;
                reader.take(len)?;
            }
            FRAGMENT => {
                next = reader.u8()?;
                reader.u8()?;
                let place = reader.u16()?;
                reader.u32()?;
                // A fragment that is the whole is no fragment (RFC 6946).
                if place & 0xfff9 != 0 {
                    return Err(PacketError::Fragment);
                }
            }
            _ => return Ok((next, payload)),
        }
        payload = reader.rest();
    }
    Err(PacketError::Extensions)
}
