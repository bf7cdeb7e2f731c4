//! Of all fields and all bytes.

use super::{FIELDS, LINK, body, error, path, paths, syn};
use crate::cookie::{EchoFields, SynFields, UdpFields};
use crate::packet::checksum::update;
use crate::packet::*;
use crate::payloads::{PAYLOADS, TokenPlace};
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

proptest! {
    #[test]
    fn every_syn_has_right_checksums_and_its_fields(
        v4: u32, v6: u128, port: u16, source_port: u16, sequence: u32, ident in 0_u32..0x10_0000, long: bool,
    ) {
        let fields = SynFields { source_port, sequence, ident };
        let options = if long { SynOptions::MssScaleSack } else { SynOptions::Mss };
        for (path, target) in [
            (path("192.0.2.1"), IpAddr::from(Ipv4Addr::from_bits(v4))),
            (path("2001:db8::1"), IpAddr::from(Ipv6Addr::from_bits(v6))),
        ] {
            let mut out = [0xee; 128];
            let len = SynTemplate::new(&path, options).unwrap().fill(&mut out, target, port, fields).unwrap();
            let answer = Answer::parse(&out[..len], Checks::Verify).unwrap();
            let Answer::Ip { mac, from, to, ident: read_ident, body: Body::Tcp(tcp), .. } = answer else { panic!() };
            prop_assert_eq!((mac, from, to), (Some(LINK.source), path.source, target));
            prop_assert_eq!(read_ident, if target.is_ipv4() { ident & 0xffff } else { ident });
            prop_assert_eq!((tcp.source_port, tcp.destination_port, tcp.sequence), (source_port, port, sequence));
            prop_assert_eq!((tcp.flags, tcp.window, tcp.data_len), (TcpFlags(TcpFlags::SYN), 65_535, 0));
            prop_assert_eq!(tcp.options.mss, Some(if target.is_ipv4() { 1_460 } else { 1_440 }));
            prop_assert_eq!((tcp.options.sack_permitted, tcp.options.malformed), (long, false));
        }
    }

    #[test]
    fn every_datagram_has_right_checksums_and_its_token(
        payload in proptest::collection::vec(any::<u8>(), 0..100),
        place in proptest::option::of((0_usize..100, 1_usize..9)),
        token: u64, source_port: u16, port: u16, ident in 0_u32..0x10_0000,
    ) {
        let place = place.map(|(at, len)| TokenPlace::new(at, len)).filter(|place| place.end() <= payload.len());
        for (path, target) in paths() {
            let mut out = [0xee; 256];
            let fields = UdpFields { source_port, ident, token };
            let len = UdpTemplate::new(&path, &payload, place).unwrap().fill(&mut out, target, port, fields).unwrap();
            let answer = Answer::parse(&out[..len], Checks::Verify).unwrap();
            let Body::Udp(udp) = body(&answer) else { panic!() };
            prop_assert_eq!((udp.source_port, udp.destination_port), (source_port, port));
            let mut expected = payload.clone();
            if let Some(place) = place {
                expected[place.at()..place.end()].copy_from_slice(&token.to_be_bytes()[..place.len()]);
            }
            prop_assert_eq!(udp.payload, &expected);
        }
    }

    #[test]
    fn every_echo_request_comes_back_as_it_was(identifier: u16, sequence: u16, token: u64) {
        for (path, target) in paths() {
            let mut out = [0xee; 128];
            let fields = EchoFields { identifier, sequence, ident: 7, token };
            let len = EchoTemplate::new(&path).unwrap().fill(&mut out, target, fields).unwrap();
            let at = if target.is_ipv4() { 34 } else { 54 };
            // A host that answers changes the type, and may update the checksum.
            let (request, reply) = if target.is_ipv4() { (0x0800, 0) } else { (0x8000, 0x8100) };
            let checksum = update(u16::from_be_bytes([out[at + 2], out[at + 3]]), request, reply);
            out[at..at + 2].copy_from_slice(&reply.to_be_bytes());
            out[at + 2..at + 4].copy_from_slice(&checksum.to_be_bytes());
            let answer = Answer::parse(&out[..len], Checks::Verify).unwrap();
            let Body::Echo(echo) = body(&answer) else { panic!() };
            prop_assert_eq!((echo.identifier, echo.sequence), (identifier, sequence));
            prop_assert_eq!(echo.data, &token.to_be_bytes());
        }
    }

    #[test]
    fn any_bytes_are_an_answer_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for checks in [Checks::Verify, Checks::Trust] {
            let _ = Answer::parse(&bytes, checks);
            let _ = Answer::parse_ip(&bytes, checks);
        }
    }

    #[test]
    fn a_damaged_frame_is_an_answer_or_an_error(
        which in 0_usize..6, changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut: prop::sample::Index,
    ) {
        let (path, target) = paths()[which % 2];
        let frame = syn(&path, target, 443, FIELDS);
        let mut bytes = match which / 2 {
            0 => frame,
            1 => [&frame[..14], &error(path.source, if which % 2 == 0 { 3 } else { 1 }, 1, &frame[14..])].concat(),
            _ => {
                let mut out = vec![0; 256];
                let fields = UdpFields { source_port: 1, ident: 1, token: 1 };
                let template = UdpTemplate::new(&path, PAYLOADS[0].bytes, PAYLOADS[0].token).unwrap();
                let len = template.fill(&mut out, target, 53, fields).unwrap();
                out.truncate(len);
                out
            }
        };
        for (at, byte) in changes {
            let place = at.index(bytes.len());
            bytes[place] = byte;
        }
        // Whole twice as often as any other length.
        bytes.truncate(cut.index(bytes.len() * 2).max(1));
        let _ = Answer::parse(&bytes, Checks::Verify);
        let _ = Answer::parse(&bytes, Checks::Trust);
    }
}
