//! Cookies: the fields of a probe as a keyed function of who asks whom, so that an answer proves without any memory
//! that it answers a probe of this sweep.
//!
//! The function is SipHash-2-4 over (source, target, port, transport) under the sweep's secret key. Its 64 bits become:
//!
//! | probe | field | bits | an answer is accepted by chance |
//! |---|---|---|---|
//! | TCP | sequence number | 32 | SYN-ACK: 2^-32; RST: 2^-31, since it may leave the SYN uncounted |
//! | TCP | source port, within the attempt's share of a range | 16, scaled | in addition: 1 / ports of the range |
//! | UDP | token in the payload, where the protocol echoes one | as many as the protocol has, up to 64 | 2^-bits |
//! | echo | data 64 | 64 | 2^-64 |
//! | echo | identifier | 16 | |
//! | all | IPv4 identification; IPv6 flow label | 16; 20 | an error about UDP: 2^-16; 2^-20 |
//!
//! These are the chances of one forged answer from somebody who sees no probe and knows address, port and source port.
//! An error about a SYN quotes sequence number and identification (2^-48) or flow label (2^-52); one about an echo
//! request quotes identifier and identification (2^-32), over IPv6 identifier and a label of which four bits are the
//! identifier's (2^-32 as well). Who sees the probes, on their way or at the target, can answer them: no cookie helps
//! against that.
//!
//! The source port of UDP is not derived from the target: it is the first of the range plus the attempt. What
//! validates an answer is in the payload.
//!
//! A pair keeps its cookie over all attempts of a sweep. The attempt is in the source port: each has its own share of
//! the range, so that an answer says which attempt it answers, however late it comes, and a repeated probe takes
//! another way where routers spread connections over several.

mod ports;
mod siphash;

pub use ports::{ATTEMPTS_MAX, CookieError, SourcePorts};

use std::net::IpAddr;

use crate::cookie::siphash::SipHash;
use crate::packet::{Echo, IcmpError, Quote, Quoted, Tcp};
use crate::ports::Transport;

/// Fields of a SYN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SynFields {
    /// Source port.
    pub source_port: u16,
    /// Sequence number.
    pub sequence: u32,
    /// IPv4 identification (the lower 16 bits) or IPv6 flow label (20).
    pub ident: u32,
}

/// Fields of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpFields {
    /// Source port.
    pub source_port: u16,
    /// As in [`SynFields::ident`].
    pub ident: u32,
    /// For the payload: as many of its upper bits as the protocol echoes.
    pub token: u64,
}

/// Fields of an echo request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EchoFields {
    /// Identifier.
    pub identifier: u16,
    /// Sequence number: the attempt.
    pub sequence: u16,
    /// As in [`SynFields::ident`].
    pub ident: u32,
    /// The data.
    pub token: u64,
}

/// What a probe of one pair carries, whatever the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookie(u64);

impl Cookie {
    const fn sequence(self) -> u32 {
        self.0 as u32
    }

    const fn port_bits(self) -> u16 {
        (self.0 >> 32) as u16
    }

    /// 20 bits, of which an IPv4 packet carries the lower 16: those beside all other fields.
    const fn ident(self) -> u32 {
        ((self.0 >> 48) as u32) | (((self.0 >> 44) as u32 & 0xf) << 16)
    }
}

/// Makes and checks cookies for one source address.
#[derive(Debug, Clone, Copy)]
pub struct Cookies {
    /// The source is hashed already.
    state: SipHash,
    source: IpAddr,
    ports: SourcePorts,
}

/// Tells an echo request from a port of a transport.
const ECHO: u64 = 3;

impl Cookies {
    /// For the probes of a sweep from one address. `key` is a secret of the sweep: who knows it can forge answers.
    #[must_use]
    pub fn new(key: [u8; 16], source: IpAddr, ports: SourcePorts) -> Self {
        let key = u128::from_le_bytes(key);
        let state = absorb(SipHash::new([key as u64, (key >> 64) as u64]), source);
        Self { state, source, ports }
    }

    /// The source ports.
    #[must_use]
    pub const fn ports(&self) -> SourcePorts {
        self.ports
    }

    #[inline]
    fn cookie(&self, target: IpAddr, port: u16, kind: u64) -> Cookie {
        let tail = u64::from(port) << 8 | kind;
        Cookie(match target {
            // One word has room for both.
            IpAddr::V4(v4) => self.state.word(u64::from(v4.to_bits()) << 32 | tail).finish(),
            IpAddr::V6(_) => absorb(self.state, target).word(tail).finish(),
        })
    }

    #[inline]
    fn of(&self, target: IpAddr, transport: Transport, port: u16) -> Cookie {
        self.cookie(
            target,
            port,
            match transport {
                Transport::Tcp => 1,
                Transport::Udp => 2,
            },
        )
    }

    /// Fields of the SYN to a pair, on an attempt counted from 0. One beyond the last is the last.
    #[must_use]
    #[inline]
    pub fn syn(&self, target: IpAddr, port: u16, attempt: u8) -> SynFields {
        let cookie = self.of(target, Transport::Tcp, port);
        let attempt = attempt.min(self.ports.attempts() - 1);
        let source_port = self.ports.port(attempt, cookie.port_bits());
        SynFields { source_port, sequence: cookie.sequence(), ident: cookie.ident() }
    }

