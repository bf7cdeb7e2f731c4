//! The raw engine: SYNs as frames of their own, without a socket for each, and answers that prove themselves by a
//! cookie.
//!
//! One thread has a lease. It sends as the rates allow, hears what the interface receives, and sends again to the units
//! that did not answer, a fixed time after their last SYN: how often, follows from the loss that the answers show.
//!
//! What was opened is reset by the kernel of this machine, which knows of no connection to the port that the answer is
//! for: so a target keeps no half-open connection, and nothing of ours has to send a reset. Where a filter of this
//! machine drops such answers before the kernel looks at them (a stateful INPUT chain does: it never saw the SYN), the
//! target gives its half-open connection up by itself, and the sweep is none the worse: frames are heard before any
//! filter.
//!
//! Silence is only believed where the way to it holds: an interface without carrier, a gateway that does not answer and
//! a route that is gone are faults of the lease, which is then done again from its last slice. Loopback, tunnels and
//! processes without the capability have the [connect engine](crate::connect), with the same results.

mod clock;
mod flight;
mod track;
mod trouble;
mod ways;

use std::io::Read as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use muster_sweep::Lease;
use muster_sweep::cookie::SourcePorts;
use muster_wire::{Filter, Router, may_use_frames};

use crate::engine::{LeaseRun, Work};
use crate::gate::Gate;
use flight::Flight;
use trouble::Trouble;
use ways::Ways;

/// How to sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawOptions {
    /// After a SYN, until it is sent again or its unit is silent; 50 ms to 3 s. What answers later than that is lost.
    pub wait: Duration,
    /// SYNs to a unit, at least; 1 to 8.
    pub attempts_min: u8,
    /// SYNs to a unit, at most; 1 to 8.
    pub attempts_max: u8,
}

impl Default for RawOptions {
    fn default() -> Self {
        // A round trip to the other side of the earth and back takes 0.4 s.
        Self { wait: Duration::from_secs(1), attempts_min: 2, attempts_max: 6 }
    }
}

/// Above the ports that Linux gives to connections (ip_local_port_range: 32,768 to 60,999), below the last: 8 times 550.
const SOURCE_PORT_FIRST: u16 = 61_000;
const SOURCE_PORTS: u16 = 4_400;
const ATTEMPTS: u8 = muster_sweep::cookie::ATTEMPTS_MAX;

/// Why a lease is not swept with frames.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRaw {
    /// The process may not.
    #[error("this process lacks CAP_NET_RAW")]
    NotPermitted,
    /// Addresses of this machine, or behind something that carries no Ethernet frames.
    #[error("{address} is reached by {interface}, which carries no frames to others")]
    Interface {
        /// The first address that is.
        address: IpAddr,
        /// Name of the interface.
        interface: String,
    },
    /// The routes cannot be asked for.
    #[error("the routes are not known: {cause}")]
    Routes {
        /// Why not.
        cause: String,
    },
}

/// Whether a lease can be swept with frames.
///
/// # Errors
/// Why it cannot.
pub fn suits(lease: &Lease) -> Result<(), NotRaw> {
    may_use_frames().map_err(|_| NotRaw::NotPermitted)?;
    let unknown = |error: muster_wire::WireError| NotRaw::Routes { cause: error.to_string() };
    let mut router = Router::open().map_err(unknown)?;
    for address in lease.blocks().iter().map(|block| block.addr()) {
        // No route: either engine says so of each unit.
        let Ok(route) = router.route_to(address) else { continue };
        let interface = router.interface(route.interface).map_err(unknown)?;
        if route.local || interface.loopback || interface.mac.is_none() {
            return Err(NotRaw::Interface { address, interface: interface.name });
        }
    }
    Ok(())
}

/// Starts on a lease at slice `first_slice`: those before it were reported by somebody.
///
/// # Errors
/// When a thread cannot be started, or there is no randomness for a key.
pub fn start(lease: Arc<Lease>, first_slice: u32, gate: Arc<Gate>, options: RawOptions) -> std::io::Result<LeaseRun> {
    // A new one each time: an answer to somebody else's sweep, or to this one before a restart, is none of ours.
    let mut key = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut key)?;
    let ports = SourcePorts::new(SOURCE_PORT_FIRST, SOURCE_PORTS, ATTEMPTS).map_err(std::io::Error::other)?;
    let options = RawOptions {
        wait: options.wait.clamp(Duration::from_millis(50), Duration::from_secs(3)),
        attempts_min: options.attempts_min.clamp(1, ATTEMPTS),
        attempts_max: options.attempts_max.clamp(options.attempts_min.clamp(1, ATTEMPTS), ATTEMPTS),
    };
    let filter = Filter::ports(SOURCE_PORT_FIRST..=SOURCE_PORT_FIRST + (SOURCE_PORTS - 1)).with_control();
    let work: Work = Box::new(move |shared, results| {
        let told = |trouble: Trouble| {
            tracing::warn!(%trouble, "the raw engine cannot go on");
            trouble.fault()
        };
        let ways = Ways::new(key, ports, filter).map_err(|error| told(error.into()))?;
        Flight::new(shared, results, options, ways).run().map_err(told)
    });
    LeaseRun::start(lease, first_slice, gate, [("raw-0".to_owned(), work)])
}
