//! The fields of a mapping, taken one by one; what nobody knows is an error with the nearest name.

use super::tree::{Entry, Node, Value};
use crate::limits::TEXT_BYTES_MAX;
use crate::problem::{Place, Problem, hint, shown};
use crate::words::{Word, WordError};

/// A mapping whose names are all known.
pub(super) struct Fields<'a> {
    place: &'a Place,
    what: &'static str,
    entries: &'a [Entry],
}

impl<'a> Fields<'a> {
    /// # Errors
    /// When the node is no mapping or has a name that is not `known`.
    pub(super) fn new(node: &'a Node, what: &'static str, known: &[&str]) -> Result<Self, Problem> {
        let Value::Map(entries) = &node.value else {
            let found = node.value.what();
            return Err(Problem::at(
                node.place.clone(),
                format!("{found} where {what} should be; write \"name: value\" lines ({})", known.join(", ")),
            ));
        };
        for entry in entries {
            if !known.contains(&entry.name.as_str()) {
                let hint = hint(&entry.name, known.iter().copied());
                let what = format!("unknown key {} in {what}{hint}", shown(&entry.name));
                return Err(Problem::at(entry.place.clone(), what));
            }
        }
        Ok(Self { place: &node.place, what, entries })
    }

    /// The node of a name, unless it is missing or empty.
    pub(super) fn node(&self, name: &str) -> Option<&'a Node> {
        let entry = self.entries.iter().find(|entry| entry.name == name)?;
        (!matches!(entry.node.value, Value::Null)).then_some(&entry.node)
    }

    /// The node of a name that has to be there.
    pub(super) fn needed(&self, name: &str) -> Result<&'a Node, Problem> {
        self.node(name)
            .ok_or_else(|| Problem::at(self.place.clone(), format!("{name:?} is missing from {}", self.what)))
    }

    /// A value of a name, read by `read`, or what holds without it.
    pub(super) fn or<T>(
        &self,
        name: &str,
        otherwise: T,
        read: impl FnOnce(&Node) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        self.node(name).map_or(Ok(otherwise), read)
    }

    /// The items of a list; a missing list is empty.
    pub(super) fn items(&self, name: &str, items_max: usize) -> Result<&'a [Node], Problem> {
        self.node(name).map_or(Ok(&[]), |node| list(node, name, items_max))
    }
}

/// The items of a list.
pub(super) fn list<'a>(node: &'a Node, name: &str, items_max: usize) -> Result<&'a [Node], Problem> {
    let Value::List(items) = &node.value else {
        let found = node.value.what();
        return Err(Problem::at(node.place.clone(), format!("{name:?} is {found} and should be a list")));
    };
    if let Some(first) = items.get(items_max) {
        return Err(Problem::at(first.place.clone(), format!("{name:?} has more than {items_max} entries")));
    }
    Ok(items)
}

/// A text.
pub(super) fn text(node: &Node) -> Result<&str, Problem> {
    let Value::Text(text) = &node.value else {
        return Err(Problem::at(node.place.clone(), format!("{} where a value should be", node.value.what())));
    };
    Ok(text)
}

/// A text for people: one of bounded length.
pub(super) fn prose(node: &Node) -> Result<String, Problem> {
    let text = text(node)?;
    match prose_problem(text) {
        Some(what) => Err(Problem::at(node.place.clone(), what)),
        None => Ok(text.to_owned()),
    }
}

/// Why a text is not for people, if so.
pub(crate) fn prose_problem(text: &str) -> Option<String> {
    if text.len() > TEXT_BYTES_MAX {
        return Some(format!("{} bytes of text, at most {TEXT_BYTES_MAX}", text.len()));
    }
    // YAML 1.1 takes U+2028 and U+2029 for line ends and YAML 1.2 does not: such a text would not come back as it went.
    let is_odd = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    text.chars().any(is_odd).then(|| format!("{} holds control characters or separators", shown(text)))
}

/// A value of another kind, by the function that reads its text.
pub(super) fn parsed<T>(node: &Node, parse: impl FnOnce(&str) -> Result<T, WordError>) -> Result<T, Problem> {
    parse(text(node)?).map_err(|error| Problem::at(node.place.clone(), error.to_string()))
}

/// A word of an enum.
pub(super) fn word<T: Word>(node: &Node) -> Result<T, Problem> {
    parsed(node, T::from_word)
}

/// A whole number that is not negative.
pub(super) fn number<T: std::str::FromStr>(node: &Node) -> Result<T, Problem> {
    parsed(node, |text| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let value = if digits { text.parse().ok() } else { None };
        value.ok_or_else(|| WordError(format!("{} is no whole number in range", shown(text))))
    })
}

/// Yes or no.
pub(super) fn flag(node: &Node) -> Result<bool, Problem> {
    parsed(node, |text| match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(WordError(format!("{} is neither true nor false", shown(text)))),
    })
}

/// Bytes in hexadecimal digits.
pub(super) fn bytes(node: &Node, length: usize) -> Result<Vec<u8>, Problem> {
    parsed(node, |text| match hex::decode(text) {
        Ok(bytes) if bytes.len() == length => Ok(bytes),
        Ok(_) | Err(_) => Err(WordError(format!("{} is not {} hexadecimal digits", shown(text), 2 * length))),
    })
}
