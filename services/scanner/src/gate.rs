//! What stands before every packet: halt, scope, and the rates (invariant I-5).

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use muster_sweep::{Rates, Transport};

use crate::rate::Pace;

/// What may be done with a unit in scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Connect, and ask the service what it is.
    Payload,
    /// Connect only: not one byte is sent (printers print it).
    ConnectOnly,
}

/// Why nothing is sent to a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `muster halt`, or the hub is lost.
    #[error("halted")]
    Halted,
    /// The scope says no, and why.
    #[error("not in scope: {0}")]
    Scope(&'static str),
}

/// The site's scope: ranges, exclusions, zones, windows, ports without payload.
pub trait ScopeLock: Send + Sync {
    /// Whether and how a unit may be probed, now.
    ///
    /// # Errors
    /// [`Refusal::Scope`] with the reason.
    fn permit(&self, address: IpAddr, transport: Transport, port: u16) -> Result<Permit, Refusal>;

    /// How many packets of the rates one packet to an address costs.
    fn weight(&self, _address: IpAddr) -> u32 {
        1
    }
}

impl<F> ScopeLock for F
where
    F: Fn(IpAddr, Transport, u16) -> Result<Permit, Refusal> + Send + Sync,
{
    fn permit(&self, address: IpAddr, transport: Transport, port: u16) -> Result<Permit, Refusal> {
        self(address, transport, port)
    }
}

/// The one way out of a scanner.
pub struct Gate {
    scope: Box<dyn ScopeLock>,
    halted: AtomicBool,
    halts: AtomicU64,
    /// The site's rates.
    pub pace: Pace,
}

impl Gate {
    /// For one site.
    #[must_use]
    pub fn new(scope: impl ScopeLock + 'static, rates: Rates) -> Self {
        Self {
            scope: Box::new(scope),
            halted: AtomicBool::new(false),
            halts: AtomicU64::new(0),
            pace: Pace::new(rates),
        }
    }

    /// Stops or starts every packet.
    pub fn set_halted(&self, halted: bool) {
        if !self.halted.swap(halted, Ordering::SeqCst) && halted {
            self.halts.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// How often it was halted: whoever finds another number than before may have been refused in between.
    #[must_use]
    pub fn halts(&self) -> u64 {
        self.halts.load(Ordering::SeqCst)
    }

    /// How many packets of the rates one packet to an address costs.
    #[must_use]
    pub fn weight(&self, address: IpAddr) -> u32 {
        self.scope.weight(address)
    }

    /// Whether nothing may be sent.
    #[must_use]
    pub fn is_halted(&self) -> bool {
        self.halted.load(Ordering::SeqCst)
    }

    /// To be asked last, with nothing between it and the system call that sends.
    ///
    /// # Errors
    /// Why nothing may be sent.
    pub fn permit(&self, address: IpAddr, transport: Transport, port: u16) -> Result<Permit, Refusal> {
        if self.is_halted() {
            return Err(Refusal::Halted);
        }
        self.scope.permit(address, transport, port)
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("halted", &self.halted).finish_non_exhaustive()
    }
}
