//! The key of page and resume tokens: from its file, made there the first time, or of this process alone.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::page::PageKey;

/// Why there is no key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("failed to {action} {file} (gateway.page_key_file): {source}")]
    File {
        /// `read` or `make`.
        action: &'static str,
        /// The file.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error(
        "failed to use {file} (gateway.page_key_file): it holds {bytes} bytes, a key has 32; remove it to get a new one"
    )]
    Length {
        /// The file.
        file: PathBuf,
        /// Bytes in it.
        bytes: usize,
    },
    /// The operating system gives no random bytes.
    #[error("failed to make a key for page tokens: {0}")]
    Random(getrandom::Error),
}

/// Reads or makes the key.
///
/// # Errors
/// When the file cannot be read, made or used.
pub(crate) fn page_key(file: Option<&Path>) -> Result<PageKey, KeyError> {
    let Some(file) = file else { return Ok(PageKey::new(&random()?)) };
    match std::fs::read(file) {
        Ok(bytes) => read(file, &bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(file),
        Err(source) => Err(KeyError::File { action: "read", file: file.to_owned(), source }),
    }
}

fn read(file: &Path, bytes: &[u8]) -> Result<PageKey, KeyError> {
    let key = bytes.try_into().map_err(|_| KeyError::Length { file: file.to_owned(), bytes: bytes.len() })?;
    Ok(PageKey::new(key))
}

/// Written whole under another name and linked, so that two gateways that start together end with one key.
fn make(file: &Path) -> Result<PageKey, KeyError> {
    let fail = |source| KeyError::File { action: "make", file: file.to_owned(), source };
    let key = random()?;
    let fresh = file.with_extension(format!("{}.new", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    let mut opened = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh).map_err(fail)?;
    opened.write_all(&key).and_then(|()| opened.sync_all()).map_err(fail)?;
    let linked = std::fs::hard_link(&fresh, file);
    let removed = std::fs::remove_file(&fresh);
    match linked {
        Ok(()) => removed.map_err(fail)?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(source) => return Err(fail(source)),
    }
    read(file, &std::fs::read(file).map_err(fail)?)
}

fn random() -> Result<[u8; 32], KeyError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(KeyError::Random)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::page::{Binding, Place};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_read_after_that() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("page.key");
        let (first, second) = (page_key(Some(&file)).unwrap(), page_key(Some(&file)).unwrap());
        let binding = Binding::of(&["x"]);
        let place = Place { as_of: jiff::Timestamp::UNIX_EPOCH, cursor: vec![1] };
        assert_eq!(second.open(binding, &first.seal(binding, &place)), Ok(Some(place)));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_of_another_length_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("page.key");
        std::fs::write(&file, b"short").unwrap();
        assert!(page_key(Some(&file)).unwrap_err().to_string().contains("5 bytes"));
    }
}
