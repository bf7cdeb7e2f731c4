//! The books at a cut: what was issued, how it ended, what slices say they carry and what stands.
//!
//! What is old goes row by row, each table by itself. So the books begin where nothing has begun to go: with the orders
//! that were issued since then, and all that followed from them.

use clickhouse::Row;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::sql::{Ask, Param, Sql};
use crate::error::StoreError;
use crate::rows::{Id, Millis};
use crate::store::Store;

/// Positions up to which the books are closed: those that the recorder has committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cut {
    /// Of EVENTS.
    pub events: u64,
    /// Of PLANS.
    pub plans: u64,
    /// Of VERDICTS.
    pub verdicts: u64,
}

/// A log table: rows, and rows that differ in their identity. Equal, or something was counted twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableCheck {
    /// The table.
    pub table: &'static str,
    /// Its rows.
    pub rows: u64,
    /// Its identities.
    pub distinct_rows: u64,
}

/// The books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// Orders issued.
    pub issued: u64,
    /// Orders finished.
    pub finished: u64,
    /// Orders failed.
    pub failed: u64,
    /// Orders put aside.
    pub dead: u64,
    /// Open units that the slices say they carry.
    pub slice_rows: u64,
    /// Observation rows that stand.
    pub stored_rows: u64,
    /// Units of the slices of the orders that ended.
    pub slice_units: u64,
    /// Units that the outcomes say their slices cover.
    pub outcome_units: u64,
    /// Outcomes of orders that were not issued: must be none.
    pub outcomes_without_issue: u64,
    /// Orders issued and without an outcome, at most 10,000: each has to be in ORDERS.
    pub without_outcome: Vec<Id>,
    /// Every log table.
    pub tables: Vec<TableCheck>,
}

/// The stream that feeds a table.
#[derive(Clone, Copy)]
enum Stream {
    Events,
    Plans,
    Verdicts,
}

/// Every log table, its stream and its identity.
const LOGS: &[(&str, Stream, &str)] = &[
    ("observations", Stream::Events, "order_id, unit"),
    ("slices", Stream::Events, "order_id, slice_index"),
    ("certificates", Stream::Events, "order_id, slice_index, sha256"),
    ("order_outcomes", Stream::Events, "order_id"),
    ("inventory_changes", Stream::Events, "event_id, position"),
    ("inventory_manifests", Stream::Events, "event_id"),
    ("estate_revisions", Stream::Events, "event_id"),
    ("dispositions", Stream::Events, "event_id"),
    ("bulletins", Stream::Events, "event_id"),
    ("commands", Stream::Events, "event_id"),
    ("sweeps_started", Stream::Plans, "sweep_id"),
    ("orders_issued", Stream::Plans, "order_id"),
    ("sweeps_finished", Stream::Plans, "sweep_id"),
    ("draws", Stream::Plans, "draw_id"),
    ("draw_items", Stream::Plans, "draw_id, position"),
    ("verdict_log", Stream::Verdicts, "event_id, position"),
    ("host_log", Stream::Verdicts, "event_id, position"),
];

/// How far back the books go: the rows that they count are kept for 400 days (`migrations/000*.sql`). The last 30 of them
/// are left out, so that an outcome's order still stands when it is looked for: an order waits for 7 days at most.
const KEPT_MS: Millis = (400 - 30) * 24 * 3_600 * 1_000;

/// More missing orders than this are one outage, not a list.
const WITHOUT_OUTCOME_MAX: u64 = 10_000;

#[derive(Row, Deserialize, Serialize)]
struct Figures {
    issued: u64,
    finished: u64,
    failed: u64,
    dead: u64,
    slice_rows: u64,
    stored_rows: u64,
    slice_units: u64,
    outcome_units: u64,
    outcomes_without_issue: u64,
}

#[derive(Row, Deserialize, Serialize)]
struct Counted {
    table: String,
    rows: u64,
    distinct_rows: u64,
}

#[derive(Row, Deserialize, Serialize)]
struct OrderKey {
    order_id: Id,
}

fn with_cut(cut: Cut, since: Millis) -> Sql {
    let mut sql = Sql::new("WITH ");
    sql.bind(Param::Count(cut.events)).push(" AS events_cut, ").bind(Param::Count(cut.plans)).push(" AS plans_cut, ");
    sql.bind(Param::Count(cut.verdicts)).push(" AS verdicts_cut, ").bind(Param::Time(since)).push(" AS since ");
    sql
}

/// Outcomes that count: not those of orders from before the books begin. What follows an order is younger than it.
const OUTCOMES: &str = "stream_sequence <= events_cut AND broker_at >= since AND \
     order_id NOT IN (SELECT order_id FROM orders_issued WHERE broker_at < since)";

