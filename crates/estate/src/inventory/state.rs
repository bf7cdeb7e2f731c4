//! The inventory of one site as its log says: deltas and completed imports, each counted once.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::IpAddr;

use jiff::Timestamp;
use muster_ids::ImportId;

use super::chunk::{Manifest, root_sha256};
use super::compare::compare;
use super::encode::{canonical_asset, chunk_sha256};
use super::error::StateError;
use crate::limits::{CHUNK_ASSETS_MAX, IMPORTS_MAX, ROWS_MAX};
use crate::model::{Asset, IdentifierKind};

/// What an entry of the log did. Keys ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effect {
    /// Revision before.
    pub from: u64,
    /// Revision after.
    pub to: u64,
    /// Assets that came or say something else.
    pub upserted: Vec<String>,
    /// Assets that went.
    pub removed: Vec<String>,
}

/// Whether an entry of the log did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect.
    Applied(Effect),
    /// The inventory stands at its revision or a later one.
    AlreadyApplied,
}

#[derive(Debug, Clone, Default)]
struct Pending {
    chunks: BTreeMap<u32, ([u8; 32], Vec<Asset>)>,
    rows: u64,
}

/// The inventory of a site at a revision.
#[derive(Debug, Clone, Default)]
pub struct InventoryState {
    revision: u64,
    assets: BTreeMap<String, Asset>,
    /// Keys of the assets that hold an address at some time, in no order.
    by_address: HashMap<IpAddr, Vec<String>>,
    /// Imports without a manifest, oldest first.
    pending: VecDeque<(ImportId, Pending)>,
}

impl InventoryState {
    /// An inventory from a snapshot.
    ///
    /// # Errors
    /// When it holds too many assets.
    pub fn restore(revision: u64, assets: impl IntoIterator<Item = Asset>) -> Result<Self, StateError> {
        let mut state = Self { revision, ..Self::default() };
        for asset in assets {
            if state.assets.len() as u64 >= ROWS_MAX {
                return Err(StateError::TooMany);
            }
            state.insert(asset);
        }
        Ok(state)
    }

