//! The attributes of the elements, and what their values may be.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::error::Problem;
use super::fingerprint::{Param, Value, references};
use super::pattern::Options;
use super::xml::Attributes;

/// The longest real one has 81 bytes; names are shorter.
pub(super) const VALUE_MAX_BYTES: usize = 1_024;

pub(super) fn within(what: &'static str, found: usize, limit: usize) -> Result<(), Problem> {
    if found > limit { Err(Problem::Limit { what, found, limit }) } else { Ok(()) }
}

pub(super) fn optional<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

pub(super) fn required<'a>(
    attributes: &'a Attributes,
    element: &'static str,
    attribute: &'static str,
) -> Result<&'a str, Problem> {
    optional(attributes, attribute).ok_or_else(|| invalid(element, attribute, "is missing".to_owned()))
}

pub(super) fn invalid(element: &'static str, attribute: &'static str, problem: String) -> Problem {
    Problem::Attribute { element, attribute, problem }
}

pub(super) fn preference(text: &str) -> Result<f64, Problem> {
    match text.trim().parse() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        Ok(_) | Err(_) => Err(invalid("fingerprints", "preference", format!("{text:?} is no number from 0 to 1"))),
    }
}

/// Ruby knows two of POSIX's flags, and several names for them. All that say "multiline" are about the dot.
pub(super) fn options(flags: &str) -> Result<Options, Problem> {
    let mut options = Options::default();
    for flag in flags.split(',').map(str::trim).filter(|flag| !flag.is_empty()) {
        match flag {
            "REG_ICASE" | "IGNORECASE" => options.ignore_case = true,
            "REG_DOT_NEWLINE" | "REG_LINE_ANY_CRLF" | "REG_MULTILINE" | "MULTILINE" => options.dot_is_all = true,
            other => return Err(invalid("fingerprint", "flags", format!("{other:?} is not known"))),
        }
    }
    Ok(options)
}

pub(super) fn param(attributes: &Attributes, groups: u32) -> Result<Param, Problem> {
    let name = required(attributes, "param", "name")?.to_owned();
    within("bytes of a name", name.len(), VALUE_MAX_BYTES)?;
    let position = required(attributes, "param", "pos")?;
    let Ok(position) = position.parse::<u32>() else {
        return Err(invalid("param", "pos", format!("{position:?} is no number")));
    };
    let value = match (position, optional(attributes, "value")) {
        (0, Some(text)) => {
            within("bytes of a value", text.len(), VALUE_MAX_BYTES)?;
            Value::Constant { text: text.to_owned(), references: references(text) }
        }
        (0, None) => return Err(invalid("param", "value", "is missing, and pos is 0".to_owned())),
        (1.., _) if position > groups => {
            return Err(Problem::Reference { parameter: name, missing: format!("group {position}") });
        }
        // The group decides; a value beside it, as one real parameter has, says nothing.
        (1.., _) => Value::Group(position as usize),
    };
    Ok(Param { name, value })
}

/// A name that stays within its folder.
pub(super) fn plain_name(name: &str) -> Result<&str, Problem> {
    let plain = name.len() <= 255
        && name.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0', ':']));
    if plain {
        Ok(name)
    } else {
        Err(invalid("example", "_filename", format!("{name:?} is no name of a file beside it")))
    }
}

/// Base64 as mail writes it: in lines, and with or without the padding.
pub(super) fn base64(text: &str) -> Result<Vec<u8>, Problem> {
    const MAIL: GeneralPurpose = GeneralPurpose::new(
        &alphabet::STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let text: String = text.split_ascii_whitespace().collect();
    MAIL.decode(text).map_err(|_| Problem::Base64)
}
