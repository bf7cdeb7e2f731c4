//! InventoryService: the assets of each site, a log of revisions.

use std::collections::HashSet;
use std::sync::Arc;

use muster_bus::SiteName;
use muster_bus::convert::inventory::asset_from_proto;
use muster_bus::convert::time;
use muster_estate::inventory::{CSV, Comparison, Merged, Stated, compare, import, merge};
use muster_estate::limits::{ASSET_BYTES_MAX, ROWS_MAX};
use muster_estate::model::Asset;
use muster_proto::v1::import_inventory_request::{Header, Part};
use muster_proto::v1::inventory_service_server::InventoryService;
use muster_proto::v1::{
    ImportInventoryRequest, ImportInventoryResponse, ListAssetsRequest, ListAssetsResponse, SourceDifference,
    UpdateAssetsRequest, UpdateAssetsResponse,
};
use muster_store::query::{ASSET_COLUMNS, AssetKey, Compare, Filter, Value};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use crate::answer;
use crate::core::{Core, site_name};
use crate::error::{Answer, ApiError, Reason};
use crate::guard::Access;
use crate::inventory_log::{Head, assets_at, head, publish_delta, publish_import};
use crate::lists::{Asked, Listing};

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct InventoryRpc(pub(crate) Arc<Core>);

/// Keys of each kind that a difference names.
const EXAMPLES: usize = 5;

#[tonic::async_trait]
impl InventoryService for InventoryRpc {
    async fn import_inventory(
        &self,
        request: Request<Streaming<ImportInventoryRequest>>,
    ) -> Result<Response<ImportInventoryResponse>, Status> {
        let access = Access::of(&request)?;
        let mut parts = request.into_inner();
        let first = parts.message().await?.and_then(|message| message.part);
        let Some(Part::Header(header)) = first else {
            return Err(ApiError::new(Reason::ImportInvalid, "the first message is the header").into());
        };
        let (site, declared) = self.0.site(&access, &header.site).await?;
        let assets = read_assets(&mut parts, self.0.import_max_bytes).await?;
        Ok(Response::new(self.import(&access, &site, &declared.inventory_precedence, header, assets).await?))
    }

    async fn update_assets(
        &self,
        request: Request<UpdateAssetsRequest>,
    ) -> Result<Response<UpdateAssetsResponse>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(self.update(&access, request.into_inner()).await?))
    }

    async fn list_assets(&self, request: Request<ListAssetsRequest>) -> Result<Response<ListAssetsResponse>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(self.list(&access, &request.into_inner()).await?))
    }
}

/// Collects the chunks of an import: numbered from 0 without a gap, every asset in order, no key twice, bounded.
async fn read_assets(parts: &mut Streaming<ImportInventoryRequest>, bytes_max: usize) -> Result<Vec<Stated>, Status> {
    let wrong = |text: String| ApiError::new(Reason::ImportInvalid, text);
    let mut assets: Vec<Stated> = Vec::new();
    let mut keys = HashSet::new();
    let (mut bytes, mut next) = (0_usize, 0_u32);
    while let Some(message) = parts.message().await? {
        let Some(Part::Chunk(chunk)) = message.part else {
            return Err(wrong("after the header come chunks and nothing else".to_owned()).into());
        };
        if chunk.index != next {
            return Err(wrong(format!("chunk {} came where chunk {next} was expected", chunk.index)).into());
        }
        next += 1;
        bytes += chunk.encoded_len();
        if bytes > bytes_max || assets.len() + chunk.assets.len() > usize::try_from(ROWS_MAX).unwrap_or(usize::MAX) {
            let text =
                format!("an import is at most {bytes_max} bytes and {ROWS_MAX} assets (gateway.import_max_bytes)");
            return Err(ApiError::new(Reason::TooLarge, text).into());
        }
        if !chunk.last_seen.is_empty() && chunk.last_seen.len() != chunk.assets.len() {
            let (found, wanted) = (chunk.last_seen.len(), chunk.assets.len());
            return Err(wrong(format!("chunk {}: {found} times of last seen for {wanted} assets", chunk.index)).into());
        }
        for (place, asset) in chunk.assets.iter().enumerate() {
            let field = format!("chunk[{}].assets[{place}]", chunk.index);
            let asset = read_asset(&field, asset)?;
            if !asset.claims.is_empty() {
                return Err(wrong(format!("{field}: an import is what one source says, and holds no claims")).into());
            }
            if !keys.insert(asset.key.clone()) {
                return Err(wrong(format!("{field}: key {:?} stands twice", asset.key)).into());
            }
            let last_seen = chunk.last_seen.get(place).filter(|at| **at != prost_types::Timestamp::default());
            let last_seen = time::optional(&format!("chunk[{}].last_seen[{place}]", chunk.index), last_seen);
            let last_seen = last_seen.map_err(ApiError::from)?;
            assets.push(Stated { asset, last_seen });
        }
    }
    Ok(assets)
}

fn read_asset(field: &str, asset: &muster_proto::v1::Asset) -> Answer<Asset> {
    if asset.encoded_len() > ASSET_BYTES_MAX {
        return Err(ApiError::field(field, format!("an asset is at most {ASSET_BYTES_MAX} bytes")));
    }
    Ok(asset_from_proto(field, asset)?)
}

