//! A received frame, read as an answer.

use std::net::IpAddr;

use super::PacketError;
use super::arp::Arp;
use super::bytes::Reader;
use super::ethernet::{Ethernet, Mac, ether_type};
use super::icmp::{IcmpError, Version};
use super::ip::{Ip, protocol};
use super::ndp::{ADVERTISEMENT, Advertisement};
use super::tcp::Tcp;

const V4_ECHO_REPLY: u8 = 0;
const V4_ECHO_REQUEST: u8 = 8;
const V6_ECHO_REQUEST: u8 = 128;
const V6_ECHO_REPLY: u8 = 129;

/// The type of an echo request from an address of its family.
pub(super) const fn echo_request(source: IpAddr) -> u8 {
    match source {
        IpAddr::V4(_) => V4_ECHO_REQUEST,
        IpAddr::V6(_) => V6_ECHO_REQUEST,
    }
}

/// Whether checksums are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checks {
    /// A wrong one is an error.
    Verify,
    /// Not at all: the card has done it, or a virtual link leaves them half made (checksum offload).
    Trust,
}

/// A UDP datagram (RFC 768).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Udp<'a> {
    /// The sender's port.
    pub source_port: u16,
    /// Ours, when it is an answer.
    pub destination_port: u16,
    /// What it carries.
    pub payload: &'a [u8],
}

/// An echo reply (RFC 792; RFC 4443, section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo<'a> {
    /// As in the request.
    pub identifier: u16,
    /// As in the request.
    pub sequence: u16,
    /// As in the request.
    pub data: &'a [u8],
}

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// A segment, of whatever flags.
    Tcp(Tcp),
    /// A datagram.
    Udp(Udp<'a>),
    /// An echo reply.
    Echo(Echo<'a>),
    /// An error about a packet that it quotes.
    Error(IcmpError<'a>),
    /// A neighbour's advertisement.
    Neighbour(Advertisement),
}

/// An answer, or what could be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<'a> {
    /// An ARP packet, request or reply.
    Arp {
        /// Sender of the frame.
        mac: Mac,
        /// What it says.
        arp: Arp,
    },
    /// An IP packet.
    Ip {
        /// Sender of the frame; `None` where there is no link header.
        mac: Option<Mac>,
        /// Source address.
        from: IpAddr,
        /// Destination address.
        to: IpAddr,
        /// Time to live or hop limit, as it arrived.
        hop_limit: u8,
        /// As in [`Ip::ident`].
        ident: u32,
        /// What it carries.
        body: Body<'a>,
    },
}

impl<'a> Answer<'a> {
    /// Reads an Ethernet frame.
    ///
    /// # Errors
    /// When something is malformed, or is no answer to any probe ([`PacketError::NoAnswer`]).
    pub fn parse(frame: &'a [u8], checks: Checks) -> Result<Self, PacketError> {
        let ethernet = Ethernet::parse(frame)?;
        match ethernet.ether_type {
            ether_type::ARP => Ok(Self::Arp { mac: ethernet.source, arp: Arp::parse(ethernet.payload)? }),
            ether_type::IPV4 | ether_type::IPV6 => Self::of_ip(Some(ethernet.source), ethernet.payload, checks),
            other => Err(PacketError::NoAnswer { what: "EtherType", value: other.into() }),
        }
    }

    /// Reads an IP packet without a link header.
    ///
    /// # Errors
    /// As [`Answer::parse`].
    pub fn parse_ip(packet: &'a [u8], checks: Checks) -> Result<Self, PacketError> {
        Self::of_ip(None, packet, checks)
    }

    fn of_ip(mac: Option<Mac>, packet: &'a [u8], checks: Checks) -> Result<Self, PacketError> {
        let ip = Ip::parse(packet, checks)?;
        let body = body(&ip, checks)?;
        Ok(Self::Ip { mac, from: ip.source, to: ip.destination, hop_limit: ip.hop_limit, ident: ip.ident, body })
    }
}

fn body<'a>(ip: &Ip<'a>, checks: Checks) -> Result<Body<'a>, PacketError> {
    let verified = |what| {
        if checks == Checks::Verify && ip.pseudo().bytes(ip.payload).checksum() != 0 {
            return Err(PacketError::Checksum { what });
        }
        Ok(())
    };
    match (ip.protocol, ip.source) {
        (protocol::TCP, _) => {
            verified("a TCP segment")?;
            Ok(Body::Tcp(Tcp::parse(ip.payload)?))
        }
        (protocol::UDP, _) => udp(ip, checks),
        (protocol::ICMP, IpAddr::V4(_)) => {
            // No pseudo header in IPv4's.
            if checks == Checks::Verify && super::checksum::Sum::ZERO.bytes(ip.payload).checksum() != 0 {
                return Err(PacketError::Checksum { what: "an ICMP message" });
            }
            match ip.payload.first() {
                Some(&V4_ECHO_REPLY) => echo(ip.payload),
                _ => IcmpError::parse(Version::V4, ip.payload).map(Body::Error),
            }
        }
        (protocol::ICMPV6, IpAddr::V6(_)) => {
            verified("an ICMPv6 message")?;
            match ip.payload.first() {
                Some(&V6_ECHO_REPLY) => echo(ip.payload),
                Some(&ADVERTISEMENT) => Advertisement::parse(ip.payload, ip.hop_limit).map(Body::Neighbour),
                _ => IcmpError::parse(Version::V6, ip.payload).map(Body::Error),
            }
        }
        (other, _) => Err(PacketError::NoAnswer { what: "protocol", value: other.into() }),
    }
}

fn udp<'a>(ip: &Ip<'a>, checks: Checks) -> Result<Body<'a>, PacketError> {
    let mut reader = Reader::new("a UDP header", ip.payload);
    let (source_port, destination_port, len, checksum) = (reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?);
    let datagram = Reader::new("a UDP datagram", ip.payload).take(usize::from(len))?;
    let Some(payload) = datagram.get(8..) else {
        return Err(PacketError::Field { what: "the length of a UDP datagram", value: len.into() });
    };
    // 0: the sender made none; allowed in IPv4 alone (RFC 8200, section 8.1).
    let none = checksum == 0 && ip.source.is_ipv4();
    let whole = Ip { payload: datagram, ..*ip };
    if checks == Checks::Verify && !none && whole.pseudo().bytes(datagram).checksum() != 0 {
        return Err(PacketError::Checksum { what: "a UDP datagram" });
    }
    Ok(Body::Udp(Udp { source_port, destination_port, payload }))
}

fn echo(message: &[u8]) -> Result<Body<'_>, PacketError> {
    let mut reader = Reader::new("an echo reply", message);
    reader.take(4)?;
    let (identifier, sequence) = (reader.u16()?, reader.u16()?);
    Ok(Body::Echo(Echo { identifier, sequence, data: reader.rest() }))
}
