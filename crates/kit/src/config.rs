//! Configuration in layers: defaults < TOML file < environment < flags.
//!
//! - `MUSTER__RECORDER__BATCH_ROWS=1000` and `--set recorder.batch_rows=1000` are `batch_rows = 1000` in `[recorder]`.
//! - A value of the environment or a flag takes the type of its key: a list is `a,b` or `["a", "b"]`, a table
//!   `{ k = 1 }`, and nothing at all unsets an optional key.
//! - An unknown key is an error that names the key, where it stands, and the nearest known one.
//! - A [`Secret`] is never in the configuration, only where to find it, and it is never printed.
//!
//! Every struct of a configuration carries `#[serde(deny_unknown_fields, default)]`. What [`Default`] gives is the
//! lowest layer, so keys that a file leaves out keep the default of the *whole*, not of their section's type.

mod layers;
mod read;
mod secret;
mod shape;
mod suggest;
#[cfg(test)]
mod tests;

pub use layers::Place;
pub use secret::{Secret, SecretError, SecretSource};

use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use layers::{Node, Value};
use read::Reader;
use shape::Shape;

/// Where a configuration comes from, besides the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigSources {
    /// A TOML file. It must exist.
    pub file: Option<PathBuf>,
    /// Flags `--set section.key=value`, in order: see [`parse_override`].
    pub overrides: Vec<(String, String)>,
}

/// Why a configuration cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("failed to read the configuration {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("failed to read the configuration {} line {line}: {reason}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A key nobody reads.
    #[error("failed to load the configuration: unknown key {key:?} ({place}){hint}")]
    Unknown {
        /// The key, dotted.
        key: String,
        /// Where it stands.
        place: Place,
        /// The nearest known key, as it would be written there.
        hint: String,
    },
    /// A value that its key cannot take.
    #[error("failed to load the configuration: {key} ({place}): {reason}")]
    Value {
        /// The key, dotted.
        key: String,
        /// Where it stands.
        place: Place,
        /// What is wrong.
        reason: String,
    },
    /// Values that do not go together.
    #[error("failed to check the configuration: {reason}")]
    Check {
        /// What is wrong.
        reason: String,
    },
    /// A flag without `=`.
    #[error("failed to read --set {text:?}: write it as section.key=value")]
    Override {
        /// The flag's value.
        text: String,
    },
    /// A configuration that cannot be written as TOML: a bug.
    #[error("failed to write the configuration as TOML (a bug: please report it): {0}")]
    Write(#[from] toml::ser::Error),
}

/// Splits the value of a `--set` flag.
///
/// # Errors
/// When there is no `=` or nothing before it.
pub fn parse_override(text: &str) -> Result<(String, String), ConfigError> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        Some(_) | None => Err(ConfigError::Override { text: text.to_owned() }),
    }
}

/// Reads all layers.
///
/// # Errors
/// The first thing wrong, in one line that names the key and its place.
pub fn load<T: DeserializeOwned + Default + Serialize>(sources: ConfigSources) -> Result<T, ConfigError> {
    load_with(sources, std::env::vars())
}

/// [`load`] with an environment of one's own.
///
/// # Errors
/// As [`load`].
pub fn load_with<T: DeserializeOwned + Default + Serialize>(
    sources: ConfigSources,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<T, ConfigError> {
    let default = T::default();
    let shape = Shape::of(&default);
    let mut tree = layers::of_default(&default)?;
    if let Some(file) = sources.file {
        merge(&mut tree, layers::of_file(file)?, &shape)?;
    }
    for (key, value) in layers::of_environment(environment) {
        merge(&mut tree, layers::of_text(&key, value)?, &shape)?;
    }
    for (key, value) in sources.overrides {
        let place = Place::Flag(key.clone());
        let path: Vec<String> = key.split('.').map(|part| part.trim().to_owned()).collect();
        merge(&mut tree, layers::of_text(&(path, place), value)?, &shape)?;
    }
    let read = T::deserialize(Reader::root(&tree));
    read.map_err(|error| error.into_config_error(&shape))
}

fn merge(tree: &mut Node, layer: Node, shape: &Shape) -> Result<(), ConfigError> {
    suggest::check(&layer, shape)?;
    tree.merge(layer, shape);
    Ok(())
}

/// Loads and checks, and starts nothing: what `--check-config` does.
///
/// # Errors
/// As [`load`], or what the check says.
pub fn check_config<T, C>(sources: ConfigSources, check: C) -> Result<T, ConfigError>
where
    T: DeserializeOwned + Default + Serialize,
    C: FnOnce(&T) -> Result<(), String>,
{
    let config = load(sources)?;
    check(&config).map_err(|reason| ConfigError::Check { reason })?;
    Ok(config)
}

/// The configuration in force as TOML, secrets as `***`: what `--print-config` prints.
///
/// # Errors
/// When it has values that TOML cannot hold, which is a bug of the configuration's type.
pub fn print_config<T: Serialize>(config: &T) -> Result<String, ConfigError> {
    Ok(toml::to_string_pretty(config)?)
}

impl Node {
    /// Puts a layer over this one. Sections are merged key by key; a default that is no section is replaced whole,
    /// since half of one variant and half of another is neither.
    fn merge(&mut self, over: Node, shape: &Shape) {
        let replace = matches!((&self.place, shape), (Place::Default, Shape::Any));
        match (&mut self.value, over.value) {
            (Value::Table(under), Value::Table(entries)) if !replace => {
                for (key, node) in entries {
                    match under.get_mut(&key) {
                        Some(existing) => existing.merge(node, shape.field(&key)),
                        None => {
                            under.insert(key, node);
                        }
                    }
                }
            }
            (value, other) => {
                *value = other;
                self.place = over.place;
            }
        }
    }
}
