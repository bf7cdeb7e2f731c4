//! What each exit code means, and the error that carries one out of a service.
//!
//! The numbers are those of BSD `sysexits.h`, so that scripts and init systems can tell "try again" from "fix it".

use std::process::ExitCode;

use crate::config::ConfigError;

/// Why a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Did what was asked.
    Ok = 0,
    /// Worked, and the answer is no: a check failed, a ledger does not balance, nothing was found.
    Negative = 1,
    /// Wrong arguments or configuration: nothing was started.
    Usage = 64,
    /// An input file does not hold what it should.
    Data = 65,
    /// An input file is missing or unreadable.
    NoInput = 66,
    /// An engine or a remote service cannot be reached.
    Unavailable = 69,
    /// A bug or an invariant that does not hold: please report it.
    Internal = 70,
    /// A file, directory or listening address cannot be created.
    CannotCreate = 73,
    /// Failed for now: the same call may work later.
    Temporary = 75,
    /// A password, a permission or a role is missing.
    Permission = 77,
}

impl Exit {
    /// Every code, in order; the table in the documentation is made of it.
    pub const ALL: [Self; 10] = [
        Self::Ok,
        Self::Negative,
        Self::Usage,
        Self::Data,
        Self::NoInput,
        Self::Unavailable,
        Self::Internal,
        Self::CannotCreate,
        Self::Temporary,
        Self::Permission,
    ];

    /// The number the operating system sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// One line for a person.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "done",
            Self::Negative => "the answer is no",
            Self::Usage => "wrong arguments or configuration",
            Self::Data => "an input does not hold what it should",
            Self::NoInput => "an input is missing or unreadable",
            Self::Unavailable => "an engine or a remote service is unreachable",
            Self::Internal => "a bug in Muster",
            Self::CannotCreate => "a file, directory or listening address cannot be created",
            Self::Temporary => "failed for now, may work later",
            Self::Permission => "a credential or permission is missing",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error with the exit code it ends the process with.
///
/// `?` turns any error into one: the code is found in the chain of causes (a configuration error is [`Exit::Usage`], an
/// occupied port [`Exit::CannotCreate`], a refused connection [`Exit::Unavailable`], …) and is [`Exit::Internal`] when
/// nothing there tells more. Name it with [`OrExit::or_exit`] where the code is known better.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    cause: anyhow::Error,
}

impl Failure {
    /// A failure with a chosen exit code.
    pub fn new(exit: Exit, cause: impl Into<anyhow::Error>) -> Self {
        Self { exit, cause: cause.into() }
    }

    /// A failure that is only a message.
    pub fn message(exit: Exit, message: impl std::fmt::Display) -> Self {
        Self { exit, cause: anyhow::anyhow!("{message}") }
    }

    /// The code of the process.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// What went wrong.
    #[must_use]
    pub const fn cause(&self) -> &anyhow::Error {
        &self.cause
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&one_line(self.cause.as_ref()))
    }
}

/// The whole chain of causes on one line. A cause whose text its parent already ends with is not said twice.
#[must_use]
pub fn one_line(error: &(dyn std::error::Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line.replace('\n', " ")
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(cause: E) -> Self {
        let cause = cause.into();
        Self { exit: guess(&cause), cause }
    }
}

/// Puts an exit code on the error of a result.
pub trait OrExit<T> {
    /// Ends the process with this code, should the error reach its edge.
    ///
    /// # Errors
    /// The same error, with the code.
    fn or_exit(self, exit: Exit) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure> {
        self.map_err(|cause| Failure::new(exit, cause))
    }
}

fn guess(error: &anyhow::Error) -> Exit {
    error.chain().find_map(guess_one).unwrap_or(Exit::Internal)
}

fn guess_one(cause: &(dyn std::error::Error + 'static)) -> Option<Exit> {
    if cause.is::<ConfigError>() || cause.is::<crate::tls::TlsError>() || cause.is::<crate::crash::CrashError>() {
        return Some(Exit::Usage);
    }
    if cause.is::<crate::health::BindError>() {
        return Some(Exit::CannotCreate);
    }
    let io = cause.downcast_ref::<std::io::Error>()?;
    guess_io(io.kind())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the standard library adds kinds; the rest tells nothing")]
const fn guess_io(kind: std::io::ErrorKind) -> Option<Exit> {
    use std::io::ErrorKind as Kind;
    match kind {
        Kind::AddrInUse
        | Kind::AddrNotAvailable
        | Kind::AlreadyExists
        | Kind::StorageFull
        | Kind::ReadOnlyFilesystem => Some(Exit::CannotCreate),
        Kind::PermissionDenied => Some(Exit::Permission),
        Kind::NotFound => Some(Exit::NoInput),
        Kind::ConnectionRefused | Kind::ConnectionReset | Kind::HostUnreachable | Kind::NetworkUnreachable => {
            Some(Exit::Unavailable)
        }
        Kind::TimedOut => Some(Exit::Temporary),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn io(kind: std::io::ErrorKind) -> Failure {
        std::io::Error::from(kind).into()
    }

    #[test]
    fn the_code_is_found_in_the_chain() {
        let wrapped =
            anyhow::Error::from(std::io::Error::from(std::io::ErrorKind::AddrInUse)).context("failed to bind");
        assert_eq!(Failure::from(wrapped).exit(), Exit::CannotCreate);
        assert_eq!(io(std::io::ErrorKind::PermissionDenied).exit(), Exit::Permission);
        assert_eq!(io(std::io::ErrorKind::ConnectionRefused).exit(), Exit::Unavailable);
        assert_eq!(Failure::from(anyhow::anyhow!("odd")).exit(), Exit::Internal);
    }

    #[test]
    fn a_named_code_wins() {
        let result: Result<(), _> = Err(std::io::Error::from(std::io::ErrorKind::NotFound));
        assert_eq!(result.or_exit(Exit::Temporary).unwrap_err().exit(), Exit::Temporary);
    }

    #[test]
    fn the_chain_is_one_line_without_repetition() {
        let inner = anyhow::anyhow!("refused\nby peer");
        let outer = inner.context("failed to connect: refused\nby peer").context("failed to start");
        assert_eq!(Failure::from(outer).to_string(), "failed to start: failed to connect: refused by peer");
    }

    #[test]
    fn codes_are_distinct() {
        let mut codes = Exit::ALL.map(Exit::code).to_vec();
        codes.dedup();
        assert_eq!(codes.len(), Exit::ALL.len());
    }
}
