//! Which keys a configuration has, learned by serialising its default.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::Serialize;
use serde::ser::{self, Serializer};

/// What a key may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// A section with these keys and no other.
    Fields(BTreeMap<&'static str, Shape>),
    /// Anything; serde decides.
    Any,
}

impl Shape {
    pub(super) fn of<T: Serialize>(default: &T) -> Self {
        default.serialize(Recorder).unwrap_or(Self::Any)
    }

    pub(super) fn field(&self, key: &str) -> &Self {
        match self {
            Self::Fields(fields) => fields.get(key).unwrap_or(&Self::Any),
            Self::Any => &Self::Any,
        }
    }

    /// Every key and every section, dotted.
    pub(super) fn keys(&self) -> Vec<String> {
        let Self::Fields(fields) = self else { return Vec::new() };
        let mut keys = Vec::new();
        for (name, shape) in fields {
            keys.push((*name).to_owned());
            keys.extend(shape.keys().into_iter().map(|key| format!("{name}.{key}")));
        }
        keys
    }
}

/// Records structs and looks into nothing else: a map's keys are data, and an enum's variant may change.
struct Recorder;

#[derive(Debug)]
struct Never(String);

impl Display for Never {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Never {}

impl ser::Error for Never {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

struct Fields(BTreeMap<&'static str, Shape>);

impl ser::SerializeStruct for Fields {
    type Ok = Shape;
    type Error = Never;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Never> {
        self.0.insert(key, value.serialize(Recorder)?);
        Ok(())
    }

    fn skip_field(&mut self, key: &'static str) -> Result<(), Never> {
        self.0.insert(key, Shape::Any);
        Ok(())
    }

    fn end(self) -> Result<Shape, Never> {
        Ok(Shape::Fields(self.0))
    }
}

/// A map or a list: swallows what is in it.
struct Opaque;

macro_rules! opaque {
    ($($part:ident :: $method:ident),+) => {$(
        impl ser::$part for Opaque {
            type Ok = Shape;
            type Error = Never;
            fn $method<T: Serialize + ?Sized>(&mut self, _value: &T) -> Result<(), Never> {
                Ok(())
            }
            fn end(self) -> Result<Shape, Never> {
                Ok(Shape::Any)
            }
        }
    )+};
}
opaque!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

impl ser::SerializeMap for Opaque {
    type Ok = Shape;
    type Error = Never;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, _key: &T) -> Result<(), Never> {
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, _value: &T) -> Result<(), Never> {
        Ok(())
    }
    fn end(self) -> Result<Shape, Never> {
        Ok(Shape::Any)
    }
}

impl ser::SerializeStructVariant for Opaque {
    type Ok = Shape;
    type Error = Never;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, _key: &'static str, _value: &T) -> Result<(), Never> {
        Ok(())
    }
    fn end(self) -> Result<Shape, Never> {
        Ok(Shape::Any)
    }
}

macro_rules! any {
    ($($method:ident($($type:ty),*);)+) => {$(
        fn $method(self, $(_: $type),*) -> Result<Shape, Never> {
            Ok(Shape::Any)
        }
    )+};
}

impl Serializer for Recorder {
    type Ok = Shape;
    type Error = Never;
    type SerializeSeq = Opaque;
    type SerializeTuple = Opaque;
    type SerializeTupleStruct = Opaque;
    type SerializeTupleVariant = Opaque;
    type SerializeMap = Opaque;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Opaque;

    any! {
        serialize_bool(bool); serialize_i8(i8); serialize_i16(i16); serialize_i32(i32); serialize_i64(i64);
        serialize_u8(u8); serialize_u16(u16); serialize_u32(u32); serialize_u64(u64); serialize_f32(f32);
        serialize_f64(f64); serialize_char(char); serialize_str(&str); serialize_bytes(&[u8]); serialize_none();
        serialize_unit(); serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Shape, Never> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Shape, Never> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Shape, Never> {
        Ok(Shape::Any)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Opaque, Never> {
        Ok(Opaque)
    }

    fn serialize_tuple(self, _: usize) -> Result<Opaque, Never> {
        Ok(Opaque)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Opaque, Never> {
        Ok(Opaque)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Opaque, Never> {
        Ok(Opaque)
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Opaque, Never> {
        Ok(Opaque)
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Opaque, Never> {
        Ok(Opaque)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields, Never> {
        Ok(Fields(BTreeMap::new()))
    }
}
