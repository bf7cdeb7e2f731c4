//! What can go wrong, in words that name the thing and the next step.

use std::path::PathBuf;

use clickhouse::error::Error as ClientError;
use thiserror::Error;

use crate::options::StoreOptions;

/// Why a read, a migration or a connection failed; completes "failed to …".
#[derive(Debug, Error)]
pub enum StoreError {
    /// Nobody answers.
    #[error("reach ClickHouse at {url}: {reason}; start it or correct `store.url`")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What the system said.
        reason: String,
    },
    /// The file of authorities cannot be used.
    #[error("use the authorities in {}: {reason}; correct `store.ca_file`", file.display())]
    Authority {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The server is older than what Muster needs.
    #[error("use ClickHouse at {url}: it is version {found}, and {wanted} or newer is needed; upgrade the server")]
    TooOld {
        /// Where.
        url: String,
        /// Version found.
        found: String,
        /// Oldest that will do.
        wanted: String,
    },
    /// Tables stand there that are of the other kind.
    #[error(
        "change the schema of database {database:?}: its tables are {found}, not {wanted}; name the cluster that it was provisioned with in `--cluster`, or none"
    )]
    OtherEngine {
        /// Which database.
        database: String,
        /// Engine of the tables there.
        found: String,
        /// Engine that was asked for.
        wanted: &'static str,
    },
    /// The user or its password is wrong.
    #[error(
        "log in to ClickHouse at {url} as {user:?}: user or password is wrong; correct `store.user` and `store.password`"
    )]
    WrongPassword {
        /// Where.
        url: String,
        /// As whom.
        user: String,
    },
    /// The user lacks a right.
    #[error(
        "work with ClickHouse as {user:?}: a permission is missing: {message}; apply the grants that `muster store grants` prints"
    )]
    MissingPermission {
        /// As whom.
        user: String,
        /// What the server said.
        message: String,
    },
    /// There is no database or no schema.
    #[error("find Muster's tables in database {database:?} at {url}: there are none; run `muster store migrate`")]
    SchemaMissing {
        /// Where.
        url: String,
        /// Which database.
        database: String,
    },
    /// The schema is older than the program.
    #[error(
        "use schema version {found} of database {database:?}: this program needs {required}; run `muster store migrate`"
    )]
    SchemaTooOld {
        /// Which database.
        database: String,
        /// Version there.
        found: u32,
        /// Version needed.
        required: u32,
    },
    /// The schema is newer than the program.
    #[error(
        "use schema version {found} of database {database:?}: this program knows only {required}; upgrade this program"
    )]
    SchemaTooNew {
        /// Which database.
        database: String,
        /// Version there.
        found: u32,
        /// Version known.
        required: u32,
    },
    /// A migration that was applied reads differently now.
    #[error(
        "trust the schema of database {database:?}: migration {version:04}-{name} was applied with another text; use the version that made it, or fill a new store.database with another recorder.generation"
    )]
    MigrationChanged {
        /// Which database.
        database: String,
        /// Its number.
        version: u32,
        /// Its name.
        name: String,
    },
    /// The deadline passed.
    #[error("answer {what} in time: the deadline of {deadline_ms} ms passed; narrow the filter or allow more time")]
    Deadline {
        /// What was asked.
        what: String,
        /// How long it had.
        deadline_ms: u64,
    },
    /// A server-side limit was hit.
    #[error("answer {what} within the limits: {message}; narrow the filter")]
    Limit {
        /// What was asked.
        what: String,
        /// What the server said.
        message: String,
    },
    /// Somebody cancelled the query.
    #[error("answer {what}: it was cancelled")]
    Cancelled {
        /// What was asked.
        what: String,
    },
    /// The filter does not fit the resource.
    #[error("apply the filter: {0}")]
    Filter(#[from] crate::query::FilterError),
    /// Anything else the server said.
    #[error("{what}: ClickHouse answered with code {code}: {message}")]
    Server {
        /// What was asked.
        what: String,
        /// ClickHouse's error code.
        code: u32,
        /// Its text.
        message: String,
    },
    /// The answer could not be read: a bug, or a schema that somebody changed.
    #[error("read the answer to {what}: {reason}; compare the schema with `muster store check`")]
    Answer {
        /// What was asked.
        what: String,
        /// What was wrong.
        reason: String,
    },
}

