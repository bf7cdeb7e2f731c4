//! SNMP: what a device says it is. The community `public` is the one every device had; no other is tried.

use super::{Amplification, Payload, TokenPlace, holds};

/// Of the request id, behind version and community.
const REQUEST_ID: Option<TokenPlace> = Some(TokenPlace::ber_integer(17));

/// sysDescr.0 (RFC 3418) in version 1.
pub(super) static V1: Payload = Payload {
    name: "snmp v1 sysDescr",
    port: 161,
    bytes: b"\x30\x29\x02\x01\0\x04\x06public\xa0\x1c\x02\x04\0\0\0\0\x02\x01\0\x02\x01\0\
        \x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\0\x05\0",
    token: REQUEST_ID,
    amplification: Amplification::Large("sysDescr has at most 255 bytes: up to 7 times"),
    reference: "RFC 1157, section 4.1; RFC 3418, section 2",
    recognise: |answer, id| community(answer, id, 0),
};

/// The same in version 2c.
pub(super) static V2C: Payload = Payload {
    name: "snmp v2c sysDescr",
    port: 161,
    bytes: b"\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c\x02\x04\0\0\0\0\x02\x01\0\x02\x01\0\
        \x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\0\x05\0",
    token: REQUEST_ID,
    amplification: Amplification::Large("sysDescr has at most 255 bytes: up to 7 times"),
    reference: "RFC 1901, section 3; RFC 3416, section 4.2.1",
    recognise: |answer, id| community(answer, id, 1),
};

/// Discovery of the engine in version 3: answered without any name or password, with a report.
pub(super) static V3: Payload = Payload {
    name: "snmp v3 discovery",
    port: 161,
    bytes: b"\x30\x3b\x02\x01\x03\x30\x11\x02\x04\0\0\0\0\x02\x03\0\xff\xe3\x04\x01\x04\x02\x01\x03\
        \x04\x10\x30\x0e\x04\0\x02\x01\0\x02\x01\0\x04\0\x04\0\x04\0\
        \x30\x11\x04\0\x04\0\xa0\x0b\x02\x01\0\x02\x01\0\x02\x01\0\x30\0",
    token: Some(TokenPlace::ber_integer(9)),
    amplification: Amplification::Small,
    reference: "RFC 3412, section 6; RFC 3414, section 4",
    recognise: version_3,
};

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const RESPONSE: u8 = 0xa2;
const REPORT: u8 = 0xa8;

/// Reads one value of BER: its tag and contents, and what follows. Lengths of up to two bytes: a datagram has no more.
fn value(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, len, rest) = match *bytes {
        [tag, 0x82, high, low, ref rest @ ..] => (tag, usize::from(u16::from_be_bytes([high, low])), rest),
        [tag, 0x81, len, ref rest @ ..] => (tag, usize::from(len), rest),
        [tag, len @ 0..=0x7f, ref rest @ ..] => (tag, usize::from(len), rest),
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(len)?;
    Some((tag, contents, rest))
}

/// A value with this tag.
fn expect(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, contents, rest) = value(bytes)?;
    (tag == wanted).then_some((contents, rest))
}

/// Message { version, community, response { request id, … } }
fn community(answer: &[u8], id: &[u8], version: u8) -> Option<()> {
    let (message, _) = expect(answer, SEQUENCE)?;
    let (found, message) = expect(message, INTEGER)?;
    let (_, message) = expect(message, OCTETS)?;
    let (response, _) = expect(message, RESPONSE)?;
    let (request_id, _) = expect(response, INTEGER)?;
    holds(found == [version] && request_id == id)
}

/// Message { version, header { id, … }, security, { engine, name, report { … } } }
fn version_3(answer: &[u8], id: &[u8]) -> Option<()> {
    let (message, _) = expect(answer, SEQUENCE)?;
    let (found, message) = expect(message, INTEGER)?;
    let (header, message) = expect(message, SEQUENCE)?;
    let (message_id, _) = expect(header, INTEGER)?;
    let (_, message) = expect(message, OCTETS)?;
    let (scoped, _) = expect(message, SEQUENCE)?;
    let (_, scoped) = expect(scoped, OCTETS)?;
    let (_, scoped) = expect(scoped, OCTETS)?;
    expect(scoped, REPORT)?;
    holds(found == [3] && message_id == id)
}
