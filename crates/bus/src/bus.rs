//! One connection to the bus, and the handles that it gives out.

use std::time::Duration;

use async_nats::jetstream::{self, stream};
use async_nats::{ConnectErrorKind, ConnectOptions};

use crate::error::BusError;
use crate::kv::Kv;
use crate::options::BusOptions;
use crate::orders::{InFlight, OrderQueue};
use crate::positions::Positions;
use crate::publish::{PublishError, Publisher, judge, kind_header};
use crate::subject::{SiteName, Subject};
use crate::tail::{Received, Tail};
use crate::topology::{Bucket, Stream};

/// JetStream API level of nats-server 2.15, the oldest that Muster is tried with.
const API_LEVEL_MIN: u32 = 5;
/// Where a server writes its API level into what it says of a stream: there every user of the stream may read it.
const API_LEVEL_KEY: &str = "_nats.level";
/// How long a request may take before it counts as failed.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bus {
    pub(crate) client: async_nats::Client,
    pub(crate) jetstream: jetstream::Context,
    pub(crate) user: String,
}

impl Bus {
    /// Connects once. After that the connection is kept for ever: a broken one is made again with growing delays.
    ///
    /// # Errors
    /// When no server answers, it refuses the credentials, or it is too old.
    pub async fn connect(options: BusOptions) -> Result<Self, BusError> {
        let mut connect = ConnectOptions::new()
            .name(&options.name)
            .connection_timeout(Duration::from_secs(5))
            .request_timeout(Some(REQUEST_TIMEOUT))
            .custom_inbox_prefix(inbox_prefix(&options.user))
            .max_reconnects(None)
            .reconnect_delay_callback(reconnect_delay);
        if !options.user.is_empty() {
            connect = connect.user_and_password(options.user.clone(), options.password.clone());
        }
        if let Some(file) = options.ca_file {
            connect = connect.add_root_certificates(file);
        }
        match (options.cert_file, options.key_file) {
            (None, None) => {}
            (Some(certificate), Some(key)) => connect = connect.add_client_certificate(certificate, key),
            (Some(_), None) | (None, Some(_)) => return Err(BusError::HalfCertificate),
        }
        let client = connect.connect(&options.url).await.map_err(|error| {
            let refused = [ConnectErrorKind::AuthorizationViolation, ConnectErrorKind::Authentication];
            if refused.contains(&error.kind()) {
                BusError::Unauthorized { url: options.url.clone(), user: options.user.clone() }
            } else {
                BusError::Unreachable { url: options.url.clone(), cause: error.to_string() }
            }
        })?;
        let jetstream = jetstream::ContextBuilder::new().timeout(REQUEST_TIMEOUT).build(client.clone());
        Ok(Self { client, jetstream, user: options.user })
    }

    /// Compares the server's JetStream API level with what Muster needs. Needs an account permission, so it is asked by
    /// `muster provision` and `muster doctor`; a service reads it from its streams, see [`crate::Provisioning::check`].
    ///
    /// # Errors
    /// When the server is too old or does not answer.
    pub async fn check_api_level(&self) -> Result<u32, BusError> {
        let reply = self
            .client
            .request("$JS.API.INFO", Default::default())
            .await
            .map_err(|error| BusError::failed("ask NATS for its JetStream API level", error))?;
        let info: serde_json::Value = serde_json::from_slice(&reply.payload)
            .map_err(|error| BusError::failed("read the answer about the JetStream API level", error))?;
        let level = info.pointer("/api/level").and_then(serde_json::Value::as_u64).unwrap_or(0);
        enough(u32::try_from(level).unwrap_or(u32::MAX), &self.url())
    }

    /// The same for the server that answered for a stream.
    pub(crate) fn check_level_of(&self, config: &stream::Config) -> Result<u32, BusError> {
        enough(level_of(config), &self.url())
    }

