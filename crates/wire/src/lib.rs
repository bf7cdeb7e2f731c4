//! Frames out of and into a network interface of Linux, and the routes between.
//!
//! Whole Ethernet frames leave in batches ([`Sender`], `sendmmsg`) and arrive through a ring that the kernel fills
//! ([`Receiver`], `TPACKET_V3`), narrowed by a [`Filter`] that the kernel runs. [`Router`] says which interface, source
//! address and gateway an address is reached by. What the frames mean is no business of this crate; what may be sent
//! is decided before it is asked.
//!
//! A process needs `CAP_NET_RAW` for frames; [`may_use_frames`] says whether it has it. Routes need no capability.

#![cfg(target_os = "linux")]

mod error;
mod filter;
mod netlink;
mod receive;
mod route;
mod send;
#[expect(unsafe_code, reason = "packet sockets and their ring have no safe API")]
mod sys;
pub mod testing;

pub use error::WireError;
pub use filter::Filter;
pub use receive::{Heard, Receiver, RingSize, Statistics};
pub use route::{Interface, Neighbour, Route, Router};
pub use send::{Batch, FRAME_BYTES_MAX, Sender};

/// Whether this process may send and receive frames.
///
/// # Errors
/// [`WireError::NotPermitted`] without `CAP_NET_RAW`.
pub fn may_use_frames() -> Result<(), WireError> {
    sys::packet_socket(0).map(drop).map_err(WireError::open)
}