/// Why an insert failed, and whether it may have happened all the same; completes "failed to …".
#[derive(Debug, Error)]
pub enum InsertError {
    /// Nothing was sent: the rows are not there. Try again.
    #[error("insert into {table}: ClickHouse at {url} cannot be reached: {reason}; start it or correct `store.url`")]
    Unreachable {
        /// Table.
        table: &'static str,
        /// Where.
        url: String,
        /// What the system said.
        reason: String,
    },
    /// The server is not able to take it now: the rows are not there. Try again later.
    #[error("insert into {table}: ClickHouse cannot take it now (code {code}): {message}")]
    Busy {
        /// Table.
        table: &'static str,
        /// ClickHouse's error code.
        code: u32,
        /// Its text.
        message: String,
    },
    /// The server refused it and will refuse it again: the rows are not there.
    #[error(
        "insert into {table}: ClickHouse refused it (code {code}): {message}; check `muster store check` and the grants of `muster store grants`"
    )]
    Refused {
        /// Table.
        table: &'static str,
        /// ClickHouse's error code.
        code: u32,
        /// Its text.
        message: String,
    },
    /// Nobody knows whether the rows are there: repeat the same block with the same token.
    #[error(
        "learn whether the insert into {table} took place: {reason}; the same block has to be repeated with its token"
    )]
    Indefinite {
        /// Table.
        table: &'static str,
        /// What happened.
        reason: String,
    },
}

impl InsertError {
    /// Whether a repeat of the same block with the same token can help.
    #[must_use]
    pub fn is_worth_repeating(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } | Self::Indefinite { .. } => true,
            Self::Refused { .. } => false,
        }
    }

    /// Whether it is certain that the rows are not there.
    #[must_use]
    pub fn is_definite(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } | Self::Refused { .. } => true,
            Self::Indefinite { .. } => false,
        }
    }
}

// ClickHouse's error codes: src/Common/ErrorCodes.cpp.
const UNKNOWN_DATABASE: u32 = 81;
const UNKNOWN_TABLE: u32 = 60;
const AUTHENTICATION_FAILED: u32 = 516;
const REQUIRED_PASSWORD: u32 = 194;
const WRONG_PASSWORD: u32 = 193;
const UNKNOWN_USER: u32 = 192;
/// ACCESS_DENIED, READONLY.
const DENIED: [u32; 2] = [497, 164];
/// TIMEOUT_EXCEEDED, SOCKET_TIMEOUT.
const TIMED_OUT: [u32; 2] = [159, 209];
/// TOO_MANY_ROWS, TOO_MANY_BYTES, MEMORY_LIMIT_EXCEEDED, TOO_MANY_ROWS_OR_BYTES, TOO_SLOW.
const LIMITS: [u32; 5] = [158, 307, 241, 396, 160];
const QUERY_WAS_CANCELLED: u32 = 394;
/// Raised before a row is read: TOO_MANY_PARTS, TOO_MANY_SIMULTANEOUS_QUERIES, TABLE_IS_READ_ONLY.
const BUSY: [u32; 3] = [252, 202, 242];
/// Raised while the statement or the rows are read, or by rights: ILLEGAL_TYPE_OF_ARGUMENT,
/// THERE_IS_NO_COLUMN, NO_SUCH_COLUMN_IN_TABLE, UNKNOWN_IDENTIFIER, TYPE_MISMATCH,
/// UNKNOWN_TABLE, SYNTAX_ERROR, UNKNOWN_FORMAT, UNKNOWN_DATABASE, UNKNOWN_SETTING, INCORRECT_DATA, TOO_LARGE_STRING_SIZE,
/// READONLY, UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, ACCESS_DENIED, AUTHENTICATION_FAILED,
/// TOO_MANY_PARTS of one block (more than one month).
const REFUSED: [u32; 18] = [43, 8, 16, 47, 53, 60, 62, 73, 81, 115, 117, 131, 164, 192, 193, 194, 497, 516];