    /// Whether the connection stands now.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == async_nats::connection::State::Connected
    }

    /// The server that answers, as it names itself.
    #[must_use]
    pub fn url(&self) -> String {
        let info = self.client.server_info();
        format!("{}:{}", info.host, info.port)
    }

    /// A publisher in the name of a process.
    #[must_use]
    pub fn publisher(&self, producer: muster_proto::v1::Producer) -> Publisher {
        Publisher::new(self.jetstream.clone(), producer)
    }

    /// Reads a stream after a sequence. Empty filters: all of it.
    #[must_use]
    pub fn tail(&self, stream: Stream, filters: &[String], after: u64) -> Tail {
        Tail::new(self.jetstream.clone(), stream, filters.to_vec(), after)
    }

    /// A bucket.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn kv(&self, bucket: Bucket) -> Result<Kv, BusError> {
        let store = self
            .jetstream
            .get_key_value(bucket.name())
            .await
            .map_err(|error| self.missing(&format!("bucket {}", bucket.name()), &error))?;
        Ok(Kv::new(store, bucket))
    }

    /// What readers have passed.
    ///
    /// # Errors
    /// When the bucket is not there.
    pub async fn positions(&self) -> Result<Positions, BusError> {
        Ok(Positions::new(self.kv(Bucket::Positions).await?))
    }

    /// The work that waits for a scanner of a site.
    ///
    /// # Errors
    /// When the stream is not there or the consumer cannot be made.
    pub async fn orders(&self, site: &SiteName) -> Result<OrderQueue, BusError> {
        let stream = self.stream(Stream::Orders).await?;
        OrderQueue::open(&stream, site).await
    }

    /// Every order that has no outcome yet, read from ORDERS itself.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn orders_in_flight(&self) -> Result<Vec<InFlight>, BusError> {
        let stream = self.stream(Stream::Orders).await?;
        crate::orders::in_flight(&stream).await
    }

    /// The last message on a subject. In a cluster a copy may answer that lags: what is done with it is published with
    /// an expected sequence, and refused if it was stale.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn last_on_subject(&self, stream: Stream, subject: &Subject) -> Result<Option<Received>, BusError> {
        let handle = self.handle(stream).await?;
        match handle.direct_get_last_for_subject(subject.as_str()).await {
            Ok(message) => Ok(Some(Received::from_stored(message))),
            Err(error) if error.kind() == stream::DirectGetErrorKind::NotFound => Ok(None),
            Err(error) => Err(BusError::failed(format!("read the last message on {subject}"), error)),
        }
    }

    /// Sequence of the last message on any subject that a filter matches; 0: there is none. An administrator's question.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn last_matching(&self, stream: Stream, filter: &str) -> Result<u64, BusError> {
        let handle = self.handle(stream).await?;
        match handle.get_last_raw_message_by_subject(filter).await {
            Ok(message) => Ok(message.sequence),
            Err(error) if error.kind() == stream::LastRawMessageErrorKind::NoMessageFound => Ok(0),
            Err(error) => Err(BusError::failed(format!("read the last message on {filter}"), error)),
        }
    }

    /// The message at a sequence, if it is still there.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn message_at(&self, stream: Stream, sequence: u64) -> Result<Option<Received>, BusError> {
        let handle = self.handle(stream).await?;
        match handle.get_raw_message(sequence).await {
            Ok(message) => Ok(Some(Received::from_stored(message))),
            Err(error) if error.kind() == stream::LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(BusError::failed(format!("read message {sequence} of {}", stream.name()), error)),
        }
    }

    /// Publishes bytes as they are, and the kind of event that they are, where it is known: some readers choose by it.
    /// Without an id, by which they could be taken for a repeat of what they were read from.
    ///
    /// # Errors
    /// See [`PublishError`]. After [`PublishError::Indefinite`] the same call again may publish it twice.
    pub async fn republish(
        &self,
        subject: &str,
        kind: Option<&str>,
        payload: bytes::Bytes,
    ) -> Result<u64, PublishError> {
        let headers = kind.map(kind_header).unwrap_or_default();
        let sent = self.jetstream.publish_with_headers(subject.to_owned(), headers, payload).await;
        let accepted = sent.map_err(|error| judge(subject, &error))?.await;
        Ok(accepted.map_err(|error| judge(subject, &error))?.sequence)
    }

    /// First and last sequence, size and identity of a stream.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn stream_info(&self, stream: Stream) -> Result<StreamInfo, BusError> {
        let handle = self.stream(stream).await?;
        let info = handle.cached_info();
        Ok(StreamInfo {
            incarnation: info.created.unix_timestamp_nanos().to_string(),
            first_sequence: info.state.first_sequence,
            last_sequence: info.state.last_sequence,
            messages: info.state.messages,
            bytes: info.state.bytes,
            bytes_max: u64::try_from(info.config.max_bytes).unwrap_or(0),
        })
    }

    /// Sends what is still buffered and closes.
    pub async fn close(&self) {
        let _flushed = tokio::time::timeout(REQUEST_TIMEOUT, self.client.flush()).await;
    }

    pub(crate) async fn stream(&self, stream: Stream) -> Result<stream::Stream, BusError> {
        self.jetstream
            .get_stream(stream.name())
            .await
            .map_err(|error| self.missing(&format!("stream {}", stream.name()), &error))
    }

    async fn handle(&self, stream: Stream) -> Result<stream::Stream<()>, BusError> {
        self.jetstream
            .get_stream_no_info(stream.name())
            .await
            .map_err(|error| BusError::failed(format!("look at stream {}", stream.name()), error))
    }

    fn missing(&self, what: &str, error: &dyn std::error::Error) -> BusError {
        let cause = full(error);
        if cause.contains("not found") {
            BusError::Missing { what: what.to_owned() }
        } else if cause.contains("timed out") {
            // The server does not answer what a user may not ask.
            BusError::Forbidden { action: format!("look at {what}"), user: self.user.clone() }
        } else {
            BusError::Failed { action: format!("look at {what}"), cause }
        }
    }
}

