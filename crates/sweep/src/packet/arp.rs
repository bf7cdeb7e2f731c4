//! ARP for IPv4 over Ethernet (RFC 826).

use std::net::Ipv4Addr;

use super::PacketError;
use super::bytes::{Reader, put, room};
use super::ethernet::{ETHERNET_HEADER_LEN, Mac, ether_type, header};

/// An ARP packet of Ethernet and IPv4.
pub const ARP_LEN: usize = 28;

/// Frame of a request.
pub const REQUEST_FRAME_LEN: usize = ETHERNET_HEADER_LEN + ARP_LEN;

/// Ethernet, IPv4, and the lengths of their addresses.
const FIXED: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// What a packet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// 1 asks, 2 answers.
    pub operation: u16,
    /// Who sends.
    pub sender_mac: Mac,
    /// Its address; unspecified in a probe for duplicates (RFC 5227).
    pub sender: Ipv4Addr,
    /// Whom it is for; zeros in a request.
    pub target_mac: Mac,
    /// Who is asked for, or asked.
    pub target: Ipv4Addr,
}

impl Arp {
    /// Asks.
    pub const REQUEST: u16 = 1;
    /// Answers.
    pub const REPLY: u16 = 2;

    /// Reads a packet behind the header of its frame.
    ///
    /// # Errors
    /// When it is cut off, is not of Ethernet and IPv4, or neither asks nor answers.
    pub fn parse(packet: &[u8]) -> Result<Self, PacketError> {
        let mut reader = Reader::new("an ARP packet", packet);
        let fixed = reader.array::<6>()?;
        if fixed != FIXED {
            let [high, low, ..] = fixed;
            return Err(PacketError::NoAnswer {
                what: "ARP of hardware",
                value: u16::from_be_bytes([high, low]).into(),
            });
        }
        let operation = reader.u16()?;
        if !matches!(operation, Self::REQUEST | Self::REPLY) {
            return Err(PacketError::NoAnswer { what: "ARP operation", value: operation.into() });
        }
        let (sender_mac, sender) = (Mac(reader.array()?), Ipv4Addr::from(reader.array::<4>()?));
        let (target_mac, target) = (Mac(reader.array()?), Ipv4Addr::from(reader.array::<4>()?));
        Ok(Self { operation, sender_mac, sender, target_mac, target })
    }
}

/// Writes the frame that asks who has an address. Returns its length, [`REQUEST_FRAME_LEN`].
///
/// # Errors
/// When the buffer is too small.
pub fn request(out: &mut [u8], source_mac: Mac, source: Ipv4Addr, target: Ipv4Addr) -> Result<usize, PacketError> {
    let frame = room(out, REQUEST_FRAME_LEN)?;
    put(frame, 0, header(Mac::BROADCAST, source_mac, ether_type::ARP));
    put(frame, 14, FIXED);
    put(frame, 20, Arp::REQUEST.to_be_bytes());
    put(frame, 22, source_mac.0);
    put(frame, 28, source.octets());
    put(frame, 32, [0; 6]);
    put(frame, 38, target.octets());
    Ok(REQUEST_FRAME_LEN)
}
