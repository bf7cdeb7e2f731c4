//! For tests: a network that nobody else is on.

use std::io;
use std::process::Command;

use crate::may_use_frames;

/// Set in the process that runs inside.
const INSIDE: &str = "MUSTER_WIRE_INSIDE";

/// Runs a test of the calling program again, by its whole name, in network and mount namespaces of its own: `true`
/// inside of them, where the test goes on; `false` outside, once it has passed there.
///
/// # Errors
/// What it said, when it did not pass; or that it cannot be run.
pub fn inside(test: &str) -> io::Result<bool> {
    if std::env::var_os(INSIDE).is_some() {
        return Ok(true);
    }
    let mut command = Command::new("unshare");
    if may_use_frames().is_err() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "--mount"]).arg(std::env::current_exe()?).args([test, "--exact", "--nocapture"]);
    let output = command.env(INSIDE, "1").output()?;
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if output.status.success() && said.contains("1 passed") { Ok(false) } else { Err(io::Error::other(said)) }
}

/// Runs a command of a line of words.
///
/// # Errors
/// What it said, when it failed.
pub fn run(line: &str) -> io::Result<()> {
    let mut words = line.split(' ');
    let output = Command::new(words.next().unwrap_or_default()).args(words).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(io::Error::other(format!("{line}: {said}"))) }
}
