//! One owner for a data directory: nats-server does not lock its store, and two servers on one store destroy it.
//!
//! The lock is a file lock whose descriptor the engines inherit. So it is free only when the process that started the
//! engines and the engines themselves are gone, in whichever order and way they went.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Error;

/// Engines whose parent was killed get their signal at once and are gone in milliseconds; a busy disk needs longer.
const PREDECESSOR_LEAVES_WITHIN: Duration = Duration::from_secs(10);
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// Takes the lock of a data directory.
pub(crate) fn take(data_dir: &Path) -> Result<File, Error> {
    let path = data_dir.join("lock");
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(Error::file("open", &path))?;
    let deadline = Instant::now() + PREDECESSOR_LEAVES_WITHIN;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(ASK_AGAIN_AFTER),
            Err(TryLockError::WouldBlock) => return Err(Error::DataInUse { path: data_dir.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(Error::file("lock", &path)(error)),
        }
    }
}