    /// Fields of the datagram to a pair, as [`Cookies::syn`].
    #[must_use]
    #[inline]
    pub fn udp(&self, target: IpAddr, port: u16, attempt: u8) -> UdpFields {
        let cookie = self.of(target, Transport::Udp, port);
        let attempt = attempt.min(self.ports.attempts() - 1);
        UdpFields { source_port: self.ports.udp_port(attempt), ident: cookie.ident(), token: cookie.0 }
    }

    /// Fields of the echo request to a host, as [`Cookies::syn`].
    #[must_use]
    #[inline]
    pub fn echo(&self, target: IpAddr, attempt: u8) -> EchoFields {
        let cookie = self.cookie(target, 0, ECHO);
        let attempt = attempt.min(self.ports.attempts() - 1);
        EchoFields { identifier: cookie.port_bits(), sequence: attempt.into(), ident: cookie.ident(), token: cookie.0 }
    }

    /// The attempt that a segment answers; `None` when it answers no SYN of ours.
    #[must_use]
    pub fn answers_syn(&self, from: IpAddr, to: IpAddr, tcp: &Tcp) -> Option<u8> {
        let refusal = tcp.flags.is_refusal();
        if to != self.source || !(refusal || tcp.flags.is_syn_ack()) {
            return None;
        }
        let cookie = self.of(from, Transport::Tcp, tcp.source_port);
        let counted = tcp.acknowledgement.wrapping_sub(cookie.sequence());
        // Some devices that refuse do not count the SYN.
        if counted != 1 && !(refusal && counted == 0) {
            return None;
        }
        self.tcp_attempt(cookie, tcp.destination_port)
    }

    /// The attempt that a datagram answers by its addresses and ports. That alone proves little: the token is for
    /// [`crate::payloads::Payload::recognise`] to look at, with [`Cookies::udp`]'s.
    #[must_use]
    pub fn answers_udp(&self, to: IpAddr, to_port: u16) -> Option<u8> {
        if to == self.source { self.ports.udp_attempt(to_port) } else { None }
    }

    /// The attempt that an echo reply answers; `None` when it answers no request of ours.
    #[must_use]
    pub fn answers_echo(&self, from: IpAddr, to: IpAddr, echo: &Echo<'_>) -> Option<u8> {
        let attempt = u8::try_from(echo.sequence).ok().filter(|attempt| *attempt < self.ports.attempts())?;
        let fields = self.echo(from, attempt);
        let same = echo.identifier == fields.identifier && echo.data == fields.token.to_be_bytes();
        (same && to == self.source).then_some(attempt)
    }

    /// What probe an error answers; `None` when none of ours. The error may come from anybody on the way.
    #[must_use]
    pub fn answers_error(&self, to: IpAddr, error: &IcmpError<'_>) -> Option<Refused> {
        let Quoted { source, target, ident, probe } = error.quoted;
        if to != self.source || source != self.source {
            return None;
        }
        let (attempt, transport, port, cookie) = match probe {
            Quote::Tcp { source_port, port, sequence } => {
                let cookie = self.of(target, Transport::Tcp, port);
                let attempt = self.tcp_attempt(cookie, source_port).filter(|_| sequence == cookie.sequence())?;
                (attempt, Some(Transport::Tcp), port, cookie)
            }
            Quote::Udp { source_port, port, payload: _ } => {
                let attempt = self.ports.udp_attempt(source_port)?;
                (attempt, Some(Transport::Udp), port, self.of(target, Transport::Udp, port))
            }
            Quote::Echo { identifier, sequence, data: _ } => {
                let cookie = self.cookie(target, 0, ECHO);
                let attempt = u8::try_from(sequence).ok().filter(|attempt| *attempt < self.ports.attempts())?;
                (attempt, None, 0, (identifier == cookie.port_bits()).then_some(cookie)?)
            }
        };
        let carried = if target.is_ipv4() { cookie.ident() & 0xffff } else { cookie.ident() };
        (ident == carried).then_some(Refused { target, transport, port, attempt })
    }

    fn tcp_attempt(&self, cookie: Cookie, port: u16) -> Option<u8> {
        (0..self.ports.attempts()).find(|attempt| self.ports.port(*attempt, cookie.port_bits()) == port)
    }
}

/// The probe that an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The address probed.
    pub target: IpAddr,
    /// `None`: an echo request.
    pub transport: Option<Transport>,
    /// The port probed; 0 for an echo request.
    pub port: u16,
    /// Counted from 0.
    pub attempt: u8,
}

/// Hashes an address: one word for IPv4, two for IPv6. A target behind it adds one or three: messages of different
/// families differ in length, so none is another's.
#[inline]
fn absorb(state: SipHash, address: IpAddr) -> SipHash {
    match address {
        IpAddr::V4(v4) => state.word(v4.to_bits().into()),
        IpAddr::V6(v6) => {
            let bits = v6.to_bits();
            state.word((bits >> 64) as u64).word(bits as u64)
        }
    }
}

#[cfg(test)]
mod tests;
