//! Passwords and tokens: named in the configuration, read from elsewhere, never printed.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// What stands for a secret wherever it would be printed.
const MASK: &str = "***";
/// The longest we know are bearer tokens of a few KiB.
const MAX_BYTES: u64 = 64 * 1024;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In a file: `{ file = "/run/secrets/bus" }`. One line break at its end is not part of it.
    File(PathBuf),
    /// In a variable of the environment: `{ env = "BUS_PASSWORD" }`.
    Environment(String),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => write!(f, "file {}", file.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// Why a secret cannot be read.
#[derive(Debug, Error)]
#[error("failed to read the secret in {source_name}: {reason}")]
pub struct SecretError {
    source_name: SecretSource,
    reason: String,
}

/// A password or a token. Neither [`fmt::Debug`] nor [`Serialize`] shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    source: SecretSource,
    value: String,
}

impl Secret {
    /// Reads a secret.
    ///
    /// # Errors
    /// When the source does not exist, is empty, too large or no text.
    pub fn read(source: SecretSource) -> Result<Self, SecretError> {
        let value = match &source {
            SecretSource::File(file) => read_file(file),
            SecretSource::Environment(name) => std::env::var(name).map_err(|error| error.to_string()),
        };
        let value = value.and_then(|value| if value.is_empty() { Err("it is empty".to_owned()) } else { Ok(value) });
        match value {
            Ok(value) => Ok(Self { source, value }),
            Err(reason) => Err(SecretError { source_name: source, reason }),
        }
    }

    /// Reads a secret from a file.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn from_file(file: impl Into<PathBuf>) -> Result<Self, SecretError> {
        Self::read(SecretSource::File(file.into()))
    }

    /// Reads a secret from the environment.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn from_env(name: impl Into<String>) -> Result<Self, SecretError> {
        Self::read(SecretSource::Environment(name.into()))
    }

    /// The secret itself, for the one call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.value
    }

    /// Where it was read.
    #[must_use]
    pub const fn source(&self) -> &SecretSource {
        &self.source
    }

    /// Reads it again, for a connection after a rotation.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn reread(&self) -> Result<Self, SecretError> {
        Self::read(self.source.clone())
    }
}

fn read_file(file: &Path) -> Result<String, String> {
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(|error| error.to_string())?;
    opened.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_BYTES {
        return Err(format!("it is larger than {MAX_BYTES} bytes"));
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({MASK} from {})", self.source)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(SourceVisitor)
    }
}

struct SourceVisitor;

/// Every way a value can arrive inline gets the same answer, which does not repeat it.
macro_rules! inline {
    ($($method:ident: $type:ty),+) => {$(
        fn $method<E: serde::de::Error>(self, _value: $type) -> Result<Secret, E> {
            Err(E::custom("a secret must not stand here: write { file = \"PATH\" } or { env = \"NAME\" }"))
        }
    )+};
}

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = Secret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ file = \"PATH\" } or { env = \"NAME\" }")
    }

    inline!(visit_str: &str, visit_i64: i64, visit_u64: u64, visit_f64: f64, visit_bool: bool);

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
        let mut source = None;
        while let Some(key) = map.next_key::<String>()? {
            let found = match key.as_str() {
                "file" => SecretSource::File(map.next_value()?),
                "env" => SecretSource::Environment(map.next_value()?),
                _ => return Err(A::Error::unknown_field(&key, &["file", "env"])),
            };
            if source.replace(found).is_some() {
                return Err(A::Error::custom("a secret has one source: either file or env"));
            }
        }
        let Some(source) = source else {
            return Err(A::Error::custom("a secret needs its source: file or env"));
        };
        Secret::read(source).map_err(A::Error::custom)
    }
}
