//! Recording one stream: prepare, declare, insert, commit; again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::stream::{FuturesUnordered, TryStreamExt};
use muster_bus::{Bus, DeadEntry, Limits, Publisher, Stream, Tail, put_aside};
use muster_kit::crash;
use muster_store::Store;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument as _, Span};

use crate::config::RecorderConfig;
use crate::error::RecorderError;
use crate::keeper::Keeper;
use crate::prepare::{Bounds, Newer, NotAgain, Prepared, prepare, prepare_again};
use crate::telemetry::Committed;

/// How long an insert is repeated before the whole stream is begun anew from its record.
const INSERT_PATIENCE: Duration = Duration::from_secs(60);
/// How often the position is recorded for those who purge.
const POSITION_EVERY: Duration = Duration::from_secs(1);
/// What already lies in the stream is taken as far as a batch goes; so much is read in a tenth of it.
const BACKLOG_PATIENCE: Duration = Duration::from_secs(1);
/// Messages taken at once; with slices of 1,000 rows a batch is full long before.
const MESSAGES_MAX: usize = 4_096;
/// A busy store gets fewer and larger batches: what it took for the last one, the next one gathers. But no batch gathers
/// for longer than this many times the configured time.
const LINGER_FACTOR_MAX: u32 = 4;

/// What recording a stream needs.
#[derive(Debug, Clone)]
pub(crate) struct Recording {
    pub(crate) bus: Bus,
    pub(crate) store: Store,
    pub(crate) publisher: Publisher,
    pub(crate) stream: Stream,
    pub(crate) config: Arc<RecorderConfig>,
    /// Off only where a test shows that it has to be on.
    pub(crate) deduplicate: bool,
    /// How long the store took for the last batch.
    pub(crate) insert_time: InsertTime,
}

/// Told by who inserts to who gathers the next batch.
#[derive(Debug, Clone, Default)]
pub(crate) struct InsertTime(Arc<AtomicU64>);

