//! A lab of networks, for the tests and figures of the sweep and for whoever wants to try it.
//!
//! [`Lab::build`] makes, out of two network namespaces, a scanner's network and a target network behind a router, with
//! no way out of either. Two kinds of targets answer there: the kernel, for every address of a block
//! ([`Lab::kernel_answers`], [`Lab::listen`]), and a [`Phantom`], one thread that answers by a [`Truth`] that can be
//! asked for, with loss, round trips, duplicates, late answers, limits, tarpits and banners as they are wanted, and
//! counts what it was sent. What the phantom does is a [`Responder`], without I/O and clock, so that the same can be
//! had in simulated time.
//!
//! A process has to be in namespaces of its own: a test by [`testing::in_a_lab`], a program by [`enter`]. They end with
//! the last process in them, also after a panic.

#![cfg(target_os = "linux")]

mod enter;
mod error;
mod frame;
mod keyed;
mod lab;
mod phantom;
mod responder;
mod seen;
pub mod testing;
mod truth;

pub use enter::{Entered, enter, why_not};
pub use error::LabError;
pub use lab::{FAR, Lab, NEAR};
pub use phantom::Phantom;
pub use responder::{Manner, Reply, Responder};
pub use seen::{Allowance, Peak, Seen, WINDOW_NS};
pub use truth::{MILLION, State, Truth, World};
