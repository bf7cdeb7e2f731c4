//! Whether an answered insert survives the loss of power. No default of ClickHouse's does.

use std::time::Duration;

use crate::error::StoreError;
use crate::store::Store;

/// A system table of a few hundred lines.
const DEADLINE: Duration = Duration::from_secs(10);

/// Settings of MergeTree that have to be on: the files of a part, its folder after the rename, and a merged part before
/// the parts that it replaces go.
const NEEDED: [&str; 3] = ["fsync_after_insert", "fsync_part_directory", "min_rows_to_fsync_after_merge"];

impl Store {
    /// Settings that are off and have to be on; none: an answered insert is on the disk.
    ///
    /// # Errors
    /// When the store does not answer, or the user may not read its settings.
    pub async fn weak_durability(&self) -> Result<Vec<&'static str>, StoreError> {
        let query = "SELECT name FROM system.merge_tree_settings WHERE name IN ? AND toUInt64OrZero(value) > 0";
        let client = self.client.clone().with_database("default");
        let asked = client.query(query).bind(NEEDED.as_slice());
        let on = self.within("what is synced to disk", DEADLINE, asked.fetch_all::<String>()).await?;
        Ok(NEEDED.into_iter().filter(|name| !on.iter().any(|on| on == name)).collect())
    }
}
