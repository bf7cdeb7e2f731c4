//! Exactly-once inserts: one statement, one block, one partition, one token.
//!
//! A block with a token stands in its table once, however often it is sent: ClickHouse remembers the tokens of the
//! last 100,000 inserts of a table. So an insert whose answer got lost is repeated until the answer is definite.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use crate::block::EncodedBlock;
use crate::error::{Failure, InsertError};
use crate::rows::TableRow;
use crate::store::Store;

/// Rows of a block: the recorder's batches have at most 100,000, a repeat of a large import more.
const BLOCK_ROWS_MAX: usize = 4_000_000;

/// Bytes handed over at once, so that the server reads (and LZ4 packs) while the rest is on its way.
const CHUNK_BYTES: usize = 256 << 10;

/// First pause between two attempts; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// Longest pause: a server that comes back is noticed after this.
const PAUSE_MAX: Duration = Duration::from_secs(1);

impl Store {
    /// Inserts rows once; see [`Store::insert_block`].
    ///
    /// # Errors
    /// [`InsertError`], which says whether the rows may be there and whether to repeat.
    pub async fn insert<R: TableRow>(&self, rows: &[R], token: &str) -> Result<(), InsertError> {
        self.insert_block(&EncodedBlock::of(rows), token).await
    }

    /// Sends a block once. The same token inserts at most once, whatever came of earlier attempts.
    ///
    /// # Errors
    /// [`InsertError`], which says whether the rows may be there and whether to repeat.
    pub async fn insert_block(&self, block: &EncodedBlock, token: &str) -> Result<(), InsertError> {
        self.insert_with(block, Some(token)).await
    }

    /// Sends a block until the answer is definite, or `patience` is over.
    ///
    /// # Errors
    /// The last [`InsertError`].
    pub async fn insert_until_definite(
        &self,
        block: &EncodedBlock,
        token: &str,
        patience: Duration,
    ) -> Result<(), InsertError> {
        let end = Instant::now() + patience;
        let mut pause = PAUSE_MIN;
        loop {
            let error = match self.insert_block(block, token).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let next = Instant::now() + pause;
            if !error.is_worth_repeating() || next > end {
                return Err(error);
            }
            tracing::warn!(%error, token, "insert is repeated");
            sleep_until(next).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    pub(crate) async fn insert_with(&self, block: &EncodedBlock, token: Option<&str>) -> Result<(), InsertError> {
        let table = block.table();
        if block.rows() == 0 {
            return Ok(());
        }
        if block.rows() > BLOCK_ROWS_MAX {
            let message = format!("{} rows are more than {BLOCK_ROWS_MAX}", block.rows());
            return Err(InsertError::Refused { table, code: 0, message });
        }
        let mut insert = self.client.insert_formatted_with(block.statement());
        for (name, value) in insert_settings(block.rows(), self.options.insert_quorum) {
            insert = insert.with_setting(name, value);
        }
        insert = match token {
            Some(token) => {
                // `deduplicate_insert` (since 26.2) overrides the other.
                let insert =
                    insert.with_setting("deduplicate_insert", "enable").with_setting("insert_deduplicate", "1");
                insert.with_setting("insert_deduplication_token", token)
            }
            None => insert.with_setting("deduplicate_insert", "disable").with_setting("insert_deduplicate", "0"),
        };
        let sent = timeout(self.options.insert_timeout(), async move {
            for mut rest in block.chunks().iter().cloned() {
                while !rest.is_empty() {
                    insert.send(rest.split_to(rest.len().min(CHUNK_BYTES))).await?;
                }
            }
            insert.end().await
        });
        match sent.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failure::from(error).of_insert(table, &self.options.url)),
            Err(_) => Err(InsertError::Indefinite {
                table,
                reason: format!("no answer within {} ms", self.options.insert_timeout_ms),
            }),
        }
    }
}

/// Everything that decides whether an insert is atomic, durable and counted once; no default of the server does.
fn insert_settings(rows: usize, quorum: u32) -> Vec<(&'static str, String)> {
    // One more than there are, so that the parser never comes to a cut.
    let rows = (rows + 1).to_string();
    let mut settings = vec![
        ("async_insert", "0".to_owned()),
        // The answer comes when the part stands, with the whole outcome in its status.
        ("wait_end_of_query", "1".to_owned()),
        // One block: the parser cuts at the first of these, and the squasher must neither cut nor merge.
        ("max_insert_block_size", rows.clone()),
        ("min_insert_block_size_rows", rows),
        ("min_insert_block_size_bytes", "0".to_owned()),
        ("max_insert_threads", "1".to_owned()),
        // One partition, or an error.
        ("max_partitions_per_insert_block", "1".to_owned()),
        ("throw_on_max_partitions_per_insert_block", "1".to_owned()),
    ];
    if quorum > 1 {
        settings.push(("insert_quorum", quorum.to_string()));
        settings.push(("insert_quorum_parallel", "1".to_owned()));
    }
    settings
}
