//! Where a feed's document comes from.

mod file;
mod http;
mod retry_after;

use bytes::Bytes;
use muster_kit::Failure;
use muster_kit::{Exit, OrExit as _};

use crate::config::FeedConfig;
use crate::cursor::{Cursor, Validators};
use crate::error::{FetchError, Refusal};
use file::FileSource;
use http::HttpSource;

/// A document as it arrived.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) bytes: Bytes,
    pub(crate) validators: Validators,
}

/// What came of looking.
#[derive(Debug)]
pub(crate) enum Found {
    /// The document that stands.
    NotModified,
    /// A document, perhaps the one that stands.
    Document(Document),
    /// Nothing that is worth reading. The text tells one such answer from the next.
    Refused(Refusal, String),
}

/// A publisher or a file.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// Asked over HTTP(S).
    Http(HttpSource),
    /// Read from disk.
    File(FileSource),
}

impl Source {
    /// Makes what a checked configuration says.
    ///
    /// # Errors
    /// When the authorities cannot be read or used.
    pub(crate) fn new(feed: &FeedConfig, bytes_max: usize) -> Result<Self, Failure> {
        match (&feed.url, &feed.file) {
            (Some(url), _) => HttpSource::new(url, feed.ca_file.as_deref(), bytes_max).map(Self::Http),
            (None, Some(file)) => Ok(Self::File(FileSource::new(file.clone(), bytes_max))),
            (None, None) => Err(std::io::Error::other("a feed without a url and without a file")).or_exit(Exit::Usage),
        }
    }

    /// Looks whether there is another document than the one that stands.
    pub(crate) async fn look(&mut self, standing: &Cursor) -> Result<Found, FetchError> {
        match self {
            Self::Http(http) => http.look(&standing.validators()).await,
            Self::File(file) => file.look(standing.source_sha256.is_some()).await,
        }
    }
}
