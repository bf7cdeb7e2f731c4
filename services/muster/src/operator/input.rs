//! A file that a command reads whole, or standard input.

use std::io::Read;
use std::path::Path;

use muster_kit::{Exit, Failure};

use super::text::visible;

/// Bytes of a file: 300,000 assets of about 200 bytes, which is what the gateway takes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Why it cannot be read.
pub(super) fn fail(place: &str, exit: Exit, what: impl AsRef<str>) -> Failure {
    Failure::message(exit, format!("failed to read {place}: {}", visible(what.as_ref())))
}

/// What it is called, and what it holds. "-" is standard input.
pub(super) fn read(file: &Path) -> Result<(String, Vec<u8>), Failure> {
    let standard = file.as_os_str() == "-";
    let place = if standard { "standard input".to_owned() } else { file.display().to_string() };
    let missing = |error: std::io::Error| fail(&place, Exit::NoInput, error.to_string());
    let mut bytes = Vec::new();
    // One byte more than is taken tells that there is more.
    let read = if standard {
        std::io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).map_err(missing)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)
    };
    let length = read.map_err(missing)? as u64;
    if length > FILE_BYTES_MAX {
        return Err(fail(&place, Exit::Data, format!("more than {FILE_BYTES_MAX} bytes")));
    }
    Ok((place, bytes))
}
