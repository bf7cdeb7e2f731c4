//! Security advisories of every format as one bulletin, and the difference of two editions of a feed.
//!
//! No I/O: a document arrives as bytes. What is truncated or contradicts itself is refused as a whole, so that the last
//! good edition stands.

mod bulletin;
mod edition;
pub mod kev;

pub use bulletin::{Bulletin, ContentHash};
pub use edition::{Change, Edition, EditionError, Known};
