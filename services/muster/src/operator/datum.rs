//! A message of the contract as plain data: what every output form is made of.
//!
//! The shape is that of protobuf's JSON with these words of ours: field names as in the `.proto` files, ids and hashes
//! in hexadecimal digits, addresses, blocks and ports as people write them, instants in RFC 3339, durations as estate
//! files have them, enum values in kebab-case. A field that is not set is there as `null`.

use std::sync::OnceLock;

use jiff::SignedDuration;
use muster_estate::words::format_duration;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage, Value};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::text;

/// A value. Maps keep the order of the contract.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Datum {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
    List(Vec<Datum>),
    Map(Vec<(String, Datum)>),
}

impl Datum {
    /// The value of a path such as `finding.state`; nothing on the way is nothing.
    pub(super) fn at(&self, path: &str) -> &Self {
        path.split('.').fold(self, |at, name| at.field(name))
    }

    fn field(&self, name: &str) -> &Self {
        match self {
            Self::Map(fields) => fields.iter().find(|(field, _)| field == name).map_or(&Self::Null, |(_, value)| value),
            Self::Null
            | Self::Bool(_)
            | Self::Signed(_)
            | Self::Unsigned(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::List(_) => &Self::Null,
        }
    }

    /// The items of a list; of anything else none.
    pub(super) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            Self::Null
            | Self::Bool(_)
            | Self::Signed(_)
            | Self::Unsigned(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Map(_) => &[],
        }
    }

    /// As one cell of a table.
    pub(super) fn cell(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(value) => if *value { "yes" } else { "no" }.to_owned(),
            Self::Signed(value) => value.to_string(),
            Self::Unsigned(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Text(value) => value.clone(),
            Self::List(items) => items.iter().map(Self::cell).collect::<Vec<_>>().join(", "),
            Self::Map(fields) => {
                let pairs = fields.iter().map(|(name, value)| format!("{name}={}", value.cell()));
                pairs.collect::<Vec<_>>().join(" ")
            }
        }
    }

    /// Adds a field to a map.
    pub(super) fn with(self, name: &str, value: Self) -> Self {
        let mut fields = match self {
            Self::Map(fields) => fields,
            Self::Null
            | Self::Bool(_)
            | Self::Signed(_)
            | Self::Unsigned(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::List(_) => Vec::new(),
        };
        fields.push((name.to_owned(), value));
        Self::Map(fields)
    }
}

impl From<&str> for Datum {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl Serialize for Datum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Signed(value) => serializer.serialize_i64(*value),
            Self::Unsigned(value) => serializer.serialize_u64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Self::Map(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
        }
    }
}

/// A message of the contract by its name, such as `Finding`. A name that the contract does not have, and bytes that are
/// not of that message, give nothing: both would be a bug that the goldens show.
pub(super) fn datum(name: &str, message: &impl Message) -> Datum {
    let Some(descriptor) = pool().and_then(|pool| pool.get_message_by_name(&format!("muster.v1.{name}"))) else {
        return Datum::Null;
    };
    DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .map_or(Datum::Null, |message| of_message(&message))
}

fn pool() -> Option<&'static DescriptorPool> {
    static POOL: OnceLock<Option<DescriptorPool>> = OnceLock::new();
    POOL.get_or_init(|| DescriptorPool::decode(muster_proto::FILE_DESCRIPTOR_SET).ok()).as_ref()
}

fn of_message(message: &DynamicMessage) -> Datum {
    let descriptor = message.descriptor();
    if let Some(word) = as_word(&descriptor, message) {
        return word;
    }
    let field = |field: FieldDescriptor| {
        let set = !field.supports_presence() || message.has_field(&field);
        let value = if set { of_value(&field, &message.get_field(&field)) } else { Datum::Null };
        (field.name().to_owned(), value)
    };
    Datum::Map(descriptor.fields().map(field).collect())
}

/// Messages that people write as one word.
fn as_word(descriptor: &MessageDescriptor, message: &DynamicMessage) -> Option<Datum> {
    let number = |name: &str| message.get_field_by_name(name).and_then(|value| value.as_u32()).unwrap_or_default();
    let word = match descriptor.full_name() {
        "google.protobuf.Timestamp" => text::instant(message.transcode_to().ok().as_ref()),
        "google.protobuf.Duration" => {
            let span: prost_types::Duration = message.transcode_to().ok()?;
            format_duration(SignedDuration::new(span.seconds, span.nanos.clamp(-999_999_999, 999_999_999)))
        }
        "muster.v1.Block" => {
            let address = message.get_field_by_name("address")?;
            format!("{}/{}", text::address(address.as_bytes()?), number("prefix_length"))
        }
        "muster.v1.PortRange" => {
            let transport = descriptor.get_field_by_name("transport")?;
            let transport = of_value(&transport, &message.get_field(&transport)).cell();
            let (first, last) = (number("first"), number("last"));
            if first == last { format!("{transport}/{first}") } else { format!("{transport}/{first}-{last}") }
        }
        _ => return None,
    };
    Some(Datum::Text(word))
}

fn of_value(field: &FieldDescriptor, value: &Value) -> Datum {
    match value {
        Value::Bool(value) => Datum::Bool(*value),
        Value::I32(value) => Datum::Signed(i64::from(*value)),
        Value::I64(value) => Datum::Signed(*value),
        Value::U32(value) => Datum::Unsigned(u64::from(*value)),
        Value::U64(value) => Datum::Unsigned(*value),
        Value::F32(value) => Datum::Float(f64::from(*value)),
        Value::F64(value) => Datum::Float(*value),
        Value::String(value) => Datum::Text(value.clone()),
        Value::Bytes(bytes) => of_bytes(field.name(), bytes),
        Value::EnumNumber(number) => of_enum(&field.kind(), *number),
        Value::Message(message) => of_message(message),
        Value::List(items) => Datum::List(items.iter().map(|item| of_value(field, item)).collect()),
        // The contract has no maps.
        Value::Map(_) => Datum::Null,
    }
}

fn of_bytes(name: &str, bytes: &[u8]) -> Datum {
    match name {
        "address" | "source_address" => Datum::Text(text::address(bytes)),
        "banner" => Datum::Text(bytes.escape_ascii().to_string()),
        _ => Datum::Text(hex::encode(bytes)),
    }
}

/// `FINDING_STATE_OPEN` of `FindingState` is `open`; unspecified is nothing.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of protobuf; only an enum has words")]
fn of_enum(kind: &Kind, number: i32) -> Datum {
    let descriptor = match kind {
        Kind::Enum(descriptor) => descriptor,
        _ => return Datum::Null,
    };
    let prefix: String = descriptor.name().chars().fold(String::new(), |mut prefix, c| {
        if c.is_uppercase() && !prefix.is_empty() {
            prefix.push('_');
        }
        prefix.extend(c.to_uppercase());
        prefix
    });
    match descriptor.get_value(number) {
        None => Datum::Signed(i64::from(number)),
        Some(_) if number == 0 => Datum::Null,
        Some(value) => {
            let name = value.name();
            let name = name.strip_prefix(&prefix).and_then(|rest| rest.strip_prefix('_')).unwrap_or(name);
            Datum::Text(name.to_lowercase().replace('_', "-"))
        }
    }
}
