//! What a phantom answers, and when: no I/O, no clock.
//!
//! An answer follows from the truth and from what arrived; nothing is kept for a connection, because the phantom's
//! sequence numbers are a hash of its ends, as in SYN cookies (RFC 4987, section 3.6). So it can be neither filled nor
//! confused.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::Ipv4Addr;
use std::time::Duration;

use muster_sweep::packet::{Tcp, TcpFlags};

use crate::frame::{self, Arrived, PUSH, Segment};
use crate::keyed::{Domain, hash, hits};
use crate::seen::{Allowance, Seen, Watch};
use crate::truth::{State, Truth};

/// Answers under way at once: at 500,000 a second and a round trip of a second half of them.
const UNDER_WAY_MAX: usize = 1 << 20;
/// Hosts whose answers are limited.
const LIMITED_MAX: usize = 1 << 17;
const WINDOW: u16 = 64_240;

/// How the network between behaves. Shares are in parts of a million.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner {
    /// Lost on the way here.
    pub loss_in: u32,
    /// Lost on the way back.
    pub loss_out: u32,
    /// Until an answer leaves.
    pub round_trip: Duration,
    /// On top of it, up to so much, evenly.
    pub jitter: Duration,
    /// Answers that come twice.
    pub duplicates: u32,
    /// Answers that come late.
    pub late: u32,
    /// By how much.
    pub late_by: Duration,
    /// Answers of one host in any second; 0: without a limit.
    pub host_answers_pps: u32,
}

/// An answer whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    due_ns: u64,
    segment: Segment,
    /// Whether it carries the banner of its port, and from which byte on.
    banner_from: Option<usize>,
}

impl Reply {
    /// When it is to leave, ns.
    #[must_use]
    pub const fn due_ns(&self) -> u64 {
        self.due_ns
    }
}

/// Answers by a truth and counts what arrives.
#[derive(Debug)]
pub struct Responder {
    truth: Truth,
    manner: Manner,
    watch: Watch,
    /// By the instant they leave, and the order in which they were made.
    under_way: BinaryHeap<Reverse<(u64, u64)>>,
    replies: HashMap<u64, Reply>,
    made: u64,
    arrived: u64,
    /// Of hosts whose answers are limited: until when the last second's answers last (the generic cell rate algorithm).
    limited: HashMap<Ipv4Addr, u64>,
}

impl Responder {
    /// With an allowance, what is over it is counted.
    #[must_use]
    pub fn new(truth: Truth, manner: Manner, allowance: Option<Allowance>) -> Self {
        Self {
            truth,
            manner,
            watch: Watch::new(allowance),
            under_way: BinaryHeap::new(),
            replies: HashMap::new(),
            made: 0,
            arrived: 0,
            limited: HashMap::new(),
        }
    }

    /// What it answers by.
    #[must_use]
    pub const fn truth(&self) -> &Truth {
        &self.truth
    }

    /// What it saw.
    #[must_use]
    pub const fn seen(&self) -> &Seen {
        &self.watch.seen
    }

    pub(crate) const fn seen_mut(&mut self) -> &mut Seen {
        &mut self.watch.seen
    }

    /// A frame arrived.
    pub fn hear(&mut self, now_ns: u64, frame: &[u8]) {
        match frame::read(frame) {
            Ok(Some(arrived)) => self.arrived(now_ns, &arrived),
            Ok(None) => {}
            Err(_) => self.watch.seen.malformed += 1,
        }
    }

    fn arrived(&mut self, now_ns: u64, arrived: &Arrived) {
        self.watch.seen.packets += 1;
        if !self.truth.is_allowed(arrived.to) {
            self.watch.outside(arrived.to);
        }
        let Some(tcp) = &arrived.tcp else { return };
        let flags = tcp.flags.0;
        if flags & TcpFlags::RST != 0 {
            self.watch.seen.resets += 1;
            return;
        }
        let syn = flags & (TcpFlags::SYN | TcpFlags::ACK) == TcpFlags::SYN;
        if syn {
            self.watch.probe(arrived.to, now_ns);
        }
        self.arrived += 1;
        if hits(self.seed(), Domain::LossIn, self.arrived, self.manner.loss_in) {
            self.watch.seen.lost_in += 1;
            return;
        }
        match (self.truth.of(arrived.to, tcp.destination_port), syn) {
            (State::Open, true) => self.syn_ack(now_ns, arrived, tcp),
            (State::Open, false) => self.talk(now_ns, arrived, tcp),
            // RFC 9293, section 3.10.7.1: a reset that acknowledges the SYN.
            (State::Closed, true) => {
                let segment = Segment {
                    acknowledgement: tcp.sequence.wrapping_add(1),
                    flags: TcpFlags::RST | TcpFlags::ACK,
                    window: 0,
                    ..back(arrived, tcp)
                };
                self.answer(now_ns, segment, None);
            }
            (State::Closed, false) | (State::Silent, _) => {}
        }
    }

    fn syn_ack(&mut self, now_ns: u64, arrived: &Arrived, tcp: &Tcp) {
        let segment = Segment {
            sequence: self.cookie(arrived, tcp),
            acknowledgement: tcp.sequence.wrapping_add(1),
            flags: TcpFlags::SYN | TcpFlags::ACK,
            // A tarpit takes the connection and not one byte (RFC 9293, section 3.8.6.1: a zero window).
            window: if self.truth.is_tarpit(arrived.to) { 0 } else { WINDOW },
            mss: true,
            ..back(arrived, tcp)
        };
        self.answer(now_ns, segment, None);
    }

