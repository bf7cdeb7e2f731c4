//! DNS and what looks like it: multicast DNS, NetBIOS names.

use super::{Amplification, Payload, TokenPlace, holds, word};

const ID: Option<TokenPlace> = Some(TokenPlace::new(0, 2));

/// The version of a name server, in class CH.
pub(super) static VERSION: Payload = Payload {
    name: "dns version.bind",
    port: 53,
    bytes: b"\0\0\0\0\0\x01\0\0\0\0\0\0\x07version\x04bind\0\0\x10\0\x03",
    token: ID,
    amplification: Amplification::Small,
    reference: "RFC 1035, section 4.1; RFC 4892, section 2",
    recognise: |answer, id| response(answer, id, 30, VERSION.bytes),
};

/// The name servers of the root, without recursion: whatever a server knows or refuses.
pub(super) static ROOT: Payload = Payload {
    name: "dns root servers",
    port: 53,
    bytes: b"\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\x02\0\x01",
    token: ID,
    amplification: Amplification::Large("up to 512 bytes for 17 from a server that knows the root: 30 times"),
    reference: "RFC 1035, section 4.1",
    recognise: |answer, id| response(answer, id, 17, ROOT.bytes),
};

/// The kinds of services that a host offers. From another port than 5353 it is a legacy query: the answer comes to us
/// alone and repeats id and question (RFC 6762, section 6.7). Hosts may ignore it from beyond their own link.
pub(super) static MDNS: Payload = Payload {
    name: "mdns services",
    port: 5_353,
    bytes: b"\0\0\0\0\0\x01\0\0\0\0\0\0\x09_services\x07_dns-sd\x04_udp\x05local\0\0\x0c\0\x01",
    token: ID,
    amplification: Amplification::Large("a record for each kind of service: up to 10 times"),
    reference: "RFC 6762, section 6.7; RFC 6763, section 9",
    recognise: |answer, id| response(answer, id, 46, MDNS.bytes),
};

/// The names of a NetBIOS node: of `*`, 16 bytes padded with zeros, each as two letters.
pub(super) static NODE_STATUS: Payload = Payload {
    name: "netbios node status",
    port: 137,
    bytes: b"\0\0\0\0\0\x01\0\0\0\0\0\0\x20CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\0\0\x21\0\x01",
    token: ID,
    amplification: Amplification::Large("a name is 18 bytes: commonly 150 to 300 for 50, 3 to 6 times"),
    reference: "RFC 1002, sections 4.2.17 and 4.2.18",
    recognise: node_status,
};

/// A response with our id. A server may leave the question out when it answers nothing but an error; otherwise it
/// repeats it.
fn response(answer: &[u8], id: &[u8], question_end: usize, question: &[u8]) -> Option<()> {
    header(answer, id)?;
    match word(answer, 4)? {
        0 => holds(word(answer, 6)? == 0 && word(answer, 2)? & 0xf != 0),
        1 => {
            // Names are repeated as they were asked, or in other case.
            let (theirs, ours) = (answer.get(12..question_end)?, question.get(12..question_end)?);
            holds(theirs.eq_ignore_ascii_case(ours))
        }
        _ => None,
    }
}

/// RFC 1035, section 4.1.1: the id, a response, a standard query, the reserved bit clear.
fn header(answer: &[u8], id: &[u8]) -> Option<()> {
    holds(answer.get(..2)? == id && answer.len() >= 12)?;
    holds(word(answer, 2)? & 0xf840 == 0x8000)
}

fn node_status(answer: &[u8], id: &[u8]) -> Option<()> {
    header(answer, id)?;
    // One answer and no question: name, type, class.
    holds(word(answer, 4)? == 0 && word(answer, 6)? == 1)?;
    holds(answer.get(12..46)? == NODE_STATUS.bytes.get(12..46)?)?;
    holds(word(answer, 46)? == 0x21 && word(answer, 48)? == 1)
}
