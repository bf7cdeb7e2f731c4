//! What people and feeds declare: estate, inventory, dispositions, commands, bulletins.

use muster_bus::convert::time::span_from_proto;
use muster_proto::v1;
use muster_store::rows::{BulletinRow, Command, DispositionRow, EstateRevision, InventoryChange, InventoryManifest};
use prost::Message;

use super::{BadEvent, Place, Sink, block, blocks, enumeration, id, millis, ports, texts};

/// Kinds of [`Command`].
const SWEEP: i8 = 1;
const AUDIT: i8 = 2;
const HALT: i8 = 3;

pub(super) fn delta(place: Place<'_>, delta: &v1::InventoryDelta, sink: &mut impl Sink) -> Result<(), BadEvent> {
    let mut position = 0;
    for asset in &delta.upserts {
        let claims = claims(asset);
        sink.row(&change(place, asset, &claims, position, [0; 16], 0, delta.revision));
        position += 1;
    }
    let removed = v1::Asset::default();
    for key in &delta.removals {
        let row = change(place, &removed, &[], position, [0; 16], 0, delta.revision);
        sink.row(&InventoryChange { key, removed: true, ..row });
        position += 1;
    }
    Ok(())
}

pub(super) fn chunk(place: Place<'_>, chunk: &v1::InventoryChunk, sink: &mut impl Sink) -> Result<(), BadEvent> {
    let import_id = id("inventory_chunk.import_id", &chunk.import_id)?;
    for (position, asset) in (0_u32..).zip(&chunk.assets) {
        let claims = claims(asset);
        sink.row(&change(place, asset, &claims, position, import_id, chunk.index, 0));
    }
    Ok(())
}

/// What sources say, as the store keeps it.
fn claims(asset: &v1::Asset) -> Vec<u8> {
    v1::AssetClaims { claims: asset.claims.clone() }.encode_to_vec()
}

fn change<'a>(
    place: Place<'a>,
    asset: &'a v1::Asset,
    claims: &'a [u8],
    position: u32,
    import_id: [u8; 16],
    chunk_index: u32,
    revision: u64,
) -> InventoryChange<'a> {
    InventoryChange {
        site: place.site,
        import_id,
        chunk_index,
        revision,
        removed: false,
        key: &asset.key,
        name: &asset.name,
        owner: &asset.owner,
        support_group: &asset.support_group,
        role: &asset.role,
        zone: &asset.zone,
        base_image: &asset.base_image,
        criticality: &asset.criticality,
        identifiers: asset
            .identifiers
            .iter()
            .map(|identifier| {
                let (from, until) = (identifier.valid_from.as_ref(), identifier.valid_until.as_ref());
                (identifier.kind.as_str(), identifier.value.as_str(), millis(from), millis(until))
            })
            .collect(),
        sources: asset.claims.iter().map(|claim| (claim.source.as_str(), millis(claim.last_seen.as_ref()))).collect(),
        claims,
        actor_subject: place.actor.subject,
        actor_issuer: place.actor.issuer,
        actor_on_behalf_of: place.actor.on_behalf_of,
        occurred_at: place.occurred_at,
        event_id: place.event_id,
        position,
        stream_sequence: place.stream_sequence,
        broker_at: place.broker_at,
    }
}

pub(super) fn manifest(
    place: Place<'_>,
    manifest: &v1::InventoryManifest,
    sink: &mut impl Sink,
) -> Result<(), BadEvent> {
    sink.row(&InventoryManifest {
        site: place.site,
        import_id: id("inventory_manifest.import_id", &manifest.import_id)?,
        revision: manifest.revision,
        chunks: manifest.chunks,
        rows: manifest.rows,
        root_sha256: &manifest.root_sha256,
        source: &manifest.source,
        actor_subject: place.actor.subject,
        actor_issuer: place.actor.issuer,
        actor_on_behalf_of: place.actor.on_behalf_of,
        occurred_at: place.occurred_at,
        event_id: place.event_id,
        stream_sequence: place.stream_sequence,
        broker_at: place.broker_at,
    });
    Ok(())
}

pub(super) fn estate(place: Place<'_>, document: &v1::EstateDocument, sink: &mut impl Sink) -> Result<(), BadEvent> {
    let seen_within = span_from_proto("estate.seen_within", document.seen_within.as_ref())
        .map_err(|error| BadEvent::new(error.field, error.problem))?;
    let ranges = document
        .ranges
        .iter()
        .map(|range| {
            let range = range.block.as_ref().ok_or_else(|| BadEvent::new("estate.ranges", "a block is not set"))?;
            block("estate.ranges", range)
        })
        .collect::<Result<_, _>>()?;
    let encoded = document.encode_to_vec();
    sink.row(&EstateRevision {
        site: place.site,
        revision: document.revision,
        realm: &document.realm,
        time_zone: &document.time_zone,
        alive_by: enumeration::<v1::AliveBy>("estate.alive_by", document.alive_by)?,
        ranges,
        zones: document.zones.iter().map(|zone| zone.name.as_str()).collect(),
        schedules: document.schedules.iter().map(|schedule| schedule.name.as_str()).collect(),
        managed_requires: texts(&document.managed_requires),
        seen_within_ms: u64::try_from(seen_within.as_millis()).unwrap_or(0),
        absent_after_sweeps: document.absent_after_sweeps,
        removed: document.removed,
        content_sha256: &document.content_sha256,
        document: &encoded,
        actor_subject: place.actor.subject,
        actor_issuer: place.actor.issuer,
        actor_on_behalf_of: place.actor.on_behalf_of,
        occurred_at: place.occurred_at,
        event_id: place.event_id,
        stream_sequence: place.stream_sequence,
        broker_at: place.broker_at,
    });
    Ok(())
}

