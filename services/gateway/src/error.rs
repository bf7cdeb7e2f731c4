//! Every error that a caller can meet: one table, stable codes, `google.rpc` details.

use std::fmt;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

mod conversions;

/// `domain` of every `google.rpc.ErrorInfo`.
pub const DOMAIN: &str = "muster.v1";

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $grpc:ident, $meaning:literal;)+) => {
        /// Why a call failed. The list is append-only: scripts depend on the codes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $(#[doc = $meaning] $name,)+
        }

        impl Reason {
            /// All of them, in the order of their codes.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The code, as `google.rpc.ErrorInfo` carries it.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)+ }
            }

            /// The gRPC status.
            #[must_use]
            pub const fn status(self) -> Code {
                match self { $(Self::$name => Code::$grpc,)+ }
            }

            /// One line for a person.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)+ }
            }
        }
    };
}

reasons! {
    FieldInvalid = "MUS-1001", InvalidArgument, "A field of the request does not say what it should.";
    FilterInvalid = "MUS-1002", InvalidArgument, "The filter cannot be read; the message names the column.";
    PageTokenInvalid = "MUS-1003", InvalidArgument, "The page token is not this server's, or of another call or filter.";
    ResumeTokenInvalid = "MUS-1004", InvalidArgument, "The resume token is not this server's, or of another filter.";
    EstateInvalid = "MUS-1005", InvalidArgument, "The estate documents contradict themselves or each other.";
    ImportInvalid = "MUS-1006", InvalidArgument, "The import's chunks or assets are not in order.";
    OutOfScope = "MUS-1007", InvalidArgument, "The addresses are not inside the site's scope.";
    Unauthenticated = "MUS-2001", Unauthenticated, "No credential, or one that is not known.";
    PermissionDenied = "MUS-2002", PermissionDenied, "The caller has no role for this call on this site.";
    NotFound = "MUS-3001", NotFound, "There is no such thing, or the caller may not see it.";
    Ambiguous = "MUS-3002", FailedPrecondition, "More than one thing fits; the message lists them.";
    RevisionConflict = "MUS-4001", Aborted, "Somebody else changed it first: read it again and decide again.";
    WouldVanish = "MUS-4002", FailedPrecondition, "More than a tenth of the assets would vanish: repeat with force.";
    NothingToChange = "MUS-4003", FailedPrecondition, "It already stands as asked.";
    ResumeGone = "MUS-4004", OutOfRange, "What follows the resume token is no longer kept: watch from the beginning.";
    TooManyCalls = "MUS-5001", ResourceExhausted, "The caller has too many calls at once: try again later.";
    TooSlow = "MUS-5002", ResourceExhausted, "The client read too slowly: watch again from its last resume token.";
    StreamFull = "MUS-5003", ResourceExhausted, "The bus is full until its readers have caught up: try again later.";
    TooLarge = "MUS-5004", ResourceExhausted, "Larger than one call may be: split it.";
    Deadline = "MUS-6001", DeadlineExceeded, "The call's deadline passed.";
    NotYetVisible = "MUS-6002", DeadlineExceeded, "What at_least_sequence asks for is not stored yet.";
    BusUnavailable = "MUS-6003", Unavailable, "The bus does not answer: try again.";
    StoreUnavailable = "MUS-6004", Unavailable, "The store does not answer: try again.";
    Indefinite = "MUS-6005", Unavailable, "It is not known whether the command was accepted: repeat it, it is one command.";
    ShuttingDown = "MUS-6006", Unavailable, "This gateway is stopping: connect to another, or try again.";
    Internal = "MUS-9001", Internal, "A bug in Muster: please report it.";
}

/// An error on its way to the caller.
#[derive(Debug, Clone)]
pub struct ApiError {
    reason: Reason,
    message: String,
    violations: Vec<(String, String)>,
    retry_after: Option<Duration>,
    resource: Option<(String, String)>,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.reason.code(), self.message)
    }
}

impl std::error::Error for ApiError {}

/// What a call leads to.
pub type Answer<T> = Result<T, ApiError>;

impl ApiError {
    /// An error with a message for the caller.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), violations: Vec::new(), retry_after: None, resource: None }
    }

    /// A field of the request is wrong.
    pub fn field(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::new(Reason::FieldInvalid, String::new()).violation(field, problem)
    }

    /// Something is not there, or not for this caller.
    pub fn not_found(kind: &str, name: impl Into<String>) -> Self {
        let name = name.into();
        let mut error = Self::new(Reason::NotFound, format!("no {kind} {name:?}"));
        error.resource = Some((kind.to_owned(), name));
        error
    }

    /// Adds a field violation; the message becomes the first one when there is none yet.
    #[must_use]
    pub fn violation(mut self, field: impl Into<String>, problem: impl Into<String>) -> Self {
        let (field, problem) = (field.into(), problem.into());
        if self.message.is_empty() {
            self.message = format!("{field}: {problem}");
        }
        self.violations.push((field, problem));
        self
    }

    /// Says when to try again.
    #[must_use]
    pub const fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// Why it failed.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }
}

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        let mut details = ErrorDetails::new();
        details.set_error_info(
            error.reason.code(),
            DOMAIN,
            [("meaning".to_owned(), error.reason.meaning().to_owned())],
        );
        for (field, problem) in &error.violations {
            details.add_bad_request_violation(field, problem);
        }
        if let Some(delay) = error.retry_after {
            details.set_retry_info(Some(delay));
        }
        if let Some((kind, name)) = &error.resource {
            details.set_resource_info(kind, name, "", "");
        }
        Self::with_error_details(error.reason.status(), error.message, details)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_table_is_as_documented() {
        let table: String = Reason::ALL
            .iter()
            .map(|reason| format!("{} {:?} {}\n", reason.code(), reason.status(), reason.meaning()))
            .collect();
        let documented = include_str!("../errors.txt");
        assert_eq!(table, documented, "errors.txt is the golden of the error table: only ever add to it");
    }

    #[test]
    fn details_reach_the_status() {
        let status = Status::from(ApiError::field("until", "lies in the past").retry_after(Duration::from_secs(2)));
        let details = status.get_error_details();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(details.error_info().unwrap().reason, "MUS-1001");
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "until");
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_secs(2)));
    }

    #[test]
    fn what_is_missing_is_named() {
        let status = Status::from(ApiError::not_found("finding", "00ff"));
        assert_eq!(status.get_error_details().resource_info().unwrap().resource_name, "00ff");
    }
}