pub(crate) fn figures_sql(cut: Cut, since: Millis) -> Sql {
    let mut sql = with_cut(cut, since);
    sql.push(&format!(
        "SELECT i.issued AS issued, o.finished AS finished, o.failed AS failed, o.dead AS dead, \
         s.slice_rows AS slice_rows, r.stored_rows AS stored_rows, s.slice_units AS slice_units, \
         o.outcome_units AS outcome_units, o.outcomes_without_issue AS outcomes_without_issue FROM \
         (SELECT count() AS issued FROM orders_issued WHERE stream_sequence <= plans_cut AND broker_at >= since) AS i, \
         (SELECT countIf(result = 'finished') AS finished, countIf(result = 'failed') AS failed, \
         countIf(result = 'dead') AS dead, sum(units) AS outcome_units, \
         countIf(order_id NOT IN (SELECT order_id FROM orders_issued)) AS outcomes_without_issue \
         FROM order_outcomes WHERE {OUTCOMES}) AS o, \
         (SELECT sum(open) AS slice_rows, sumIf(units, order_id IN (SELECT order_id FROM order_outcomes \
         WHERE {OUTCOMES})) AS slice_units FROM slices WHERE stream_sequence <= events_cut AND broker_at >= since) AS s, \
         (SELECT count() AS stored_rows FROM observations WHERE stream_sequence <= events_cut AND broker_at >= since) AS r",
    ));
    sql
}

/// All that stands, however old: what goes takes its identity along.
pub(crate) fn tables_sql(cut: Cut) -> Sql {
    let mut sql = with_cut(cut, 0);
    sql.push("SELECT table, rows, distinct_rows FROM (");
    for (k, (table, stream, identity)) in LOGS.iter().enumerate() {
        let bound = match stream {
            Stream::Events => "events_cut",
            Stream::Plans => "plans_cut",
            Stream::Verdicts => "verdicts_cut",
        };
        if k > 0 {
            sql.push(" UNION ALL ");
        }
        sql.push(&format!(
            "SELECT '{table}' AS table, count() AS rows, uniqExact({identity}) AS distinct_rows FROM {table} \
             WHERE stream_sequence <= {bound}"
        ));
    }
    sql.push(") ORDER BY table");
    sql
}

pub(crate) fn without_outcome_sql(cut: Cut, since: Millis) -> Sql {
    let mut sql = with_cut(cut, since);
    sql.push(
        "SELECT order_id FROM orders_issued WHERE stream_sequence <= plans_cut AND broker_at >= since AND \
         order_id NOT IN (SELECT order_id FROM order_outcomes WHERE stream_sequence <= events_cut) ORDER BY order_id LIMIT ",
    );
    sql.bind(Param::Count(WITHOUT_OUTCOME_MAX));
    sql
}

impl Store {
    /// The books up to a cut, of what was issued in the 370 days before now.
    ///
    /// # Errors
    /// A deadline, a limit.
    pub async fn ledger(&self, cut: Cut, ask: &Ask) -> Result<Ledger, StoreError> {
        self.ledger_since(cut, Timestamp::now().as_millisecond() - KEPT_MS, ask).await
    }

    pub(crate) async fn ledger_since(&self, cut: Cut, since: Millis, ask: &Ask) -> Result<Ledger, StoreError> {
        let figures = self.rows::<Figures>("close the books", &figures_sql(cut, since), ask).await?;
        let without =
            self.rows::<OrderKey>("list orders without an outcome", &without_outcome_sql(cut, since), ask).await?;
        let counted = self.rows::<Counted>("count the log tables", &tables_sql(cut), ask).await?;
        let Some(f) = figures.into_iter().next() else {
            return Err(StoreError::Answer { what: "close the books".to_owned(), reason: "no row".to_owned() });
        };
        let tables = LOGS.iter().filter_map(|(table, _, _)| {
            let row = counted.iter().find(|row| row.table == *table)?;
            Some(TableCheck { table, rows: row.rows, distinct_rows: row.distinct_rows })
        });
        Ok(Ledger {
            issued: f.issued,
            finished: f.finished,
            failed: f.failed,
            dead: f.dead,
            slice_rows: f.slice_rows,
            stored_rows: f.stored_rows,
            slice_units: f.slice_units,
            outcome_units: f.outcome_units,
            outcomes_without_issue: f.outcomes_without_issue,
            without_outcome: without.into_iter().map(|row| row.order_id).collect(),
            tables: tables.collect(),
        })
    }
}
