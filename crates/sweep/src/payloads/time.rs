//! NTP. Mode 7 (monlist and its kin) is never sent.

use super::{Amplification, Payload, TokenPlace, holds, word};

/// What a client asks: the transmit timestamp comes back as the origin timestamp.
pub(super) static CLIENT: Payload = Payload {
    name: "ntp client",
    port: 123,
    bytes: &client(),
    token: Some(TokenPlace::new(40, 8)),
    amplification: Amplification::Small,
    reference: "RFC 5905, section 7.3",
    recognise: server,
};

/// The system variables, version of the daemon and operating system among them. Reads only.
pub(super) static READ_VARIABLES: Payload = Payload {
    name: "ntp read variables",
    port: 123,
    bytes: b"\x16\x02\0\0\0\0\0\0\0\0\0\0",
    token: Some(TokenPlace::new(2, 2)),
    amplification: Amplification::Large("200 to 500 bytes for 12: up to 40 times"),
    reference: "RFC 9327, sections 2 and 4",
    recognise: control,
};

/// Version 4, mode 3.
const fn client() -> [u8; 48] {
    let mut packet = [0; 48];
    packet[0] = 4 << 3 | 3;
    packet
}

/// Mode 4, and our timestamp.
fn server(answer: &[u8], timestamp: &[u8]) -> Option<()> {
    holds(answer.len() >= 48 && answer.first()? & 7 == 4 && answer.get(24..32)? == timestamp)
}

/// Mode 6, a response to read variables, perhaps an error, and our sequence number.
fn control(answer: &[u8], sequence: &[u8]) -> Option<()> {
    let [first, second, ..] = *answer else { return None };
    holds(first & 7 == 6 && second & 0x9f == 0x82 && answer.get(2..4)? == sequence)?;
    holds(usize::from(word(answer, 10)?) <= answer.len() - 12)
}
