//! One edition of a feed, and what changed since the last one that was good.

use std::collections::BTreeMap;

use jiff::Timestamp;
use thiserror::Error;

use crate::bulletin::{Bulletin, ContentHash};

/// A feed as it was published at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    /// The feed's own version.
    pub version: String,
    /// When the feed says it was released.
    pub released_at: Timestamp,
    /// Its bulletins, by id.
    pub bulletins: BTreeMap<String, Bulletin>,
    /// SHA-256 of the document.
    pub source_sha256: [u8; 32],
}

/// What stands of a feed: id to content.
pub type Known = BTreeMap<String, ContentHash>;

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<'a> {
    /// New, or revised.
    Revised(&'a Bulletin, ContentHash),
    /// No longer listed.
    Withdrawn(&'a str),
}

/// Why an edition cannot follow what stands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EditionError {
    /// It lost more than a feed loses by itself.
    #[error("{missing} of {known} bulletins are gone; more than a tenth at once is taken for a truncated document")]
    Shrunk {
        /// Bulletins that are gone.
        missing: usize,
        /// Bulletins that stand.
        known: usize,
    },
    /// It is older than what stands.
    #[error("released {released_at}, which is before the edition of {last_released_at} that stands")]
    Older {
        /// When it was released.
        released_at: Timestamp,
        /// When the standing one was.
        last_released_at: Timestamp,
    },
}

impl Edition {
    /// What changed since what stands, in the order of ids: withdrawn first.
    ///
    /// # Errors
    /// When the edition is older than what stands, or more than a tenth of it is gone.
    pub fn changes<'a>(
        &'a self,
        known: &'a Known,
        last_released_at: Option<Timestamp>,
    ) -> Result<Vec<Change<'a>>, EditionError> {
        if let Some(last_released_at) = last_released_at
            && self.released_at < last_released_at
        {
            return Err(EditionError::Older { released_at: self.released_at, last_released_at });
        }
        let withdrawn: Vec<_> = known.keys().filter(|id| !self.bulletins.contains_key(*id)).collect();
        // A handful may always go: a small feed would otherwise never lose one.
        if withdrawn.len() > 5 && withdrawn.len() * 10 > known.len() {
            return Err(EditionError::Shrunk { missing: withdrawn.len(), known: known.len() });
        }
        let mut changes: Vec<_> = withdrawn.into_iter().map(|id| Change::Withdrawn(id)).collect();
        for (id, bulletin) in &self.bulletins {
            let hash = bulletin.content_hash();
            if known.get(id) != Some(&hash) {
                changes.push(Change::Revised(bulletin, hash));
            }
        }
        Ok(changes)
    }
}
