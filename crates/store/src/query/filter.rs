//! A filter as a tree, and its translation into SQL with bound parameters.

use thiserror::Error;

/// A filter over one resource. The gateway parses text into it.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them.
    And(Vec<Filter>),
    /// Any of them.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// A column against a value.
    Compare {
        /// Name of a column of the resource's allow-list.
        column: &'static str,
        /// How.
        op: Compare,
        /// With what.
        value: Value,
    },
}

/// Comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// =
    Equal,
    /// !=
    NotEqual,
    /// <
    Less,
    /// <=
    LessOrEqual,
    /// >
    Greater,
    /// >=
    GreaterOrEqual,
    /// Text contains, without regard to case; `:` in AIP-160.
    Has,
}

/// A value of a filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text; also the name of an enum's value.
    Text(String),
    /// A number.
    Number(i64),
    /// true or false.
    Bool(bool),
    /// Milliseconds since 1970 UTC.
    Time(i64),
    /// An id.
    Id([u8; 16]),
    /// An address; IPv4 is mapped.
    Address(std::net::Ipv6Addr),
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A number.
    Number,
    /// true or false.
    Bool,
    /// A time.
    Time,
    /// An id.
    Id,
    /// An address.
    Address,
    /// One of these names.
    Names(&'static [&'static str]),
}

/// A column that a filter may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name in filters.
    pub name: &'static str,
    /// Its expression in SQL.
    pub sql: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// Why a filter does not fit; completes "failed to apply the filter: …".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FilterError {
    /// The resource has no such column.
    #[error("there is no field {name:?}; there are {known}")]
    UnknownColumn {
        /// What was named.
        name: String,
        /// What could be.
        known: String,
    },
}
