//! Passwords of the engines' users: random, kept beside the data, never printed.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Error;

/// 24 bytes are 192 bits: out of reach of guessing, and 48 hex digits need no quoting anywhere.
const RANDOM_BYTES: usize = 24;

/// A password. Its debug form hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

impl Password {
    /// A new one from the system's randomness.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0_u8; RANDOM_BYTES];
        getrandom::fill(&mut bytes).map_err(Error::Random)?;
        Ok(Self(hex::encode(bytes)))
    }

    /// The password itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What ClickHouse keeps of it: 64 hex digits.
    pub(crate) fn sha256_hex(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_bytes()))
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The passwords of one data directory: engine → user → password.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Passwords {
    pub(crate) nats: BTreeMap<String, Password>,
    pub(crate) clickhouse: BTreeMap<String, Password>,
}

impl Passwords {
    /// What an earlier start kept; empty when there was none.
    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        match fs::read(path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|source| Error::Passwords { path: path.to_owned(), source })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Error::file("read", path)(error)),
        }
    }

    /// Keeps them for the next start, readable by the owner alone.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Error> {
        let text =
            serde_json::to_string_pretty(self).map_err(|source| Error::Passwords { path: path.to_owned(), source })?;
        write_private(path, text.as_bytes())
    }
}

/// Gives each user without a password the kept one, else a new one, and keeps the result.
pub(crate) fn settle<'a>(
    kept: &mut BTreeMap<String, Password>,
    users: impl Iterator<Item = (&'a str, &'a mut Option<Password>)>,
) -> Result<(), Error> {
    for (name, password) in users {
        let settled = match (password.take(), kept.get(name)) {
            (Some(given), _) => given,
            (None, Some(kept)) => kept.clone(),
            (None, None) => Password::random()?,
        };
        kept.insert(name.to_owned(), settled.clone());
        *password = Some(settled);
    }
    Ok(())
}

/// Replaces a file by one that only its owner can read, whole or not at all.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(Error::file("write", &new))?;
    fs::rename(&new, path).map_err(Error::file("write", path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn kept_passwords_are_reused_and_only_the_owner_can_read_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passwords.json");
        let mut kept = Passwords::load(&path).unwrap();
        let mut first = None;
        settle(&mut kept.nats, std::iter::once(("recorder", &mut first))).unwrap();
        kept.save(&path).unwrap();
        let mut again = Passwords::load(&path).unwrap();
        let mut second = None;
        settle(&mut again.nats, std::iter::once(("recorder", &mut second))).unwrap();
        assert_eq!(first, second);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_password_is_not_printed() {
        let password = Password::from("hush".to_owned());
        assert!(!format!("{password:?}").contains("hush"));
    }
}
