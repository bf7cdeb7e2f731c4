//! The books: what stands in the store, counted and counted distinct.

use muster_store::StoreOptions;

/// The identity of a row, by log table: `count() = uniqExact(identity)` has to hold on each.
const IDENTITIES: &[(&str, &str)] = &[
    ("observations", "order_id, unit"),
    ("slices", "order_id, slice_index"),
    ("certificates", "order_id, slice_index, sha256"),
    ("order_outcomes", "order_id"),
    ("orders_issued", "order_id"),
    ("sweeps_started", "sweep_id"),
    ("sweeps_finished", "sweep_id"),
    ("draws", "draw_id"),
    ("draw_items", "draw_id, position"),
    ("inventory_changes", "event_id, position"),
    ("inventory_manifests", "event_id"),
    ("estate_revisions", "event_id"),
    ("dispositions", "event_id"),
    ("bulletins", "event_id"),
    ("commands", "event_id"),
    ("verdict_log", "event_id, position"),
    ("host_log", "event_id, position"),
];

/// Rows of a table, and how many of them differ in their identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableCount {
    /// Table.
    pub table: &'static str,
    /// `count()`
    pub rows: u64,
    /// `uniqExact(identity)`
    pub distinct: u64,
}

/// A connection that only counts.
#[derive(Clone)]
pub struct Books {
    client: clickhouse::Client,
}

impl std::fmt::Debug for Books {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Books").finish_non_exhaustive()
    }
}

impl Books {
    /// As a user.
    #[must_use]
    pub fn new(options: &StoreOptions) -> Self {
        let client = clickhouse::Client::default()
            .with_url(&options.url)
            .with_user(&options.user)
            .with_password(&options.password)
            .with_database(&options.database);
        Self { client }
    }

    /// Counts every log table.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn count_all(&self) -> anyhow::Result<Vec<TableCount>> {
        let mut counts = Vec::new();
        for (table, identity) in IDENTITIES {
            let query = format!("SELECT count(), uniqExact({identity}) FROM {table}");
            let (rows, distinct) = self.client.query(&query).fetch_one::<(u64, u64)>().await?;
            counts.push(TableCount { table, rows, distinct });
        }
        Ok(counts)
    }

    /// One number.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn number(&self, query: &str) -> anyhow::Result<u64> {
        Ok(self.client.query(query).fetch_one::<u64>().await?)
    }

    /// Fails when any table holds a row twice.
    ///
    /// # Errors
    /// The tables and their counts.
    pub async fn nothing_twice(&self) -> anyhow::Result<Vec<TableCount>> {
        let counts = self.count_all().await?;
        let twice: Vec<_> = counts.iter().filter(|count| count.rows != count.distinct).collect();
        anyhow::ensure!(twice.is_empty(), "rows that stand twice: {twice:?}");
        Ok(counts)
    }
}
