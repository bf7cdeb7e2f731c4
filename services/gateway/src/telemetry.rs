//! What the gateway logs and counts: one function an event.

use std::time::Duration;

use http::Response;
use tonic::body::Body;

/// A call was answered (a watch: was opened).
pub(crate) fn called(path: &'static str, response: &Response<Body>, took: Duration) {
    // A refusal stands in the headers; the status of a body comes in its trailers and is the client's to see.
    let status = response.headers().get("grpc-status").and_then(|value| value.to_str().ok()).unwrap_or("0");
    tracing::debug!(path, status, took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX), "answered");
}
