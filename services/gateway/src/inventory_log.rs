//! The log of a site's inventory, as a writer sees it: where it stands, and the next entry, which is accepted only if
//! nobody else wrote one in between.

use std::net::IpAddr;

use muster_bus::convert::inventory::{asset_from_proto, asset_to_proto};
use muster_bus::{Expect, SiteName, Subject};
use muster_estate::inventory::Import;
use muster_estate::limits::{CHUNK_ASSETS_MAX, CHUNK_BYTES_MAX};
use muster_estate::model::{Asset, Identifier, IdentifierKind};
use muster_ids::{EventId, ImportId};
use muster_proto::v1::{InventoryChunk, InventoryDelta, InventoryManifest, Mutation, envelope::Body};
use prost::Message;

use crate::answer;
use crate::core::{Core, draft, random};
use crate::error::{Answer, ApiError, Reason};
use crate::guard::Access;
use crate::lists::ask;

/// Where the log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Revision of the last entry; 0: there is none.
    pub(crate) revision: u64,
    /// Sequence of the last entry that the stream still holds.
    pub(crate) last: u64,
}

/// Reads where the log stands. Where the stream no longer holds the last entry, the store knows its revision.
pub(crate) async fn head(core: &Core, access: &Access, site: &SiteName) -> Answer<Head> {
    let (last, body) = core.last_body(&Subject::inventory(site)).await?;
    match body {
        Some(Body::InventoryDelta(delta)) => Ok(Head { revision: delta.revision, last }),
        Some(Body::InventoryManifest(manifest)) => Ok(Head { revision: manifest.revision, last }),
        Some(_) => {
            Err(ApiError::new(Reason::Internal, format!("the inventory log of site {site} carries another event")))
        }
        None => {
            let stored = core.store.snapshot_inventory(site.as_str(), LAST_SEQUENCE, &ask(access.deadline())).await?;
            Ok(Head { revision: stored.revision, last: 0 })
        }
    }
}

/// Every sequence is below it, as ClickHouse and JetStream count.
const LAST_SEQUENCE: u64 = i64::MAX.unsigned_abs();

/// The inventory at the head: waits until the recorder has stored it.
pub(crate) async fn assets_at(core: &Core, access: &Access, site: &SiteName, head: Head) -> Answer<Vec<Asset>> {
    core.visible(head.last, access.deadline()).await?;
    let cut = if head.last == 0 { LAST_SEQUENCE } else { head.last };
    let stored = core.store.snapshot_inventory(site.as_str(), cut, &ask(access.deadline())).await?;
    let read = |row| -> Answer<Asset> {
        let listed = answer::asset(row);
        asset_from_proto("asset", &listed.asset.unwrap_or_default()).map_err(|error| {
            ApiError::new(Reason::Internal, format!("a stored asset of site {site} cannot be read: {error}"))
        })
    };
    stored.assets.into_iter().map(read).collect()
}

/// Publishes an import: its chunks, which have no effect yet, then the manifest. The import has an id of its own, so
/// that chunks of one that was cut off are nobody's.
pub(crate) async fn publish_import(
    core: &Core,
    access: &Access,
    site: &SiteName,
    head: Head,
    import: Import,
    source: String,
) -> Answer<Mutation> {
    let import_id = ImportId::from_array(random()?);
    let subject = Subject::inventory_chunk(site);
    for chunk in import.chunks {
        let id = EventId::derivation("import-chunk").bytes(import_id.as_bytes()).number(chunk.index.into()).into();
        let body = Body::InventoryChunk(InventoryChunk {
            import_id: import_id.to_vec(),
            index: chunk.index,
            assets: chunk.assets.iter().map(asset_to_proto).collect(),
            last_seen: Vec::new(),
        });
        let event = draft(access, id, site.as_str(), body).belongs_to(import_id.as_bytes());
        core.publish(&subject, event, Expect::Any).await?;
    }
    let body = Body::InventoryManifest(InventoryManifest {
        import_id: import_id.to_vec(),
        revision: head.revision + 1,
        chunks: import.manifest.chunks,
        rows: import.manifest.rows,
        root_sha256: import.manifest.root_sha256.to_vec(),
        source,
    });
    append(core, access, site, head, import_id.as_bytes(), body).await
}

/// Publishes a change of single assets.
pub(crate) async fn publish_delta(
    core: &Core,
    access: &Access,
    site: &SiteName,
    head: Head,
    upserts: &[Asset],
    removals: Vec<String>,
) -> Answer<Mutation> {
    let upserts: Vec<_> = upserts.iter().map(asset_to_proto).collect();
    if upserts.len() + removals.len() > CHUNK_ASSETS_MAX {
        let problem = format!("at most {CHUNK_ASSETS_MAX} assets in one update; import a whole inventory instead");
        return Err(ApiError::field("upserts", problem));
    }
    let delta = InventoryDelta { revision: head.revision + 1, upserts, removals };
    if delta.encoded_len() > CHUNK_BYTES_MAX {
        let problem = format!("{} bytes, one update is at most {CHUNK_BYTES_MAX}", delta.encoded_len());
        return Err(ApiError::new(Reason::TooLarge, problem));
    }
    append(core, access, site, head, &[], Body::InventoryDelta(delta)).await
}

async fn append(
    core: &Core,
    access: &Access,
    site: &SiteName,
    head: Head,
    belongs_to: &[u8],
    body: Body,
) -> Answer<Mutation> {
    let subject = Subject::inventory(site);
    // The attempt is in the id: two callers at the same head are two commands, and one of them is refused.
    let attempt: [u8; 16] = random()?;
    let id = EventId::derivation("inventory").text(site.as_str()).number(head.revision + 1).bytes(&attempt).into();
    let event = draft(access, id, site.as_str(), body).belongs_to(belongs_to);
    core.command(&subject, event, Expect::LastOnSubject(head.last)).await
}

/// An asset with an address among its identifiers: without one the host would not be recognised as it.
pub(crate) fn with_address(mut asset: Asset, address: Option<IpAddr>) -> Asset {
    let known =
        |identifier: &Identifier| matches!(identifier.kind, IdentifierKind::Address(own) if Some(own) == address);
    if let Some(address) = address
        && !asset.identifiers.iter().any(known)
    {
        let kind = IdentifierKind::Address(address);
        asset.identifiers.push(Identifier { kind, valid_from: None, valid_until: None });
    }
    asset
}
