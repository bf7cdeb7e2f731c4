//! The portmapper, over ONC RPC.

use super::{Amplification, Payload, TokenPlace, double, holds};

const XID: Option<TokenPlace> = Some(TokenPlace::new(0, 4));

/// Does nothing, and says that it did.
pub(super) static NULL: Payload = Payload {
    name: "portmapper null",
    port: 111,
    bytes: &call(0),
    token: XID,
    amplification: Amplification::Small,
    reference: "RFC 5531, section 9; RFC 1833, section 3",
    recognise: reply,
};

/// All programs and their ports.
pub(super) static DUMP: Payload = Payload {
    name: "portmapper dump",
    port: 111,
    bytes: &call(4),
    token: XID,
    amplification: Amplification::Large("20 bytes a program: commonly 200 to 1,500 for 40, up to 40 times"),
    reference: "RFC 1833, section 3",
    recognise: reply,
};

/// A call of version 2 of program 100,000, without credentials.
const fn call(procedure: u8) -> [u8; 40] {
    let mut call = [0; 40];
    call[11] = 2;
    [call[13], call[14], call[15]] = [0x01, 0x86, 0xa0];
    call[19] = 2;
    call[23] = procedure;
    call
}

/// A reply with our transaction id, accepted or denied.
fn reply(answer: &[u8], xid: &[u8]) -> Option<()> {
    holds(answer.get(..4)? == xid && double(answer, 4)? == 1 && double(answer, 8)? <= 1 && answer.len() >= 16)
}
