//! What the store holds of a site's inputs.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use ipnet::IpNet;
use muster_bus::convert::estate::site_from_proto;
use muster_estate::model::{Asset, Identifier, PortRange, Site};
use muster_ids::{EventId, FindingId, OrderId, SweepId};
use muster_proto::v1;
use muster_store::Store;
use muster_store::query::ListedAsset;
use muster_store::rows::{DispositionRow, ObservationRow, SliceRow, SweepFinishedRow};
use muster_store::snapshot::LeaseSnapshot;
use muster_verdict::{DispositionSet, RestoredService, Snapshot};
use prost::Message;

use super::ask;
use super::told::Told;
use crate::convert::published::address;
use crate::convert::{from_millis, inputs, optional_millis, words};
use crate::error::EvaluatorError;
use crate::partition::{Leases, SliceBits};

/// Sweeps and audits that are asked for: as many as the rules keep.
const SWEEPS: u64 = 512;
/// Ends of sweeps that are asked for: every one of the sweeps above that is over is among them, however many older ones
/// ended in the same time.
const ENDS: u64 = 8 * SWEEPS;

/// A sweep that is over.
#[derive(Debug)]
struct End {
    sweep: SweepId,
    void: bool,
    started_ms: i64,
    finished_ms: i64,
}

/// The rows of a site.
#[derive(Debug, Default)]
pub(super) struct StoredSite {
    estate: Option<Arc<Site>>,
    inventory_revision: u64,
    assets: Vec<(u64, Asset)>,
    services: Vec<RestoredService>,
    dispositions: Vec<DispositionSet>,
    ends: Vec<End>,
    leases: Vec<LeaseSnapshot>,
    slices: Vec<(OrderId, SliceBits)>,
}

impl StoredSite {
    /// Reads the store up to positions of EVENTS and PLANS.
    pub(super) async fn load(store: &Store, site: &str, events: u64, plans: u64) -> Result<Self, EvaluatorError> {
        let mut stored = Self::default();
        let ask = ask();
        if events > 0 {
            if let Some(estate) = store.snapshot_estate(site, events, &ask).await? {
                let document = v1::EstateDocument::decode(estate.document.as_slice()).map_err(|error| {
                    EvaluatorError::ReadBack { what: "the estate document", cause: error.to_string() }
                })?;
                stored.estate = Some(Arc::new(site_from_proto(&document)?));
            }
            let inventory = store.snapshot_inventory(site, events, &ask).await?;
            stored.inventory_revision = inventory.revision;
            stored.assets = inventory.assets.into_iter().map(asset_of_row).collect::<Result<_, _>>()?;
            let each = |row: &DispositionRow<'_>| stored.dispositions.extend(disposition_of_row(row));
            store.snapshot_dispositions(site, events, &ask, each).await?;
            let each = |row: &ObservationRow<'_>| stored.services.extend(service_of_row(row));
            store.snapshot_services(site, events, 0, &ask, each).await?;
        }
        if plans > 0 {
            let each = |row: &SweepFinishedRow<'_>| stored.ends.push(end_of_row(row));
            store.snapshot_sweeps_finished(site, plans, ENDS, &ask, each).await?;
            stored.leases = store.snapshot_leases(site, events, plans, SWEEPS, &ask).await?;
            for sweep in stored.sweeps_to_look_into() {
                let each = |row: &SliceRow<'_>| stored.slices.push(slice_of_row(row));
                store.snapshot_slices(site, *sweep.as_bytes(), events, &ask, each).await?;
            }
        }
        Ok(stored)
    }

    /// Sweeps that are not over, whose refusals wait; and those that passed something over.
    fn sweeps_to_look_into(&self) -> BTreeSet<SweepId> {
        let over: BTreeSet<SweepId> = self.ends.iter().map(|end| end.sweep).collect();
        let sweeps = self.leases.iter().map(|lease| (SweepId::from_array(lease.sweep_id), lease.units_skipped));
        sweeps.filter(|(sweep, skipped)| *skipped > 0 || !over.contains(sweep)).map(|(sweep, _)| sweep).collect()
    }

