//! The process that is the embedded ClickHouse.

use std::ffi::OsString;
use std::path::Path;

use crate::{Error, sys};

/// The body of `muster engine clickhouse LIBRARY ARGUMENT…`: loads the library and runs its clickhouse-local with the
/// arguments, until the query ends. `arguments` is what follows the word `clickhouse`. The caller is a process of its
/// own that does nothing else, before or after.
pub fn run_embedded(arguments: &[OsString]) -> Result<(), Error> {
    let [library, rest @ ..] = arguments else { return Err(Error::EmbeddedArguments) };
    let mut argv = vec![OsString::from("clickhouse")];
    argv.extend_from_slice(rest);
    sys::run_chdb(Path::new(library), &argv)
}
