//! From what a call failed with to one line: the cause, then the next command; and the exit code.

use std::error::Error;
use std::fmt::Write;

use muster_kit::exit::one_line;
use muster_kit::{Exit, Failure};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::text::visible;

/// Violations that are named besides the message; the rest is counted.
const VIOLATIONS_MAX: usize = 10;

/// What a reason of the gateway means for the caller of the command line.
struct Advice {
    code: &'static str,
    exit: Exit,
    /// The next step; empty where the message says it.
    next: &'static str,
}

const fn advice(code: &'static str, exit: Exit, next: &'static str) -> Advice {
    Advice { code, exit, next }
}

/// The reasons of the gateway (its `errors.txt`), by code.
const ADVICE: &[Advice] = &[
    advice("MUS-1001", Exit::Usage, "see the command's --help"),
    advice("MUS-1002", Exit::Usage, "a filter reads like: site = \"dublin\" AND reason = \"rogue\""),
    advice("MUS-1003", Exit::Temporary, "the list changed hands while it was read: run the command again"),
    advice("MUS-1004", Exit::Usage, "leave --resume out to begin with the findings as they stand"),
    advice("MUS-1005", Exit::Data, "mend the files and look with: muster apply -f DIR --dry-run"),
    advice("MUS-1006", Exit::Data, "mend the file and look with: muster inventory import FILE --site SITE --dry-run"),
    advice("MUS-1007", Exit::Usage, "what may be looked at: muster site show SITE"),
    advice("MUS-2001", Exit::Permission, "name a credential with --token-file, or with --cert and --key"),
    advice("MUS-2002", Exit::Permission, "ask an administrator of the gateway's access file for the role"),
    advice("MUS-3001", Exit::Negative, ""),
    advice("MUS-3002", Exit::Usage, "write one of them"),
    advice("MUS-4001", Exit::Temporary, "look again, and run the command again if it is still what you want"),
    advice("MUS-4002", Exit::Negative, "if that is meant, run it again with --force"),
    advice("MUS-4003", Exit::Negative, ""),
    advice("MUS-4004", Exit::Temporary, "leave --resume out to begin with the findings as they stand"),
    advice("MUS-5001", Exit::Temporary, "run it again later"),
    advice("MUS-5002", Exit::Temporary, "go on with the last resume token"),
    advice("MUS-5003", Exit::Temporary, "run it again later"),
    advice("MUS-5004", Exit::Usage, ""),
    advice("MUS-6001", Exit::Temporary, "give it longer with --timeout, or narrow it with --filter"),
    advice("MUS-6002", Exit::Temporary, "run it again, or give it longer with --timeout"),
    advice("MUS-6003", Exit::Unavailable, "run it again later"),
    advice("MUS-6004", Exit::Unavailable, "run it again later"),
    advice("MUS-6005", Exit::Unavailable, "run it again: look first whether it took effect"),
    advice("MUS-6006", Exit::Unavailable, "run it again"),
    advice("MUS-9001", Exit::Internal, "please report it with the gateway's log"),
];

/// A call that the gateway, or the way to it, refused.
pub(super) fn of_status(what: &str, address: &str, status: &Status) -> Failure {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.as_str()).unwrap_or_default();
    let (exit, next) = match ADVICE.iter().find(|advice| advice.code == reason) {
        Some(advice) => (advice.exit, advice.next.to_owned()),
        None => without_reason(status.code(), address),
    };
    let mut line = format!("failed to {what}: {}", cause(status));
    add_violations(&mut line, status.message(), &details);
    if let Some(resource) = details.resource_info()
        && !line.contains(&resource.resource_name)
    {
        // Writing to a String does not fail.
        let _ = write!(line, " ({} {:?})", resource.resource_type, resource.resource_name);
    }
    if !reason.is_empty() {
        let _ = write!(line, " [{}]", visible(reason));
    }
    if let Some(delay) = details.retry_info().and_then(|retry| retry.retry_delay) {
        let _ = write!(line, "; try again in {} s", delay.as_secs().max(1));
    } else if !next.is_empty() {
        let _ = write!(line, "; {next}");
    }
    Failure::message(exit, line)
}

