//! The chunks of an import: read again from the stream when the manifest has come, so that an import that is never
//! finished takes no memory.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_bus::{Bus, Limits, SiteName, Stream, Subject, open};
use muster_estate::inventory::{chunk_sha256, root_sha256};
use muster_estate::limits::ROWS_MAX;
use muster_estate::model::Asset;
use muster_ids::ImportId;
use muster_kit::Shutdown;
use muster_proto::v1::envelope::Body;
use muster_store::Store;

use crate::convert::inputs;
use crate::error::EvaluatorError;
use crate::partition::Import;
use crate::restore::{ask, asset_of_row, committed};

/// How long nothing may come while chunks are read.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the recorder is asked whether it has stored a manifest whose chunks are gone from the stream.
const STORED_EVERY: Duration = Duration::from_millis(500);
const LIMITS: Limits = Limits { messages: 256, bytes: 8 << 20, linger: Duration::from_millis(2) };

/// Where an import comes from.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) bus: Bus,
    pub(crate) store: Store,
    pub(crate) generation: u32,
    pub(crate) shutdown: Shutdown,
}

impl Source {
    /// The assets of an import; `None` when the chunks are not what the manifest says.
    pub(crate) async fn assets(&self, site: &str, import: &Import) -> Result<Option<Vec<Asset>>, EvaluatorError> {
        let name = SiteName::new(site)?;
        if import.manifest.rows > ROWS_MAX {
            tracing::error!(site, rows = import.manifest.rows, "an import is larger than an inventory may be");
            return Ok(None);
        }
        let chunks = self.chunks(&name, import).await?;
        if chunks.len() < import.manifest.chunks as usize {
            // Purged since: then the recorder has them.
            return self.stored(site, import).await.map(Some);
        }
        let hashes: Vec<_> = chunks.values().map(|assets| chunk_sha256(assets)).collect();
        let rows: usize = chunks.values().map(Vec::len).sum();
        if root_sha256(&hashes).as_slice() != import.manifest.root_sha256 || rows as u64 != import.manifest.rows {
            tracing::error!(site, import = %import.id, "the chunks of an import are not what its manifest says");
            return Ok(None);
        }
        Ok(Some(chunks.into_values().flatten().map(cut).collect()))
    }

    async fn chunks(&self, site: &SiteName, import: &Import) -> Result<BTreeMap<u32, Vec<Asset>>, EvaluatorError> {
        let mut chunks = BTreeMap::new();
        let wanted = import.manifest.chunks as usize;
        let subject = Subject::inventory_chunk(site);
        let Some(last) = self.bus.last_on_subject(Stream::Events, &subject).await? else { return Ok(chunks) };
        let first = self.bus.stream_info(Stream::Events).await?.first_sequence;
        let after = import.first_chunk.unwrap_or(0).max(first).saturating_sub(1);
        let mut tail = self.bus.tail(Stream::Events, &[subject.as_str().to_owned()], after);
        let mut read = after;
        while chunks.len() < wanted && read < last.sequence.min(import.sequence) {
            let batch = tokio::time::timeout(PATIENCE, tail.next_batch(LIMITS)).await;
            let batch = batch.map_err(|_| deadline("the chunks of an import"))??;
            for received in batch.messages {
                read = received.sequence;
                let Ok((_, Body::InventoryChunk(chunk))) = open(&received) else { continue };
                if read > import.sequence || ImportId::from_bytes(&chunk.import_id) != Ok(import.id) {
                    continue;
                }
                let assets = chunk
                    .assets
                    .iter()
                    .map(|asset| muster_bus::convert::inventory::asset_from_proto("inventory_chunk.assets", asset));
                match assets.collect::<Result<_, _>>() {
                    Ok(assets) if (chunk.index as usize) < wanted => {
                        chunks.insert(chunk.index, assets);
                    }
                    Ok(_) => {}
                    Err(error) => tracing::error!(site = %site, %error, "a chunk of an import cannot be read"),
                }
            }
        }
        Ok(chunks)
    }

    async fn stored(&self, site: &str, import: &Import) -> Result<Vec<Asset>, EvaluatorError> {
        tracing::info!(site, import = %import.id, "the chunks of an import are gone from the stream: waiting for the store");
        while committed(&self.bus, Stream::Events, self.generation).await?.cut < import.sequence {
            let pause = tokio::time::sleep(STORED_EVERY);
            self.shutdown.or(pause).await.ok_or(EvaluatorError::Stopping)?;
        }
        let snapshot = self.store.snapshot_inventory(site, import.sequence, &ask()).await?;
        snapshot.assets.into_iter().map(|row| asset_of_row(row).map(|(_, asset)| asset)).collect()
    }
}

/// Times as the store keeps them. The hash is over the asset as it was sent.
fn cut(mut asset: Asset) -> Asset {
    inputs::cut_times(&mut asset);
    asset
}

pub(crate) fn deadline(what: &str) -> EvaluatorError {
    EvaluatorError::Deadline { what: what.to_owned(), seconds: PATIENCE.as_secs() }
}
