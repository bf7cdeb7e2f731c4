//! Real listeners with declared personas, for the demo and the tests.
//!
//! A persona answers as a product does: the same greeting or response head, a plausible page, TLS with a certificate
//! of its own. It is enough for a scanner and not for a user: nothing behind it works.

pub mod demo;
mod error;
mod lab;
mod listener;
mod persona;
mod serve;

pub use error::LabError;
pub use lab::Lab;
pub use listener::{Listener, read_listeners};
pub use persona::Persona;
