//! A document that something else puts into a file.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::cursor::Validators;
use crate::error::{FetchError, Refusal};

use super::{Document, Found};

/// A file that was written less than this before it was read may be written again within the same tick of the file
/// system's clock (FAT has two seconds, others less): its stamp proves nothing yet.
const SETTLED: Duration = Duration::from_secs(3);

/// What changes when a file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size_bytes: u64,
    modified_ns: (i64, i64),
    changed_ns: (i64, i64),
}

/// A file and how it was found last.
#[derive(Debug, Clone)]
pub(crate) struct FileSource {
    file: PathBuf,
    bytes_max: usize,
    seen: Option<Stamp>,
}

impl FileSource {
    pub(crate) const fn new(file: PathBuf, bytes_max: usize) -> Self {
        Self { file, bytes_max, seen: None }
    }

    /// Reads the file, unless it is as it was and what it held stands.
    pub(crate) async fn look(&mut self, stands: bool) -> Result<Found, FetchError> {
        let (file, bytes_max) = (self.file.clone(), self.bytes_max);
        let seen = self.seen.filter(|_| stands);
        let fail = |cause: String| FetchError::File { file: self.file.display().to_string(), cause };
        let read = tokio::task::spawn_blocking(move || read(&file, bytes_max, seen)).await;
        match read.map_err(|error| fail(error.to_string()))?.map_err(|error| fail(error.to_string()))? {
            None => Ok(Found::NotModified),
            Some((stamp, bytes)) => {
                self.seen = stamp;
                if bytes.len() > bytes_max {
                    return Ok(Found::Refused(Refusal::TooLarge { bytes_max }, format!("file {stamp:?}")));
                }
                Ok(Found::Document(Document { bytes: bytes.into(), validators: Validators::default() }))
            }
        }
    }
}

type ReadFile = (Option<Stamp>, Vec<u8>);

/// At most one byte more than is allowed.
fn read(path: &Path, bytes_max: usize, seen: Option<Stamp>) -> std::io::Result<Option<ReadFile>> {
    // Before it is opened: opening a pipe would wait for whoever writes into it.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let stamp = Stamp {
        inode: metadata.ino(),
        size_bytes: metadata.size(),
        modified_ns: (metadata.mtime(), metadata.mtime_nsec()),
        changed_ns: (metadata.ctime(), metadata.ctime_nsec()),
    };
    if seen == Some(stamp) {
        return Ok(None);
    }
    let age = SystemTime::now().duration_since(metadata.modified()?).unwrap_or_default();
    let mut bytes = Vec::new();
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Some(((age > SETTLED).then_some(stamp), bytes)))
}