impl InventoryRpc {
    async fn import(
        &self,
        access: &Access,
        site: &SiteName,
        precedence: &[String],
        header: Header,
        stated: Vec<Stated>,
    ) -> Answer<ImportInventoryResponse> {
        let head = head(&self.0, access, site).await?;
        let current = assets_at(&self.0, access, site, head).await?;
        let source = if header.origin.is_empty() { CSV } else { &header.origin };
        let before = current.clone();
        let merged =
            merge(current, source, stated, precedence).map_err(|what| ApiError::new(Reason::ImportInvalid, what))?;
        let comparison = compare(&before, &merged.assets);
        drop(before);
        let of_source = of_source(source, &merged);
        let import = import(merged.assets);
        if merged.of_source.would_vanish_too_many() && !header.force && !header.validate_only {
            let removed = merged.of_source.removed.len();
            let text = format!(
                "{removed} assets of site {site} would vanish, more than a tenth; repeat with force if it is meant"
            );
            return Err(ApiError::new(Reason::WouldVanish, text));
        }
        let nothing = comparison.is_empty() && head.revision > 0;
        let mutation = if header.validate_only || nothing {
            None
        } else {
            Some(publish_import(&self.0, access, site, head, import, header.source).await?)
        };
        Ok(imported(head, &comparison, of_source, mutation))
    }

    async fn update(&self, access: &Access, request: UpdateAssetsRequest) -> Answer<UpdateAssetsResponse> {
        let (site, _) = self.0.site(access, &request.site).await?;
        // What sources say is theirs to say: a change of single assets counts as a line of the CSV.
        let bare = |asset: Asset| Asset { claims: Vec::new(), ..asset };
        let read = |(place, asset)| read_asset(&format!("upserts[{place}]"), asset).map(bare);
        let upserts = request.upserts.iter().enumerate().map(read).collect::<Answer<Vec<_>>>()?;
        if upserts.is_empty() && request.removals.is_empty() {
            return Err(ApiError::field("upserts", "name an asset to upsert or to remove"));
        }
        let head = head(&self.0, access, &site).await?;
        if request.expected_revision != 0 && request.expected_revision != head.revision {
            let text = format!(
                "the inventory of site {site} stands at revision {}, not {}; read it again and decide again",
                head.revision, request.expected_revision
            );
            return Err(ApiError::new(Reason::RevisionConflict, text));
        }
        let mutation = publish_delta(&self.0, access, &site, head, &upserts, request.removals).await?;
        Ok(UpdateAssetsResponse { revision: head.revision + 1, mutation: Some(mutation) })
    }

    async fn list(&self, access: &Access, request: &ListAssetsRequest) -> Answer<ListAssetsResponse> {
        let call =
            if request.site.is_empty() { "ListAssets".to_owned() } else { format!("ListAssets {}", request.site) };
        let asked = Asked {
            call: &call,
            filter: &request.filter,
            page_size: request.page_size,
            page_token: &request.page_token,
            as_of: None,
            columns: ASSET_COLUMNS,
        };
        let mut listing = Listing::<AssetKey>::new(&self.0, access, asked)?;
        if !request.site.is_empty() {
            site_name("site", &request.site)?;
            access.require(&request.site)?;
            let only = Filter::Compare { column: "site", op: Compare::Equal, value: Value::Text(request.site.clone()) };
            listing.list.filter = Some(match listing.list.filter.take() {
                Some(filter) => Filter::And(vec![only, filter]),
                None => only,
            });
        }
        self.0.visible(request.at_least_sequence, access.deadline()).await?;
        let rows = self.0.store.list_assets(&listing.list).await?;
        let (rows, next_page_token) = listing.page(&self.0, rows, |row| (row.site.clone(), row.key.clone()));
        Ok(ListAssetsResponse { assets: rows.into_iter().map(answer::asset).collect(), next_page_token })
    }
}

fn imported(
    head: Head,
    comparison: &Comparison,
    of_source: SourceDifference,
    mutation: Option<muster_proto::v1::Mutation>,
) -> ImportInventoryResponse {
    let examples = [("+", &comparison.added), ("~", &comparison.changed), ("-", &comparison.removed)];
    let examples = examples
        .into_iter()
        .flat_map(|(sign, keys)| keys.iter().take(EXAMPLES).map(move |key| format!("{sign} {key}")));
    ImportInventoryResponse {
        // Of a dry run: the one that stands.
        revision: if mutation.is_some() { head.revision + 1 } else { head.revision },
        added: comparison.added.len() as u64,
        changed: comparison.changed.len() as u64,
        removed: comparison.removed.len() as u64,
        unchanged: comparison.unchanged,
        examples: examples.collect(),
        mutation,
        of_source: Some(of_source),
    }
}

fn of_source(source: &str, merged: &Merged) -> SourceDifference {
    let Comparison { added, changed, removed, unchanged } = &merged.of_source;
    SourceDifference {
        source: source.to_owned(),
        added: added.len() as u64,
        changed: changed.len() as u64,
        removed: removed.len() as u64,
        unchanged: *unchanged,
        shared: merged.shared,
        precedence: merged.precedence.clone(),
    }
}
