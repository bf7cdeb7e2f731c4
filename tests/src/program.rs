//! The binary under test: built once, or named by `MUSTER_PROGRAM`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// The path of the `muster` binary, as it is built from this tree.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn muster_program() -> &'static Path {
    PROGRAM.get_or_init(|| {
        if let Some(program) = std::env::var_os("MUSTER_PROGRAM") {
            return program.into();
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--package", "muster", "--bin", "muster"]);
        let status = build.current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(status.as_ref().is_ok_and(std::process::ExitStatus::success), "cannot build muster: {status:?}");
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
        target.join("debug/muster")
    })
}
