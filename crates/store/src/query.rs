//! Typed questions with bound parameters.

mod filter;

pub use filter::{Column, Compare, Filter, FilterError, Kind, Value};
