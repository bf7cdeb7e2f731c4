//! What a restarting evaluator begins with: a site as it stood at positions that the recorder has committed.
//!
//! The logs hold rows of a declared but uncommitted batch too; every question here leaves them out by sequence. The
//! tables of how things stand may already hold a newer row for a key: then the older one is read from the log, in a
//! second statement, which sees at least what the first saw.

mod leases;

use std::collections::HashSet;
use std::hash::Hash;

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::query::{Ask, ListedAsset, Param, Sql, assets_at_sql};
use crate::rows::{
    DispositionRow, FindingRow, HostRow, Id, Millis, ObservationRow, SliceRow, SweepFinishedRow, TableRow, VerdictRow,
};
use crate::store::Store;

pub use leases::LeaseSnapshot;

/// A site's declared state.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct EstateSnapshot {
    /// Its revision.
    pub revision: u64,
    /// The encoded `EstateDocument`.
    #[serde(with = "serde_bytes")]
    pub document: Vec<u8>,
    /// Where it stands in EVENTS.
    pub stream_sequence: u64,
}

/// A site's inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InventorySnapshot {
    /// The last completed revision; 0 where there is none.
    pub revision: u64,
    /// The assets, by key.
    pub assets: Vec<ListedAsset>,
}

#[derive(Row, Serialize, Deserialize)]
struct Revision {
    revision: u64,
}

fn columns<R: TableRow>() -> String {
    R::COLUMNS.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>().join(", ")
}

