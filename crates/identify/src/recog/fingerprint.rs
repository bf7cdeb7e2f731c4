//! What a fingerprint says of what it matches.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::engine::Slots;

/// A value with everything filled in: real ones are under 200 bytes. What is longer is left out, so that values that
/// contain one another cannot grow without bound.
const FILLED_MAX_BYTES: usize = 4_096;

/// Names of parameters and their values.
///
/// Names are Recog's ("service.vendor", "os.cpe23", …). A value that was captured is text of the service; bytes that
/// are not UTF-8 are replaced in it.
pub type Params<'a> = BTreeMap<&'a str, Cow<'a, str>>;

/// One fingerprint of a file.
#[derive(Debug, Clone)]
pub struct Fingerprint {
    pub(super) line: u32,
    pub(super) description: String,
    pub(super) pattern: String,
    pub(super) params: Vec<Param>,
    pub(super) examples: Vec<Example>,
}

impl Fingerprint {
    /// Line in its file, from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }

    /// What it is about, in words.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The regular expression, as in the file: in Ruby's syntax.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// What it must match, and how.
    #[must_use]
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// The values for a text that it matched.
    pub(super) fn fill<'a>(&'a self, protocol: Option<&'a str>, text: &'a [u8], slots: &Slots) -> Params<'a> {
        let mut params = Params::new();
        for param in &self.params {
            let value = match &param.value {
                Value::Constant { text, .. } => Some(Cow::Borrowed(text.as_str())),
                Value::Group(group) => {
                    slots.group(*group).and_then(|(from, to)| text.get(from..to)).map(String::from_utf8_lossy)
                }
            };
            if let Some(value) = value {
                params.insert(&param.name, value);
            }
        }
        if let Some(protocol) = protocol {
            params.entry("service.protocol").or_insert(Cow::Borrowed(protocol));
        }
        for param in &self.params {
            interpolate(param, &mut params);
        }
        params.retain(|name, _| !name.starts_with(TEMPORARY));
        params
    }
}

/// Parameters that exist only to be referred to.
const TEMPORARY: &str = "_tmp.";

/// Something that a fingerprint says.
#[derive(Debug, Clone)]
pub(super) struct Param {
    pub(super) name: String,
    pub(super) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// `pos="0"`: a text, and the parameters that it refers to as `{name}`.
    Constant { text: String, references: Vec<String> },
    /// What a group captured.
    Group(usize),
}

/// An example of a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    pub(super) line: u32,
    pub(super) content: Content,
    pub(super) attributes: Vec<(String, String)>,
}

impl Example {
    /// Line in its file, from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }

    /// Its text, or where that is.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Names and values of the parameters that it must give. There may be more.
    #[must_use]
    pub fn attributes(&self) -> &[(String, String)] {
        &self.attributes
    }
}

/// The text of an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What a file holds: `stem/name`, where the stem is that of the fingerprint file.
    File(String),
}

/// The parameters that a constant refers to: `{name}`, each once, in order.
pub(super) fn references(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in text.split('{').skip(1) {
        let Some((name, _)) = part.split_once('}') else { continue };
        if !name.is_empty() && !name.contains(char::is_whitespace) && !found.iter().any(|other| other == name) {
            found.push(name.to_owned());
        }
    }
    found
}

/// Whether a reference may come to nothing: a version that was not said is "-" in a CPE name (NISTIR 7695, 5.3.2).
fn absent_version(param: &str, reference: &str) -> bool {
    param.ends_with(".cpe23") && reference.ends_with(".version")
}

/// Fills in a value what it refers to, one reference after the other. A value that refers to what the text did not say
/// is left out, since half of it would be a lie.
fn interpolate<'a>(param: &'a Param, params: &mut Params<'a>) {
    let Value::Constant { references, .. } = &param.value else { return };
    for reference in references {
        let Some(value) = params.get(param.name.as_str()) else { return };
        let filling = match params.get(reference.as_str()) {
            Some(filling) => filling.as_ref(),
            None if absent_version(&param.name, reference) => "-",
            None => {
                params.remove(param.name.as_str());
                return;
            }
        };
        let placeholder = format!("{{{reference}}}");
        let places = value.matches(&placeholder).count();
        if value.len().saturating_add(filling.len().saturating_mul(places)) > FILLED_MAX_BYTES {
            params.remove(param.name.as_str());
            return;
        }
        let filled = value.replace(&placeholder, filling);
        params.insert(&param.name, Cow::Owned(filled));
    }
}
