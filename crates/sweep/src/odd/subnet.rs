//! What all addresses of a subnet have in common.

use super::{CHANCE_MAX, mostly};
use crate::loss::binomial_tail;
use crate::packet::Tcp;

/// Addresses of a subnet that have to be probed before it is labelled: a sixteenth of a /24.
pub const ADDRESSES_MIN: u32 = 16;

/// Addresses of an ordinary subnet that have one and the same decoy open, at most. Hosts that were made from one image
/// may share a listener in the dynamic range, but its number differs from start to start on most systems: a twentieth.
pub const SHARED_DECOY_SHARE: f64 = 0.05;

/// What a SYN-ACK says about the stack that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StackSign {
    /// Hop limit as it arrived: stack and distance.
    pub hop_limit: u8,
    /// Window in bytes, not scaled.
    pub window: u16,
    /// Largest segment; 0 when it was not said.
    pub mss: u16,
    /// [`crate::packet::TcpOptions::order`].
    pub options: u64,
}

impl StackSign {
    /// Of a SYN-ACK that arrived with this hop limit.
    #[must_use]
    pub fn of(hop_limit: u8, tcp: &Tcp) -> Self {
        Self { hop_limit, window: tcp.window, mss: tcp.options.mss.unwrap_or(0), options: tcp.options.order }
    }
}

/// How many of these are alike: the number of the commonest.
#[must_use]
pub fn commonest_stack(signs: &[StackSign]) -> u32 {
    let mut sorted = signs.to_vec();
    sorted.sort_unstable();
    let longest = sorted.chunk_by(|one, next| one == next).map(<[StackSign]>::len).max();
    longest.and_then(|len| u32::try_from(len).ok()).unwrap_or(0)
}

/// What was counted on the addresses of one /24 (or /120), all of which were probed on the same decoys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubnetEvidence<'a> {
    /// Addresses probed.
    pub addresses: u32,
    /// For each decoy, on how many addresses it is open.
    pub open_by_decoy: &'a [u32],
    /// Addresses with a port open, decoy or not.
    pub answering: u32,
    /// Of those, the ones with the commonest sign, see [`commonest_stack`].
    pub commonest_stack: u32,
}

/// What a subnet seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubnetLabel {
    /// Nothing odd.
    Ordinary,
    /// Too few addresses or no decoys.
    Undecided,
    /// Every address has the same unlikely ports open, from stacks that differ: perhaps real hosts with one agent.
    SharedPorts,
    /// Every address has the same unlikely ports open, and all answers come from one stack at one distance: one device
    /// answers for all. Neither its addresses are hosts nor its ports services.
    OneDevice,
}

/// Labels a subnet.
#[must_use]
pub fn subnet(evidence: &SubnetEvidence<'_>) -> SubnetLabel {
    let SubnetEvidence { addresses, open_by_decoy, answering, commonest_stack } = *evidence;
    if addresses < ADDRESSES_MIN || open_by_decoy.is_empty() {
        return SubnetLabel::Undecided;
    }
    let everywhere =
        |open: &u32| mostly(*open, addresses) && binomial_tail(*open, addresses, SHARED_DECOY_SHARE) <= CHANCE_MAX;
    let decoys = u32::try_from(open_by_decoy.len()).unwrap_or(u32::MAX);
    let shared = open_by_decoy.iter().filter(|open| everywhere(open)).count();
    if !mostly(u32::try_from(shared).unwrap_or(u32::MAX), decoys) {
        return SubnetLabel::Ordinary;
    }
    if mostly(commonest_stack, answering) { SubnetLabel::OneDevice } else { SubnetLabel::SharedPorts }
}