/// A server older than 2.11 says nothing: level 0.
fn level_of(config: &stream::Config) -> u32 {
    config.metadata.get(API_LEVEL_KEY).and_then(|level| level.parse().ok()).unwrap_or(0)
}

fn enough(found: u32, url: &str) -> Result<u32, BusError> {
    if found < API_LEVEL_MIN {
        return Err(BusError::TooOld { url: url.to_owned(), found, wanted: API_LEVEL_MIN });
    }
    Ok(found)
}

/// State of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamInfo {
    /// Changes when the stream is made anew: the instant of its creation, nanoseconds of Unix time.
    pub incarnation: String,
    /// First sequence that is still there.
    pub first_sequence: u64,
    /// Last sequence.
    pub last_sequence: u64,
    /// Messages that are there.
    pub messages: u64,
    /// Bytes that they take.
    pub bytes: u64,
    /// Bytes that they may take; 0: no limit.
    pub bytes_max: u64,
}

/// The inbox of a user: its permission to listen covers nothing else, so nobody reads another's answers.
#[must_use]
pub fn inbox_prefix(user: &str) -> String {
    if user.is_empty() { "_INBOX".to_owned() } else { format!("_INBOX_{user}") }
}

/// 50 ms doubling to 4 s, the same for all: the server is one, and a service has one connection.
fn reconnect_delay(attempt: usize) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX).min(6);
    Duration::from_millis(50 << doublings).min(Duration::from_secs(4))
}

fn full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_too_old_or_says_nothing_is_refused() {
        let saying = |level: &str| stream::Config {
            metadata: [(API_LEVEL_KEY.to_owned(), level.to_owned())].into(),
            ..stream::Config::default()
        };
        assert!(enough(level_of(&saying("5")), "nats:4222").is_ok());
        for config in [saying("4"), saying(""), saying("five"), stream::Config::default()] {
            let refused = enough(level_of(&config), "nats:4222").map_err(|error| error.to_string());
            assert!(refused.is_err_and(|line| line.contains("nats:4222") && line.contains("2.15")));
        }
    }
}
