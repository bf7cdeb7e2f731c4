//! What can go wrong with an engine. Each message completes "failed to …".

use std::path::{Path, PathBuf};

/// Why an engine could not be found, configured, started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine files are in none of the places.
    #[error(
        "find the engines nats-server and libchdb.so: looked in {searched}; run `make engines`, or name their folder \
         with --engines DIR, up.engines or MUSTER_ENGINES"
    )]
    FilesMissing {
        /// The folders that were looked into.
        searched: String,
    },
    /// A file or folder of the engines cannot be used.
    #[error("{action} {}: {source}", path.display())]
    File {
        /// What was tried, a verb.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Somebody else listens there.
    #[error("start {engine}: port {port} of 127.0.0.1 is taken by another process; stop it or choose another port")]
    PortTaken {
        /// The engine that wanted the port.
        engine: &'static str,
        /// The port.
        port: u16,
    },
    /// No port could be found.
    #[error("find a free port on 127.0.0.1: none of {tried} tried between {from} and {to} was free; name the ports")]
    NoFreePort {
        /// How many were tried.
        tried: u32,
        /// The lowest that is chosen.
        from: u16,
        /// The highest that is chosen.
        to: u16,
    },
    /// The engine ended, or did not answer in time.
    #[error("start {engine}: {what}; the end of {}:\n{tail}", log.display())]
    NotUp {
        /// Which.
        engine: &'static str,
        /// What was seen.
        what: String,
        /// Its log.
        log: PathBuf,
        /// The last lines of the log.
        tail: String,
    },
    /// The operating system refused to make the process.
    #[error("start {engine} from {}: {source}", program.display())]
    Spawn {
        /// Which.
        engine: &'static str,
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The process does not end.
    #[error("stop {engine} (process {pid}): {source}")]
    Stop {
        /// Which.
        engine: &'static str,
        /// Its process id.
        pid: u32,
        /// What the system said.
        source: std::io::Error,
    },
    /// A kill or restart of an engine that is not in the state for it.
    #[error("{action} {engine}: it is {state}")]
    State {
        /// What was asked.
        action: &'static str,
        /// Of which.
        engine: &'static str,
        /// What it is doing.
        state: &'static str,
    },
    /// Two processes on one directory would destroy it.
    #[error("use the engine data in {}: another process holds it; stop that one or choose another directory", path.display())]
    DataInUse {
        /// The data directory.
        path: PathBuf,
    },
    /// The configurations of the engines are UTF-8.
    #[error("use the engine data in {}: the name of the directory is not UTF-8; choose another one", path.display())]
    DataName {
        /// The data directory.
        path: PathBuf,
    },
    /// A user, setting or table cannot be written into a configuration.
    #[error("configure {engine}: {what} {name:?} must be a letter, then letters, digits, `_` or `-`")]
    Name {
        /// For which.
        engine: &'static str,
        /// What is named.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Two users of one name.
    #[error("configure {engine}: the user {name:?} is there twice, or is reserved")]
    DuplicateUser {
        /// For which.
        engine: &'static str,
        /// The name.
        name: String,
    },
    /// The file of passwords is not what was written.
    #[error("read the passwords in {}: {source}; delete the file to have new ones made", path.display())]
    Passwords {
        /// The file.
        path: PathBuf,
        /// Where it is broken.
        source: serde_json::Error,
    },
    /// The system has no randomness.
    #[error("draw a random password or port: {0}")]
    Random(getrandom::Error),
    /// The library of the embedded ClickHouse cannot be loaded.
    #[error("load {}: {source}; fetch it again with `make engines`", path.display())]
    Library {
        /// The library.
        path: PathBuf,
        /// What the loader said.
        source: libloading::Error,
    },
    /// The embedded ClickHouse ended with an error.
    #[error("run the embedded ClickHouse: {0}")]
    Embedded(String),
    /// `muster engine clickhouse` was called with too little.
    #[error("run the embedded ClickHouse: the first argument must be the path of libchdb.so")]
    EmbeddedArguments,
    /// A background task of ours ended early.
    #[error("wait for the engines: {0}")]
    Task(tokio::task::JoinError),
    /// The program that becomes the ClickHouse process is not there (tests only).
    #[error("build the program of the embedded ClickHouse: {0}")]
    Program(String),
}

impl Error {
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}
