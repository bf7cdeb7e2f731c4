//! `muster-engine engine clickhouse …`: what `muster engine clickhouse …` does, for the tests of crates below `muster`.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let outcome = match arguments.as_slice() {
        [noun, engine, rest @ ..] if noun == "engine" && engine == "clickhouse" => {
            muster_engines::run_embedded(rest).map_err(|error| error.to_string())
        }
        _ => Err("understand the arguments: expected `engine clickhouse LIBRARY ARGUMENT…`".to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "muster-engine: failed to {error}");
            ExitCode::FAILURE
        }
    }
}
