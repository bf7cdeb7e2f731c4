//! From the text of a value to a value of the field's kind.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;

use super::{Field, Kind, Op, Value};

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

/// Types a value, and says which operator is meant: `:*` is [`Op::Present`].
pub(super) fn read_value(field: Field, op: Op, raw: &Raw) -> Result<(Op, Value), Problem> {
    let op = if op == Op::Has && raw.text == "*" && !raw.quoted { Op::Present } else { op };
    check_operator(field, op)?;
    if op == Op::Present {
        return Ok((op, Value::Any));
    }
    let value = match field.kind {
        Kind::Text => Some(Value::Text(raw.text.clone())),
        Kind::Number => raw.text.parse().ok().map(Value::Number),
        Kind::Bool => raw.text.parse().ok().map(Value::Bool),
        Kind::Time => raw.text.parse::<Timestamp>().ok().map(Value::Time),
        Kind::Id => id(&raw.text),
        Kind::Address if op == Op::Has => network(&raw.text),
        Kind::Address => raw.text.parse().ok().map(Value::Address),
        Kind::Word(words) => {
            words.iter().find(|(word, _)| *word == raw.text).map(|(word, number)| Value::Word(word, *number))
        }
    };
    let value = value.ok_or_else(|| Problem { about_operator: false, text: expected(field, op, &raw.text) })?;
    Ok((op, value))
}

fn check_operator(field: Field, op: Op) -> Result<(), Problem> {
    let ordered = matches!(op, Op::Less | Op::LessOrEqual | Op::Greater | Op::GreaterOrEqual);
    let allowed = match field.kind {
        Kind::Number | Kind::Time => op != Op::Has,
        Kind::Text | Kind::Address => !ordered,
        Kind::Bool | Kind::Id | Kind::Word(_) => matches!(op, Op::Equal | Op::NotEqual),
    };
    if allowed {
        return Ok(());
    }
    let operators = match field.kind {
        Kind::Number | Kind::Time => "=, !=, <, <=, >, >= and :*",
        Kind::Text | Kind::Address => "=, != and :",
        Kind::Bool | Kind::Id | Kind::Word(_) => "= and !=",
    };
    let given = if op == Op::Present { ":*" } else { op.text() };
    Err(Problem { about_operator: true, text: format!("{} takes {operators}, not {given}", field.name) })
}

fn expected(field: Field, op: Op, text: &str) -> String {
    let shown: String = text.chars().take(64).collect();
    let kind = match field.kind {
        Kind::Text => "text".to_owned(),
        Kind::Number => "a whole number".to_owned(),
        Kind::Bool => "true or false".to_owned(),
        Kind::Time => "an instant such as 2026-01-02T03:04:05Z".to_owned(),
        Kind::Id => "32 hexadecimal digits".to_owned(),
        Kind::Address if op == Op::Has => "addresses such as 10.1.0.0/16".to_owned(),
        Kind::Address => "an address such as 10.1.2.3".to_owned(),
        Kind::Word(words) => format!("one of {}", words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ")),
    };
    format!("{} is {kind}, not {shown:?}", field.name)
}

fn id(text: &str) -> Option<Value> {
    let mut id = [0; 16];
    hex::decode_to_slice(text, &mut id).ok()?;
    Some(Value::Id(id))
}

fn network(text: &str) -> Option<Value> {
    let network = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some(Value::Network(network.trunc()))
}
