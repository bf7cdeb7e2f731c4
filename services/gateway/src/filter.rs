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
//! `field:*` asks whether the field has a value, `text:"x"` whether it contains x (in
//! either case), `address:10.0.0.0/8` whether it lies
//! inside. A filter names only fields that the resource allows, every value is typed before it leaves this module, and
//! nothing of it is ever pasted into SQL. Length, depth and the number of comparisons are bounded (I-6).

mod fields;
mod matches;
mod parse;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use thiserror::Error;

pub use fields::{ASSETS, AUDITS, BULLETINS, FINDINGS, HOSTS, SWEEPS, VERDICTS};
pub use matches::{Cell, Record};
pub use parse::parse;

/// Longest filter. A list of 64 quoted names of 60 bytes with their comparisons is 4 KiB.
pub const MAX_BYTES: usize = 4096;
/// Deepest nesting of parentheses and NOT.
pub const MAX_DEPTH: usize = 16;
/// Most comparisons: each is one condition of the query.
pub const MAX_TERMS: usize = 64;

/// A field that a resource may be filtered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Name, as in the message.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
}

/// What values a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Bool,
    /// An instant, RFC 3339.
    Time,
    /// An id of 16 bytes, 32 hexadecimal digits.
    Id,
    /// An IP address.
    Address,
    /// One of these words, each with the number it has in the message.
    Word(&'static [(&'static str, i32)]),
}

/// A comparison's operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `:` with a value: contains, or lies inside.
    Has,
    /// `:*`: has a value.
    Present,
}

/// A typed value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Of `:*`: none.
    Any,
    /// Text.
    Text(String),
    /// Number.
    Number(i64),
    /// Truth.
    Bool(bool),
    /// Instant.
    Time(Timestamp),
    /// Id.
    Id([u8; 16]),
    /// Address.
    Address(IpAddr),
    /// Addresses, for `:`.
    Network(IpNet),
    /// A word of the field, with its number.
    Word(&'static str, i32),
}

/// A filter that has been checked against a resource's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// All of them; at least two.
    And(Vec<Filter>),
    /// One of them; at least two.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// A comparison.
    Compare {
        /// Field.
        field: Field,
        /// Operator.
        op: Op,
        /// Value.
        value: Value,
    },
}

/// Why a text is not a filter, with the place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("column {column}: {problem}")]
pub struct FilterError {
    /// Where, in characters from 1.
    pub column: usize,
    /// What is wrong and what is allowed.
    pub problem: String,
}

impl Op {
    const fn text(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Has | Self::Present => ":",
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Text(text) => write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            Self::Number(number) => write!(f, "{number}"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Time(time) => write!(f, "\"{time}\""),
            Self::Id(id) => f.write_str(&hex::encode(id)),
            Self::Address(address) => write!(f, "\"{address}\""),
            Self::Network(network) => write!(f, "\"{network}\""),
            Self::Word(word, _) => f.write_str(word),
        }
    }
}

/// The canonical form: what is hashed into a page token, and what reads back as the same filter.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[Self], word: &str| {
            f.write_str("(")?;
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    write!(f, " {word} ")?;
                }
                write!(f, "{part}")?;
            }
            f.write_str(")")
        };
        match self {
            Self::And(parts) => joined(f, parts, "AND"),
            Self::Or(parts) => joined(f, parts, "OR"),
            Self::Not(part) => write!(f, "NOT {part}"),
            Self::Compare { field, op, value } => write!(f, "{}{}{value}", field.name, op.text()),
        }
    }
}
