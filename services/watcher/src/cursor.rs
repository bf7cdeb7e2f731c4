//! A feed's cursor: what stands of it, small enough for one record.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use muster_bulletin::{Change, ContentHash, Edition, Known};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Refusal;

/// A bucket's value is at most 512 KiB; 12 KiB of it are left to headers and the key.
const BYTES_MAX: usize = 500 << 10;
/// An entry is `"CVE-2025-12345":"<32 digits>",`, 52 bytes: 9,000 are 468 KB. The catalogue has 1,300 and grows by 200 a
/// year.
const ENTRIES_MAX: usize = 9_000;

/// The first half of a content hash. Two revisions of one bulletin that share it have a chance of 2^-128.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShortHash([u8; 16]);

impl ShortHash {
    /// `None`: not a hash.
    pub(crate) fn of(content_sha256: &[u8]) -> Option<Self> {
        content_sha256.first_chunk().copied().map(Self)
    }
}

impl From<ContentHash> for ShortHash {
    fn from(hash: ContentHash) -> Self {
        let mut short = [0; 16];
        short.copy_from_slice(&hash.0[..16]);
        Self(short)
    }
}

impl fmt::Debug for ShortHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl Serialize for ShortHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for ShortHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        let mut short = [0; 16];
        hex::decode_to_slice(text.as_ref(), &mut short).map_err(serde::de::Error::custom)?;
        Ok(Self(short))
    }
}

/// SHA-256 of a document.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct SourceHash(pub(crate) [u8; 32]);

impl fmt::Display for SourceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for SourceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SourceHash {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash)?;
        Ok(Self(hash))
    }
}

impl Serialize for SourceHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SourceHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What the publisher said about a document, so that it need not be sent again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Validators {
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
}

/// What stands of a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cursor {
    /// `ETag` of the document.
    pub(crate) etag: Option<String>,
    /// `Last-Modified` of the document.
    pub(crate) last_modified: Option<String>,
    /// The document itself.
    pub(crate) source_sha256: Option<SourceHash>,
    /// The feed's own version of it.
    pub(crate) feed_version: String,
    /// When the feed says it was released: an older one is refused.
    pub(crate) released_at: Option<Timestamp>,
    /// Identity of the stream that `last_sequence` counts in.
    pub(crate) incarnation: String,
    /// Stream sequence of the last revision published.
    pub(crate) last_sequence: u64,
    /// Content by bulletin.
    pub(crate) known: BTreeMap<String, ShortHash>,
}

impl Cursor {
    pub(crate) fn validators(&self) -> Validators {
        Validators { etag: self.etag.clone(), last_modified: self.last_modified.clone() }
    }

    /// Forgets which document led here: the next one is compared, whatever it is.
    pub(crate) fn forget_document(&mut self) {
        self.etag = None;
        self.last_modified = None;
        self.source_sha256 = None;
    }

    /// Takes a revision that was published.
    pub(crate) fn apply(&mut self, sequence: u64, bulletin_id: &str, content: Option<ShortHash>) {
        self.last_sequence = sequence;
        match content {
            Some(content) => self.known.insert(bulletin_id.to_owned(), content),
            None => self.known.remove(bulletin_id),
        };
    }

    /// What stands, as an edition compares it: the other half of a hash is taken from the edition where the first agrees.
    pub(crate) fn known_for(&self, edition: &Edition) -> Known {
        let full = |id: &String, short: &ShortHash| {
            let listed = edition.bulletins.get(id).map(muster_bulletin::Bulletin::content_hash);
            listed.filter(|hash| ShortHash::from(*hash) == *short).unwrap_or_else(|| {
                let mut padded = [0; 32];
                padded[..16].copy_from_slice(&short.0);
                ContentHash(padded)
            })
        };
        self.known.iter().map(|(id, short)| (id.clone(), full(id, short))).collect()
    }

    /// The cursor once all changes are published after it.
    pub(crate) fn after(&self, edition: &Edition, changes: &[Change<'_>], validators: &Validators) -> Self {
        let mut next = Self {
            etag: validators.etag.clone(),
            last_modified: validators.last_modified.clone(),
            source_sha256: Some(SourceHash(edition.source_sha256)),
            feed_version: edition.version.clone(),
            released_at: Some(edition.released_at),
            ..self.clone()
        };
        for change in changes {
            let sequence = next.last_sequence;
            match change {
                Change::Revised(bulletin, hash) => next.apply(sequence, &bulletin.id, Some((*hash).into())),
                Change::Withdrawn(id) => next.apply(sequence, id, None),
            }
        }
        next
    }

    /// As it is kept.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Refusal> {
        let encoded = serde_json::to_vec(self)
            .map_err(|error| Refusal::Value { field: "cursor".to_owned(), problem: error.to_string() })?;
        if self.known.len() > ENTRIES_MAX || encoded.len() > BYTES_MAX {
            return Err(Refusal::TooMany {
                entries: self.known.len(),
                entries_max: ENTRIES_MAX,
                size_bytes: encoded.len(),
                bytes_max: BYTES_MAX,
            });
        }
        Ok(encoded)
    }

    /// As it was kept.
    pub(crate) fn decode(value: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(value)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    fn full() -> Cursor {
        let known = (0..ENTRIES_MAX).map(|n| (format!("CVE-2025-{n:05}"), ShortHash([0xab; 16]))).collect();
        Cursor {
            known,
            etag: Some("\"abc\"".to_owned()),
            released_at: Some(Timestamp::UNIX_EPOCH),
            ..Cursor::default()
        }
    }

    #[test]
    fn nine_thousand_bulletins_fit_and_one_more_is_refused() {
        let mut cursor = full();
        let encoded = cursor.encode().unwrap();
        assert!(encoded.len() < 480_000, "{}", encoded.len());
        assert_eq!(Cursor::decode(&encoded).unwrap(), cursor);
        cursor.apply(1, "CVE-2026-0001", Some(ShortHash([1; 16])));
        assert!(matches!(cursor.encode(), Err(Refusal::TooMany { entries: 9_001, .. })));
    }

    #[test]
    fn a_newer_cursor_is_not_misread() {
        let text = String::from_utf8(Cursor::default().encode().unwrap()).unwrap();
        assert!(Cursor::decode(text.replace("\"etag\"", "\"shards\":1,\"etag\"").as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_cursor_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _either = Cursor::decode(&bytes);
        }
    }
}
