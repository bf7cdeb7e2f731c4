//! JSON, a row at a time: what a document holds beside its rows is passed over, and a row is bounded in values and depth
//! before it stands in memory.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{Limits, Problem};

/// A value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// `null`, and what is left out.
    Null,
    /// A text; numbers and booleans as they are written.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// An object, in its order.
    Map(Vec<(String, Node)>),
}

impl Node {
    pub(crate) fn get(&self, name: &str) -> &Self {
        let Self::Map(fields) = self else { return &Self::Null };
        fields.iter().find(|(field, _)| field == name).map_or(&Self::Null, |(_, value)| value)
    }

    /// The text of a value; of an object that stands for something else that of the first of these fields.
    pub(crate) fn text_by(&self, names: &[&str]) -> &str {
        match self {
            Self::Text(text) => text.trim(),
            Self::Null | Self::List(_) => "",
            Self::Map(_) => names
                .iter()
                .find_map(|name| match self.get(name) {
                    Self::Text(text) if !text.trim().is_empty() => Some(text.trim()),
                    Self::Text(_) | Self::Null | Self::List(_) | Self::Map(_) => None,
                })
                .unwrap_or_default(),
        }
    }

    pub(crate) fn texts(&self) -> Vec<&str> {
        match self {
            Self::Text(text) => vec![text.trim()],
            Self::List(parts) => parts.iter().map(|part| part.text_by(&[])).filter(|text| !text.is_empty()).collect(),
            Self::Null | Self::Map(_) => Vec::new(),
        }
    }
}

/// What is left of a row's bounds.
struct Budget {
    values: usize,
    depth: usize,
}

/// Reads one value within the bounds.
struct Bounded<'a> {
    left: &'a mut usize,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        if *self.left == 0 {
            return Err(D::Error::custom("a row of too many values"));
        }
        if self.depth == 0 {
            return Err(D::Error::custom("a row that is nested too deep"));
        }
        *self.left -= 1;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(part) = parts.next_element_seed(Bounded { left: &mut *self.left, depth: self.depth - 1 })? {
            list.push(part);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut parts: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(name) = parts.next_key::<String>()? {
            fields.push((name, parts.next_value_seed(Bounded { left: &mut *self.left, depth: self.depth - 1 })?));
        }
        Ok(Node::Map(fields))
    }
}

/// Where rows go: with their place, and in an object with their name.
type Row<'a> = dyn FnMut(String, &str, Node) + 'a;

/// Reads a document.
struct Rows<'a> {
    /// Path to where the rows are, from here: names of fields.
    path: &'a [&'a str],
    /// What stands before, for the place of a row.
    prefix: String,
    limits: Limits,
    /// Rows so far.
    count: &'a mut usize,
    /// Whether what the path ends in was there.
    met: &'a mut bool,
    each: &'a mut Row<'a>,
}

impl Rows<'_> {
    fn budget(&self) -> Budget {
        Budget { values: self.limits.row_values, depth: self.limits.depth }
    }

    fn count<E: serde::de::Error>(&mut self) -> Result<(), E> {
        *self.count += 1;
        if *self.count > self.limits.rows {
            return Err(E::custom(format!("more than {} rows", self.limits.rows)));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Rows<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.first() {
            Some(name) => write!(f, "an object with {name:?}"),
            None => f.write_str("a list or an object of rows"),
        }
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    /// A list of rows; at the top of a document it may stand where the object with the list would.
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut parts: A) -> Result<(), A::Error> {
        *self.met = true;
        let mut index = 0_usize;
        loop {
            let mut budget = self.budget();
            let seed = Bounded { left: &mut budget.values, depth: budget.depth };
            let Some(row) = parts.next_element_seed(seed)? else { return Ok(()) };
            self.count()?;
            (self.each)(format!("{}[{index}]", self.prefix), "", row);
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut parts: A) -> Result<(), A::Error> {
        let Some((wanted, rest)) = self.path.split_first() else {
            *self.met = true;
            while let Some(name) = parts.next_key::<String>()? {
                if name == "_meta" {
                    parts.next_value::<IgnoredAny>()?;
                    continue;
                }
                let mut budget = self.budget();
                let row = parts.next_value_seed(Bounded { left: &mut budget.values, depth: budget.depth })?;
                self.count()?;
                (self.each)(join(&self.prefix, &name), &name, row);
            }
            return Ok(());
        };
        while let Some(name) = parts.next_key::<String>()? {
            if name != *wanted {
                parts.next_value::<IgnoredAny>()?;
                continue;
            }
            let prefix = join(&self.prefix, &name);
            parts.next_value_seed(Rows {
                path: rest,
                prefix,
                limits: self.limits,
                count: &mut *self.count,
                met: &mut *self.met,
                each: &mut *self.each,
            })?;
        }
        Ok(())
    }
}

fn join(prefix: &str, name: &str) -> String {
    let dot = if prefix.is_empty() || prefix.ends_with(' ') { "" } else { "." };
    format!("{prefix}{dot}{name}")
}

/// Reads rows of a list or of an object, at a path, of one document or of several behind one another.
pub(crate) fn rows(bytes: &[u8], path: &[&str], limits: Limits, each: &mut Row<'_>) -> Result<(), Problem> {
    limits.check_bytes(bytes)?;
    let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (mut count, mut met, mut documents) = (0, false, 0_usize);
    let mut line_before = 0;
    while !rest.trim_ascii_start().is_empty() {
        let mut stream = serde_json::Deserializer::from_slice(rest);
        let prefix = if documents == 0 { String::new() } else { format!("document {}: ", documents + 1) };
        let seed = Rows { path, prefix, limits, count: &mut count, met: &mut met, each: &mut *each };
        seed.deserialize(&mut stream).map_err(|error| malformed(&error, line_before))?;
        let passed = stream.into_iter::<IgnoredAny>().byte_offset();
        let (done, left) = rest.split_at(passed.min(rest.len()));
        line_before += done.iter().filter(|byte| **byte == b'\n').count();
        rest = left;
        documents += 1;
    }
    if !met {
        let what = match path {
            [] => "the document is empty".to_owned(),
            path => format!("there is no {:?} in the document; is it the export that was meant?", path.join(".")),
        };
        return Err(Problem::Another { what });
    }
    Ok(())
}

fn malformed(error: &serde_json::Error, line_before: usize) -> Problem {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = text.strip_suffix(&place).unwrap_or(&text).to_owned();
    Problem::Malformed { line: line_before + error.line(), column: error.column(), what }
}