pub(crate) fn services_sql(site: &str, events_cut: u64, since: Millis) -> Sql {
    let mut sql = Sql::new("SELECT ");
    sql.push(&columns::<ObservationRow<'_>>())
        .push(" FROM observations WHERE site = ")
        .bind(Param::Text(site.to_owned()));
    sql.push(" AND stream_sequence <= ")
        .bind(Param::Count(events_cut))
        .push(" AND broker_at >= ")
        .bind(Param::Time(since));
    sql.push(
        " ORDER BY site, address, transport, port, stream_sequence DESC, unit DESC LIMIT 1 BY address, transport, port",
    );
    sql
}

pub(crate) fn slices_sql(site: &str, sweep: Id, events_cut: u64) -> Sql {
    let mut sql = Sql::new("SELECT ");
    sql.push(&columns::<SliceRow<'_>>()).push(" FROM slices WHERE site = ").bind(Param::Text(site.to_owned()));
    sql.push(" AND sweep_id = ").bind(Param::Id(sweep)).push(" AND stream_sequence <= ").bind(Param::Count(events_cut));
    sql.push(" ORDER BY order_id, slice_index");
    sql
}

pub(crate) fn estate_sql(site: &str, events_cut: u64) -> Sql {
    let mut sql = Sql::new("SELECT revision, document, stream_sequence FROM estate_revisions WHERE site = ");
    sql.bind(Param::Text(site.to_owned())).push(" AND stream_sequence <= ").bind(Param::Count(events_cut));
    sql.push(" ORDER BY stream_sequence DESC LIMIT 1");
    sql
}

pub(crate) fn revision_sql(site: &str, events_cut: u64) -> Sql {
    let mut sql = Sql::new("WITH ");
    sql.bind(Param::Count(events_cut)).push(" AS cut, ").bind(Param::Text(site.to_owned())).push(" AS only ");
    sql.push(
        "SELECT max(revision) AS revision FROM (SELECT revision FROM inventory_manifests WHERE site = only AND \
         stream_sequence <= cut UNION ALL SELECT revision FROM inventory_changes WHERE site = only AND stream_sequence <= cut)",
    );
    sql
}

pub(crate) fn dispositions_sql(site: &str, events_cut: u64) -> Sql {
    let mut sql = Sql::new("SELECT ");
    sql.push(&columns::<DispositionRow<'_>>())
        .push(" FROM dispositions WHERE site = ")
        .bind(Param::Text(site.to_owned()));
    sql.push(" AND stream_sequence <= ").bind(Param::Count(events_cut));
    sql.push(" ORDER BY finding_id, stream_sequence DESC LIMIT 1 BY finding_id");
    sql
}

pub(crate) fn sweeps_finished_sql(site: &str, plans_cut: u64, limit: u64) -> Sql {
    let mut sql = Sql::new("SELECT ");
    sql.push(&columns::<SweepFinishedRow<'_>>())
        .push(" FROM sweeps_finished WHERE site = ")
        .bind(Param::Text(site.to_owned()));
    sql.push(" AND stream_sequence <= ").bind(Param::Count(plans_cut));
    sql.push(" ORDER BY stream_sequence DESC LIMIT ").bind(Param::Count(limit));
    sql
}

/// How a table stands, newer rows included.
pub(crate) fn current_sql<R: TableRow>(site: &str) -> Sql {
    let mut sql = Sql::new("SELECT ");
    sql.push(&columns::<R>())
        .push(" FROM ")
        .push(R::TABLE)
        .push(" FINAL WHERE site = ")
        .bind(Param::Text(site.to_owned()));
    sql
}

/// The last row up to the cut of every key that has a newer one.
pub(crate) fn superseded_sql<R: TableRow>(site: &str, log: &str, condition: &str, key: &str, verdicts_cut: u64) -> Sql {
    let mut sql = Sql::new("WITH ");
    sql.bind(Param::Count(verdicts_cut)).push(" AS cut, ").bind(Param::Text(site.to_owned())).push(" AS only SELECT ");
    sql.push(&columns::<R>()).push(" FROM ").push(log).push(" WHERE site = only AND stream_sequence <= cut");
    sql.push(condition).push(" AND (").push(key).push(") IN (SELECT ").push(key).push(" FROM ").push(R::TABLE);
    sql.push(" WHERE site = only AND stream_sequence > cut) ORDER BY ")
        .push(key)
        .push(", version DESC LIMIT 1 BY ")
        .push(key);
    sql
}

macro_rules! each {
    ($store:expr, $what:literal, $sql:expr, $ask:expr, $row:ident, $each:expr) => {{
        let ask = $ask;
        let sql = $sql;
        let request = async {
            let mut cursor = $store.prepare(&sql, ask).fetch::<$row<'_>>()?;
            while let Some(row) = cursor.next().await? {
                $each(row);
            }
            Ok(())
        };
        $store.within($what, ask.deadline, request).await
    }};
}

macro_rules! state_at {
    ($store:expr, $what:literal, $row:ident, $site:expr, $cut:expr, $ask:expr, $log:literal, $condition:literal, $key:literal, |$r:ident| $id:expr, $each:expr) => {{
        let mut newer = HashSet::new();
        each!($store, $what, current_sql::<$row<'_>>($site), $ask, $row, |$r: $row<'_>| {
            if $r.stream_sequence > $cut {
                newer.insert($id);
            } else {
                $each(&$r);
            }
        })?;
        if newer.is_empty() {
            return Ok(());
        }
        let sql = superseded_sql::<$row<'_>>($site, $log, $condition, $key, $cut);
        each!($store, $what, sql, $ask, $row, |$r: $row<'_>| {
            if is_in(&newer, &$id) {
                $each(&$r);
            }
        })
    }};
}

fn is_in<K: Hash + Eq>(set: &HashSet<K>, key: &K) -> bool {
    set.contains(key)
}

impl Store {
    /// The latest observation of every service that was seen since a time.
    ///
    /// # Errors
    /// A deadline, a limit.
    pub async fn snapshot_services(
        &self,
        site: &str,
        events_cut: u64,
        since: Millis,
        ask: &Ask,
        mut each: impl FnMut(&ObservationRow<'_>) + Send,
    ) -> Result<(), StoreError> {
        let sql = services_sql(site, events_cut, since);
        each!(self, "restore services", sql, ask, ObservationRow, |row: ObservationRow<'_>| each(&row))
    }

    /// The slices of a sweep, for one that has not ended at the cut.
    ///
    /// # Errors
    /// A deadline, a limit.
    pub async fn snapshot_slices(
        &self,
        site: &str,
        sweep: Id,
        events_cut: u64,
        ask: &Ask,
        mut each: impl FnMut(&SliceRow<'_>) + Send,
    ) -> Result<(), StoreError> {
        let sql = slices_sql(site, sweep, events_cut);
        each!(self, "restore slices", sql, ask, SliceRow, |row: SliceRow<'_>| each(&row))
    }

    /// The site's declared state.
    ///
    /// # Errors
    /// A deadline, a limit.
    pub async fn snapshot_estate(
        &self,
        site: &str,
        events_cut: u64,
        ask: &Ask,
    ) -> Result<Option<EstateSnapshot>, StoreError> {
        Ok(self.rows("restore the estate", &estate_sql(site, events_cut), ask).await?.into_iter().next())
    }

    /// The site's inventory at the last completed revision.
    ///
    /// # Errors
    /// A deadline, a limit.
    pub async fn snapshot_inventory(
        &self,
        site: &str,
        events_cut: u64,
        ask: &Ask,
    ) -> Result<InventorySnapshot, StoreError> {
        let revision =
            self.rows::<Revision>("restore the inventory's revision", &revision_sql(site, events_cut), ask).await?;
        let assets = self.rows("restore the inventory", &assets_at_sql(site, events_cut), ask).await?;
        Ok(InventorySnapshot { revision: revision.first().map_or(0, |row| row.revision), assets })
    }

    /// The last disposition of each finding.
    ///
    /// # Errors
    /// A deadline, a limit.
    pub async fn snapshot_dispositions(
        &self,
        site: &str,
        events_cut: u64,
        ask: &Ask,
        mut each: impl FnMut(&DispositionRow<'_>) + Send,
    ) -> Result<(), StoreError> {
        let sql = dispositions_sql(site, events_cut);
        each!(self, "restore dispositions", sql, ask, DispositionRow, |row: DispositionRow<'_>| each(&row))
    }

    /// The last sweeps and audits that are over, the latest first.
    ///
    /// # Errors
    /// A deadline, a limit.
    pub async fn snapshot_sweeps_finished(
        &self,
        site: &str,
        plans_cut: u64,
        limit: u64,
        ask: &Ask,
        mut each: impl FnMut(&SweepFinishedRow<'_>) + Send,
    ) -> Result<(), StoreError> {
        let sql = sweeps_finished_sql(site, plans_cut, limit);
        each!(self, "restore sweeps", sql, ask, SweepFinishedRow, |row: SweepFinishedRow<'_>| each(&row))
    }

    /// The verdicts as published up to the cut, in no order.
    ///
    /// # Errors
    /// A deadline, a limit.
    pub async fn snapshot_verdicts(
        &self,
        site: &str,
        verdicts_cut: u64,
        ask: &Ask,
        mut each: impl FnMut(&VerdictRow<'_>) + Send,
    ) -> Result<(), StoreError> {
        state_at!(
            self,
            "restore verdicts",
            VerdictRow,
            site,
            verdicts_cut,
            ask,
            "verdict_log",
            "",
            "host_id, subject",
            |row| (row.host_id, row.subject.to_owned()),
            each
        )
    }

    /// The findings as published up to the cut, in no order.
    ///
    /// # Errors
    /// A deadline, a limit.
    pub async fn snapshot_findings(
        &self,
        site: &str,
        verdicts_cut: u64,
        ask: &Ask,
        mut each: impl FnMut(&FindingRow<'_>) + Send,
    ) -> Result<(), StoreError> {
        state_at!(
            self,
            "restore findings",
            FindingRow,
            site,
            verdicts_cut,
            ask,
            "verdict_log",
            " AND finding_state != 'none'",
            "finding_id",
            |row| row.finding_id,
            each
        )
    }

    /// The hosts as published up to the cut, in no order.
    ///
    /// # Errors
    /// A deadline, a limit.
    pub async fn snapshot_hosts(
        &self,
        site: &str,
        verdicts_cut: u64,
        ask: &Ask,
        mut each: impl FnMut(&HostRow<'_>) + Send,
    ) -> Result<(), StoreError> {
        state_at!(
            self,
            "restore hosts",
            HostRow,
            site,
            verdicts_cut,
            ask,
            "host_log",
            "",
            "host_id",
            |row| row.host_id,
            each
        )
    }
}
