//! Where the engine files are.

use std::path::{Path, PathBuf};

use crate::Error;

/// The environment variable that names the folder of the engines.
const VARIABLE: &str = "MUSTER_ENGINES";
/// Where `deploy/engines/fetch.py` puts them, below the working copy.
const FETCHED: &str = ".muster/engines";

/// The two files that are the engines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFiles {
    /// The NATS server, a program.
    pub nats_server: PathBuf,
    /// The ClickHouse, a shared library.
    pub libchdb: PathBuf,
}

impl EngineFiles {
    /// Finds the engines: in `dir` when one is given, else in `MUSTER_ENGINES`, else in the first `.muster/engines`
    /// from the working directory upwards. A folder that was named and lacks them is an error; nothing else is tried.
    pub fn locate(dir: Option<&Path>) -> Result<Self, Error> {
        let named = dir.map(Path::to_owned).or_else(|| std::env::var_os(VARIABLE).map(PathBuf::from));
        if let Some(named) = named {
            return Self::inside(&named).ok_or_else(|| Error::FilesMissing { searched: named.display().to_string() });
        }
        let here = std::env::current_dir().map_err(Error::file("find", Path::new(".")))?;
        here.ancestors().find_map(|above| Self::inside(&above.join(FETCHED))).ok_or_else(|| Error::FilesMissing {
            searched: format!("{FETCHED} of {} and of every folder above it", here.display()),
        })
    }

    /// Absolute paths, because the engines run in a folder of their own.
    fn inside(dir: &Path) -> Option<Self> {
        let dir = dir.canonicalize().ok()?;
        let files = Self { nats_server: dir.join("nats-server"), libchdb: dir.join("libchdb.so") };
        (files.nats_server.is_file() && files.libchdb.is_file()).then_some(files)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_named_folder_without_engines_is_an_error_that_says_what_to_run() {
        let empty = tempfile::tempdir().unwrap();
        let error = EngineFiles::locate(Some(empty.path())).unwrap_err().to_string();
        assert!(error.contains("make engines") && error.contains(empty.path().to_str().unwrap()), "{error}");
    }

    #[test]
    fn a_named_folder_with_both_files_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["nats-server", "libchdb.so"] {
            std::fs::write(dir.path().join(name), b"").unwrap();
        }
        let files = EngineFiles::locate(Some(dir.path())).unwrap();
        assert!(files.nats_server.is_absolute() && files.libchdb.is_absolute());
    }
}
