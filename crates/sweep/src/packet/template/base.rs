//! What all probes have in front: a link header if there is a link, and IP.

use std::net::IpAddr;

use crate::packet::PacketError;
use crate::packet::bytes::{put, room};
use crate::packet::checksum::Sum;
use crate::packet::ethernet::{ETHERNET_HEADER_LEN, Mac, ether_type, header};
use crate::packet::ip::{IPV4_HEADER_LEN, IPV6_HEADER_LEN};

/// The two ends of the first hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Ours.
    pub source: Mac,
    /// The router's, or the target's own.
    pub next_hop: Mac,
}

/// How probes leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// `None`: without a link header, for a raw IP socket or a tunnel.
    pub link: Option<Link>,
    /// The address that answers come to. Its family is that of all targets.
    pub source: IpAddr,
    /// Time to live or hop limit; 64 is what systems use (RFC 1700, IANA).
    pub hop_limit: u8,
}

/// A prepared packet with its sums.
#[derive(Debug, Clone)]
pub(super) struct Base {
    packet: Vec<u8>,
    ip_at: usize,
    body_at: usize,
    v4: bool,
    /// Of the IPv4 header.
    ip_sum: Sum,
    /// Of the body, with the parts of the pseudo header that stay.
    body_sum: Sum,
}

/// A probe that is being written: its body, and the body's sum with the target in it.
pub(super) struct Draft<'a> {
    pub(super) body: &'a mut [u8],
    pub(super) sum: Sum,
    pub(super) len: usize,
}

impl Base {
    /// `body` has zeros in all fields that change, and in its checksum.
    pub(super) fn new(path: &Path, protocol: u8, body: &[u8]) -> Result<Self, PacketError> {
        let len = u16::try_from(body.len()).map_err(|_| PacketError::Payload { len: body.len() })?;
        let v4 = path.source.is_ipv4();
        let mut packet = Vec::with_capacity(ETHERNET_HEADER_LEN + IPV6_HEADER_LEN + body.len());
        if let Some(link) = path.link {
            let of = if v4 { ether_type::IPV4 } else { ether_type::IPV6 };
            packet.extend_from_slice(&header(link.next_hop, link.source, of));
        }
        let ip_at = packet.len();
        let (ip_sum, pseudo) = match path.source {
            IpAddr::V4(source) => {
                let total = len.checked_add(20).ok_or(PacketError::Payload { len: body.len() })?;
                let [high, low] = total.to_be_bytes();
                // Not to be fragmented: then the identification may be anything (RFC 6864, section 4.1).
                packet.extend_from_slice(&[0x45, 0, high, low, 0, 0, 0x40, 0, path.hop_limit, protocol, 0, 0]);
                packet.extend_from_slice(&source.octets());
                packet.extend_from_slice(&[0; 4]);
                (Sum::ZERO.bytes(packet.get(ip_at..).unwrap_or_default()), Sum::ZERO.v4(source))
            }
            IpAddr::V6(source) => {
                let [high, low] = len.to_be_bytes();
                packet.extend_from_slice(&[0x60, 0, 0, 0, high, low, protocol, path.hop_limit]);
                packet.extend_from_slice(&source.octets());
                packet.extend_from_slice(&[0; 16]);
                (Sum::ZERO, Sum::ZERO.v6(source))
            }
        };
        let body_at = packet.len();
        packet.extend_from_slice(body);
        let body_sum = pseudo.word(protocol.into()).word(len).bytes(body);
        Ok(Self { packet, ip_at, body_at, v4, ip_sum, body_sum })
    }

    pub(super) const fn is_v4(&self) -> bool {
        self.v4
    }

    pub(super) const fn body_sum(&self) -> Sum {
        self.body_sum
    }

    /// Makes the sum that of the body alone: ICMP has no pseudo header.
    pub(super) fn without_pseudo_header(mut self) -> Self {
        self.body_sum = Sum::ZERO.bytes(self.packet.get(self.body_at..).unwrap_or_default());
        self
    }

    /// Copies the packet and puts target and identification in.
    #[inline]
    pub(super) fn draft<'a>(&self, out: &'a mut [u8], target: IpAddr, ident: u32) -> Result<Draft<'a>, PacketError> {
        let len = self.packet.len();
        let packet = room(out, len)?;
        packet.copy_from_slice(&self.packet);
        let (head, body) = packet.split_at_mut(self.body_at);
        let ip = head.get_mut(self.ip_at..).unwrap_or_default();
        let sum = match (target, self.v4) {
            (IpAddr::V4(target), true) => {
                let ip: &mut [u8; IPV4_HEADER_LEN] = ip.try_into().map_err(|_| PacketError::Family)?;
                let [.., high, low] = ident.to_be_bytes();
                [ip[4], ip[5]] = [high, low];
                [ip[16], ip[17], ip[18], ip[19]] = target.octets();
                let checksum = self.ip_sum.v4(target).word(u16::from_be_bytes([high, low])).checksum();
                [ip[10], ip[11]] = checksum.to_be_bytes();
                self.body_sum.v4(target)
            }
            (IpAddr::V6(target), false) => {
                let [_, a, b, c] = ident.to_be_bytes();
                put(ip, 1, [a & 0x0f, b, c]);
                put(ip, 24, target.octets());
                self.body_sum.v6(target)
            }
            (IpAddr::V4(_), false) | (IpAddr::V6(_), true) => return Err(PacketError::Family),
        };
        Ok(Draft { body, sum, len })
    }
}
