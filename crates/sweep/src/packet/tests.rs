#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod properties;

use super::checksum::Sum;
use super::*;
use crate::cookie::SynFields;
use crate::payloads::TokenPlace;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const LINK: Link = Link { source: Mac([2, 0, 0, 0, 0, 1]), next_hop: Mac([2, 0, 0, 0, 0, 2]) };

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn path(source: &str) -> Path {
    Path { link: Some(LINK), source: ip(source), hop_limit: 64 }
}

fn paths() -> [(Path, IpAddr); 2] {
    [(path("192.0.2.1"), ip("198.51.100.7")), (path("2001:db8::1"), ip("2001:db8:1::7"))]
}

fn syn(path: &Path, target: IpAddr, port: u16, fields: SynFields) -> Vec<u8> {
    let mut out = vec![0xee; 128];
    let len = SynTemplate::new(path, SynOptions::Mss).unwrap().fill(&mut out, target, port, fields).unwrap();
    out.truncate(len);
    out
}

const FIELDS: SynFields = SynFields { source_port: 61_003, sequence: 0xdead_beef, ident: 0x000a_1234 };

/// An ICMP error of a version about a packet without its link header.
fn error(to: IpAddr, kind: u8, code: u8, quoted: &[u8]) -> Vec<u8> {
    let mut message = [&[kind, code, 0, 0, 0, 0, 0, 0], quoted].concat();
    let (source, number) = match to {
        IpAddr::V4(_) => (ip("203.0.113.254"), protocol::ICMP),
        IpAddr::V6(_) => (ip("2001:db8:ffff::1"), protocol::ICMPV6),
    };
    let whole = Ip { source, destination: to, protocol: number, hop_limit: 60, ident: 0, payload: &message };
    let sum = if to.is_ipv4() { Sum::ZERO } else { whole.pseudo() }.bytes(&message);
    message[2..4].copy_from_slice(&sum.checksum().to_be_bytes());
    wrap(source, to, number, &message)
}

/// An IP packet around a body.
fn wrap(source: IpAddr, to: IpAddr, number: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap();
    match (source, to) {
        (IpAddr::V4(source), IpAddr::V4(to)) => {
            let mut header = [&[0x45, 0], &(len + 20).to_be_bytes()[..], &[0, 0, 0, 0, 60, number, 0, 0]].concat();
            header.extend_from_slice(&source.octets());
            header.extend_from_slice(&to.octets());
            let checksum = Sum::ZERO.bytes(&header).checksum();
            header[10..12].copy_from_slice(&checksum.to_be_bytes());
            [&header, body].concat()
        }
        (IpAddr::V6(source), IpAddr::V6(to)) => {
            let header = [&[0x60, 0, 0, 0], &len.to_be_bytes()[..], &[number, 60]].concat();
            [&header, &source.octets()[..], &to.octets(), body].concat()
        }
        _ => panic!("two families"),
    }
}

fn body<'a>(answer: &Answer<'a>) -> Body<'a> {
    let Answer::Ip { body, .. } = answer else { panic!("{answer:?}") };
    *body
}

#[test]
fn a_syn_is_the_bytes_that_the_specifications_ask_for() {
    let frame = syn(&path("192.0.2.1"), ip("198.51.100.7"), 443, FIELDS);
    // Checksums were made by hand, with RFC 1071's sum over these words.
    let expected = [
        "020000000002 020000000001 0800",
        "4500 002c 1234 4000 4006 08 06",
        "c0000201 c6336407",
        "ee4b 01bb deadbeef 00000000 6002 ffff",
    ]
    .concat()
    .replace(' ', "");
    let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
    let checksum = ip_checksum_by_hand(&frame[14..34]);
    assert_eq!(hex[..44], expected[..44]);
    assert_eq!(hex[52..100], expected[52..100]);
    assert_eq!(u16::from_be_bytes([frame[24], frame[25]]), checksum);
    assert_eq!(&frame[52..], [0, 0, 2, 4, 5, 0xb4]);
    assert_eq!(frame.len(), 58);
}

