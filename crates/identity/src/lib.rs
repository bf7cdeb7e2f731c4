//! Sightings of addresses to hosts that keep their id when the address changes.
//!
//! No I/O, no clock, no randomness. [`Identities`] takes sightings in any order and at any time; what it says in the end
//! depends on the set of them alone. What changed between two answers is told as events with their evidence.
//!
//! How it decides, from the strongest evidence to the weakest:
//!
//! 1. A strong key (SMB GUID, SSH host key, TLS key, DHCP client id, globally administered MAC) makes its sightings one
//!    host, unless it is **ambiguous**: seen at the same time at two addresses whose other evidence contradicts, or, for
//!    what a disk image carries along, does not agree in anything else; or shared by hosts that lived side by side and
//!    differ in another key. An ambiguous key joins nothing.
//! 2. Weak evidence (a locally administered MAC, a name, an ambiguous key) joins only in pairs: with a name, or at one
//!    address.
//! 3. A sighting of a bare address belongs to the host that held the address at that time, if there is only one.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "tests"))]

mod event;
mod evidence;
mod groups;
mod identities;
mod key;
mod resolve;
mod span;

pub use event::Event;
pub use evidence::{Evidence, Host, HostKey};
pub use identities::{Full, Identities, Policy, Sighting};
pub use key::{Key, Kind};
pub use span::Span;
