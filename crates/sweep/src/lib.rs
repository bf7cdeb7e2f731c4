//! Address blocks times ports as a permuted index; leases and slices; rates; coverage; probes and their answers.
//!
//! No I/O, no clock, no randomness: keys and instants are arguments. What a sweep looks at is a number of units, one
//! per (address, port); a [`LeasePlan`] cuts them into leases, a [`Lease`] orders the units of one holder by a keyed
//! [`Permutation`], and a slice is a fixed run of at most [`UNITS_PER_SLICE_MAX`] of them. Everyone who knows a lease
//! can name the address and port of each of its units, and the unit of each address and port.

#![forbid(unsafe_code)]

mod bitmap;
pub mod cookie;
mod coverage;
mod lease;
pub mod loss;
pub mod odd;
pub mod packet;
pub mod payloads;
mod permutation;
mod plan;
mod ports;
mod rate;

pub use bitmap::{Bitmap, BitmapError};
pub use coverage::{Coverage, SliceCounts};
pub use lease::{Lease, LeaseError, SliceRange, UNITS_PER_SLICE_MAX, Unit};
pub use permutation::Permutation;
pub use plan::{LeasePlan, PlanError, UNITS_PER_LEASE};
pub use ports::{PortRange, Ports, PortsError, Transport};
pub use rate::{Grant, RateLimiter, Rates};
