//! Probe packets and their answers, as bytes.
//!
//! Building: a [`SynTemplate`], [`UdpTemplate`] or [`EchoTemplate`] is prepared once for a path, and each probe then
//! costs one copy and a few patched fields. [`arp::request`] and [`ndp::solicitation`] ask the neighbours.
//!
//! Reading: [`Answer::parse`] takes a received frame, however hostile. It never panics, allocates nothing, reads each
//! byte a bounded number of times, and says as a [`PacketError`] what was wrong and where. What it returns is well
//! formed, not trusted: whether it answers a probe of ours is for [`crate::cookie`] to say.

mod answer;
pub mod arp;
mod bytes;
pub mod checksum;
mod error;
mod ethernet;
mod icmp;
mod ip;
pub mod ndp;
mod tcp;
mod template;

pub use answer::{Answer, Body, Checks, Echo, Udp};
pub use error::PacketError;
pub use ethernet::{ETHERNET_HEADER_LEN, Ethernet, Mac, VLAN_TAGS_MAX, ether_type};
pub use icmp::{IcmpError, Quote, Quoted, Reason};
pub use ip::{EXTENSIONS_MAX, Ip, protocol};
pub use tcp::{Tcp, TcpFlags, TcpOptions};
pub use template::{EchoTemplate, Link, Path, SynOptions, SynTemplate, UDP_PAYLOAD_MAX, UdpTemplate};

#[cfg(test)]
mod tests;