    /// The revision; 0 before the first.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// How many assets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.assets.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.assets.is_empty()
    }

    /// All assets, by key.
    pub fn assets(&self) -> impl ExactSizeIterator<Item = &Asset> {
        self.assets.values()
    }

    /// The asset of a key.
    #[must_use]
    pub fn asset(&self, key: &str) -> Option<&Asset> {
        self.assets.get(key)
    }

    /// The assets that hold an address at an instant, by key; more than one is a fault of the inventory.
    #[must_use]
    pub fn holders(&self, address: IpAddr, at: Timestamp) -> Vec<&Asset> {
        let mut holders: Vec<&Asset> = self.holding(address, at).collect();
        holders.sort_unstable_by_key(|asset| &asset.key);
        holders
    }

    /// The asset that holds an address at an instant; of several that of the lowest key.
    #[must_use]
    pub fn by_address(&self, address: IpAddr, at: Timestamp) -> Option<&Asset> {
        self.holding(address, at).min_by_key(|asset| &asset.key)
    }

    fn holding(&self, address: IpAddr, at: Timestamp) -> impl Iterator<Item = &Asset> {
        let address = address.to_canonical();
        let keys = self.by_address.get(&address).map(Vec::as_slice).unwrap_or_default();
        keys.iter().filter_map(|key| self.assets.get(key)).filter(move |asset| holds(asset, address, at))
    }

    /// Takes a change of single assets. A key that is removed and upserted at once stays.
    ///
    /// # Errors
    /// When there would be too many assets.
    pub fn apply_delta(
        &mut self,
        revision: u64,
        upserts: Vec<Asset>,
        removals: &[String],
    ) -> Result<Outcome, StateError> {
        if revision <= self.revision {
            return Ok(Outcome::AlreadyApplied);
        }
        if self.assets.len() as u64 + upserts.len() as u64 > ROWS_MAX {
            return Err(StateError::TooMany);
        }
        let mut effect = Effect { from: self.revision, to: revision, ..Effect::default() };
        for key in removals {
            if !upserts.iter().any(|asset| asset.key == *key) && self.remove(key).is_some() {
                effect.removed.push(key.clone());
            }
        }
        for asset in upserts {
            let same = self.assets.get(&asset.key).is_some_and(|old| canonical_asset(old) == canonical_asset(&asset));
            if !same {
                effect.upserted.push(asset.key.clone());
                self.insert(asset);
            }
        }
        effect.removed.sort_unstable();
        effect.upserted.sort_unstable();
        effect.upserted.dedup();
        self.revision = revision;
        Ok(Outcome::Applied(effect))
    }

    /// Keeps a chunk until its manifest comes. At most four imports are kept; a fifth drops the oldest.
    ///
    /// # Errors
    /// When the chunk came before with another content, or is too large.
    pub fn add_chunk(&mut self, import: ImportId, index: u32, assets: Vec<Asset>) -> Result<(), StateError> {
        if assets.len() > CHUNK_ASSETS_MAX {
            return Err(StateError::TooMany);
        }
        let sha256 = chunk_sha256(&assets);
        if !self.pending.iter().any(|(id, _)| *id == import) {
            if self.pending.len() >= IMPORTS_MAX {
                self.pending.pop_front();
            }
            self.pending.push_back((import, Pending::default()));
        }
        let Some((_, pending)) = self.pending.iter_mut().find(|(id, _)| *id == import) else { return Ok(()) };
        if let Some((before, _)) = pending.chunks.get(&index) {
            return if *before == sha256 { Ok(()) } else { Err(StateError::ChunkDiffers { import, index }) };
        }
        // Empty chunks must not grow without end either.
        let rows = pending.rows + assets.len() as u64;
        if rows > ROWS_MAX || pending.chunks.len() as u64 >= ROWS_MAX || assets.is_empty() {
            return Err(StateError::TooMany);
        }
        pending.rows = rows;
        pending.chunks.insert(index, (sha256, assets));
        Ok(())
    }

    /// Takes a manifest: the chunks of its import become the inventory, as a whole or not at all. Either way the
    /// chunks are gone after that.
    ///
    /// # Errors
    /// When the chunks are not what the manifest says.
    pub fn complete(&mut self, import: ImportId, revision: u64, manifest: &Manifest) -> Result<Outcome, StateError> {
        let at = self.pending.iter().position(|(id, _)| *id == import);
        let pending = at.and_then(|at| self.pending.remove(at)).map(|(_, pending)| pending).unwrap_or_default();
        if revision <= self.revision {
            return Ok(Outcome::AlreadyApplied);
        }
        let found = u32::try_from(pending.chunks.len()).unwrap_or(u32::MAX);
        if found != manifest.chunks || !pending.chunks.keys().copied().eq(0..manifest.chunks) {
            return Err(StateError::ChunksMissing { import, wanted: manifest.chunks, found });
        }
        if pending.rows != manifest.rows {
            return Err(StateError::Rows { import, wanted: manifest.rows, found: pending.rows });
        }
        if root_sha256(pending.chunks.values().map(|(sha256, _)| sha256)) != manifest.root_sha256 {
            return Err(StateError::Root { import });
        }
        let mut next: BTreeMap<String, Asset> = BTreeMap::new();
        for asset in pending.chunks.into_values().flat_map(|(_, assets)| assets) {
            if let Some(twice) = next.insert(asset.key.clone(), asset) {
                return Err(StateError::DuplicateKey { import, key: twice.key });
            }
        }
        let comparison = compare(self.assets.values(), next.values());
        let mut upserted = [comparison.added, comparison.changed].concat();
        upserted.sort_unstable();
        let effect = Effect { from: self.revision, to: revision, upserted, removed: comparison.removed };
        self.assets.clear();
        self.by_address.clear();
        for asset in next.into_values() {
            self.insert(asset);
        }
        self.revision = revision;
        Ok(Outcome::Applied(effect))
    }

    fn insert(&mut self, asset: Asset) {
        self.remove(&asset.key);
        let mut own: Vec<IpAddr> = addresses(&asset).collect();
        own.sort_unstable();
        own.dedup();
        for address in own {
            // Not searched: however many assets claim one address, an import stays linear.
            self.by_address.entry(address).or_default().push(asset.key.clone());
        }
        self.assets.insert(asset.key.clone(), asset);
    }

    fn remove(&mut self, key: &str) -> Option<Asset> {
        let asset = self.assets.remove(key)?;
        for address in addresses(&asset) {
            if let Some(keys) = self.by_address.get_mut(&address) {
                keys.retain(|other| other != key);
                if keys.is_empty() {
                    self.by_address.remove(&address);
                }
            }
        }
        Some(asset)
    }
}

fn addresses(asset: &Asset) -> impl Iterator<Item = IpAddr> {
    asset.identifiers.iter().filter_map(|identifier| match &identifier.kind {
        IdentifierKind::Address(address) => Some(address.to_canonical()),
        IdentifierKind::Mac(_)
        | IdentifierKind::Fqdn(_)
        | IdentifierKind::DirectoryId(_)
        | IdentifierKind::Serial(_)
        | IdentifierKind::CloudId(_) => None,
    })
}

/// Valid from its first instant, and no longer at its last.
fn holds(asset: &Asset, address: IpAddr, at: Timestamp) -> bool {
    asset.identifiers.iter().any(|identifier| {
        matches!(&identifier.kind, IdentifierKind::Address(own) if own.to_canonical() == address)
            && identifier.valid_from.is_none_or(|from| from <= at)
            && identifier.valid_until.is_none_or(|until| at < until)
    })
}
