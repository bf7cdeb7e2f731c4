#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use super::*;
use crate::cookie::{Cookies, SourcePorts};
use proptest::prelude::*;
use std::collections::HashSet;

const TOKEN: u64 = 0xc3d2_1e0f_5a4b_7788;

/// The question as it is sent.
fn question(payload: &Payload) -> Vec<u8> {
    let mut bytes = payload.bytes.to_vec();
    if let Some(place) = payload.token {
        let mut token = [0; 8];
        let len = place.write(TOKEN, &mut token);
        bytes[place.at()..place.end()].copy_from_slice(&token[..len]);
    }
    bytes
}

fn payload(name: &str) -> &'static Payload {
    PAYLOADS.iter().find(|payload| payload.name == name).unwrap()
}

/// An answer as the specification has it.
fn answer(payload: &Payload) -> Vec<u8> {
    let question = question(payload);
    match payload.name {
        "dns version.bind" | "dns root servers" | "mdns services" => {
            let mut answer = question;
            answer[2] = 0x84;
            answer
        }
        "netbios node status" => {
            let mut answer = question;
            [answer[2], answer[5], answer[7]] = [0x84, 0, 1];
            answer.extend_from_slice(b"\0\0\0\0\0\x01\0");
            answer
        }
        "portmapper null" | "portmapper dump" => [&question[..4], b"\0\0\0\x01", &[0; 16]].concat(),
        "ntp client" => {
            let mut answer = vec![0; 48];
            answer[0] = 0x24;
            answer[24..32].copy_from_slice(&question[40..48]);
            answer
        }
        "ntp read variables" => [b"\x16\x82", &question[2..4], b"\x06\x15\0\0\0\0\0\x07", b"stratum"].concat(),
        "snmp v1 sysDescr" | "snmp v2c sysDescr" => {
            let mut answer = question;
            answer[13] = 0xa2;
            // sysDescr "Box" in the place of NULL: three lengths and the whole grow by three.
            answer.truncate(answer.len() - 2);
            answer.extend_from_slice(b"\x04\x03Box");
            for at in [1, 14, 28, 30] {
                answer[at] += 3;
            }
            answer
        }
        "snmp v3 discovery" => {
            let mut answer = question;
            let request = answer.iter().rposition(|byte| *byte == 0xa0).unwrap();
            answer[request] = 0xa8;
            answer
        }
        "ike sa init" => {
            let mut answer =
                [&question[..8], &[7; 8], &[41, 0x20, 34, 0x20], &[0; 8], &[0, 0, 0, 8, 0, 0, 0, 14]].concat();
            answer[27] = 36;
            answer
        }
        "rmcp ping" => [b"\x06\0\xff\x06\0\0\x11\xbe\x40", &question[9..10], &[0, 16], &[0; 16]].concat(),
        "sql server browser" => b"\x05\x13\0ServerName;SQL01;;;".to_vec(),
        "ssdp search" => {
            b"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nEXT:\r\nST: upnp:rootdevice\r\n\r\n".to_vec()
        }
        "stun binding" => [b"\x01\x01\0\0", &question[4..]].concat(),
        "coap ping" => [b"\x70\0", &question[2..4]].concat(),
        other => panic!("{other} has no answer in this test"),
    }
}

#[test]
fn every_answer_is_recognised_by_its_own_question_and_by_no_other_of_another_protocol() {
    for asked in PAYLOADS {
        let reply = answer(asked);
        assert!(asked.recognise(&reply, TOKEN), "{}", asked.name);
        for other in PAYLOADS.iter().filter(|other| other.port != asked.port) {
            assert!(!other.recognise(&reply, TOKEN), "{} took an answer to {}", other.name, asked.name);
        }
    }
}

#[test]
fn no_question_is_its_own_answer() {
    for payload in PAYLOADS {
        // A UDP echo service, or a loop, sends the question back.
        assert!(!payload.recognise(&question(payload), TOKEN), "{}", payload.name);
    }
}

