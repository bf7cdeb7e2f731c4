//! What the standard library cannot do, each as one small safe function.

use std::ffi::{CStr, CString, OsString, c_char, c_int, c_void};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::Error;

/// Asks a process to end.
pub(crate) fn terminate(pid: u32) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid).map_err(io::Error::other)?;
    // SAFETY: kill(2) takes two numbers; a wrong one is an error it returns.
    check(unsafe { libc::kill(pid, libc::SIGTERM) })
}

/// Ties a child to us: it is killed when the thread that starts it ends (so start it from one that lives as long as the
/// process), and it keeps `lock` open as long as it lives.
pub(crate) fn tie(command: &mut Command, lock: BorrowedFd<'_>) {
    let parent = std::process::id();
    let lock = lock.as_raw_fd();
    let prepare = move || {
        // SAFETY: fcntl and getppid are async-signal-safe and touch no memory of ours.
        check(unsafe { libc::fcntl(lock, libc::F_SETFD, 0) })?;
        die_with(parent)
    };
    // SAFETY: the closure runs between fork and exec and makes only async-signal-safe calls.
    unsafe { command.pre_exec(prepare) };
}

#[cfg(target_os = "linux")]
fn die_with(parent: u32) -> io::Result<()> {
    // SAFETY: prctl(PR_SET_PDEATHSIG) takes a signal number; both calls are async-signal-safe.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) })?;
    // The parent may have died before the line above; then the signal never comes.
    // SAFETY: getppid only returns a number.
    let now = unsafe { libc::getppid() };
    if u32::try_from(now).is_ok_and(|now| now == parent) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// Elsewhere an engine outlives a parent that was killed; the lock of the data directory keeps a second one away.
#[cfg(not(target_os = "linux"))]
fn die_with(_parent: u32) -> io::Result<()> {
    Ok(())
}

/// Has a function called when the process exits by itself.
pub(crate) fn at_exit(action: extern "C" fn()) {
    // SAFETY: `action` is a plain function that is there as long as the program.
    unsafe { libc::atexit(action) };
}

/// `chdb_query_cmdline`: runs clickhouse-local with these arguments, as a command would be. The result is opaque.
type QueryCmdline = unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut c_void;
/// `chdb_result_error`: the error of a result, or null.
type ResultError = unsafe extern "C" fn(*mut c_void) -> *const c_char;

/// Loads libchdb and runs its ClickHouse until it ends.
pub(crate) fn run_chdb(library: &Path, arguments: &[OsString]) -> Result<(), Error> {
    let failed = |source| Error::Library { path: library.to_owned(), source };
    let too_odd = |_| Error::EmbeddedArguments;
    let owned: Vec<CString> = arguments
        .iter()
        .map(|argument| CString::new(argument.clone().into_vec()))
        .collect::<Result<_, _>>()
        .map_err(too_odd)?;
    let mut argv: Vec<*mut c_char> = owned.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
    argv.push(std::ptr::null_mut());
    let count = c_int::try_from(owned.len()).map_err(|_| Error::EmbeddedArguments)?;
    // SAFETY: this process does nothing but run this library, whose initialisers are trusted as any engine is; its
    // hash was checked when it was fetched.
    let chdb = unsafe { libloading::Library::new(library) }.map_err(failed)?;
    // SAFETY: the types are those of chdb.h of this version.
    let query = unsafe { chdb.get::<QueryCmdline>(b"chdb_query_cmdline\0") }.map_err(failed)?;
    // SAFETY: the same.
    let error_of = unsafe { chdb.get::<ResultError>(b"chdb_result_error\0") }.map_err(failed)?;
    // SAFETY: argv is `count` C strings and a null, all alive until the call returns.
    let result = unsafe { query(count, argv.as_mut_ptr()) };
    if result.is_null() {
        return Err(Error::Embedded("it gave no result".to_owned()));
    }
    // SAFETY: the result is one of this library, and not null.
    let error = unsafe { error_of(result) };
    let outcome = if error.is_null() {
        Ok(())
    } else {
        // SAFETY: a non-null error is a C string that lives as long as the result.
        Err(Error::Embedded(unsafe { CStr::from_ptr(error) }.to_string_lossy().into_owned()))
    };
    // Unloading would run the destructors of a database under threads that may still be ending.
    std::mem::forget(chdb);
    outcome
}

fn check(status: c_int) -> io::Result<()> {
    if status == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
