//! Prepared probes: everything that stays is written once, and a probe costs one copy, a few fields and two checksums.
//!
//! The checksums go by RFC 1624, equation 3: the prepared packet has zeros in all fields that change, so that its sums
//! are kept as they are, and the new value of each field is added.

mod base;
mod echo;
mod syn;
mod udp;

pub use base::{Link, Path};
pub use echo::EchoTemplate;
pub use syn::{SynOptions, SynTemplate};
pub use udp::{UDP_PAYLOAD_MAX, UdpTemplate};