pub(super) fn disposition(place: Place<'_>, set: &v1::DispositionSet, sink: &mut impl Sink) -> Result<(), BadEvent> {
    sink.row(&DispositionRow {
        site: place.site,
        finding_id: id("disposition.finding_id", &set.finding_id)?,
        host_id: id("disposition.host_id", &set.host_id)?,
        subject: &set.subject,
        disposition: enumeration::<v1::Disposition>("disposition.disposition", set.disposition)?,
        reason: &set.reason,
        until: millis(set.until.as_ref()),
        actor_subject: place.actor.subject,
        actor_issuer: place.actor.issuer,
        actor_on_behalf_of: place.actor.on_behalf_of,
        occurred_at: place.occurred_at,
        event_id: place.event_id,
        stream_sequence: place.stream_sequence,
        broker_at: place.broker_at,
    });
    Ok(())
}

pub(super) fn sweep_requested(
    place: Place<'_>,
    request: &v1::SweepRequested,
    sink: &mut impl Sink,
) -> Result<(), BadEvent> {
    let row = command(place, SWEEP, id("sweep_requested.request_id", &request.request_id)?);
    sink.row(&Command {
        blocks: blocks("sweep_requested.blocks", &request.blocks)?,
        ports: ports("sweep_requested.ports", &request.ports)?,
        ..row
    });
    Ok(())
}

pub(super) fn audit_requested(
    place: Place<'_>,
    request: &v1::AuditRequested,
    sink: &mut impl Sink,
) -> Result<(), BadEvent> {
    let row = command(place, AUDIT, id("audit_requested.request_id", &request.request_id)?);
    sink.row(&Command {
        ports: ports("audit_requested.ports", &request.ports)?,
        sites: texts(&request.sites),
        sample_size: request.sample_size,
        ..row
    });
    Ok(())
}

pub(super) fn halt(place: Place<'_>, halt: &v1::HaltSet, sink: &mut impl Sink) -> Result<(), BadEvent> {
    let row = command(place, HALT, place.event_id);
    sink.row(&Command { halted: halt.halted, reason: &halt.reason, ..row });
    Ok(())
}

fn command(place: Place<'_>, kind: i8, request_id: [u8; 16]) -> Command<'_> {
    Command {
        site: place.site,
        kind,
        request_id,
        blocks: Vec::new(),
        ports: Vec::new(),
        sites: Vec::new(),
        sample_size: 0,
        halted: false,
        reason: "",
        actor_subject: place.actor.subject,
        actor_issuer: place.actor.issuer,
        actor_on_behalf_of: place.actor.on_behalf_of,
        occurred_at: place.occurred_at,
        event_id: place.event_id,
        stream_sequence: place.stream_sequence,
        broker_at: place.broker_at,
    }
}

pub(super) fn bulletin(
    place: Place<'_>,
    bulletin: &v1::BulletinRevision,
    sink: &mut impl Sink,
) -> Result<(), BadEvent> {
    if bulletin.feed.is_empty() || bulletin.bulletin_id.is_empty() {
        return Err(BadEvent::new("bulletin", "feed or bulletin_id is not set"));
    }
    sink.row(&BulletinRow {
        feed: &bulletin.feed,
        publisher: &bulletin.publisher,
        bulletin_id: &bulletin.bulletin_id,
        feed_version: &bulletin.feed_version,
        content_sha256: &bulletin.content_sha256,
        title: &bulletin.title,
        description: &bulletin.description,
        vendor: &bulletin.vendor,
        product: &bulletin.product,
        published_at: millis(bulletin.published_at.as_ref()),
        due_at: millis(bulletin.due_at.as_ref()),
        exploited: bulletin.exploited,
        ransomware: bulletin.ransomware,
        required_action: &bulletin.required_action,
        aliases: texts(&bulletin.aliases),
        weaknesses: texts(&bulletin.weaknesses),
        references: texts(&bulletin.references),
        withdrawn: bulletin.withdrawn,
        source_sha256: &bulletin.source_sha256,
        occurred_at: place.occurred_at,
        event_id: place.event_id,
        stream_sequence: place.stream_sequence,
        broker_at: place.broker_at,
    });
    Ok(())
}
