//! Neighbour discovery for IPv6 (RFC 4861).

use std::net::Ipv6Addr;

use super::PacketError;
use super::bytes::{Reader, put, room};
use super::checksum::Sum;
use super::ethernet::{ETHERNET_HEADER_LEN, Mac, ether_type, header};
use super::ip::{IPV6_HEADER_LEN, protocol};

/// Message, target, and our MAC address as an option (RFC 4861, sections 4.3 and 4.6.1).
const SOLICITATION_LEN: usize = 24 + 8;

/// Frame of a solicitation.
pub const SOLICITATION_FRAME_LEN: usize = ETHERNET_HEADER_LEN + IPV6_HEADER_LEN + SOLICITATION_LEN;

pub(super) const SOLICITATION: u8 = 135;
pub(super) const ADVERTISEMENT: u8 = 136;

/// Options of one message that are looked at: an advertisement has one.
const OPTIONS_MAX: usize = 8;

/// Somebody says that an address is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advertisement {
    /// The address.
    pub target: Ipv6Addr,
    /// Its MAC address; the sender of the frame, where it is left out.
    pub mac: Option<Mac>,
    /// The sender is a router.
    pub router: bool,
    /// It answers a solicitation.
    pub solicited: bool,
}

impl Advertisement {
    /// Reads a message from its first byte on; its checksum has been looked at.
    pub(super) fn parse(message: &[u8], hop_limit: u8) -> Result<Self, PacketError> {
        // RFC 4861, section 7.1.2: 255 cannot have come through a router.
        if hop_limit != 255 {
            return Err(PacketError::Field {
                what: "the hop limit of a neighbour advertisement",
                value: hop_limit.into(),
            });
        }
        let mut reader = Reader::new("a neighbour advertisement", message);
        reader.u8()?;
        let code = reader.u8()?;
        if code != 0 {
            return Err(PacketError::Field { what: "the code of a neighbour advertisement", value: code.into() });
        }
        reader.u16()?;
        let flags = reader.u32()?;
        let target = Ipv6Addr::from(reader.array::<16>()?);
        if target.is_multicast() {
            return Err(PacketError::Field { what: "the first byte of an advertised address", value: 0xff });
        }
        let mut mac = None;
        for _ in 0..OPTIONS_MAX {
            if reader.rest().is_empty() {
                break;
            }
            let (kind, len) = (reader.u8()?, reader.u8()?);
            // In units of 8 bytes; RFC 4861, section 4.6: never 0.
            let Some(value_len) = (usize::from(len) * 8).checked_sub(2) else {
                return Err(PacketError::Field { what: "the length of a neighbour discovery option", value: 0 });
            };
            let value = reader.take(value_len)?;
            // 2: target link-layer address.
            if kind == 2
                && let Some(six) = value.first_chunk::<6>()
            {
                mac = Some(Mac(*six));
            }
        }
        Ok(Self { target, mac, router: flags >> 31 == 1, solicited: flags >> 30 & 1 == 1 })
    }
}

/// The group that the owner of an address listens to (RFC 4291, section 2.7.1).
#[must_use]
pub const fn solicited_node(target: Ipv6Addr) -> Ipv6Addr {
    let group = 0xff02_0000_0000_0000_0000_0001_ff00_0000_u128;
    Ipv6Addr::from_bits(group | (target.to_bits() & 0x00ff_ffff))
}

/// Writes the frame that asks who has an address. Returns its length, [`SOLICITATION_FRAME_LEN`].
///
/// # Errors
/// When the buffer is too small.
pub fn solicitation(out: &mut [u8], source_mac: Mac, source: Ipv6Addr, target: Ipv6Addr) -> Result<usize, PacketError> {
    let frame = room(out, SOLICITATION_FRAME_LEN)?;
    let group = solicited_node(target);
    let [.., a, b, c, d] = group.octets();
    // RFC 2464, section 7.
    put(frame, 0, header(Mac([0x33, 0x33, a, b, c, d]), source_mac, ether_type::IPV6));
    put(frame, 14, [0x60, 0, 0, 0, 0, 32, protocol::ICMPV6, 255]);
    put(frame, 22, source.octets());
    put(frame, 38, group.octets());
    put(frame, 54, [SOLICITATION, 0, 0, 0, 0, 0, 0, 0]);
    put(frame, 62, target.octets());
    put(frame, 78, [1, 1]);
    put(frame, 80, source_mac.0);
    let message = frame.get(54..).unwrap_or_default();
    let sum = Sum::ZERO.v6(source).v6(group).word(32).word(protocol::ICMPV6.into()).bytes(message);
    put(frame, 56, sum.checksum().to_be_bytes());
    Ok(SOLICITATION_FRAME_LEN)
}
