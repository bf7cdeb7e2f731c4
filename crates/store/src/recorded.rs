//! What the store itself can say of how far a stream was recorded.
//!
//! The recorder's record lives on the bus. A bus that was restored from an older copy, or made anew, brings back an
//! older record with it or none, and nothing there would contradict it: the rows do.

use std::fmt::Write as _;
use std::time::Duration;

use crate::error::StoreError;
use crate::permissions::TABLES;
use crate::store::Store;

/// A maximum over a few narrow columns; the largest of them has one row a slice, not one an observation.
const DEADLINE: Duration = Duration::from_secs(30);

/// A stream whose messages became rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// EVENTS.
    Events,
    /// PLANS.
    Plans,
    /// VERDICTS.
    Verdicts,
}

impl Recorded {
    /// Tables that between them hold a row of every message that has rows. Observations and certificates stand in a
    /// slice, drawn items in a draw, and what is current in a log.
    const fn tables(self) -> &'static [&'static str] {
        match self {
            Self::Events => &[
                "slices",
                "order_outcomes",
                "inventory_changes",
                "inventory_manifests",
                "estate_revisions",
                "dispositions",
                "bulletins",
                "commands",
            ],
            Self::Plans => &["sweeps_started", "orders_issued", "sweeps_finished", "draws"],
            Self::Verdicts => &["verdict_log", "host_log"],
        }
    }
}

impl Store {
    /// Whether the user may insert into every table that the recorder fills; the first one into which it may not is
    /// named.
    ///
    /// # Errors
    /// When the store does not answer, or a grant is missing.
    pub async fn check_may_insert(&self) -> Result<(), StoreError> {
        let database = &self.options.database;
        for table in TABLES {
            let query = format!("CHECK GRANT INSERT ON {database}.{table}");
            let asked = self.client.query(&query);
            let granted = self.within("what its user may insert", DEADLINE, asked.fetch_one::<u8>()).await?;
            if granted == 0 {
                let message = format!("INSERT ON {database}.{table}");
                return Err(StoreError::MissingPermission { user: self.options.user.clone(), message });
            }
        }
        Ok(())
    }

    /// Sequence of the last message of a stream of which a row stands; 0: there is none.
    ///
    /// # Errors
    /// When the store does not answer, or the user may not read.
    pub async fn last_recorded(&self, stream: Recorded) -> Result<u64, StoreError> {
        let mut query = String::from("SELECT max(last) FROM (");
        for (index, table) in stream.tables().iter().enumerate() {
            let union = if index == 0 { "" } else { " UNION ALL " };
            let _ = write!(query, "{union}SELECT max(stream_sequence) AS last FROM {table}");
        }
        query.push(')');
        let asked = self.client.query(&query);
        self.within("how far a stream is recorded", DEADLINE, asked.fetch_one::<u64>()).await
    }
}
