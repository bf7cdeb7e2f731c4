//! The record of one stream: read, compared with the stream, changed by compare-and-set.

use bytes::Bytes;
use muster_bus::{Bucket, Bus, Declared, Kv, KvError, RecorderRecord, Stream, decode};
use muster_ids::EventId;
use muster_store::{Recorded, Store};

use crate::error::RecorderError;

/// Holds the record and the revision it stands at.
#[derive(Debug)]
pub(crate) struct Keeper {
    kv: Kv,
    stream: Stream,
    key: String,
    record: RecorderRecord,
    revision: Option<u64>,
    compare_and_set: bool,
}

impl Keeper {
    /// Reads the record and compares it with the stream, and with the rows that stand.
    pub(crate) async fn load(bus: &Bus, store: &Store, stream: Stream, generation: u32) -> Result<Self, RecorderError> {
        // Before the record is read: whoever still acts declares first and inserts then, so no row is ahead of it.
        let stands = match recorded(stream) {
            Some(recorded) => store.last_recorded(recorded).await?,
            None => 0,
        };
        let kv = bus.kv(Bucket::Recorder).await?;
        let key = RecorderRecord::key(stream, generation);
        let info = bus.stream_info(stream).await?;
        let entry = kv.get(&key).await?;
        let (mut record, revision) = match entry {
            None => (RecorderRecord::new(&info.incarnation, generation), None),
            Some(entry) => {
                let record = serde_json::from_slice::<RecorderRecord>(&entry.value)
                    .map_err(|error| RecorderError::Record { stream: stream.name(), cause: error.to_string() })?;
                (record, Some(entry.revision))
            }
        };
        let untouched = record.committed == 0 && record.declared.is_none();
        if untouched {
            record.incarnation.clone_from(&info.incarnation);
        }
        let lost = |evidence: String| RecorderError::LostTail {
            stream: stream.name(),
            evidence,
            next_generation: generation + 1,
        };
        if record.incarnation != info.incarnation {
            return Err(lost("the stream was made anew since".to_owned()));
        }
        // The record lives on the bus too: one that was restored from an older copy contradicts only the rows.
        let known = record.declared.as_ref().map_or(record.committed, |declared| declared.last);
        if stands > known {
            return Err(lost(format!("rows of message {stands} stand in the store, its record ends at {known}")));
        }
        let committed = (record.committed, record.committed_event);
        let declared = record.declared.as_ref().map(|declared| (declared.last, declared.last_event));
        for (sequence, event) in [Some(committed), declared].into_iter().flatten() {
            if sequence > info.last_sequence {
                let evidence = format!("message {sequence} was there, the last one now is {}", info.last_sequence);
                return Err(lost(evidence));
            }
            // A purged message cannot be compared: the recorder purges only what it has passed.
            let Some(expected) = event else { continue };
            let Some(found) = event_at(bus, stream, sequence).await? else { continue };
            if found != expected {
                return Err(lost(format!("message {sequence} was event {expected} and is event {found}")));
            }
        }
        let compare_and_set = !muster_kit::crash::is_without("compare-and-set");
        Ok(Self { kv, stream, key, record, revision, compare_and_set })
    }

    pub(crate) const fn record(&self) -> &RecorderRecord {
        &self.record
    }

    /// Commits the declared range and declares the next, or none.
    pub(crate) async fn advance(&mut self, next: Option<Declared>) -> Result<(), RecorderError> {
        let record = self.record.advance(next);
        let value = Bytes::from(
            serde_json::to_vec(&record)
                .map_err(|error| RecorderError::Record { stream: self.stream.name(), cause: error.to_string() })?,
        );
        let revision = if self.compare_and_set {
            match self.kv.set(&self.key, value.clone(), self.revision).await {
                Ok(revision) => revision,
                Err(KvError::Conflict { .. }) => return Err(RecorderError::TakenOver { stream: self.stream.name() }),
                // The change may have happened: look, rather than guess.
                Err(error) => self.changed_after_all(&value).await.ok_or(error)?,
            }
        } else {
            self.kv.put(&self.key, value).await?
        };
        self.revision = Some(revision);
        self.record = record;
        Ok(())
    }

    async fn changed_after_all(&self, value: &Bytes) -> Option<u64> {
        let entry = self.kv.get(&self.key).await.ok()??;
        (entry.value == *value).then_some(entry.revision)
    }
}

const fn recorded(stream: Stream) -> Option<Recorded> {
    match stream {
        Stream::Events => Some(Recorded::Events),
        Stream::Plans => Some(Recorded::Plans),
        Stream::Verdicts => Some(Recorded::Verdicts),
        Stream::Orders | Stream::Dead => None,
    }
}

async fn event_at(bus: &Bus, stream: Stream, sequence: u64) -> Result<Option<EventId>, RecorderError> {
    if sequence == 0 {
        return Ok(None);
    }
    let Some(received) = bus.message_at(stream, sequence).await? else { return Ok(None) };
    Ok(decode(received.payload).ok().and_then(|(envelope, _)| EventId::from_bytes(&envelope.event_id).ok()))
}
