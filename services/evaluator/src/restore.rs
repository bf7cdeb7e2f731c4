//! A site's beginning: the store at what the recorder has committed, and what was published after that.

mod rows;
mod told;

use std::time::Duration;

use muster_bus::{Bucket, Bus, Limits, RecorderRecord, SiteName, Stream, Subject, open};
use muster_ids::{OrderId, SweepId};
use muster_proto::v1::envelope::Body;
use muster_store::Store;
use muster_store::query::Ask;
use muster_verdict::{Closed, Input, SiteState};

use rows::StoredSite;
pub(crate) use rows::asset_of_row;
use told::Told;

use crate::error::EvaluatorError;
use crate::import::deadline;
use crate::partition::{Leases, Partition, SliceBits};
use crate::telemetry::Restored;

/// How long nothing may come while published verdicts are read.
const PATIENCE: Duration = Duration::from_secs(30);
const LIMITS: Limits = Limits { messages: 256, bytes: 8 << 20, linger: Duration::from_millis(2) };
/// A snapshot of the largest site: a few million rows at a few million a second.
const SNAPSHOT_DEADLINE: Duration = Duration::from_secs(60);
const SNAPSHOT_ROWS_MAX: u64 = 10_000_000;

/// A site that is ready to go on.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) partition: Partition,
    /// Stream sequence of the last message on the site's subject; 0: there is none.
    pub(crate) last: u64,
}

/// Where the sites begin from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) bus: Bus,
    pub(crate) store: Store,
    pub(crate) generation: u32,
}

/// What the recorder has committed of a stream, and where reading can begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Committed {
    /// Everything up to here stands in the store.
    pub(crate) cut: u64,
    /// Reading goes on after this.
    after: u64,
    /// Last sequence of the stream.
    last: u64,
}

/// Reads the recorder's record of a stream.
pub(crate) async fn committed(bus: &Bus, stream: Stream, generation: u32) -> Result<Committed, EvaluatorError> {
    let name = stream.name();
    let info = bus.stream_info(stream).await?;
    let entry = bus.kv(Bucket::Recorder).await?.get(&RecorderRecord::key(stream, generation)).await?;
    let cut = match entry {
        None => 0,
        Some(entry) => {
            let record: RecorderRecord = serde_json::from_slice(&entry.value)
                .map_err(|error| EvaluatorError::Record { stream: name, cause: error.to_string() })?;
            if record.committed > 0 && (record.incarnation != info.incarnation || record.committed > info.last_sequence)
            {
                return Err(EvaluatorError::OtherStream { stream: name, generation });
            }
            record.committed
        }
    };
    let after = cut.max(info.first_sequence.saturating_sub(1));
    if after > cut {
        tracing::warn!(stream = name, committed = cut, after, "messages are gone that the recorder has not committed");
    }
    Ok(Committed { cut, after, last: info.last_sequence })
}

/// How a snapshot is asked for.
pub(crate) fn ask() -> Ask {
    Ask { rows_max: SNAPSHOT_ROWS_MAX, ..Ask::within(SNAPSHOT_DEADLINE) }
}

impl Origin {
    /// Brings a site to where it can read on.
    pub(crate) async fn restore(&self, site: &SiteName) -> Result<Ready, EvaluatorError> {
        let events = committed(&self.bus, Stream::Events, self.generation).await?;
        let plans = committed(&self.bus, Stream::Plans, self.generation).await?;
        let verdicts = committed(&self.bus, Stream::Verdicts, self.generation).await?;
        let stored = StoredSite::load(&self.store, site.as_str(), events.cut, plans.cut).await?;
        let mut told = Told::load(&self.store, site.as_str(), verdicts.cut).await?;
        let tail = self.read_tail(site, &mut told, verdicts).await?;
        // Where a stream lost its end, what was considered beyond it never comes again.
        let judge_from = (tail.considered.0.min(events.last), tail.considered.1.min(plans.last));
        let read = (events.after, plans.after);
        let name = site.as_str().to_owned();
        let build = move || {
            let (snapshot, leases, slices) = stored.into_snapshot(told)?;
            let (mut state, mut leases) = (SiteState::restore(snapshot), leases);
            replay_slices(&mut state, &mut leases, &slices);
            Ok::<_, EvaluatorError>(Partition::new(name, state, leases, read, judge_from))
        };
        // A million hosts take seconds: not on a thread that others wait for.
        let partition = tokio::task::spawn_blocking(build)
            .await
            .map_err(|error| EvaluatorError::ReadBack { what: "a site", cause: error.to_string() })??;
        Restored {
            site: site.as_str(),
            events: events.after,
            plans: plans.after,
            verdicts: tail.last,
            addresses: partition.state.addresses(),
        }
        .emit();
        Ok(Ready { partition, last: tail.last })
    }

    /// Reads what was published on the site's subject after the recorder's position.
    async fn read_tail(&self, site: &SiteName, told: &mut Told, committed: Committed) -> Result<Tail, EvaluatorError> {
        let subject = Subject::verdicts(site);
        let Some(newest) = self.bus.last_on_subject(Stream::Verdicts, &subject).await? else {
            return Ok(Tail { last: 0, considered: (0, 0) });
        };
        let considered = match open(&newest) {
            Ok((_, Body::Verdicts(batch))) => {
                told.told_until(&batch)?;
                (batch.events_sequence, batch.plans_sequence)
            }
            Ok(_) | Err(_) => (0, 0),
        };
        let mut tail = self.bus.tail(Stream::Verdicts, &[subject.as_str().to_owned()], committed.after);
        let mut read = committed.after;
        while read < newest.sequence {
            let batch = tokio::time::timeout(PATIENCE, tail.next_batch(LIMITS)).await;
            let batch = batch.map_err(|_| deadline("what was published before"))??;
            for received in batch.messages.iter().filter(|received| received.sequence <= newest.sequence) {
                match open(received) {
                    Ok((_, Body::Verdicts(batch))) => told.fold(&batch)?,
                    // What is no batch of verdicts says nothing to anybody: the recorder puts it aside.
                    Ok(_) => {}
                    Err(error) if error.is_newer() => {
                        return Err(EvaluatorError::ReadBack { what: "verdicts", cause: error.to_string() });
                    }
                    Err(_) => {}
                }
            }
            read = batch.messages.last().map_or(read, |last| last.sequence);
        }
        Ok(Tail { last: newest.sequence, considered })
    }
}

#[derive(Debug, Clone, Copy)]
struct Tail {
    last: u64,
    considered: (u64, u64),
}

/// Refusals of sweeps that are not over wait for their end in no table: they are read from the slices again.
fn replay_slices(state: &mut SiteState, leases: &mut Leases, slices: &[(OrderId, SliceBits)]) {
    for (order, bits) in slices {
        let Some(refused) = leases.slice(*order, bits) else { continue };
        if !refused.is_empty() {
            let sweep: SweepId = bits.sweep;
            state.apply(Input::Closed(Closed { sweep, at: bits.started_at, refused: &refused }));
        }
    }
}
