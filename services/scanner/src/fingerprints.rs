//! The folder of fingerprint files that a scanner is given.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use muster_identify::recog::Database;

use crate::error::ScannerError;

/// What is read of one file; the database refuses less.
const FILE_MAX_BYTES: u64 = 16 << 20;
/// Entries of the folder that are looked at.
const ENTRIES_MAX: usize = 4_096;

/// Reads every `*.xml` of a folder, in the order of their names.
///
/// # Errors
/// When the folder or a file cannot be read, has nothing in it, or is not what it should be: with the file, the line and
/// the fingerprint.
pub fn load(folder: &Path) -> Result<Database, ScannerError> {
    let unreadable = |path: &Path, cause: String| ScannerError::FingerprintFiles { path: path.to_owned(), cause };
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, error.to_string()))?;
    let mut paths = Vec::new();
    for entry in entries.take(ENTRIES_MAX) {
        let path: PathBuf = entry.map_err(|error| unreadable(folder, error.to_string()))?.path();
        if path.extension().is_some_and(|extension| extension == "xml") {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(unreadable(folder, "it has no file that ends in .xml".to_owned()));
    }
    paths.sort();
    let mut files = Vec::with_capacity(paths.len());
    for path in &paths {
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(FILE_MAX_BYTES).read_to_end(&mut bytes));
        read.map_err(|error| unreadable(path, error.to_string()))?;
        files.push((path.display().to_string(), bytes));
    }
    Ok(Database::load(files)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::load;

    #[test]
    fn a_folder_is_whole_or_refused_with_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |part: &str| {
            let error = load(folder.path()).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("fingerprints.recog_dir"), "{error}");
        };
        refused("no file that ends in .xml");
        let good = "<fingerprints matches=\"ssh.banner\">\n<fingerprint pattern=\"^x$\">\n\
                    <description>x</description>\n</fingerprint>\n</fingerprints>";
        std::fs::write(folder.path().join("good.xml"), good).unwrap();
        std::fs::write(folder.path().join("LICENSE"), "not XML").unwrap();
        assert_eq!(load(folder.path()).unwrap().tables().len(), 1);
        std::fs::write(folder.path().join("wrong.xml"), good.replace("^x$", "(?=x)")).unwrap();
        refused("wrong.xml, line");
        refused("(?=x)");
    }
}
