//! Into namespaces of one's own.

use std::io;
use std::process::{Command, ExitCode, Stdio};

use muster_wire::may_use_frames;

/// Set in the process that is inside.
const INSIDE: &str = "MUSTER_NETLAB_INSIDE";

/// Where a program is.
#[derive(Debug)]
pub enum Entered {
    /// In namespaces of its own: a lab can be built.
    Inside,
    /// Outside; the same program was run inside, and ended so.
    Outside(ExitCode),
}

/// Why this process can have no namespaces of its own; `None` when it can.
#[must_use]
pub fn why_not() -> Option<String> {
    let mut attempt = unshare();
    // What a lab needs first; /run is of the new mount namespace.
    attempt.args(["sh", "-c", "mount -t tmpfs tmpfs /run && ip netns add attempt"]);
    match attempt.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ")),
        Err(error) => Some(format!("unshare: {error}")),
    }
}

/// Has this program, with its arguments, in network and mount namespaces of its own. They end with it.
///
/// # Errors
/// When that is not permitted, or the program cannot be run again.
pub fn enter() -> io::Result<Entered> {
    if std::env::var_os(INSIDE).is_some() {
        // Whoever kills the process outside, which only waits, means this one.
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?;
        return Ok(Entered::Inside);
    }
    if let Some(why) = why_not() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    let mut again = unshare();
    again.arg(std::env::current_exe()?).args(std::env::args_os().skip(1)).env(INSIDE, "1");
    let status = again.status()?;
    // A signal has no code.
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(Entered::Outside(ExitCode::from(code)))
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    if may_use_frames().is_err() {
        // Root of a user namespace of one's own may do the same in networks of its own.
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--net", "--mount"]);
    command
}
