//! Reading a stream after a sequence.
//!
//! A tail is an ephemeral pull consumer without acknowledgement. When it breaks (server restart, lost pull, missing
//! heartbeat) it is made again after the last message read, so a reader sees every message once and in order. What the
//! reader has passed is its own record, see [`crate::Positions`].

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::jetstream::{self, consumer, message::StreamMessage};
use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use thiserror::Error;

use crate::topology::Stream;
use crate::trace::Origin;

/// Bytes asked for at once: 32 MiB are 128 of the largest slices, less than half a second of a disk at 70 MB/s.
const PULL_BYTES: usize = 32 << 20;
const PULL_MESSAGES: usize = 5_000;
/// How often a waiting reader looks whether its connection still is the one it reads on.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const HEARTBEAT: Duration = Duration::from_secs(5);
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LAST: Duration = Duration::from_secs(2);

/// A message as the stream holds it.
#[derive(Debug, Clone)]
pub struct Received {
    /// Stream sequence.
    pub sequence: u64,
    /// When the broker stored it.
    pub stored_at: Timestamp,
    /// Subject.
    pub subject: String,
    /// Body: an encoded envelope. Empty where only headers were asked for.
    pub payload: Bytes,
    /// Kind of event, as [`crate::kind`] names it. Only where headers were asked for.
    pub kind: Option<String>,
    /// Span that it was published in. Only of the first of a batch, and of a message that was read by itself: a span
    /// stands for a batch, so nobody asks about the others.
    pub origin: Option<Origin>,
}

impl Received {
    pub(crate) fn from_stored(message: StreamMessage) -> Self {
        Self {
            sequence: message.sequence,
            stored_at: instant(message.time.unix_timestamp_nanos()),
            subject: message.subject.to_string(),
            origin: Origin::of(Some(&message.headers)),
            payload: message.payload,
            kind: None,
        }
    }
}

fn instant(nanoseconds: i128) -> Timestamp {
    // The server cannot have stored anything outside jiff's range of years -9999 to 9999.
    Timestamp::from_nanosecond(nanoseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// How much one batch may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Messages.
    pub messages: usize,
    /// Bytes of payload.
    pub bytes: usize,
    /// How long to wait for more once there is one and the stream has more.
    pub linger: Duration,
}

/// Messages in stream order.
#[derive(Debug, Clone)]
pub struct Batch {
    /// At least one.
    pub messages: Vec<Received>,
    /// How many more the stream held when the last one was sent.
    pub pending: u64,
}

/// Why a stream cannot be read on.
#[derive(Debug, Error)]
pub enum TailError {
    /// Messages are gone that this reader has not read.
    #[error(
        "failed to read {stream} after {after}: the next message there is {found}, those between were removed before they \
         were read"
    )]
    Gap {
        /// Stream.
        stream: &'static str,
        /// Last sequence read.
        after: u64,
        /// Next that is there.
        found: u64,
    },
}

/// A reader's place in a stream.
pub struct Tail {
    jetstream: jetstream::Context,
    stream: Stream,
    filters: Vec<String>,
    headers_only: bool,
    /// Last sequence taken from the server.
    read: u64,
    /// Taken from the server, not yet given out.
    buffer: Vec<Received>,
    buffer_bytes: usize,
    pending: u64,
    open: Option<Open>,
    retry: Duration,
}

struct Open {
    messages: consumer::pull::Stream,
    delivered: u64,
    /// Connections that the client had made when this was opened.
    connects: u64,
}

impl std::fmt::Debug for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tail").field("stream", &self.stream).field("read", &self.read).finish_non_exhaustive()
    }
}

impl Tail {
    pub(crate) fn new(jetstream: jetstream::Context, stream: Stream, filters: Vec<String>, after: u64) -> Self {
        Self {
            jetstream,
            stream,
            filters,
            headers_only: false,
            read: after,
            buffer: Vec::new(),
            buffer_bytes: 0,
            pending: 0,
            open: None,
            retry: RETRY_FIRST,
        }
    }

    /// Reads what kind of event each message is, and no body: for a reader that needs one in a thousand.
    #[must_use]
    pub fn headers_only(mut self) -> Self {
        self.headers_only = true;
        self
    }

    /// Waits for messages and takes what is there, within limits. Waits for ever while nothing comes: select it against
    /// a shutdown. Dropping the future loses nothing: the next call gives out what it had taken.
    ///
    /// # Errors
    /// When messages that were not read are gone.
    pub async fn next_batch(&mut self, limits: Limits) -> Result<Batch, TailError> {
        self.gather(limits, tokio::time::Instant::now()).await
    }

    /// As [`Self::next_batch`]; but before an instant it also waits for messages that have yet to be published, so that
    /// a steady flow comes in few large batches instead of many small ones.
    ///
    /// # Errors
    /// When messages that were not read are gone.
    pub async fn gather(&mut self, limits: Limits, until: tokio::time::Instant) -> Result<Batch, TailError> {
        if self.buffer.is_empty() {
            self.take_one().await?;
        }
        let linger = tokio::time::Instant::now() + limits.linger;
        while self.buffer.len() < limits.messages && self.buffer_bytes < limits.bytes {
            let deadline = if self.pending > 0 { until.max(linger) } else { until };
            if self.pending > 0 || deadline > tokio::time::Instant::now() {
                match tokio::time::timeout_at(deadline, self.take_one()).await {
                    Ok(taken) => taken?,
                    Err(_) => break,
                }
            } else {
                // A message that was the stream's last when it was sent may have others behind it by now, that wait
                // here: whoever is slow would otherwise take them one by one.
                let arrived = if self.open.is_some() { self.take_one().now_or_never() } else { None };
                match arrived {
                    Some(taken) => taken?,
                    None => break,
                }
            }
        }
        self.buffer_bytes = 0;
        Ok(Batch { messages: std::mem::take(&mut self.buffer), pending: self.pending })
    }

