//! What other systems know: bytes of an export to assets, bytes of a log to sightings.
//!
//! No I/O and no clock. Every document is hostile: it is bounded in bytes, depth, rows and values of a row. A row that
//! cannot be read is left out and named with its place and the reason; a document that is none gives a [`Problem`].

pub mod ansible;
pub mod directory;
pub mod format;
mod found;
pub mod ldif;
mod limits;
pub mod netbox;
mod node;
pub mod passive;
mod problem;
pub mod servicenow;

pub use format::Format;
pub use found::{Found, Imported, Mapping, Skipped};
pub use limits::Limits;
pub use passive::{PassiveFormat, Seen, Sighting};
pub use problem::Problem;