/// RFC 791: the complement of the ones' complement sum, with the checksum itself as zero.
fn ip_checksum_by_hand(header: &[u8]) -> u16 {
    let words = header.chunks(2).enumerate().filter(|(at, _)| *at != 5);
    let sum: u32 = words.map(|(_, pair)| u32::from(pair[0]) * 256 + u32::from(pair[1])).sum();
    !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap()
}

#[test]
fn a_known_header_is_read_and_one_flipped_bit_is_noticed() {
    let mut packet =
        [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xb8, 0x61, 192, 168, 0, 1, 192, 168, 0, 199].to_vec();
    packet.resize(0x73, 0);
    let read = Ip::parse(&packet, Checks::Verify).unwrap();
    assert_eq!((read.source, read.protocol, read.payload.len()), (ip("192.168.0.1"), protocol::UDP, 95));
    packet[15] ^= 1;
    assert_eq!(Ip::parse(&packet, Checks::Verify), Err(PacketError::Checksum { what: "an IPv4 header" }));
    assert!(Ip::parse(&packet, Checks::Trust).is_ok());
}

#[test]
fn tags_options_padding_and_extension_headers_are_taken_off() {
    let frame = syn(&path("192.0.2.1"), ip("198.51.100.7"), 443, FIELDS);
    let tags = [&frame[..12], &[0x88, 0xa8, 0, 5, 0x81, 0, 0x20, 9], &frame[12..], &[0; 6]].concat();
    assert_eq!(Ethernet::parse(&tags).unwrap().vlan, Some(5));
    assert!(Answer::parse(&tags, Checks::Verify).is_ok());
    let three = [&frame[..12], &[0x81, 0, 0, 5], &tags[12..]].concat();
    assert!(matches!(Answer::parse(&three, Checks::Verify), Err(PacketError::Field { .. })));

    // Four bytes of options: no operation, three times, and the end.
    let mut with_options = [&frame[14..34], &[1, 1, 1, 0], &frame[34..]].concat();
    with_options[0] = 0x46;
    with_options[3] += 4;
    let sum = ip_checksum_by_hand(&with_options[..24]);
    with_options[10..12].copy_from_slice(&sum.to_be_bytes());
    assert!(matches!(body(&Answer::parse_ip(&with_options, Checks::Verify).unwrap()), Body::Tcp(_)));

    let v6 = syn(&path("2001:db8::1"), ip("2001:db8:1::7"), 443, FIELDS);
    let extended = |headers: &[u8], first: u8| {
        let mut packet = [&v6[14..54], headers, &v6[54..]].concat();
        packet[6] = first;
        packet[5] += u8::try_from(headers.len()).unwrap();
        packet
    };
    let hop_by_hop = [60, 0, 1, 4, 0, 0, 0, 0, protocol::TCP, 0, 1, 4, 0, 0, 0, 0];
    assert!(Answer::parse_ip(&extended(&hop_by_hop, 0), Checks::Verify).is_ok());
    let whole_fragment = [protocol::TCP, 0, 0, 0, 1, 2, 3, 4];
    assert!(Answer::parse_ip(&extended(&whole_fragment, 44), Checks::Verify).is_ok());
    let fragment = [protocol::TCP, 0, 0, 9, 1, 2, 3, 4];
    assert_eq!(Answer::parse_ip(&extended(&fragment, 44), Checks::Verify), Err(PacketError::Fragment));
    let endless = [60, 0, 1, 4, 0, 0, 0, 0].repeat(EXTENSIONS_MAX + 1);
    assert_eq!(Answer::parse_ip(&extended(&endless, 60), Checks::Verify), Err(PacketError::Extensions));
}

#[test]
fn what_a_stack_says_in_its_options_is_read() {
    let linux = [2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 7];
    let options = TcpOptions::parse(&linux);
    assert_eq!((options.mss, options.window_scale, options.sack_permitted), (Some(1_460), Some(7), true));
    assert_eq!((options.timestamps, options.order), (Some((7, 0)), 0x0204_0801_0300_0000));
    assert!(!options.malformed);
    for broken in [&[2][..], &[2, 0], &[2, 1], &[2, 3, 5], &[3, 4, 1, 1], &[2, 40, 1, 1], &[254]] {
        assert!(TcpOptions::parse(broken).malformed, "{broken:?}");
    }
}