/// The reason code of the gateway, if it gave one.
pub(super) fn reason(status: &Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

/// Nobody answers at the address.
pub(super) fn unreachable(address: &str, error: &(dyn Error + 'static)) -> Failure {
    let text = chain(error);
    let next = if text.contains("certificate") || text.contains("UnknownIssuer") {
        "name the gateway's authority with --ca, or another --address"
    } else if text.contains("HTTP/2") || text.contains("h2") || text.contains("frame") {
        "is that the gRPC port, and https:// where it serves TLS?"
    } else {
        "is Muster running? start it with `muster up`, or name it with --address"
    };
    Failure::message(Exit::Unavailable, format!("failed to reach the gateway at {address}: {text}; {next}"))
}

/// The causes below an error of the transport: its own text says only "transport error".
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let text = match error.source() {
        Some(source) => one_line(source),
        None => error.to_string(),
    };
    visible(&text)
}

fn cause(status: &Status) -> String {
    if status.message().is_empty() {
        return format!("{:?}", status.code());
    }
    match status.source() {
        Some(source) if status.message() == source.to_string() => chain(source),
        Some(_) | None => visible(&status.message().replace('\n', "; ")),
    }
}

/// Every violation that the message does not say already.
fn add_violations(line: &mut String, message: &str, details: &ErrorDetails) {
    let Some(request) = details.bad_request() else { return };
    let others: Vec<_> = request
        .field_violations
        .iter()
        .filter(|violation| !message.contains(&violation.description))
        .map(|violation| visible(&format!("{}: {}", violation.field, violation.description)))
        .collect();
    for other in others.iter().take(VIOLATIONS_MAX) {
        let _ = write!(line, "; {other}");
    }
    if others.len() > VIOLATIONS_MAX {
        let _ = write!(line, "; and {} more", others.len() - VIOLATIONS_MAX);
    }
}

fn without_reason(code: Code, address: &str) -> (Exit, String) {
    match code {
        Code::Unavailable => (Exit::Unavailable, format!("is the gateway at {address} running?")),
        Code::Unauthenticated | Code::PermissionDenied => {
            (Exit::Permission, "name a credential with --token-file, or with --cert and --key".to_owned())
        }
        Code::InvalidArgument | Code::OutOfRange => (Exit::Usage, "see the command's --help".to_owned()),
        Code::NotFound | Code::AlreadyExists | Code::FailedPrecondition => (Exit::Negative, String::new()),
        Code::DeadlineExceeded | Code::Cancelled => (Exit::Temporary, "give it longer with --timeout".to_owned()),
        Code::Aborted | Code::ResourceExhausted => (Exit::Temporary, "run it again later".to_owned()),
        Code::Unimplemented => {
            (Exit::Usage, format!("the gateway at {address} does not know this call: compare `muster --version` there"))
        }
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => {
            (Exit::Internal, format!("is {address} a Muster gateway? if so, please report it with its log"))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::time::Duration;

    use super::*;

    fn status(code: Code, reason: &str, message: &str, change: impl FnOnce(&mut ErrorDetails)) -> Status {
        let mut details = ErrorDetails::new();
        details.set_error_info(reason, "muster.v1", [(String::new(), String::new())]);
        change(&mut details);
        Status::with_error_details(code, message, details)
    }

    fn told(status: &Status) -> String {
        let failure = of_status("list findings", "http://gw:7420", status);
        format!("{} {failure}", failure.exit().code())
    }

    #[test]
    fn each_reason_has_its_line() {
        let lines = [
            status(Code::InvalidArgument, "MUS-1002", "filter: column 1: no such field", |details| {
                details.add_bad_request_violation("filter", "column 1: no such field");
            }),
            status(Code::InvalidArgument, "MUS-1005", "dublin: range 1", |details| {
                details.add_bad_request_violation("documents", "dublin: range 1");
                details.add_bad_request_violation("documents", "redmond: range 2");
            }),
            status(Code::NotFound, "MUS-3001", "no host \"10.0.0.1\"", |details| {
                details.set_resource_info("host", "10.0.0.1", "", "");
            }),
            status(
                Code::FailedPrecondition,
                "MUS-3002",
                "\"10.0.0.1\" is more than one host: a/10.0.0.1, b/10.0.0.1",
                |_| {},
            ),
            status(Code::Unavailable, "MUS-6003", "the bus does not answer", |details| {
                details.set_retry_info(Some(Duration::from_secs(2)));
            }),
            status(Code::PermissionDenied, "MUS-2002", "no role on site dublin\u{1b}[2J", |_| {}),
            Status::unimplemented("unknown service"),
            Status::unavailable(""),
        ]
        .map(|status| told(&status));
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn every_reason_of_the_gateway_has_advice() {
        let documented = include_str!("../../../gateway/errors.txt");
        let codes: Vec<&str> = documented.lines().filter_map(|line| line.split(' ').next()).collect();
        let known: Vec<&str> = ADVICE.iter().map(|advice| advice.code).collect();
        assert_eq!(codes, known);
    }
}
