//! Page tokens ([AIP-158](https://google.aip.dev/158)): where the next page begins, of which list, seen at which
//! instant. Opaque to the client and authenticated, so that what comes back is what was given out (I-6).
//!
//! Layout: version (1), binding (16), as-of in microseconds (8, big endian), cursor (at most 512), HMAC-SHA256 cut to
//! 16 bytes; all in base64url. RFC 2104 allows cutting to half of the hash.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Rows of a page that is not given a size.
pub const DEFAULT_SIZE: u32 = 100;
/// Most rows of a page: 1,000 findings of about 1 KiB stay under gRPC's usual message limit of 4 MiB.
pub const MAX_SIZE: u32 = 1000;
/// Longest cursor: a site, a key of 255 bytes and an id.
pub const MAX_CURSOR_BYTES: usize = 512;

const VERSION: u8 = 1;
const BINDING: usize = 16;
const TAG: usize = 16;
const HEAD: usize = 1 + BINDING + 8;

/// Why a page cannot be given.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PageError {
    /// Not a token of this server, or changed on the way.
    #[error("page_token was not given out by this server; ask for the first page again")]
    NotOurs,
    /// A token of another list or of another filter.
    #[error("page_token belongs to another call or filter; keep the filter, or ask for the first page again")]
    Other,
    /// Negative.
    #[error("page_size is 0 to {MAX_SIZE}, not {0}")]
    Size(i32),
}

/// The key that authenticates tokens. Replicas of one gateway share it.
#[derive(Clone)]
pub struct PageKey(Hmac<Sha256>);

impl std::fmt::Debug for PageKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PageKey")
    }
}

/// What a token is bound to: the call, its filter and whatever else chooses the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding([u8; BINDING]);

impl Binding {
    /// Hashes the parts, each with its length before it.
    #[must_use]
    pub fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new_with_prefix(b"muster.v1.page");
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut binding = [0; BINDING];
        binding.copy_from_slice(&hash.finalize()[..BINDING]);
        Self(binding)
    }
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The instant at which all pages of one listing are seen.
    pub as_of: Timestamp,
    /// The last row of the page before, in the store's own form.
    pub cursor: Vec<u8>,
}

impl PageKey {
    /// A key of 32 bytes.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        // A key of a block's length or less is padded, never refused; the fixed length keeps that so.
        let mut block = [0; 64];
        block[..32].copy_from_slice(key);
        Self(Hmac::new((&block).into()))
    }

    /// Makes the token of the next page.
    #[must_use]
    pub fn seal(&self, binding: Binding, place: &Place) -> String {
        let mut token = Vec::with_capacity(HEAD + place.cursor.len() + TAG);
        token.push(VERSION);
        token.extend_from_slice(&binding.0);
        token.extend_from_slice(&place.as_of.as_microsecond().to_be_bytes());
        token.extend_from_slice(&place.cursor);
        let tag = self.0.clone().chain_update(&token).finalize().into_bytes();
        token.extend_from_slice(&tag[..TAG]);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Reads a token; an empty one is the first page.
    ///
    /// # Errors
    /// When it is not this server's, or belongs to another list.
    pub fn open(&self, binding: Binding, token: &str) -> Result<Option<Place>, PageError> {
        if token.is_empty() {
            return Ok(None);
        }
        // Base64 takes 4 characters for 3 bytes.
        if token.len() > (HEAD + MAX_CURSOR_BYTES + TAG) * 4 / 3 + 4 {
            return Err(PageError::NotOurs);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| PageError::NotOurs)?;
        let (body, tag) = bytes.split_last_chunk::<TAG>().ok_or(PageError::NotOurs)?;
        self.0.clone().chain_update(body).verify_truncated_left(tag).map_err(|_| PageError::NotOurs)?;
        let (version, rest) = body.split_first().ok_or(PageError::NotOurs)?;
        let (bound, rest) = rest.split_first_chunk::<BINDING>().ok_or(PageError::NotOurs)?;
        let (as_of, cursor) = rest.split_first_chunk::<8>().ok_or(PageError::NotOurs)?;
        if *version != VERSION {
            return Err(PageError::NotOurs);
        }
        if *bound != binding.0 {
            return Err(PageError::Other);
        }
        let as_of = Timestamp::from_microsecond(i64::from_be_bytes(*as_of)).map_err(|_| PageError::NotOurs)?;
        Ok(Some(Place { as_of, cursor: cursor.to_vec() }))
    }
}

/// How many rows a page has: 0 is the default, more than [`MAX_SIZE`] is [`MAX_SIZE`].
///
/// # Errors
/// When it is negative.
pub fn size(asked: i32) -> Result<u32, PageError> {
    match u32::try_from(asked) {
        Ok(0) => Ok(DEFAULT_SIZE),
        Ok(size) => Ok(size.min(MAX_SIZE)),
        Err(_) => Err(PageError::Size(asked)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    fn key() -> PageKey {
        PageKey::new(&[7; 32])
    }

    fn place(cursor: &[u8]) -> Place {
        Place { as_of: Timestamp::from_microsecond(1_764_000_000_000_001).unwrap(), cursor: cursor.to_vec() }
    }

    #[test]
    fn a_token_of_another_filter_is_refused() {
        let token = key().seal(Binding::of(&["ListFindings", "a"]), &place(b"x"));
        assert_eq!(key().open(Binding::of(&["ListFindings", "b"]), &token), Err(PageError::Other));
        assert_eq!(key().open(Binding::of(&["ListFindingsa", ""]), &token), Err(PageError::Other));
    }

    #[test]
    fn a_token_of_another_key_is_refused() {
        let binding = Binding::of(&["x"]);
        let token = PageKey::new(&[8; 32]).seal(binding, &place(b"x"));
        assert_eq!(key().open(binding, &token), Err(PageError::NotOurs));
    }

    #[test]
    fn sizes_are_capped() {
        assert_eq!((size(0), size(7), size(5000)), (Ok(100), Ok(7), Ok(1000)));
        assert_eq!(size(-1), Err(PageError::Size(-1)));
    }

    proptest! {
        #[test]
        fn a_token_reads_back(cursor in prop::collection::vec(any::<u8>(), 0..MAX_CURSOR_BYTES)) {
            let binding = Binding::of(&["x"]);
            let token = key().seal(binding, &place(&cursor));
            prop_assert_eq!(key().open(binding, &token), Ok(Some(place(&cursor))));
        }

        #[test]
        fn a_changed_token_is_refused(at in 0_usize..60, to in "[A-Za-z0-9_-]") {
            let binding = Binding::of(&["x"]);
            let token = key().seal(binding, &place(b"0123456789"));
            let mut changed: Vec<char> = token.chars().collect();
            let at = at % changed.len();
            changed[at] = to.chars().next().unwrap();
            let changed: String = changed.into_iter().collect();
            prop_assume!(changed != token);
            prop_assert_eq!(key().open(binding, &changed), Err(PageError::NotOurs));
        }

        #[test]
        fn any_text_is_refused_or_the_first_page(token in "\\PC{0,80}") {
            let opened = key().open(Binding::of(&["x"]), &token);
            prop_assert!(opened == Ok(None) || opened == Err(PageError::NotOurs));
        }
    }
}
