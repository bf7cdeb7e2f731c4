//! W3C trace context in a message's headers: written by whoever publishes within a span, continued or linked by whoever
//! works on the message.

use async_nats::HeaderMap;
use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::tail::Received;

/// The span that a message was published in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(SpanContext);

impl Origin {
    /// The origin that headers name; none where nobody traces, or where they are not to be understood.
    pub(crate) fn of(headers: Option<&HeaderMap>) -> Option<Self> {
        let headers = headers?;
        headers.get("traceparent")?;
        Self::read(&Read(headers))
    }

    /// The origin that the `traceparent` (and `tracestate`) of a call names, as W3C Trace Context has them; none where
    /// they are not to be understood, or nobody traces.
    #[must_use]
    pub fn of_call(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        Self::read(&Given { traceparent, tracestate })
    }

    fn read(headers: &dyn Extractor) -> Option<Self> {
        let context = opentelemetry::global::get_text_map_propagator(|propagator| propagator.extract(headers));
        let origin = context.span().span_context().clone();
        origin.is_valid().then_some(Self(origin))
    }

    /// Makes a span a part of the origin's trace: for work that one message alone asked for.
    pub fn continue_in(&self, span: &Span) {
        let context = opentelemetry::Context::new().with_remote_span_context(self.0.clone());
        // Refused where the span was entered before, or nobody traces.
        let _ = span.set_parent(context);
    }

    /// Names the origin in a span: for work on many messages, of which this is the first.
    pub fn link_to(&self, span: &Span) {
        span.add_link(self.0.clone());
    }
}

/// A span for the work that one message asked for: a part of the trace that it was published in.
#[must_use]
pub fn continuing(received: &Received, span: Span) -> Span {
    if let Some(origin) = &received.origin {
        origin.continue_in(&span);
    }
    span
}

/// A span for the work on a batch: a trace of its own that names where the first message came from.
#[must_use]
pub fn linked(batch: &[Received], span: Span) -> Span {
    if let Some(origin) = batch.first().and_then(|first| first.origin.as_ref()) {
        origin.link_to(&span);
    }
    span
}

/// Writes the current span into headers, where somebody traces.
pub(crate) fn inject(headers: &mut HeaderMap) {
    let context = Span::current().context();
    opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&context, &mut Written(headers));
    });
}

struct Written<'a>(&'a mut HeaderMap);

impl Injector for Written<'_> {
    fn set(&mut self, key: &str, value: String) {
        // An empty `tracestate` says nothing.
        if !value.is_empty() {
            self.0.insert(key, value.as_str());
        }
    }
}

struct Given<'a> {
    traceparent: &'a str,
    tracestate: Option<&'a str>,
}

impl Extractor for Given<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => Some(self.traceparent),
            "tracestate" => self.tracestate,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

struct Read<'a>(&'a HeaderMap);

impl Extractor for Read<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(async_nats::HeaderValue::as_str)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_ref()).collect()
    }
}
