//! A filter applied to a record in memory, for the watch streams. The meaning is the store's: a text that is not there
//! is empty, and an instant that is not there is equal to nothing and neither before nor after anything.

use std::cmp::Ordering;
use std::net::IpAddr;

use jiff::Timestamp;

use super::{Filter, Op, Value};

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Text; empty: none.
    Text(&'a str),
    /// Number.
    Number(i64),
    /// Truth.
    Bool(bool),
    /// Instant, if there is one.
    Time(Option<Timestamp>),
    /// Id.
    Id(&'a [u8]),
    /// Address, if there is one.
    Address(Option<IpAddr>),
    /// The number of a word; 0: none.
    Word(i32),
}

/// Something with the fields of a resource.
pub trait Record {
    /// The field of a name that the resource's list holds.
    fn cell(&self, field: &str) -> Option<Cell<'_>>;
}

impl Filter {
    /// Whether a record passes.
    pub fn matches(&self, record: &impl Record) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(record)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(record)),
            Self::Not(part) => !part.matches(record),
            Self::Compare { field, op, value } => {
                record.cell(field.name).is_some_and(|cell| compare(&cell, *op, value))
            }
        }
    }
}

fn compare(cell: &Cell<'_>, op: Op, value: &Value) -> bool {
    match op {
        Op::Present => present(cell),
        Op::Has => has(cell, value),
        Op::Equal => order(cell, value) == Some(Ordering::Equal),
        Op::NotEqual => order(cell, value) != Some(Ordering::Equal),
        Op::Less => order(cell, value) == Some(Ordering::Less),
        Op::LessOrEqual => order(cell, value).is_some_and(Ordering::is_le),
        Op::Greater => order(cell, value) == Some(Ordering::Greater),
        Op::GreaterOrEqual => order(cell, value).is_some_and(Ordering::is_ge),
    }
}

const fn present(cell: &Cell<'_>) -> bool {
    match cell {
        Cell::Text(text) => !text.is_empty(),
        Cell::Number(number) => *number != 0,
        Cell::Time(time) => time.is_some(),
        Cell::Address(address) => address.is_some(),
        // Not asked: these kinds take no `:*`.
        Cell::Bool(_) | Cell::Id(_) | Cell::Word(_) => false,
    }
}

fn has(cell: &Cell<'_>, value: &Value) -> bool {
    match (cell, value) {
        (Cell::Text(text), Value::Text(part)) => text.to_lowercase().contains(&part.to_lowercase()),
        (Cell::Address(Some(address)), Value::Network(network)) => network.contains(address),
        _ => false,
    }
}

/// `None`: not comparable, or nothing there.
fn order(cell: &Cell<'_>, value: &Value) -> Option<Ordering> {
    match (cell, value) {
        (Cell::Text(text), Value::Text(other)) => Some((*text).cmp(other.as_str())),
        (Cell::Number(number), Value::Number(other)) => Some(number.cmp(other)),
        (Cell::Bool(truth), Value::Bool(other)) => Some(truth.cmp(other)),
        (Cell::Time(Some(time)), Value::Time(other)) => Some(time.cmp(other)),
        (Cell::Id(id), Value::Id(other)) => Some((*id).cmp(other.as_slice())),
        (Cell::Address(Some(address)), Value::Address(other)) => Some(address.cmp(other)),
        (Cell::Word(number), Value::Word(_, other)) => Some(number.cmp(other)),
        _ => None,
    }
}
