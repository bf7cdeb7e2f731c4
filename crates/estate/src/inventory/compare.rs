//! What an import would change.

use std::collections::BTreeMap;

use super::encode::canonical_asset;
use crate::model::Asset;

/// The difference of two inventories, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Keys that come, ascending.
    pub added: Vec<String>,
    /// Keys whose record says something else, ascending.
    pub changed: Vec<String>,
    /// Keys that go, ascending.
    pub removed: Vec<String>,
    /// How many stay as they are.
    pub unchanged: u64,
}

impl Comparison {
    /// Whether more than a tenth of what stands would vanish: most likely a truncated file. Needs `--force`.
    #[must_use]
    pub fn would_vanish_too_many(&self) -> bool {
        let removed = self.removed.len() as u64;
        let stood = removed + self.changed.len() as u64 + self.unchanged;
        removed * 10 > stood
    }

    /// Whether nothing would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// Compares what stands with what would come. Of two assets with one key the later counts.
#[must_use]
pub fn compare<'a>(
    current: impl IntoIterator<Item = &'a Asset>,
    next: impl IntoIterator<Item = &'a Asset>,
) -> Comparison {
    let mut current: BTreeMap<&str, &Asset> = current.into_iter().map(|asset| (asset.key.as_str(), asset)).collect();
    let next: BTreeMap<&str, &Asset> = next.into_iter().map(|asset| (asset.key.as_str(), asset)).collect();
    let mut comparison = Comparison::default();
    for (key, asset) in next {
        match current.remove(key) {
            None => comparison.added.push(key.to_owned()),
            Some(before) if before == asset || canonical_asset(before) == canonical_asset(asset) => {
                comparison.unchanged += 1;
            }
            Some(_) => comparison.changed.push(key.to_owned()),
        }
    }
    comparison.removed = current.into_keys().map(str::to_owned).collect();
    comparison
}