#[test]
fn an_answer_to_another_token_is_refused() {
    for payload in PAYLOADS.iter().filter(|payload| payload.token.is_some()) {
        assert!(!payload.recognise(&answer(payload), !TOKEN), "{}", payload.name);
        assert!(payload.token.unwrap().end() <= payload.bytes.len());
    }
}

#[test]
fn an_answer_that_is_cut_off_is_refused() {
    for payload in PAYLOADS {
        let whole = answer(payload);
        let shortest = (0..=whole.len()).find(|len| payload.recognise(&whole[..*len], TOKEN)).unwrap();
        assert!(shortest >= 4, "{} takes {shortest} bytes", payload.name);
    }
}

#[test]
fn each_question_has_a_name_a_reference_and_a_safe_port() {
    let names: HashSet<_> = PAYLOADS.iter().map(|payload| payload.name).collect();
    assert_eq!(names.len(), PAYLOADS.len());
    assert!(PAYLOADS.is_sorted_by_key(|payload| payload.port));
    for payload in PAYLOADS {
        assert!(!payload.reference.is_empty());
        assert!(!matches!(payload.port, 515 | 9_100..=9_107), "{} is a printer's port", payload.port);
        assert!(payload.bytes.len() <= crate::packet::UDP_PAYLOAD_MAX);
    }
    assert_eq!(for_port(161).count(), 3);
    assert_eq!(for_port(9_100).count(), 0);
}

#[test]
fn lengths_inside_the_questions_are_right() {
    // BER: the outermost length is all that follows.
    for name in ["snmp v1 sysDescr", "snmp v2c sysDescr", "snmp v3 discovery"] {
        let bytes = payload(name).bytes;
        assert_eq!(usize::from(bytes[1]), bytes.len() - 2, "{name}");
    }
    let ike = payload("ike sa init").bytes;
    assert_eq!(u32::from_be_bytes(ike[24..28].try_into().unwrap()) as usize, ike.len());
    let mut at = 28;
    let mut next = ike[16];
    let mut payloads = Vec::new();
    while next != 0 {
        payloads.push(next);
        next = ike[at];
        at += usize::from(u16::from_be_bytes([ike[at + 2], ike[at + 3]]));
    }
    assert_eq!((payloads, at), (vec![33, 34, 40], ike.len()));
}

#[test]
fn the_bits_of_each_token_are_those_documented() {
    let bits = |name| payload(name).token.unwrap().bits();
    assert_eq!(bits("dns version.bind"), 16);
    assert_eq!(bits("portmapper null"), 32);
    assert_eq!(bits("ntp client"), 64);
    assert_eq!(bits("snmp v2c sysDescr"), 30);
    assert_eq!(bits("rmcp ping"), 7);
}

#[test]
fn the_token_is_that_of_the_cookie() {
    let source = "192.0.2.1".parse().unwrap();
    let cookies = Cookies::new([3; 16], source, SourcePorts::new(61_000, 64, 4).unwrap());
    let token = cookies.udp("10.0.0.1".parse().unwrap(), 123, 0).token;
    let mut reply = vec![0; 48];
    reply[0] = 0x24;
    reply[24..32].copy_from_slice(&token.to_be_bytes());
    assert!(payload("ntp client").recognise(&reply, token));
    assert!(!payload("ntp client").recognise(&reply, cookies.udp("10.0.0.2".parse().unwrap(), 123, 0).token));
}

proptest! {
    #[test]
    fn any_answer_is_taken_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600), token: u64) {
        for payload in PAYLOADS {
            let _ = payload.recognise(&bytes, token);
        }
    }

    #[test]
    fn a_changed_answer_is_taken_or_refused(
        which in 0..PAYLOADS.len(), at: prop::sample::Index, byte: u8, cut: prop::sample::Index,
    ) {
        let mut bytes = answer(PAYLOADS[which]);
        let place = at.index(bytes.len());
        bytes[place] = byte;
        bytes.truncate(cut.index(bytes.len() + 1));
        for payload in PAYLOADS {
            let _ = payload.recognise(&bytes, TOKEN);
        }
    }
}
