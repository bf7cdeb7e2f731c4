//! From the text of a comparison to a condition that the store knows.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use jiff::Timestamp;
use muster_store::query::{Column, Compare, Filter, Kind, Value};

/// A value as it stands in the filter.
#[derive(Debug)]
pub(super) struct Raw {
    pub(super) text: String,
    pub(super) quoted: bool,
}

/// What is wrong with a comparison.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) about_operator: bool,
    pub(super) text: String,
}

/// Types a comparison.
pub(super) fn comparison(column: &Column, op: Compare, raw: &Raw) -> Result<Filter, Problem> {
    if op == Compare::Has && raw.text == "*" && !raw.quoted {
        return present(column);
    }
    check_operator(column, op)?;
    let wrong = || Problem { about_operator: false, text: expected(column, op, &raw.text) };
    if column.kind == Kind::Address && op == Compare::Has {
        return inside(column, &raw.text).ok_or_else(wrong);
    }
    let value = match column.kind {
        Kind::Text | Kind::Texts => Some(Value::Text(raw.text.clone())),
        Kind::Number => raw.text.parse().ok().map(Value::Number),
        Kind::Bool => raw.text.parse().ok().map(Value::Bool),
        Kind::Time => raw.text.parse::<Timestamp>().ok().map(|at| Value::Time(at.as_millisecond())),
        Kind::Id => id(&raw.text),
        Kind::Address => raw.text.parse().ok().map(|address| Value::Address(mapped(address))),
        Kind::Names(names) => names.contains(&raw.text.as_str()).then(|| Value::Text(raw.text.clone())),
    };
    Ok(Filter::Compare { column: column.name, op, value: value.ok_or_else(wrong)? })
}

/// `:*`: an unset text is empty, an unset number or instant 0, an unset address `::`.
fn present(column: &Column) -> Result<Filter, Problem> {
    let nothing = match column.kind {
        Kind::Text => Value::Text(String::new()),
        Kind::Number => Value::Number(0),
        Kind::Time => Value::Time(0),
        Kind::Address => Value::Address(Ipv6Addr::UNSPECIFIED),
        Kind::Texts | Kind::Bool | Kind::Id | Kind::Names(_) => return Err(operator(column, ":*")),
    };
    Ok(Filter::Compare { column: column.name, op: Compare::NotEqual, value: nothing })
}

/// Addresses of a network are those between its first and its last.
fn inside(column: &Column, text: &str) -> Option<Filter> {
    let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    let end = |op, address| Filter::Compare { column: column.name, op, value: Value::Address(mapped(address)) };
    let first = end(Compare::GreaterOrEqual, network.network());
    let last = end(Compare::LessOrEqual, network.broadcast());
    Some(Filter::And(vec![first, last]))
}

/// The store keeps IPv4 addresses as `::ffff:a.b.c.d`.
pub(crate) const fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

fn check_operator(column: &Column, op: Compare) -> Result<(), Problem> {
    let ordered = matches!(op, Compare::Less | Compare::LessOrEqual | Compare::Greater | Compare::GreaterOrEqual);
    let allowed = match column.kind {
        Kind::Number | Kind::Time => op != Compare::Has,
        Kind::Text | Kind::Address => !ordered,
        Kind::Texts => op == Compare::Has,
        Kind::Bool | Kind::Id | Kind::Names(_) => matches!(op, Compare::Equal | Compare::NotEqual),
    };
    if allowed { Ok(()) } else { Err(operator(column, sign(op))) }
}

fn operator(column: &Column, given: &str) -> Problem {
    let operators = match column.kind {
        Kind::Number | Kind::Time => "=, !=, <, <=, >, >= and :*",
        Kind::Text | Kind::Address => "=, != and :",
        Kind::Texts => ":",
        Kind::Bool | Kind::Id | Kind::Names(_) => "= and !=",
    };
    Problem { about_operator: true, text: format!("{} takes {operators}, not {given}", column.name) }
}

/// How an operator is written.
pub(super) const fn sign(op: Compare) -> &'static str {
    match op {
        Compare::Equal => "=",
        Compare::NotEqual => "!=",
        Compare::Less => "<",
        Compare::LessOrEqual => "<=",
        Compare::Greater => ">",
        Compare::GreaterOrEqual => ">=",
        Compare::Has => ":",
    }
}

fn expected(column: &Column, op: Compare, text: &str) -> String {
    let shown: String = text.chars().take(64).collect();
    let kind = match column.kind {
        Kind::Text | Kind::Texts => "text".to_owned(),
        Kind::Number => "a whole number".to_owned(),
        Kind::Bool => "true or false".to_owned(),
        Kind::Time => "an instant such as 2026-01-02T03:04:05Z".to_owned(),
        Kind::Id => "32 hexadecimal digits".to_owned(),
        Kind::Address if op == Compare::Has => "addresses such as 10.1.0.0/16".to_owned(),
        Kind::Address => "an address such as 10.1.2.3".to_owned(),
        Kind::Names(names) => format!("one of {}", names.join(", ")),
    };
    format!("{} is {kind}, not {shown:?}", column.name)
}

fn id(text: &str) -> Option<Value> {
    let mut id = [0; 16];
    hex::decode_to_slice(text, &mut id).ok()?;
    Some(Value::Id(id))
}
