//! Segments of TCP over IPv4 as frames.

use std::net::{IpAddr, Ipv4Addr};

use muster_sweep::packet::checksum::Sum;
use muster_sweep::packet::{Checks, Ethernet, Ip, Mac, Tcp, ether_type, protocol};

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const TCP: usize = 20;
/// The option of a SYN-ACK: the largest segment (RFC 9293, section 3.7.1).
const MSS: [u8; 4] = [2, 4, 0x05, 0xb4];
/// What most systems send with.
const HOP_LIMIT: u8 = 64;

/// PSH (RFC 9293, section 3.1).
pub(crate) const PUSH: u8 = 8;

/// What arrived.
pub(crate) struct Arrived {
    pub(crate) from_mac: Mac,
    pub(crate) to_mac: Mac,
    pub(crate) from: Ipv4Addr,
    pub(crate) to: Ipv4Addr,
    /// `None`: another protocol.
    pub(crate) tcp: Option<Tcp>,
}

/// Reads a frame. `Ok(None)`: it is no IPv4.
pub(crate) fn read(frame: &[u8]) -> Result<Option<Arrived>, muster_sweep::packet::PacketError> {
    let ethernet = Ethernet::parse(frame)?;
    if ethernet.ether_type != ether_type::IPV4 {
        return Ok(None);
    }
    let ip = Ip::parse(ethernet.payload, Checks::Trust)?;
    let (IpAddr::V4(from), IpAddr::V4(to)) = (ip.source, ip.destination) else { return Ok(None) };
    let tcp = if ip.protocol == protocol::TCP { Some(Tcp::parse(ip.payload)?) } else { None };
    Ok(Some(Arrived { from_mac: ethernet.source, to_mac: ethernet.destination, from, to, tcp }))
}

/// A segment to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) from_mac: Mac,
    pub(crate) to_mac: Mac,
    pub(crate) from: Ipv4Addr,
    pub(crate) from_port: u16,
    pub(crate) to: Ipv4Addr,
    pub(crate) to_port: u16,
    pub(crate) sequence: u32,
    pub(crate) acknowledgement: u32,
    pub(crate) flags: u8,
    pub(crate) window: u16,
    /// With the option of a SYN.
    pub(crate) mss: bool,
}

/// Writes a segment with data; how long the frame is, or none where it does not fit.
pub(crate) fn write(frame: &mut [u8], segment: &Segment, data: &[u8]) -> Option<usize> {
    let options: &[u8] = if segment.mss { &MSS } else { &[] };
    let tcp_len = TCP + options.len() + data.len();
    let length = ETHERNET + IPV4 + tcp_len;
    let frame = frame.get_mut(..length)?;
    let (ethernet, packet) = frame.split_at_mut(ETHERNET);
    let (ip, tcp) = packet.split_at_mut(IPV4);
    put(ethernet, &[&segment.to_mac.0, &segment.from_mac.0, &ether_type::IPV4.to_be_bytes()]);

    let total = u16::try_from(IPV4 + tcp_len).ok()?.to_be_bytes();
    let (from, to) = (segment.from.octets(), segment.to.octets());
    // No fragments: such a segment has no identification (RFC 6864, section 4.1).
    put(ip, &[&[0x45, 0], &total, &[0, 0, 0x40, 0, HOP_LIMIT, protocol::TCP, 0, 0], &from, &to]);
    let sum = Sum::ZERO.bytes(ip).checksum();
    put(ip.get_mut(10..)?, &[&sum.to_be_bytes()]);

    // The header's length in words, in the upper half of a byte.
    let offset = u8::try_from((TCP + options.len()) / 4).ok()? << 4;
    let ports = [segment.from_port.to_be_bytes(), segment.to_port.to_be_bytes()];
    let numbers = [segment.sequence.to_be_bytes(), segment.acknowledgement.to_be_bytes()];
    let window = segment.window.to_be_bytes();
    let flags = [offset, segment.flags];
    put(tcp, &[&ports[0], &ports[1], &numbers[0], &numbers[1], &flags, &window, &[0; 4], options, data]);
    let pseudo = Sum::ZERO.v4(segment.from).v4(segment.to).word(protocol::TCP.into());
    let sum = pseudo.word(u16::try_from(tcp_len).ok()?).bytes(tcp).checksum();
    put(tcp.get_mut(16..)?, &[&sum.to_be_bytes()]);
    Some(length)
}

/// Copies parts one after the other; what does not fit is left out, and [`write`] has made room for all.
fn put(to: &mut [u8], parts: &[&[u8]]) {
    let bytes = parts.iter().flat_map(|part| part.iter());
    to.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{Segment, read, write};
    use muster_sweep::packet::{Answer, Body, Checks, Mac};
    use proptest::prelude::*;

    /// Of the scanner.
    pub(crate) fn segment(to: &str, to_port: u16, flags: u8) -> Segment {
        Segment {
            from_mac: Mac([2, 0, 0, 0, 0, 1]),
            to_mac: Mac([2, 0, 0, 0, 0, 2]),
            from: "10.200.0.2".parse().unwrap(),
            from_port: 61_000,
            to: to.parse().unwrap(),
            to_port,
            sequence: 77,
            acknowledgement: 0,
            flags,
            window: 1_024,
            mss: false,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_its_checksums_are_right(
            from: u32, to: u32, ports: [u16; 2], numbers: [u32; 2], flags: u8, mss: bool,
            data in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let [from_port, to_port] = ports;
            let [sequence, acknowledgement] = numbers;
            let sent = Segment {
                from: from.into(), to: to.into(), from_port, to_port, sequence, acknowledgement, flags, mss,
                ..segment("10.0.0.1", 1, 0)
            };
            let mut frame = [0; 512];
            let length = write(&mut frame, &sent, &data).unwrap();
            let answer = Answer::parse(&frame[..length], Checks::Verify).unwrap();
            let Answer::Ip { from, to, body: Body::Tcp(tcp), .. } = answer else { panic!("{answer:?}") };
            prop_assert_eq!((from, to), (sent.from.into(), sent.to.into()));
            prop_assert_eq!((tcp.source_port, tcp.destination_port), (from_port, to_port));
            prop_assert_eq!((tcp.sequence, tcp.acknowledgement, tcp.flags.0), (sequence, acknowledgement, flags));
            prop_assert_eq!((tcp.data_len, tcp.options.mss), (data.len(), mss.then_some(1_460)));
            let arrived = read(&frame[..length]).unwrap().unwrap();
            prop_assert_eq!((arrived.from, arrived.to, arrived.tcp), (sent.from, sent.to, Some(tcp)));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _read = read(&bytes);
        }
    }

    #[test]
    fn what_does_not_fit_is_not_written() {
        assert_eq!(write(&mut [0; 60], &segment("10.0.0.1", 1, 2), &[0; 20]), None);
    }
}
