//! The leases of a site's last sweeps, with how far their slices reach: what those sweeps really looked at.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::error::StoreError;
use crate::query::{Ask, Param, Sql};
use crate::rows::Id;
use crate::store::Store;

/// A lease of a sweep or an audit.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
#[allow(missing_docs, reason = "a field is the column of its name; proto/muster/v1 says what it means")]
pub struct LeaseSnapshot {
    pub sweep_id: Id,
    pub order_id: Id,
    pub blocks: Vec<String>,
    pub ports: Vec<String>,
    #[serde(with = "serde_bytes")]
    pub permutation_key: Vec<u8>,
    pub units: u64,
    pub units_per_slice: u32,
    /// Units before this one are in a slice.
    pub reached: u64,
    /// Units of them that were not probed.
    pub units_skipped: u64,
}

pub(crate) fn leases_sql(site: &str, events_cut: u64, plans_cut: u64, sweeps: u64) -> Sql {
    let mut sql = Sql::new("WITH ");
    sql.bind(Param::Count(events_cut)).push(" AS events_cut, ").bind(Param::Count(plans_cut)).push(" AS plans_cut, ");
    sql.bind(Param::Text(site.to_owned())).push(
        " AS only, recent AS (SELECT sweep_id FROM sweeps_started WHERE site = only AND stream_sequence <= plans_cut \
         ORDER BY stream_sequence DESC LIMIT ",
    );
    sql.bind(Param::Count(sweeps)).push(
        ") SELECT o.sweep_id AS sweep_id, o.order_id AS order_id, o.blocks AS blocks, o.ports AS ports, \
         o.permutation_key AS permutation_key, o.units AS units, o.units_per_slice AS units_per_slice, \
         s.reached AS reached, s.units_skipped AS units_skipped FROM (SELECT * FROM orders_issued WHERE site = only \
         AND stream_sequence <= plans_cut AND sweep_id IN recent) AS o LEFT JOIN (SELECT order_id, \
         max(toUInt64(first_unit) + toUInt64(units)) AS reached, sum(toUInt64(skipped)) AS units_skipped FROM slices \
         WHERE site = only AND stream_sequence <= events_cut AND sweep_id IN recent GROUP BY order_id) AS s \
         ON o.order_id = s.order_id ORDER BY o.sweep_id, o.lease_index",
    );
    sql
}

impl Store {
    /// The leases of the last sweeps that began, finished or not, by sweep and lease.
    ///
    /// # Errors
    /// A deadline, a limit.
    pub async fn snapshot_leases(
        &self,
        site: &str,
        events_cut: u64,
        plans_cut: u64,
        sweeps: u64,
        ask: &Ask,
    ) -> Result<Vec<LeaseSnapshot>, StoreError> {
        self.rows("restore leases", &leases_sql(site, events_cut, plans_cut, sweeps), ask).await
    }
}
