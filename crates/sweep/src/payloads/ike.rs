//! IKE: whether a gateway speaks IPsec.

use super::{Amplification, Payload, TokenPlace, double, holds};

/// The first message of an exchange that never goes on. A gateway answers with its choice, a refusal, or a cookie, and
/// forgets it within seconds.
pub(super) static SA_INIT: Payload = Payload {
    name: "ike sa init",
    port: 500,
    bytes: &SA_INIT_BYTES,
    token: Some(TokenPlace::new(0, 8)),
    amplification: Amplification::Small,
    reference: "RFC 7296, sections 1.2 and 3.1 to 3.9",
    recognise: response,
};

const HEADER_LEN: usize = 28;

/// AES-CBC with 256 bits, HMAC-SHA-256 for all else, group 14 (IANA, IKEv2 Parameters).
const SA: [u8; 48] = [
    34, 0, 0, 48, // next: key exchange
    0, 0, 0, 44, 1, 1, 0, 4, // the only proposal: IKE, no SPI, four transforms
    3, 0, 0, 12, 1, 0, 0, 12, 0x80, 14, 1, 0, // encryption, with the length of its key
    3, 0, 0, 8, 2, 0, 0, 5, // pseudo-random function
    3, 0, 0, 8, 3, 0, 0, 12, // integrity
    0, 0, 0, 8, 4, 0, 0, 14, // group
];

/// Header and a number of 2,048 bits below the modulus of group 14, which begins with 64 ones (RFC 3526, section 3).
/// Nobody knows its logarithm, and nobody needs to.
const KEY_EXCHANGE_LEN: usize = 8 + 256;
const NONCE_LEN: usize = 4 + 32;
const LEN: usize = HEADER_LEN + SA.len() + KEY_EXCHANGE_LEN + NONCE_LEN;

const SA_INIT_BYTES: [u8; LEN] = sa_init();

const fn sa_init() -> [u8; LEN] {
    let mut message = [0x5a; LEN];
    let mut at = 0;
    while at < HEADER_LEN + SA.len() {
        message[at] = if at < HEADER_LEN { 0 } else { SA[at - HEADER_LEN] };
        at += 1;
    }
    // Next payload: SA; version 2.0; exchange: IKE_SA_INIT; flags: from the initiator.
    [message[16], message[17], message[18], message[19]] = [33, 0x20, 34, 8];
    [message[26], message[27]] = (LEN as u16).to_be_bytes();
    let key_exchange = HEADER_LEN + SA.len();
    let header = [40, 0, (KEY_EXCHANGE_LEN >> 8) as u8, KEY_EXCHANGE_LEN as u8, 0, 14, 0, 0];
    let mut byte = 0;
    while byte < header.len() {
        message[key_exchange + byte] = header[byte];
        byte += 1;
    }
    let nonce = key_exchange + KEY_EXCHANGE_LEN;
    [message[nonce], message[nonce + 1], message[nonce + 2], message[nonce + 3]] = [0, 0, 0, NONCE_LEN as u8];
    message
}

/// A response of version 2 with our SPI, or version 1's refusal of a version that it does not know.
fn response(answer: &[u8], spi: &[u8]) -> Option<()> {
    holds(answer.get(..8)? == spi && usize::try_from(double(answer, 24)?).ok()? == answer.len())?;
    let (version, exchange, flags) = (*answer.get(17)?, *answer.get(18)?, *answer.get(19)?);
    match version >> 4 {
        2 => holds(matches!(exchange, 34 | 37) && flags & 0x28 == 0x20),
        // Informational.
        1 => holds(exchange == 5),
        _ => None,
    }
}
