//! A filter applied to a record in memory, for the watch streams. The meaning is the store's: what is unset is empty,
//! 0 or `::`, and compares as that.

use std::cmp::Ordering;
use std::net::Ipv6Addr;

use muster_store::query::{Compare, Filter, Value};

/// A field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Text, or the name of an enum's value.
    Text(&'a str),
    /// Number.
    Number(i64),
    /// Milliseconds since 1970 UTC; 0: unset.
    Time(i64),
    /// Id.
    Id(&'a [u8]),
    /// Address; IPv4 is mapped.
    Address(Ipv6Addr),
}

/// Something with the columns of a resource.
pub trait Record {
    /// The value in a column; `None`: the record has no such column, and every comparison with it fails.
    fn cell(&self, column: &str) -> Option<Cell<'_>>;
}

/// Whether a record passes.
pub fn matches(filter: &Filter, record: &impl Record) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().all(|part| matches(part, record)),
        Filter::Or(parts) => parts.iter().any(|part| matches(part, record)),
        Filter::Not(part) => !matches(part, record),
        Filter::Compare { column, op, value } => record.cell(column).is_some_and(|cell| compare(cell, *op, value)),
    }
}

fn compare(cell: Cell<'_>, op: Compare, value: &Value) -> bool {
    let order = order(cell, value);
    match op {
        Compare::Equal => order == Some(Ordering::Equal),
        Compare::NotEqual => order.is_some_and(Ordering::is_ne),
        Compare::Less => order == Some(Ordering::Less),
        Compare::LessOrEqual => order.is_some_and(Ordering::is_le),
        Compare::Greater => order == Some(Ordering::Greater),
        Compare::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
        Compare::Has => match (cell, value) {
            (Cell::Text(text), Value::Text(part)) => text.to_lowercase().contains(&part.to_lowercase()),
            _ => false,
        },
    }
}

/// `None`: of different kinds, which the parser has ruled out.
fn order(cell: Cell<'_>, value: &Value) -> Option<Ordering> {
    match (cell, value) {
        (Cell::Text(text), Value::Text(other)) => Some(text.cmp(other.as_str())),
        (Cell::Number(number), Value::Number(other)) => Some(number.cmp(other)),
        (Cell::Time(time), Value::Time(other)) => Some(time.cmp(other)),
        (Cell::Id(id), Value::Id(other)) => Some(id.cmp(other.as_slice())),
        (Cell::Address(address), Value::Address(other)) => Some(address.cmp(other)),
        _ => None,
    }
}
