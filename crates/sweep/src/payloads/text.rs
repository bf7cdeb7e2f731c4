//! Small protocols, each with one question.

use super::{Amplification, Payload, TokenPlace, holds, word};

/// Whether a management controller listens: the presence ping.
pub(super) static RMCP: Payload = Payload {
    name: "rmcp ping",
    port: 623,
    bytes: b"\x06\0\xff\x06\0\0\x11\xbe\x80\0\0\0",
    // The message tag; 255 would ask for no answer.
    token: Some(TokenPlace::seven_bits(9)),
    amplification: Amplification::Small,
    reference: "DMTF DSP0136 (ASF 2.0), sections 3.2.2 to 3.2.4",
    recognise: |answer, tag| {
        // Version and class of the message, whatever its sequence number; a pong of ASF.
        let [6, _, _, 6, pong @ ..] = answer else { return None };
        holds(answer.len() >= 12 && pong.starts_with(b"\0\0\x11\xbe\x40") && answer.get(9..10)? == tag)
    },
};

/// The instances of SQL Server on a host.
pub(super) static SQL_BROWSER: Payload = Payload {
    name: "sql server browser",
    port: 1_434,
    bytes: b"\x02",
    token: None,
    amplification: Amplification::Large("100 to 300 bytes an instance for 1"),
    reference: "[MC-SQLR], sections 2.2.1 and 2.2.5",
    recognise: |answer, _| {
        let [5, low, high, ref list @ ..] = *answer else { return None };
        holds(usize::from(u16::from_le_bytes([low, high])) == list.len() && list.starts_with(b"ServerName;"))
    },
};

/// The root device of UPnP.
pub(super) static SSDP: Payload = Payload {
    name: "ssdp search",
    port: 1_900,
    bytes: b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n\
        ST: upnp:rootdevice\r\n\r\n",
    token: None,
    amplification: Amplification::Large("250 to 400 bytes a root device for 94: 4 times a device"),
    reference: "UPnP Device Architecture 2.0, sections 1.3.2 and 1.3.3",
    recognise: |answer, _| {
        let (status, headers) = answer.split_at_checked(b"HTTP/1.1 200 OK\r\n".len())?;
        holds(status.eq_ignore_ascii_case(b"HTTP/1.1 200 OK\r\n"))?;
        let named =
            |line: &[u8]| line.split_first_chunk::<3>().is_some_and(|(name, _)| name.eq_ignore_ascii_case(b"st:"));
        holds(headers.split(|byte| *byte == b'\n').any(named))
    },
};

/// A STUN binding request, which a TURN server answers as well.
pub(super) static STUN: Payload = Payload {
    name: "stun binding",
    port: 3_478,
    bytes: b"\0\x01\0\0\x21\x12\xa4\x42\0\0\0\0\0\0\0\0\0\0\0\0",
    token: Some(TokenPlace::new(8, 8)),
    amplification: Amplification::Large("with the name of the software up to 150 bytes for 20: 7 times"),
    reference: "RFC 8489, sections 5 and 14.2",
    recognise: |answer, transaction| {
        // Success or error.
        holds(matches!(word(answer, 0)?, 0x0101 | 0x0111) && answer.get(4..8)? == b"\x21\x12\xa4\x42")?;
        holds(answer.get(8..16)? == transaction && answer.get(16..20)? == [0; 4])?;
        holds(usize::from(word(answer, 2)?) + 20 == answer.len())
    },
};

/// CoAP's ping: an empty message that wants to be confirmed is answered by a reset with its id.
pub(super) static COAP: Payload = Payload {
    name: "coap ping",
    port: 5_683,
    bytes: b"\x40\0\0\0",
    token: Some(TokenPlace::new(2, 2)),
    amplification: Amplification::Small,
    reference: "RFC 7252, sections 1.2, 3 and 4.2",
    recognise: |answer, id| holds(answer.len() == 4 && answer.starts_with(b"\x70\0") && answer.ends_with(id)),
};