    /// Reads again after a sequence.
    pub fn rewind(&mut self, after: u64) {
        self.read = after;
        self.open = None;
        self.buffer.clear();
        self.buffer_bytes = 0;
        self.pending = 0;
    }

    async fn take_one(&mut self) -> Result<(), TailError> {
        loop {
            let Some(open) = &mut self.open else {
                self.reopen().await;
                continue;
            };
            let next = tokio::select! {
                biased;
                next = open.messages.next() => next,
                () = connected_again(&self.jetstream, open.connects) => {
                    tracing::debug!(stream = self.stream.name(), "the connection was made again");
                    self.open = None;
                    continue;
                }
            };
            let message = match next {
                Some(Ok(message)) => message,
                Some(Err(error)) => {
                    tracing::debug!(stream = self.stream.name(), %error, "the tail broke");
                    self.broke().await;
                    continue;
                }
                None => {
                    self.broke().await;
                    continue;
                }
            };
            let (sequence, delivered, pending, stored_at) = match message.info() {
                Ok(info) => {
                    let stored_at = instant(info.published.unix_timestamp_nanos());
                    (info.stream_sequence, info.consumer_sequence, info.pending, stored_at)
                }
                Err(error) => {
                    tracing::warn!(stream = self.stream.name(), %error, "a message without its place in the stream");
                    self.broke().await;
                    continue;
                }
            };
            // The consumer counts what it sends: a hole in that count is a message lost on the way.
            if delivered != open.delivered + 1 {
                self.broke().await;
                continue;
            }
            open.delivered = delivered;
            if self.filters.is_empty() && sequence != self.read + 1 {
                return Err(TailError::Gap { stream: self.stream.name(), after: self.read, found: sequence });
            }
            self.retry = RETRY_FIRST;
            self.read = sequence;
            self.pending = pending;
            self.buffer_bytes += message.payload.len();
            let subject = message.subject.to_string();
            let kind = if self.headers_only { kind_of(&message) } else { None };
            let origin = if self.buffer.is_empty() { Origin::of(message.headers.as_ref()) } else { None };
            self.buffer.push(Received { sequence, stored_at, subject, payload: message.message.payload, kind, origin });
            return Ok(());
        }
    }

    async fn broke(&mut self) {
        self.open = None;
        tokio::time::sleep(self.retry).await;
        self.retry = (self.retry * 2).min(RETRY_LAST);
    }

    async fn reopen(&mut self) {
        let connects = connects(&self.jetstream);
        match self.try_open().await {
            Ok(messages) => self.open = Some(Open { messages, delivered: 0, connects }),
            Err(error) => {
                tracing::warn!(stream = self.stream.name(), after = self.read, %error, "cannot read the stream, trying again");
                self.broke().await;
            }
        }
    }

    async fn try_open(&self) -> Result<consumer::pull::Stream, Box<dyn std::error::Error + Send + Sync>> {
        // One filter, with a name, stands in the subject of the request, where the server holds a user to it.
        let (name, filter_subject, filter_subjects) = match self.filters.as_slice() {
            [one] => (Some(self.unique_name()), one.clone(), Vec::new()),
            several => (None, String::new(), several.to_vec()),
        };
        let config = consumer::pull::Config {
            name,
            description: Some(format!("tail after {}", self.read)),
            deliver_policy: consumer::DeliverPolicy::ByStartSequence { start_sequence: self.read + 1 },
            ack_policy: consumer::AckPolicy::None,
            filter_subject,
            filter_subjects,
            inactive_threshold: Duration::from_secs(60),
            headers_only: self.headers_only,
            max_waiting: 8,
            memory_storage: true,
            num_replicas: 1,
            ..consumer::pull::Config::default()
        };
        let consumer = self.jetstream.create_consumer_on_stream(config, self.stream.name()).await?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(PULL_MESSAGES)
            .max_bytes_per_batch(PULL_BYTES)
            .heartbeat(HEARTBEAT)
            .expires(HEARTBEAT * 6)
            .messages()
            .await?;
        Ok(messages)
    }

    /// The client's inboxes end in an id that no other has.
    fn unique_name(&self) -> String {
        let inbox = self.jetstream.client().new_inbox();
        format!("tail-{}", inbox.rsplit('.').next().unwrap_or(&inbox))
    }
}

fn connects(jetstream: &jetstream::Context) -> u64 {
    jetstream.client().statistics().connects.load(Ordering::Relaxed)
}

/// Waits until the connection is another one. What was on its way on the old one is lost: the consumer has counted it as
/// sent and waits for no acknowledgement, so where nothing comes after it nothing shows that it is missing.
async fn connected_again(jetstream: &jetstream::Context, before: u64) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    while connects(jetstream) == before {
        look.tick().await;
    }
}

fn kind_of(message: &jetstream::Message) -> Option<String> {
    let kind = message.headers.as_ref()?.get("ce-type")?.as_str();
    kind.strip_prefix(crate::publish::KIND_PREFIX).map(str::to_owned)
}