impl InsertTime {
    fn set(&self, time: Duration) {
        // A figure alone: nothing else is read because of it.
        self.0.store(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How long a batch gathers: as configured while the store is quick.
    fn linger(&self, configured: Duration) -> Duration {
        let busy = Duration::from_micros(self.0.load(Ordering::Relaxed));
        busy.clamp(configured, configured.saturating_mul(LINGER_FACTOR_MAX))
    }
}

/// What was recorded for those who purge, and when it may be again.
struct Position {
    recorded: u64,
    due: Instant,
}

impl Recording {
    /// Records until another recorder takes over or something fails. Dropping it at any point is a crash, and harmless.
    pub(crate) async fn run(&self) -> Result<(), RecorderError> {
        let mut keeper = Keeper::load(&self.bus, &self.store, self.stream, self.config.generation).await?;
        if let Some(declared) = keeper.record().declared.clone() {
            tracing::info!(stream = self.stream.name(), first = declared.first, last = declared.last, "repeating");
            let prepared = self.repeat(declared.first, declared.last).await?;
            self.put_dead_aside(&prepared).await?;
            self.insert(&keeper, &prepared).await?;
            self.commit(&mut keeper, &prepared, None).await?;
        }
        let (sender, mut batches) = mpsc::channel(1);
        let after = keeper.record().committed;
        let _preparing = AbortOnDropHandle::new(self.start_preparing(after, sender));
        let mut position = Position { recorded: 0, due: Instant::now() };
        let mut next = batches.recv().await;
        while let Some(prepared) = next {
            let prepared = prepared?;
            self.record(&mut keeper, &prepared).instrument(self.span(&prepared)).await?;
            next = match batches.try_recv() {
                Ok(ready) => {
                    self.committed(&prepared);
                    Some(ready)
                }
                Err(_) => {
                    self.commit(&mut keeper, &prepared, None).await?;
                    self.wait_for_next(&mut batches, &mut position, keeper.record().committed).await?
                }
            };
            if position.due <= Instant::now() {
                self.record_position(&mut position, keeper.record().committed).await?;
            }
        }
        Ok(())
    }

    /// A trace of its own: a batch is of many, of which it names the first.
    fn span(&self, prepared: &Prepared) -> Span {
        let (stream, range) = (self.stream.name(), &prepared.range);
        let span = tracing::info_span!("batch", stream, first = range.first, last = range.last, rows = prepared.rows);
        if let Some(origin) = &prepared.origin {
            origin.link_to(&span);
        }
        span
    }

    async fn record(&self, keeper: &mut Keeper, prepared: &Prepared) -> Result<(), RecorderError> {
        self.put_dead_aside(prepared).await?;
        // Declares this batch; the one before is committed by the same change, or was already.
        crash::point("recorder.before-declare");
        keeper.advance(Some(prepared.range.clone())).await?;
        crash::point("recorder.after-declare");
        self.insert(keeper, prepared).await
    }

    /// Waits for a batch; meanwhile the position is recorded, so that a full stream can be purged while nothing comes.
    async fn wait_for_next(
        &self,
        batches: &mut mpsc::Receiver<Result<Prepared, RecorderError>>,
        position: &mut Position,
        committed: u64,
    ) -> Result<Option<Result<Prepared, RecorderError>>, RecorderError> {
        if position.recorded < committed {
            match tokio::time::timeout_at(position.due, batches.recv()).await {
                Ok(batch) => return Ok(batch),
                Err(_) => self.record_position(position, committed).await?,
            }
        }
        Ok(batches.recv().await)
    }

    async fn commit(
        &self,
        keeper: &mut Keeper,
        prepared: &Prepared,
        next: Option<muster_bus::Declared>,
    ) -> Result<(), RecorderError> {
        crash::point("recorder.before-commit");
        keeper.advance(next).await?;
        crash::point("recorder.after-commit");
        self.committed(prepared);
        Ok(())
    }

    fn committed(&self, prepared: &Prepared) {
        let (first, last) = (prepared.range.first, prepared.range.last);
        Committed { stream: self.stream.name(), first, last, rows: prepared.rows }.emit();
    }

    async fn record_position(&self, position: &mut Position, committed: u64) -> Result<(), RecorderError> {
        let positions = self.bus.positions().await?;
        positions.passed("recorder", self.stream, None, committed).await?;
        *position = Position { recorded: committed, due: Instant::now() + POSITION_EVERY };
        Ok(())
    }

    /// Every block has a token of its own, so they may go side by side, and again.
    async fn insert(&self, keeper: &Keeper, prepared: &Prepared) -> Result<(), RecorderError> {
        crash::point("recorder.before-insert");
        let started = Instant::now();
        let inserts: FuturesUnordered<_> = prepared
            .blocks
            .iter()
            .map(|block| async {
                let token = self.token(keeper, prepared, block.table());
                self.store.insert_until_definite(block, &token, INSERT_PATIENCE).await?;
                crash::point("recorder.between-tables");
                Ok::<_, RecorderError>(())
            })
            .collect();
        inserts.try_collect::<Vec<()>>().await?;
        self.insert_time.set(started.elapsed());
        crash::point("recorder.after-insert");
        Ok(())
    }

    /// The same range and table give the same token, in whichever process: the store takes it once.
    fn token(&self, keeper: &Keeper, prepared: &Prepared, table: &str) -> String {
        let token = keeper.record().token(&prepared.range, table);
        if self.deduplicate { token } else { format!("{token}:{}", std::process::id()) }
    }

    async fn put_dead_aside(&self, prepared: &Prepared) -> Result<(), RecorderError> {
        for (received, reason) in &prepared.dead {
            let entry = DeadEntry { stream: self.stream, received, reader: "recorder", reason: reason.clone() };
            put_aside(&self.publisher, entry).await?;
        }
        Ok(())
    }

    /// Prepares exactly a declared range again.
    async fn repeat(&self, first: u64, last: u64) -> Result<Prepared, RecorderError> {
        let mut tail = self.bus.tail(self.stream, &[], first - 1);
        let mut messages = Vec::new();
        while messages.last().is_none_or(|message: &muster_bus::Received| message.sequence < last) {
            messages.extend(tail.next_batch(self.limits()).await?.messages);
        }
        prepare_again(messages, first, last).map_err(|error| match error {
            NotAgain::Newer(newer) => self.newer(newer),
            NotAgain::Differs => RecorderError::LostTail {
                stream: self.stream.name(),
                evidence: format!("the declared range {first} to {last} cannot be made again"),
                next_generation: self.config.generation + 1,
            },
        })
    }

    /// Reads and encodes ahead of the inserts, by one batch.
    fn start_preparing(&self, after: u64, sender: mpsc::Sender<Result<Prepared, RecorderError>>) -> JoinHandle<()> {
        let this = self.clone();
        tokio::spawn(async move {
            let mut tail = this.bus.tail(this.stream, &[], after);
            let (mut messages, mut taken_at) = (Vec::new(), Instant::now());
            loop {
                let prepared = this.prepare_next(&mut tail, &mut messages, &mut taken_at).await;
                let failed = prepared.is_err();
                if sender.send(prepared).await.is_err() || failed {
                    return;
                }
            }
        })
    }

    async fn prepare_next(
        &self,
        tail: &mut Tail,
        messages: &mut Vec<muster_bus::Received>,
        taken_at: &mut Instant,
    ) -> Result<Prepared, RecorderError> {
        let bounds = Bounds { rows_max: self.config.batch_rows_max, bytes_max: self.config.batch_bytes_max };
        loop {
            if messages.is_empty() {
                let linger = self.insert_time.linger(self.config.linger(self.stream));
                // After a pause the time is over already, and nothing is waited for.
                let gathered = tail.gather(self.limits(), *taken_at + linger).await?;
                (*messages, *taken_at) = (gathered.messages, Instant::now());
            }
            // Encoding 64 MiB takes a tenth of a second: not on a thread that others wait for.
            let mut taken = std::mem::take(messages);
            let (result, left) =
                tokio::task::spawn_blocking(move || (prepare(&mut taken, bounds), taken)).await.map_err(|error| {
                    muster_bus::BusError::Failed { action: "prepare a batch".to_owned(), cause: error.to_string() }
                })?;
            *messages = left;
            match result {
                Ok(Some(prepared)) => return Ok(prepared),
                Ok(None) => {}
                Err(newer) => return Err(self.newer(newer)),
            }
        }
    }

    fn newer(&self, newer: Newer) -> RecorderError {
        RecorderError::UpgradeMe {
            stream: self.stream.name(),
            sequence: newer.sequence,
            cause: newer.cause.to_string(),
        }
    }

    fn limits(&self) -> Limits {
        Limits { messages: MESSAGES_MAX, bytes: self.config.batch_bytes_max, linger: BACKLOG_PATIENCE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gathers_longer_while_the_store_is_busy() {
        let (time, configured) = (InsertTime::default(), Duration::from_millis(100));
        assert_eq!(time.linger(configured), configured);
        for (took_ms, gathers_ms) in [(20, 100), (100, 100), (160, 160), (400, 400), (5_000, 400), (0, 100)] {
            time.set(Duration::from_millis(took_ms));
            assert_eq!(time.linger(configured), Duration::from_millis(gathers_ms), "{took_ms} ms");
        }
        time.set(Duration::MAX);
        assert_eq!(time.linger(Duration::ZERO), Duration::ZERO, "who asks for no gathering gets none");
    }
}
