//! A document over HTTP(S): asked for under a condition, read within limits.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use muster_kit::{Exit, Failure, OrExit as _};
use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER};
use reqwest::{Certificate, Client, Response, StatusCode, Url, redirect};

use crate::cursor::Validators;
use crate::error::{FetchError, Refusal};

use super::retry_after;
use super::{Document, Found};

/// Three SYN retransmissions (1 + 2 + 4 s) and a TLS handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence within a body.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// All of it: 64 MiB in five minutes are 220 KB/s.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(300);
const REDIRECTS_MAX: usize = 5;
/// An `ETag` is a hash or a counter, `Last-Modified` 29 characters: longer ones are not kept in the cursor.
const VALIDATOR_BYTES_MAX: usize = 512;

/// A publisher.
#[derive(Debug, Clone)]
pub(crate) struct HttpSource {
    client: Client,
    url: Url,
    bytes_max: usize,
}

impl HttpSource {
    /// Makes a client.
    ///
    /// # Errors
    /// When the authorities cannot be read or used.
    pub(crate) fn new(url: &str, ca_file: Option<&Path>, bytes_max: usize) -> Result<Self, Failure> {
        let url = Url::parse(url).or_exit(Exit::Usage)?;
        let mut builder = Client::builder()
            .user_agent(concat!("muster-watcher/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .gzip(true)
            .referer(false)
            .redirect(redirect::Policy::custom(judge_redirect));
        if is_loopback(&url) {
            // A proxy of the environment cannot reach this machine's own loopback.
            builder = builder.no_proxy();
        }
        if let Some(file) = ca_file {
            let authorities = muster_kit::tls::load_certificates(file)?;
            let authorities: Result<Vec<_>, _> =
                authorities.iter().map(|authority| Certificate::from_der(authority.as_ref())).collect();
            builder = builder.tls_certs_only(authorities.or_exit(Exit::Usage)?);
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            tracing::warn!(url = shown(&url), "a feed without TLS: whoever is on the way can change what it says");
        }
        Ok(Self { client: builder.build().or_exit(Exit::Usage)?, url, bytes_max })
    }

    /// Asks for the document, unless it is the one that the validators are of.
    pub(crate) async fn look(&self, validators: &Validators) -> Result<Found, FetchError> {
        let mut request = self.client.get(self.url.clone()).header("accept", "application/json");
        if let Some(etag) = &validators.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(instant) = &validators.last_modified {
            request = request.header(IF_MODIFIED_SINCE, instant);
        }
        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        match response.status() {
            StatusCode::OK => self.read(response).await,
            StatusCode::NOT_MODIFIED if *validators != Validators::default() => Ok(Found::NotModified),
            status => Err(FetchError::Status {
                url: shown(&self.url),
                status: status.as_u16(),
                retry_after_s: text(response.headers().get(RETRY_AFTER))
                    .and_then(|value| retry_after::seconds(&value, Timestamp::now())),
            }),
        }
    }

    async fn read(&self, mut response: Response) -> Result<Found, FetchError> {
        let validators = validators(response.headers());
        if let Some(content_type) = text(response.headers().get(CONTENT_TYPE))
            && content_type.to_ascii_lowercase().contains("html")
        {
            return Ok(Found::Refused(Refusal::Html { content_type }, "html".to_owned()));
        }
        let bytes_max = self.bytes_max;
        let declared = response.content_length();
        let too_large = |validators: &Validators| {
            Ok(Found::Refused(Refusal::TooLarge { bytes_max }, format!("{declared:?} {validators:?}")))
        };
        if declared.is_some_and(|bytes| bytes > bytes_max as u64) {
            return too_large(&validators);
        }
        // Chunks are counted as they come out of the decompression, so a small bomb is dropped where it exceeds.
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            if bytes.len() + chunk.len() > bytes_max {
                return too_large(&validators);
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Found::Document(Document { bytes: bytes.into(), validators }))
    }

    fn unreachable(&self, error: reqwest::Error) -> FetchError {
        let cause = muster_kit::exit::one_line(&error.without_url());
        FetchError::Unreachable { url: shown(&self.url), cause }
    }
}

fn judge_redirect(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let was_secure = attempt.previous().iter().any(|url| url.scheme() == "https");
    let problem = if attempt.previous().len() > REDIRECTS_MAX {
        format!("more than {REDIRECTS_MAX} redirects, the last one to {}", shown(attempt.url()))
    } else if attempt.url().scheme() == "https" || (attempt.url().scheme() == "http" && !was_secure) {
        return attempt.follow();
    } else {
        format!("a redirect from https to {}: not followed", shown(attempt.url()))
    };
    attempt.error(problem)
}

/// Without what may be a token.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn validators(headers: &HeaderMap) -> Validators {
    Validators { etag: text(headers.get(ETAG)), last_modified: text(headers.get(LAST_MODIFIED)) }
}

fn text(value: Option<&reqwest::header::HeaderValue>) -> Option<String> {
    let text = value?.to_str().ok()?;
    (text.len() <= VALIDATOR_BYTES_MAX).then(|| text.to_owned())
}
