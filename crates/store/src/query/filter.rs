//! A filter as a tree, and its translation into SQL with bound parameters.
//!
//! Nothing of a caller's text reaches the statement: columns come from a resource's allow-list, values are bound.

use std::net::Ipv6Addr;

use thiserror::Error;

use super::sql::{Param, Sql};

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
        /// Name of a column of the resource's allow-list; see [`Column::find`].
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
    /// Text contains, without regard to case; a list has the element. `:` in AIP-160.
    Has,
}

/// A value of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    Address(Ipv6Addr),
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A list of texts.
    Texts,
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
    pub(crate) sql: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// Why a filter does not fit; completes "failed to apply the filter: …".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FilterError {
    /// The resource has no such field.
    #[error("there is no field {name:?}; there are {known}")]
    UnknownField {
        /// What was named.
        name: String,
        /// What could be.
        known: String,
    },
    /// The field never has this value.
    #[error("{field} is never {value:?}; it is one of {known}")]
    UnknownName {
        /// The field.
        field: &'static str,
        /// What was given.
        value: String,
        /// What could be.
        known: String,
    },
    /// The field holds something else.
    #[error("{field} is compared with {expected}, not with {value:?}")]
    WrongKind {
        /// The field.
        field: &'static str,
        /// What it is compared with.
        expected: &'static str,
        /// What was given.
        value: Value,
    },
    /// The comparison makes no sense for the field.
    #[error("{field} cannot be compared with {op:?}")]
    WrongComparison {
        /// The field.
        field: &'static str,
        /// The comparison.
        op: Compare,
    },
    /// Too many terms, or nested too deeply.
    #[error("it has more than {TERMS_MAX} terms or is nested deeper than {DEPTH_MAX}")]
    TooLarge,
}

/// A person writes a handful; a saved report a few dozen.
const TERMS_MAX: usize = 64;
/// Enough for any expression that a person can still read.
const DEPTH_MAX: usize = 16;

impl Column {
    /// The column of this name in an allow-list.
    ///
    /// # Errors
    /// Names what there is.
    pub fn find<'a>(columns: &'a [Self], name: &str) -> Result<&'a Self, FilterError> {
        columns.iter().find(|column| column.name == name).ok_or_else(|| FilterError::UnknownField {
            name: name.chars().take(64).collect(),
            known: columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", "),
        })
    }
}

impl Filter {
    /// Appends the condition.
    pub(crate) fn write(&self, columns: &[Column], sql: &mut Sql) -> Result<(), FilterError> {
        let mut terms = 0;
        self.write_at(columns, sql, 0, &mut terms)
    }

    fn write_at(&self, columns: &[Column], sql: &mut Sql, depth: usize, terms: &mut usize) -> Result<(), FilterError> {
        *terms += 1;
        if depth > DEPTH_MAX || *terms > TERMS_MAX {
            return Err(FilterError::TooLarge);
        }
        match self {
            Self::And(parts) => join(parts, " AND ", "1", columns, sql, depth, terms),
            Self::Or(parts) => join(parts, " OR ", "0", columns, sql, depth, terms),
            Self::Not(inner) => {
                sql.push("NOT (");
                inner.write_at(columns, sql, depth + 1, terms)?;
                sql.push(")");
                Ok(())
            }
            Self::Compare { column, op, value } => compare(Column::find(columns, column)?, *op, value, sql),
        }
    }
}

fn join(
    parts: &[Filter],
    between: &str,
    empty: &str,
    columns: &[Column],
    sql: &mut Sql,
    depth: usize,
    terms: &mut usize,
) -> Result<(), FilterError> {
    if parts.is_empty() {
        sql.push(empty);
        return Ok(());
    }
    sql.push("(");
    for (k, part) in parts.iter().enumerate() {
        if k > 0 {
            sql.push(between);
        }
        part.write_at(columns, sql, depth + 1, terms)?;
    }
    sql.push(")");
    Ok(())
}

fn compare(column: &Column, op: Compare, value: &Value, sql: &mut Sql) -> Result<(), FilterError> {
    let param = bound(column, value)?;
    let ordered = matches!(column.kind, Kind::Number | Kind::Time | Kind::Text | Kind::Address);
    let sign = match op {
        Compare::Equal if column.kind != Kind::Texts => "=",
        Compare::NotEqual if column.kind != Kind::Texts => "!=",
        Compare::Less if ordered => "<",
        Compare::LessOrEqual if ordered => "<=",
        Compare::Greater if ordered => ">",
        Compare::GreaterOrEqual if ordered => ">=",
        Compare::Has if column.kind == Kind::Texts => {
            sql.push("has(").push(column.sql).push(", ").bind(param).push(")");
            return Ok(());
        }
        Compare::Has if column.kind == Kind::Text => {
            sql.push("positionCaseInsensitiveUTF8(").push(column.sql).push(", ").bind(param).push(") > 0");
            return Ok(());
        }
        Compare::Equal
        | Compare::NotEqual
        | Compare::Less
        | Compare::LessOrEqual
        | Compare::Greater
        | Compare::GreaterOrEqual
        | Compare::Has => return Err(FilterError::WrongComparison { field: column.name, op }),
    };
    sql.push(column.sql).push(" ").push(sign).push(" ").bind(param);
    Ok(())
}

fn bound(column: &Column, value: &Value) -> Result<Param, FilterError> {
    let wrong = |expected| FilterError::WrongKind { field: column.name, expected, value: value.clone() };
    match (column.kind, value) {
        (Kind::Text | Kind::Texts, Value::Text(text)) => Ok(Param::Text(text.clone())),
        (Kind::Number, Value::Number(number)) => Ok(Param::Number(*number)),
        (Kind::Bool, Value::Bool(flag)) => Ok(Param::Bool(*flag)),
        (Kind::Time, Value::Time(millis)) => Ok(Param::Time(*millis)),
        (Kind::Id, Value::Id(id)) => Ok(Param::Id(*id)),
        (Kind::Address, Value::Address(address)) => Ok(Param::Address(*address)),
        (Kind::Names(names), Value::Text(name)) if names.contains(&name.as_str()) => Ok(Param::Text(name.clone())),
        (Kind::Names(names), Value::Text(name)) => Err(FilterError::UnknownName {
            field: column.name,
            value: name.chars().take(64).collect(),
            known: names.join(", "),
        }),
        (Kind::Text | Kind::Texts | Kind::Names(_), _) => Err(wrong("text")),
        (Kind::Number, _) => Err(wrong("a number")),
        (Kind::Bool, _) => Err(wrong("true or false")),
        (Kind::Time, _) => Err(wrong("a time")),
        (Kind::Id, _) => Err(wrong("an id of 32 hexadecimal digits")),
        (Kind::Address, _) => Err(wrong("an address")),
    }
}