    /// A segment of a connection: the banner, the end of the banner, and an acknowledgement of what the other says.
    fn talk(&mut self, now_ns: u64, arrived: &Arrived, tcp: &Tcp) {
        let begun = self.cookie(arrived, tcp).wrapping_add(1);
        let said = tcp.acknowledgement.wrapping_sub(begun) as usize;
        let banner = self.truth.banner(arrived.to, tcp.destination_port).map_or(0, <[u8]>::len);
        if tcp.flags.0 & TcpFlags::ACK == 0 || said > banner + 1 || self.truth.is_tarpit(arrived.to) {
            return;
        }
        let ended = tcp.flags.0 & TcpFlags::FIN != 0;
        let heard = tcp.sequence.wrapping_add(tcp.data_len as u32).wrapping_add(u32::from(ended));
        let segment = Segment {
            sequence: tcp.acknowledgement,
            acknowledgement: heard,
            flags: TcpFlags::ACK,
            window: WINDOW,
            ..back(arrived, tcp)
        };
        if said < banner && !ended {
            self.answer(now_ns, Segment { flags: TcpFlags::ACK | PUSH, ..segment }, Some(said));
        } else if said <= banner && (ended || banner > 0) {
            // All is said.
            self.answer(now_ns, Segment { flags: TcpFlags::ACK | TcpFlags::FIN, ..segment }, None);
        } else if ended || tcp.data_len > 0 {
            self.answer(now_ns, segment, None);
        }
    }

    /// Puts an answer on its way.
    fn answer(&mut self, now_ns: u64, segment: Segment, banner_from: Option<usize>) {
        if !self.within_limit(now_ns, segment.from) {
            self.watch.seen.held_back += 1;
            return;
        }
        self.watch.seen.answers += 1;
        self.made += 1;
        let (seed, number) = (self.seed(), self.made);
        if hits(seed, Domain::LossOut, number, self.manner.loss_out) {
            self.watch.seen.lost_out += 1;
            return;
        }
        let jitter_ns = match ns(self.manner.jitter) {
            0 => 0,
            jitter_ns => hash(seed, Domain::RoundTrip, number) % jitter_ns,
        };
        let late = hits(seed, Domain::Late, number, self.manner.late);
        let late_ns = if late { ns(self.manner.late_by) } else { 0 };
        let due_ns = now_ns.saturating_add(ns(self.manner.round_trip)).saturating_add(jitter_ns + late_ns);
        let twice = hits(seed, Domain::Duplicate, number, self.manner.duplicates);
        for copy in 0..=u64::from(twice) {
            if self.replies.len() >= UNDER_WAY_MAX {
                self.watch.seen.overflowed += 1;
                return;
            }
            // Twice the number, so that a copy has one of its own.
            let order = number * 2 + copy;
            self.under_way.push(Reverse((due_ns, order)));
            self.replies.insert(order, Reply { due_ns, segment, banner_from });
        }
    }

    /// The next answer whose time has come.
    pub fn due(&mut self, now_ns: u64) -> Option<Reply> {
        let Reverse((due_ns, order)) = *self.under_way.peek()?;
        if due_ns > now_ns {
            return None;
        }
        self.under_way.pop();
        self.replies.remove(&order)
    }

    /// When the next answer's time comes, ns.
    #[must_use]
    pub fn next_due_ns(&self) -> Option<u64> {
        self.under_way.peek().map(|Reverse((due_ns, _))| *due_ns)
    }

    /// Writes an answer as a frame; how long it is.
    #[must_use]
    pub fn write(&self, frame: &mut [u8], reply: &Reply) -> Option<usize> {
        let segment = &reply.segment;
        let banner = reply.banner_from.and_then(|from| self.truth.banner(segment.from, segment.from_port)?.get(from..));
        // What is too long for a frame comes when this part was acknowledged.
        let room = frame.len().saturating_sub(54);
        let part = banner.map(|banner| banner.get(..room).unwrap_or(banner)).unwrap_or_default();
        frame::write(frame, segment, part)
    }

    fn within_limit(&mut self, now_ns: u64, host: Ipv4Addr) -> bool {
        const SECOND_NS: u64 = 1_000_000_000;
        let Some(cost_ns) = SECOND_NS.checked_div(self.manner.host_answers_pps.into()) else { return true };
        if self.limited.len() >= LIMITED_MAX && !self.limited.contains_key(&host) {
            return false;
        }
        let full_ns = self.limited.entry(host).or_default();
        let next_ns = (*full_ns).max(now_ns) + cost_ns;
        // A second's worth may go at once.
        let within = next_ns <= now_ns + SECOND_NS;
        if within {
            *full_ns = next_ns;
        }
        within
    }

    /// The first sequence number of a connection.
    fn cookie(&self, arrived: &Arrived, tcp: &Tcp) -> u32 {
        let ends = u64::from(arrived.to.to_bits()) << 32 | u64::from(arrived.from.to_bits());
        let ports = u64::from(tcp.destination_port) << 16 | u64::from(tcp.source_port);
        let hash = hash(hash(self.seed(), Domain::Sequence, ends), Domain::Sequence, ports);
        #[expect(clippy::cast_possible_truncation, reason = "half of a hash")]
        let half = hash as u32;
        half
    }

    const fn seed(&self) -> u64 {
        self.truth.world().seed
    }
}

/// A segment the other way.
const fn back(arrived: &Arrived, tcp: &Tcp) -> Segment {
    Segment {
        from_mac: arrived.to_mac,
        to_mac: arrived.from_mac,
        from: arrived.to,
        from_port: tcp.destination_port,
        to: arrived.from,
        to_port: tcp.source_port,
        sequence: 0,
        acknowledgement: 0,
        flags: 0,
        window: WINDOW,
        mss: false,
    }
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
