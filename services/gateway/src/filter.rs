//! The filter of the list calls: a subset of [AIP-160](https://google.aip.dev/160).
//!
//! ```text
//! filter     = factor { "AND" factor }
//! factor     = term { "OR" term }            OR binds tighter than AND, as AIP-160 has it
//! term       = [ "NOT" | "-" ] ( "(" filter ")" | comparison )
//! comparison = field ( "=" | "!=" | "<" | "<=" | ">" | ">=" | ":" ) value
//! value      = quoted text | bare word
//! ```
//!
//! `field:*` asks whether the field has a value, `text:x` whether it contains x (in either case), `list:x` whether x is
//! in it, `address:10.0.0.0/8` whether it lies inside. A filter names only the columns that the store allows for the
//! resource, every value is typed before it leaves this module, and nothing of it is ever pasted into SQL. Length,
//! depth and the number of comparisons are bounded (I-6).

mod matches;
mod parse;
mod value;

#[cfg(test)]
mod tests;

use thiserror::Error;

pub use matches::{Cell, Record, matches};
pub use parse::parse;
pub(crate) use value::mapped;

/// Longest filter. A list of 50 quoted names of 60 bytes with their comparisons is under 4 KiB.
pub const MAX_BYTES: usize = 4096;
/// Deepest nesting of parentheses and NOT: what a person can still read. The store allows as much.
pub const MAX_DEPTH: usize = 16;
/// Most comparisons: each is a condition of the query. The store allows 64, the joints between them included.
pub const MAX_TERMS: usize = 50;

/// Why a text is not a filter, with the place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("column {column}: {problem}")]
pub struct FilterError {
    /// Where, in characters from 1.
    pub column: usize,
    /// What is wrong and what is allowed.
    pub problem: String,
}