    /// The snapshot, the leases of the sweeps that are not over, and their slices.
    #[expect(clippy::type_complexity, reason = "three things, taken apart where they are made")]
    pub(super) fn into_snapshot(
        self,
        told: Told,
    ) -> Result<(Snapshot, Leases, Vec<(OrderId, SliceBits)>), EvaluatorError> {
        let mut leases = Leases::default();
        for row in &self.leases {
            let order = OrderId::from_array(row.order_id);
            let (blocks, ports) = (parse::<IpNet>("a lease", &row.blocks)?, parse::<PortRange>("a lease", &row.ports)?);
            let key = row.permutation_key.as_slice().try_into().map_err(|_| EvaluatorError::ReadBack {
                what: "a lease",
                cause: "its permutation key has not 16 bytes".to_owned(),
            })?;
            leases.add(order, SweepId::from_array(row.sweep_id), blocks, &ports, key, row.units_per_slice)?;
        }
        // What was passed over counts before the ends are judged; refusals of sweeps that are over have had their effect.
        let over: BTreeSet<SweepId> = self.ends.iter().map(|end| end.sweep).collect();
        let (ended, open): (Vec<_>, Vec<_>) = self.slices.into_iter().partition(|(_, bits)| over.contains(&bits.sweep));
        for (order, bits) in &ended {
            leases.slice(*order, bits);
        }
        for row in self.leases.iter().filter(|row| over.contains(&SweepId::from_array(row.sweep_id))) {
            leases.reach(OrderId::from_array(row.order_id), row.reached);
        }
        // The latest is first. Those whose leases were not asked for are older than what the rules keep.
        let sweeps =
            self.ends.iter().rev().map(|end| {
                leases.finish(end.sweep, end.void, from_millis(end.started_ms), from_millis(end.finished_ms))
            });
        let sweeps = sweeps.collect();
        let clock = told.as_of;
        let (hosts, published) = told.into_parts();
        let snapshot = Snapshot {
            estate: self.estate,
            inventory_revision: self.inventory_revision,
            assets: self.assets,
            sweeps,
            hosts,
            services: self.services,
            published,
            dispositions: self.dispositions,
            clock,
        };
        Ok((snapshot, leases, open))
    }
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(
    what: &'static str,
    texts: &[String],
) -> Result<Vec<T>, EvaluatorError> {
    let parsed = texts.iter().map(|text| text.parse());
    parsed
        .collect::<Result<_, _>>()
        .map_err(|error: T::Err| EvaluatorError::ReadBack { what, cause: error.to_string() })
}

/// An asset of the store, with the revision that said it.
pub(crate) fn asset_of_row(row: ListedAsset) -> Result<(u64, Asset), EvaluatorError> {
    let revision = row.revision;
    let mut asset = v1::Asset {
        key: row.key,
        name: row.name,
        owner: row.owner,
        support_group: row.support_group,
        role: row.role,
        zone: row.zone,
        base_image: row.base_image,
        criticality: row.criticality,
        identifiers: Vec::new(),
        claims: v1::AssetClaims::decode(row.claims.as_slice())
            .map_err(|error| EvaluatorError::ReadBack { what: "claims of sources", cause: error.to_string() })?
            .claims,
    };
    let mut times = Vec::with_capacity(row.identifiers.len());
    for (kind, value, from, until) in row.identifiers {
        times.push((optional_millis(from), optional_millis(until)));
        asset.identifiers.push(v1::Identifier { kind, value, ..v1::Identifier::default() });
    }
    let mut asset = inputs::asset("inventory_changes", &asset)?;
    for (identifier, (valid_from, valid_until)) in asset.identifiers.iter_mut().zip(times) {
        let Identifier { valid_from: from, valid_until: until, .. } = identifier;
        (*from, *until) = (valid_from, valid_until);
    }
    Ok((revision, asset))
}

fn service_of_row(row: &ObservationRow<'_>) -> Option<RestoredService> {
    let transport = muster_bus::convert::network::transport_from_proto("observations", row.transport.into()).ok()?;
    let mut title = String::new();
    inputs::push_title(&mut title, row.service, row.product, row.version);
    Some(RestoredService {
        address: address(row.address),
        transport,
        port: row.port,
        at: from_millis(row.observed_at),
        sweep: SweepId::from_array(row.sweep_id),
        title,
    })
}

fn disposition_of_row(row: &DispositionRow<'_>) -> Option<DispositionSet> {
    Some(DispositionSet {
        finding: FindingId::from_array(row.finding_id),
        disposition: words::disposition(row.disposition.into())?,
        reason: row.reason.to_owned(),
        until: optional_millis(row.until),
        at: from_millis(row.occurred_at),
        event: EventId::from_array(row.event_id),
    })
}

fn end_of_row(row: &SweepFinishedRow<'_>) -> End {
    End {
        sweep: SweepId::from_array(row.sweep_id),
        void: row.void,
        started_ms: row.started_at,
        finished_ms: row.finished_at,
    }
}

fn slice_of_row(row: &SliceRow<'_>) -> (OrderId, SliceBits) {
    let bits = SliceBits {
        sweep: SweepId::from_array(row.sweep_id),
        started_at: from_millis(row.started_at),
        first_unit: row.first_unit,
        units: row.units,
        closed: Bytes::copy_from_slice(row.closed_bitmap),
        skipped: Bytes::copy_from_slice(row.skipped_bitmap),
    };
    (OrderId::from_array(row.order_id), bits)
}
