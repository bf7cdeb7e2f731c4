//! Reads a tree into a type. Errors carry the key and its place; text takes the type that is asked for.

use std::collections::btree_map;
use std::fmt::{self, Display};

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer as _, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::ConfigError;
use super::layers::{Node, Place, Value, guess};
use super::shape::Shape;
use super::suggest::{self, join};

/// What serde or a type says, and about which key.
#[derive(Debug)]
pub(super) struct ReadError {
    reason: String,
    /// A key nobody reads, and the ones that would be read there.
    unknown: Option<(String, &'static [&'static str])>,
    at: Option<(String, Place)>,
}

impl ReadError {
    fn at(mut self, path: &str, place: &Place) -> Self {
        self.at.get_or_insert_with(|| (path.to_owned(), place.clone()));
        self
    }

    pub(super) fn into_config_error(self, shape: &Shape) -> ConfigError {
        let (key, place) = self.at.unwrap_or((String::new(), Place::Default));
        let Some((field, expected)) = self.unknown else {
            return ConfigError::Value { key, place, reason: self.reason };
        };
        let full = if key.rsplit('.').next() == Some(field.as_str()) { key } else { join(&key, &field) };
        let known: Vec<String> = expected.iter().map(|&name| name.to_owned()).collect();
        match suggest::nearest(&field, &known) {
            Some(near) => ConfigError::Unknown { key: full, place, hint: format!("; did you mean {near:?}?") },
            None if known.is_empty() => suggest::unknown(full, place, shape),
            None => ConfigError::Unknown { key: full, place, hint: format!("; known here: {}", known.join(", ")) },
        }
    }
}

impl Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: Display>(message: T) -> Self {
        Self { reason: message.to_string(), unknown: None, at: None }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let reason = format!("unknown key {field:?}");
        Self { reason, unknown: Some((field.to_owned(), expected)), at: None }
    }
}

/// A node at its key.
pub(super) struct Reader<'a> {
    path: String,
    node: &'a Node,
}

impl<'a> Reader<'a> {
    pub(super) const fn root(node: &'a Node) -> Self {
        Self { path: String::new(), node }
    }

    fn text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Text(text) => Some(text),
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Array(_)
            | Value::Table(_) => None,
        }
    }

    /// Reads text as TOML would, then goes on as if it had stood in a file.
    fn guessed<T>(&self, text: &str, read: impl FnOnce(Reader<'_>) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let node = guess(text, &self.node.place);
        read(Reader { path: self.path.clone(), node: &node })
    }
}

/// Numbers and booleans: text is parsed, and a wrong one said plainly.
macro_rules! parsed {
    ($($method:ident $visit:ident $type:ty, $what:literal;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            let Some(text) = self.text() else { return self.deserialize_any(visitor) };
            let result: Result<V::Value, ReadError> = match text.trim().parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(de::Error::custom(format!(concat!("{:?} is not ", $what), text))),
            };
            result.map_err(|error| error.at(&self.path, &self.node.place))
        }
    )+};
}

