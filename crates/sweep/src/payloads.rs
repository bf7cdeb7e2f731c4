//! What is sent to a UDP port to make its service answer, and how the answer is known. A bare datagram is answered by
//! few services, so each protocol needs its own question.
//!
//! Every question reads and changes nothing, is well formed by its specification, and is the smallest of its kind that
//! proves the protocol. Where a protocol repeats a part of the question in the answer, the cookie's token stands
//! there: then the answer proves that it answers us. Written from the specifications that are named.

mod dns;
mod ike;
mod rpc;
mod snmp;
mod text;
mod time;
mod token;

pub use token::TokenPlace;

/// How the size of an answer compares with the question's. Whoever forges our source address could turn a large one
/// against us or, with us as the forger's tool, nobody: probes go to the scope only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amplification {
    /// Not more than twice the question.
    Small,
    /// More: an engine that keeps a rate in bytes has to count that. The note says how much.
    Large(&'static str),
}

/// A question for one protocol.
#[derive(Debug, Clone, Copy)]
pub struct Payload {
    /// Protocol and question.
    pub name: &'static str,
    /// Where the protocol is assigned (IANA).
    pub port: u16,
    /// The question; zeros where the token goes.
    pub bytes: &'static [u8],
    /// Where the token goes; `None`: the protocol repeats nothing, and the answer proves the protocol only.
    pub token: Option<TokenPlace>,
    /// How large answers are.
    pub amplification: Amplification,
    /// Specification and section.
    pub reference: &'static str,
    /// The answer, and the token as it stood in the question.
    recognise: fn(&[u8], &[u8]) -> Option<()>,
}

impl Payload {
    /// Whether a datagram proves the protocol and, where there is a token, that it answers this question. `token` is
    /// that of [`crate::cookie::Cookies::udp`].
    #[must_use]
    pub fn recognise(&self, answer: &[u8], token: u64) -> bool {
        let mut written = [0; 8];
        let len = self.token.map_or(0, |place| place.write(token, &mut written));
        written.get(..len).is_some_and(|token| (self.recognise)(answer, token).is_some())
    }
}

/// All questions, by port. No port of a printer is among them, and none of a protocol of machines (OT).
pub static PAYLOADS: [&Payload; 17] = [
    &dns::VERSION,
    &dns::ROOT,
    &rpc::NULL,
    &rpc::DUMP,
    &time::CLIENT,
    &time::READ_VARIABLES,
    &dns::NODE_STATUS,
    &snmp::V1,
    &snmp::V2C,
    &snmp::V3,
    &ike::SA_INIT,
    &text::RMCP,
    &text::SQL_BROWSER,
    &text::SSDP,
    &text::STUN,
    &dns::MDNS,
    &text::COAP,
];

/// The questions for a port, in the order in which they should be asked: the smaller answer first.
pub fn for_port(port: u16) -> impl Iterator<Item = &'static Payload> {
    PAYLOADS.iter().copied().filter(move |payload| payload.port == port)
}

/// `Some` when it holds: for recognisers, which leave with `?`.
fn holds(condition: bool) -> Option<()> {
    condition.then_some(())
}

/// Two bytes at a place.
fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|two| u16::from_be_bytes(*two))
}

/// Four bytes at a place.
fn double(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four))
}

#[cfg(test)]
mod tests;
