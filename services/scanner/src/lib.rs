//! The scanner: takes a lease, connects to each of its units, asks the open ones what they are, and reports slices.
//!
//! Nothing is sent but through a [`gate::Gate`]: halt, scope and rates.

pub mod connect;
pub mod gate;
pub mod probe;
pub mod rate;
