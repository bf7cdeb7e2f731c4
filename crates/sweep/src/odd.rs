//! Hosts and subnets that answer for what is not there: tarpits, SYN proxies, and devices that open every port of
//! every address. Listed as they answer, they would bury the inventory in hosts that nobody has.
//!
//! A classifier over counts, without memory: it labels and drops nothing. What it needs is decoys: unlikely ports,
//! drawn at random for each sweep from [`DECOY_PORTS`], that are probed on every host beside the ports that were asked
//! for. An ordinary host has hardly one of them open, so that a few say much.

mod subnet;

pub use subnet::{ADDRESSES_MIN, SHARED_DECOY_SHARE, StackSign, SubnetEvidence, SubnetLabel, commonest_stack, subnet};

use crate::loss::binomial_tail;

/// Where decoys are drawn: the dynamic ports (RFC 6335, section 6), to which no service is assigned.
pub const DECOY_PORTS: std::ops::RangeInclusive<u16> = 49_152..=65_535;

/// Ports open among decoys of an ordinary host, at most. A Windows server has some 10 to 20 RPC listeners in the range
/// and a busy media server may have 160: 1 % of 16,384.
pub const ORDINARY_OPEN_SHARE: f64 = 0.01;

/// How seldom an ordinary host may be given a label: once in 10^9, so once in 60 sweeps of a whole /8.
pub const CHANCE_MAX: f64 = 1e-9;

/// Of decoys, what has to be open. All would be too much to ask where probes are lost: at 4 % loss on one attempt nine
/// in ten are passed by 8 of 8 in 72 % and by 18 of 20 in 95 % of cases.
pub const OPEN_SHARE_MIN: f64 = 0.9;

/// Windows of a tarpit, in bytes, at most: it lets data come in drops (LaBrea, 2001, announces 10 and less). No stack
/// that wants data opens with less than one segment of 536 bytes (RFC 9293, section 3.7.1).
pub const TARPIT_WINDOW_MAX: u16 = 64;

/// Connections that have to be completed before it counts that nothing is behind them.
pub const CONNECTIONS_MIN: u32 = 3;

/// What was counted on one host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostEvidence {
    /// Decoys probed.
    pub decoys: u32,
    /// Decoys that answered with a SYN-ACK.
    pub decoys_open: u32,
    /// Of those, with a window of at most [`TARPIT_WINDOW_MAX`] bytes.
    pub small_windows: u32,
    /// Open ports, decoys or not, to which a connection was completed; 0 when none was tried.
    pub completed: u32,
    /// Of those, the ones that were reset at once, or said nothing and acknowledged nothing that was sent.
    pub hollow: u32,
}

/// What a host seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HostLabel {
    /// Nothing odd.
    Ordinary,
    /// Too few decoys to tell: all that were probed are open, and that is not yet impossible for an ordinary host.
    Undecided,
    /// Every port is open; nothing says why. Its open ports are no services.
    EverythingOpen,
    /// Every port is open, and its windows are too small for any use: it wants to hold who connects.
    Tarpit,
    /// Every port is open, and nothing is behind the connections: something in front of the host answers SYNs for it,
    /// whether or not the port is open.
    SynProxy,
}

/// Labels a host.
#[must_use]
pub fn host(evidence: &HostEvidence) -> HostLabel {
    let HostEvidence { decoys, decoys_open, small_windows, completed, hollow } = *evidence;
    if decoys == 0 || !mostly(decoys_open, decoys) {
        return HostLabel::Ordinary;
    }
    if binomial_tail(decoys_open, decoys, ORDINARY_OPEN_SHARE) > CHANCE_MAX {
        return HostLabel::Undecided;
    }
    if mostly(small_windows, decoys_open) {
        return HostLabel::Tarpit;
    }
    if completed >= CONNECTIONS_MIN && mostly(hollow, completed) {
        return HostLabel::SynProxy;
    }
    HostLabel::EverythingOpen
}

/// Nine in ten at least, and not none of none.
fn mostly(part: u32, whole: u32) -> bool {
    whole > 0 && f64::from(part) >= OPEN_SHARE_MIN * f64::from(whole)
}

#[cfg(test)]
mod tests;
