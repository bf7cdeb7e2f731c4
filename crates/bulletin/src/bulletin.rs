//! One revision of one advisory.

use std::fmt;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// SHA-256 over what a bulletin says: a revision is new when it differs.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash(pub [u8; 32]);

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One revision of one advisory, normalised from any feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bulletin {
    /// Id in its feed, for example a CVE id.
    pub id: String,
    /// Title.
    pub title: String,
    /// What it is about.
    pub description: String,
    /// Vendor.
    pub vendor: String,
    /// Product.
    pub product: String,
    /// When the feed first listed it.
    pub published_at: Timestamp,
    /// When it has to be dealt with.
    pub due_at: Option<Timestamp>,
    /// Known to be exploited.
    pub exploited: bool,
    /// Known to be used by ransomware.
    pub ransomware: bool,
    /// What to do.
    pub required_action: String,
    /// Other names of the same vulnerability.
    pub aliases: Vec<String>,
    /// CWE ids.
    pub weaknesses: Vec<String>,
    /// Where to read on.
    pub references: Vec<String>,
}

impl Bulletin {
    /// Hash of what it says, the same whatever the layout of the document was.
    #[must_use]
    pub fn content_hash(&self) -> ContentHash {
        let mut hash = Sha256::new_with_prefix("muster.bulletin.v1");
        let mut text = |part: &str| {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        };
        for part in [&self.id, &self.title, &self.description, &self.vendor, &self.product, &self.required_action] {
            text(part);
        }
        text(&self.published_at.to_string());
        text(&self.due_at.map(|due| due.to_string()).unwrap_or_default());
        text(if self.exploited { "exploited" } else { "" });
        text(if self.ransomware { "ransomware" } else { "" });
        for list in [&self.aliases, &self.weaknesses, &self.references] {
            text(&list.len().to_string());
            list.iter().for_each(|item| text(item));
        }
        ContentHash(hash.finalize().into())
    }
}