/// What the client library reports, sorted.
pub(crate) enum Failure {
    /// No connection came about: nothing was sent.
    NotSent(String),
    /// The server answered with an error.
    Answered {
        /// ClickHouse's code.
        code: u32,
        /// Its text.
        message: String,
    },
    /// The connection broke, or time ran out.
    Broken(String),
    /// The library could not read the answer.
    Unreadable(String),
}

impl From<ClientError> for Failure {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the library's enum is open")]
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Network(source) => {
                let not_sent = source
                    .downcast_ref::<hyper_util::client::legacy::Error>()
                    .is_some_and(hyper_util::client::legacy::Error::is_connect);
                let reason = innermost(source.as_ref());
                if not_sent { Self::NotSent(reason) } else { Self::Broken(reason) }
            }
            ClientError::BadResponse(text) => match code_of(&text) {
                Some(code) => Self::Answered { code, message: one_line(&text) },
                None => Self::Broken(one_line(&text)),
            },
            ClientError::TimedOut => Self::Broken("no answer in time".to_owned()),
            ClientError::Unsupported(text) => Self::NotSent(text),
            ClientError::InvalidParams(source) => Self::NotSent(source.to_string()),
            other => Self::Unreadable(other.to_string()),
        }
    }
}

impl Failure {
    pub(crate) fn of_insert(self, table: &'static str, url: &str) -> InsertError {
        match self {
            Self::NotSent(reason) => InsertError::Unreachable { table, url: url.to_owned(), reason },
            Self::Answered { code, message } if BUSY.contains(&code) && !message.contains("single INSERT block") => {
                InsertError::Busy { table, code, message }
            }
            Self::Answered { code, message } if REFUSED.contains(&code) || BUSY.contains(&code) => {
                InsertError::Refused { table, code, message }
            }
            Self::Answered { code, message } => {
                InsertError::Indefinite { table, reason: format!("code {code}: {message}") }
            }
            Self::Broken(reason) | Self::Unreadable(reason) => InsertError::Indefinite { table, reason },
        }
    }

    pub(crate) fn of_query(self, what: &str, deadline_ms: u64, options: &StoreOptions) -> StoreError {
        let what = what.to_owned();
        match self {
            Self::NotSent(reason) | Self::Broken(reason) => {
                StoreError::Unreachable { url: options.url.clone(), reason }
            }
            Self::Unreadable(reason) => StoreError::Answer { what, reason },
            Self::Answered { code, message } => match code {
                AUTHENTICATION_FAILED | REQUIRED_PASSWORD | WRONG_PASSWORD | UNKNOWN_USER => {
                    StoreError::WrongPassword { url: options.url.clone(), user: options.user.clone() }
                }
                UNKNOWN_DATABASE | UNKNOWN_TABLE => {
                    StoreError::SchemaMissing { url: options.url.clone(), database: options.database.clone() }
                }
                QUERY_WAS_CANCELLED => StoreError::Cancelled { what },
                _ if DENIED.contains(&code) => StoreError::MissingPermission { user: options.user.clone(), message },
                _ if TIMED_OUT.contains(&code) => StoreError::Deadline { what, deadline_ms },
                _ if LIMITS.contains(&code) => StoreError::Limit { what, message },
                _ => StoreError::Server { what, code, message },
            },
        }
    }
}

/// The number in "Code: 60. DB::Exception: …".
fn code_of(text: &str) -> Option<u32> {
    let rest = text.split("Code: ").nth(1)?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// The first line, at most 400 characters: a server's answer can be long.
fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(400).collect()
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