/// Text stands for itself.
macro_rules! verbatim {
    ($($method:ident)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            let Some(text) = self.text() else { return self.deserialize_any(visitor) };
            visitor.visit_str(text).map_err(|error: ReadError| error.at(&self.path, &self.node.place))
        }
    )+};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let result = match &self.node.value {
            Value::Text(text) => self.guessed(text, |reader| reader.deserialize_any(visitor)),
            Value::String(text) => visitor.visit_str(text),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Boolean(flag) => visitor.visit_bool(*flag),
            Value::Array(items) => visitor.visit_seq(Items { path: &self.path, items: items.iter(), index: 0 }),
            Value::Table(entries) => {
                visitor.visit_map(Entries { path: &self.path, entries: entries.iter(), current: None })
            }
        };
        result.map_err(|error| error.at(&self.path, &self.node.place))
    }

    parsed! {
        deserialize_bool visit_bool bool, "true or false";
        deserialize_i8 visit_i8 i8, "a whole number from -128 to 127";
        deserialize_i16 visit_i16 i16, "a whole number from -32768 to 32767";
        deserialize_i32 visit_i32 i32, "a whole number of 32 bits";
        deserialize_i64 visit_i64 i64, "a whole number";
        deserialize_u8 visit_u8 u8, "a whole number from 0 to 255";
        deserialize_u16 visit_u16 u16, "a whole number from 0 to 65535";
        deserialize_u32 visit_u32 u32, "a whole number from 0 of 32 bits";
        deserialize_u64 visit_u64 u64, "a whole number from 0";
        deserialize_f32 visit_f32 f32, "a number";
        deserialize_f64 visit_f64 f64, "a number";
    }
    verbatim! { deserialize_str deserialize_string deserialize_char deserialize_identifier }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.text() == Some("") { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let Some(text) = self.text() else { return self.deserialize_any(visitor) };
        if text.trim_start().starts_with('[') {
            return self.guessed(text, |reader| reader.deserialize_any(visitor));
        }
        let item = |part: &str| Node { value: Value::Text(part.trim().to_owned()), place: self.node.place.clone() };
        let items: Vec<Node> = text.split(',').filter(|part| !part.trim().is_empty()).map(item).collect();
        visitor
            .visit_seq(Items { path: &self.path, items: items.iter(), index: 0 })
            .map_err(|error| error.at(&self.path, &self.node.place))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let (path, place) = (self.path.clone(), &self.node.place);
        let result = match &self.node.value {
            Value::Text(text) if text.trim_start().starts_with('{') => {
                self.guessed(text, |reader| reader.deserialize_enum("", variants, visitor))
            }
            Value::Text(text) | Value::String(text) => {
                let name: StrDeserializer<'_, ReadError> = text.as_str().into_deserializer();
                visitor.visit_enum(name)
            }
            Value::Table(entries) => match entries.iter().next() {
                Some((name, node)) if entries.len() == 1 => {
                    let reader = Reader { path: join(&self.path, name), node };
                    visitor.visit_enum(Variant { name, reader })
                }
                Some(_) | None => Err(one_of(variants)),
            },
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Array(_) => Err(one_of(variants)),
        };
        result.map_err(|error| error.at(&path, place))
    }

    forward_to_deserialize_any! {
        i128 u128 bytes byte_buf unit unit_struct tuple tuple_struct map struct ignored_any
    }
}

fn one_of(variants: &[&str]) -> ReadError {
    de::Error::custom(format!("it must be one of {}", variants.join(", ")))
}

struct Items<'p, 'a> {
    path: &'p str,
    items: std::slice::Iter<'a, Node>,
    index: usize,
}

impl<'de> de::SeqAccess<'de> for Items<'_, '_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        let Some(node) = self.items.next() else { return Ok(None) };
        let path = format!("{}[{}]", self.path, self.index);
        self.index += 1;
        seed.deserialize(Reader { path, node }).map(Some)
    }
}

struct Entries<'p, 'a> {
    path: &'p str,
    entries: btree_map::Iter<'a, String, Node>,
    current: Option<(&'a str, &'a Node)>,
}

impl<'de> de::MapAccess<'de> for Entries<'_, '_> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        let Some((key, node)) = self.entries.next() else { return Ok(None) };
        self.current = Some((key, node));
        // A key that is refused is refused at its own place, not at its section's.
        let key_error = |error: ReadError| error.at(&join(self.path, key), &node.place);
        seed.deserialize(StrDeserializer::new(key)).map(Some).map_err(key_error)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, ReadError> {
        let Some((key, node)) = self.current.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        seed.deserialize(Reader { path: join(self.path, key), node })
    }
}

struct Variant<'a> {
    name: &'a str,
    reader: Reader<'a>,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = ReadError;
    type Variant = Reader<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Reader<'a>), ReadError> {
        let name = seed.deserialize(StrDeserializer::<ReadError>::new(self.name))?;
        Ok((name, self.reader))
    }
}

impl<'de> VariantAccess<'de> for Reader<'_> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        Err(ReadError::at(de::Error::custom("it takes no value: write its name alone"), &self.path, &self.node.place))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, ReadError> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_any(visitor)
    }
}
