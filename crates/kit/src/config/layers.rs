//! One layer as a tree in which every value knows its place.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read as _;
use std::path::PathBuf;

use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;

/// What every variable of the configuration begins with.
pub(super) const PREFIX: &str = "MUSTER__";
/// A configuration with a thousand keys is a tenth of this.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: the built-in default.
    Default,
    /// In the file.
    File {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
    },
    /// In a variable of the environment.
    Environment(String),
    /// In a flag, `--set KEY=…`.
    Flag(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("built-in default"),
            Self::File { file, line } => write!(f, "{} line {line}", file.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(key) => write!(f, "flag --set {key}"),
        }
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) place: Place,
}

/// A value. `Text` comes from the environment or a flag and takes the type that its key wants.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Array(Vec<Node>),
    Table(BTreeMap<String, Node>),
}

pub(super) fn of_default<T: Serialize>(default: &T) -> Result<Node, ConfigError> {
    Ok(of_toml(toml::Value::try_from(default)?, &Place::Default))
}

fn of_toml(value: toml::Value, place: &Place) -> Node {
    let value = match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => Value::Integer(number),
        toml::Value::Float(number) => Value::Float(number),
        toml::Value::Boolean(flag) => Value::Boolean(flag),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Array(items) => Value::Array(items.into_iter().map(|item| of_toml(item, place)).collect()),
        toml::Value::Table(table) => {
            Value::Table(table.into_iter().map(|(key, value)| (key, of_toml(value, place))).collect())
        }
    };
    Node { value, place: place.clone() }
}

pub(super) fn of_file(file: PathBuf) -> Result<Node, ConfigError> {
    let text = read_file(&file).map_err(|source| ConfigError::Read { file: file.clone(), source })?;
    let line_of = |offset: usize| 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    // The error's own display quotes the line, which may hold a password that does not belong there.
    let table = DeTable::parse(&text).map_err(|error| ConfigError::Syntax {
        file: file.clone(),
        line: line_of(error.span().map_or(0, |span| span.start)),
        reason: error.message().replace('\n', " "),
    })?;
    let place = |offset| Place::File { file: file.clone(), line: line_of(offset) };
    of_table(table.into_inner(), 0, &place)
}

fn read_file(file: &std::path::Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(file)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(std::io::Error::other(format!("it is larger than {MAX_FILE_BYTES} bytes")));
    }
    Ok(text)
}

fn of_table(table: DeTable<'_>, offset: usize, place: &impl Fn(usize) -> Place) -> Result<Node, ConfigError> {
    let mut entries = BTreeMap::new();
    for (key, value) in table {
        let start = key.span().start;
        entries.insert(key.into_inner().into_owned(), of_spanned(value, start, place)?);
    }
    Ok(Node { value: Value::Table(entries), place: place(offset) })
}

fn of_spanned(
    value: Spanned<DeValue<'_>>,
    offset: usize,
    place: &impl Fn(usize) -> Place,
) -> Result<Node, ConfigError> {
    let value = match value.into_inner() {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(error) => return Err(number_error(number.as_str(), &error, place(offset))),
        },
        DeValue::Float(number) => match number.as_str().parse() {
            Ok(number) => Value::Float(number),
            Err(error) => return Err(number_error(number.as_str(), &error, place(offset))),
        },
        DeValue::Boolean(flag) => Value::Boolean(flag),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Array(items) => {
            let items: Result<_, _> = items
                .into_iter()
                .map(|item| {
                    let start = item.span().start;
                    of_spanned(item, start, place)
                })
                .collect();
            Value::Array(items?)
        }
        DeValue::Table(table) => return of_table(table, offset, place),
    };
    Ok(Node { value, place: place(offset) })
}

fn number_error(text: &str, error: &impl ToString, place: Place) -> ConfigError {
    ConfigError::Value { key: text.to_owned(), place, reason: error.to_string() }
}

/// A path and where it was written.
pub(super) type TextKey = (Vec<String>, Place);

/// The variables that are configuration, in the order of their names.
pub(super) fn of_environment(variables: impl IntoIterator<Item = (String, String)>) -> Vec<(TextKey, String)> {
    let mut found: Vec<(String, String)> = variables.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    found.sort();
    let keyed = found.into_iter().map(|(name, value)| {
        let path = name[PREFIX.len()..].split("__").map(str::to_ascii_lowercase).collect();
        ((path, Place::Environment(name)), value)
    });
    keyed.collect()
}

/// A tree with one value.
pub(super) fn of_text((path, place): &TextKey, value: String) -> Result<Node, ConfigError> {
    if path.iter().any(String::is_empty) {
        let reason = "a part of the key is empty".to_owned();
        return Err(ConfigError::Value { key: path.join("."), place: place.clone(), reason });
    }
    let leaf = Node { value: Value::Text(value), place: place.clone() };
    Ok(path.iter().rev().fold(leaf, |node, key| Node {
        value: Value::Table(BTreeMap::from([(key.clone(), node)])),
        place: place.clone(),
    }))
}

/// What a text is when nothing says what it should be: TOML if it reads as such, else itself.
pub(super) fn guess(text: &str, place: &Place) -> Node {
    let plain = || Node { value: Value::String(text.to_owned()), place: place.clone() };
    let Ok(mut table) = toml::from_str::<toml::Table>(&format!("value = {text}")) else { return plain() };
    match (table.remove("value"), table.is_empty()) {
        (Some(value), true) => of_toml(value, place),
        (Some(_) | None, _) => plain(),
    }
}