#[test]
fn an_error_gives_back_the_probe_that_it_is_about() {
    for (path, target) in paths() {
        let frame = syn(&path, target, 443, FIELDS);
        let (kind, code) = if target.is_ipv4() { (3, 13) } else { (1, 1) };
        // As little as RFC 792 promises: the header and 8 bytes.
        let quoted = &frame[14..if target.is_ipv4() { 42 } else { 62 }];
        let packet = error(path.source, kind, code, quoted);
        let Body::Error(read) = body(&Answer::parse_ip(&packet, Checks::Verify).unwrap()) else { panic!() };
        assert_eq!(read.reason, Reason::Prohibited);
        assert_eq!((read.quoted.source, read.quoted.target), (path.source, target));
        assert_eq!(read.quoted.ident, if target.is_ipv4() { 0x1234 } else { 0xa_1234 });
        let wanted = Quote::Tcp { source_port: 61_003, port: 443, sequence: 0xdead_beef };
        assert_eq!(read.quoted.probe, wanted);
        let cut = error(path.source, kind, code, &quoted[..quoted.len() - 1]);
        assert!(matches!(Answer::parse_ip(&cut, Checks::Verify), Err(PacketError::Short { .. })));
    }
}

#[test]
fn the_neighbours_are_asked_and_their_answers_read() {
    let mut out = [0xee; 128];
    let (ours, theirs) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 9));
    let len = arp::request(&mut out, LINK.source, ours, theirs).unwrap();
    let Answer::Arp { mac, arp: asked } = Answer::parse(&out[..len], Checks::Verify).unwrap() else { panic!() };
    assert_eq!((mac, asked.operation, asked.sender, asked.target), (LINK.source, 1, ours, theirs));
    assert!(arp::request(&mut out[..20], LINK.source, ours, theirs).is_err());

    let (ours, theirs) = ("fe80::1".parse().unwrap(), "fe80::abcd:ef12".parse::<Ipv6Addr>().unwrap());
    let len = ndp::solicitation(&mut out, LINK.source, ours, theirs).unwrap();
    assert_eq!(out[..6], [0x33, 0x33, 0xff, 0xcd, 0xef, 0x12]);
    let asked = Ip::parse(&out[14..len], Checks::Verify).unwrap();
    assert_eq!(asked.destination, ip("ff02::1:ffcd:ef12"));
    assert_eq!(asked.pseudo().bytes(asked.payload).checksum(), 0);

    // The advertisement: the same message with another type, flags and option.
    let mut message = asked.payload.to_vec();
    [message[0], message[4], message[24]] = [136, 0xe0, 2];
    message[2..4].fill(0);
    let source = theirs.into();
    let whole = Ip { source, destination: ours.into(), payload: &message, ..asked };
    let checksum = whole.pseudo().bytes(&message).checksum();
    message[2..4].copy_from_slice(&checksum.to_be_bytes());
    let mut packet = wrap(source, ours.into(), protocol::ICMPV6, &message);
    assert!(matches!(Answer::parse_ip(&packet, Checks::Verify), Err(PacketError::Field { value: 60, .. })));
    packet[7] = 255;
    let Body::Neighbour(read) = body(&Answer::parse_ip(&packet, Checks::Verify).unwrap()) else { panic!() };
    assert_eq!((read.target, read.mac, read.router, read.solicited), (theirs, Some(LINK.source), true, true));
    packet[65] = 0;
    assert!(Answer::parse_ip(&packet, Checks::Trust).is_err());
}

#[test]
fn what_does_not_go_together_is_refused() {
    let template = SynTemplate::new(&path("192.0.2.1"), SynOptions::MssScaleSack).unwrap();
    let mut out = [0; 128];
    assert_eq!(template.fill(&mut out, ip("::1"), 1, FIELDS), Err(PacketError::Family));
    let small = template.fill(&mut out[..65], ip("192.0.2.2"), 1, FIELDS);
    assert_eq!(small, Err(PacketError::Buffer { need: 66, have: 65 }));
    assert!(UdpTemplate::new(&path("::1"), &[0; 513], None).is_err());
    assert!(UdpTemplate::new(&path("::1"), &[0; 4], Some(TokenPlace::new(1, 4))).is_err());
}
