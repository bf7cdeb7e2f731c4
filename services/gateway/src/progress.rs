//! How far the recorder and the evaluator are, followed from their records on the bus. A wait for a sequence
//! (`at_least_sequence`, `muster verify`) is a wait for these numbers, bounded by the call's deadline.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use muster_bus::{Bucket, Bus, BusError, KvChange, KvError, RecorderRecord, Stream, decode};
use muster_kit::Shutdown;
use muster_proto::v1::envelope::Body;
use tokio::sync::watch;

use crate::deadline::Deadline;
use crate::error::{Answer, ApiError, Reason};
use crate::realms::Realms;

/// After a broken watch; the bus itself reconnects with growing delays.
const AGAIN: Duration = Duration::from_millis(500);

/// What has been passed, by key of the record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Passed {
    /// `<stream>.<generation>` → last sequence that stands in the store.
    stored: BTreeMap<String, u64>,
    /// `<service>.<stream>[.<partition>]` → last sequence whose effect is durable.
    positions: BTreeMap<String, u64>,
}

impl Passed {
    /// While a new generation of the store is filled, the old one still answers: the furthest counts.
    fn stored(&self, stream: Stream) -> u64 {
        let of_stream = |key: &str| key.split_once('.').is_some_and(|(name, _)| name == stream.name());
        self.stored.iter().filter(|(key, _)| of_stream(key)).map(|(_, sequence)| *sequence).max().unwrap_or(0)
    }

    /// The slowest partition counts; a site whose partition has not said anything yet has judged nothing.
    fn judged<'a>(&self, stream: Stream, sites: impl IntoIterator<Item = &'a str>) -> u64 {
        let prefix = format!("evaluator.{}.", stream.name());
        let silent = sites.into_iter().any(|site| !self.positions.contains_key(&format!("{prefix}{site}")));
        let of_stream = self.positions.iter().filter(|(key, _)| key.starts_with(&prefix));
        if silent { 0 } else { of_stream.map(|(_, sequence)| *sequence).min().unwrap_or(0) }
    }
}

/// Waits for what others have done.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    passed: watch::Receiver<Passed>,
}

/// The task that keeps a [`Progress`] current.
#[derive(Debug)]
pub(crate) struct Follower {
    bus: Bus,
    passed: watch::Sender<Passed>,
}

impl Progress {
    /// A progress at nothing, and the task that follows it.
    pub(crate) fn new(bus: Bus) -> (Self, Follower) {
        let (sender, passed) = watch::channel(Passed::default());
        (Self { passed }, Follower { bus, passed: sender })
    }

    /// What of a stream stands in the store.
    pub(crate) fn stored(&self, stream: Stream) -> u64 {
        self.passed.borrow().stored(stream)
    }

    /// Waits until a sequence of a stream stands in the store.
    pub(crate) async fn until_stored(&self, stream: Stream, sequence: u64, deadline: Deadline) -> Answer<()> {
        self.until(
            |passed| passed.stored(stream) >= sequence,
            deadline,
            || format!("the recorder has stored {} up to {}, not yet {sequence}", stream.name(), self.stored(stream)),
        )
        .await
    }

    /// Waits until what follows from a sequence of EVENTS stands in the store: the evaluator has passed it for every
    /// site that stands and for the site of the event itself, and the verdicts that it had published by then are
    /// recorded.
    pub(crate) async fn until_judged(
        &self,
        bus: &Bus,
        realms: &Realms,
        sequence: u64,
        deadline: Deadline,
    ) -> Answer<()> {
        if sequence == 0 {
            return Ok(());
        }
        self.until_stored(Stream::Events, sequence, deadline).await?;
        // The estate is followed as well, so its last change may not be known here yet: the event names its site.
        let own = site_of(bus, sequence).await?;
        let judged = |passed: &Passed| {
            let realms = realms.current();
            passed.judged(Stream::Events, realms.standing().chain(own.as_deref()))
        };
        self.until(
            |passed| judged(passed) >= sequence,
            deadline,
            || {
                let judged = judged(&self.passed.borrow());
                format!("the evaluator has judged EVENTS up to {judged}, not yet {sequence}")
            },
        )
        .await?;
        let verdicts = bus.stream_info(Stream::Verdicts).await?.last_sequence;
        self.until_stored(Stream::Verdicts, verdicts, deadline).await
    }

    async fn until(
        &self,
        reached: impl Fn(&Passed) -> bool,
        deadline: Deadline,
        late: impl Fn() -> String,
    ) -> Answer<()> {
        let mut passed = self.passed.clone();
        // A little before the deadline, so that the answer says what was waited for.
        let left = deadline.left().mul_f32(0.9);
        let waited = tokio::time::timeout(left, passed.wait_for(|passed| reached(passed))).await;
        match waited {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(ApiError::new(Reason::ShuttingDown, "the gateway is stopping")),
            Err(_) => Err(ApiError::new(Reason::NotYetVisible, late()).retry_after(Duration::from_secs(1))),
        }
    }
}

/// The site of an estate that was declared with an event: of any other event the site stands already, or nobody judges
/// it any more.
async fn site_of(bus: &Bus, sequence: u64) -> Answer<Option<String>> {
    let Some(event) = bus.message_at(Stream::Events, sequence).await? else { return Ok(None) };
    Ok(match decode(event.payload) {
        Ok((_, Body::Estate(document))) if !document.removed => Some(document.site),
        Ok(_) | Err(_) => None,
    })
}

impl Follower {
    /// Follows until the stop; a broken watch is made again.
    pub(crate) async fn run(self, stop: Shutdown) {
        loop {
            let ended =
                stop.or(Box::pin(async { tokio::join!(self.follow_recorder(), self.follow_positions()) })).await;
            let Some((recorder, positions)) = ended else { return };
            for error in [recorder.err(), positions.err()].into_iter().flatten() {
                tracing::warn!(%error, "cannot follow what the recorder and the evaluator have done, trying again");
            }
            if stop.or(tokio::time::sleep(AGAIN)).await.is_none() {
                return;
            }
        }
    }

    async fn follow_recorder(&self) -> Result<(), FollowError> {
        self.follow(Bucket::Recorder, |passed, key, value| match serde_json::from_slice::<RecorderRecord>(value) {
            Ok(record) => {
                passed.stored.insert(key.to_owned(), record.committed);
            }
            Err(error) => tracing::warn!(key, %error, "the recorder's record cannot be read; upgrade the gateway"),
        })
        .await
    }

    async fn follow_positions(&self) -> Result<(), FollowError> {
        self.follow(Bucket::Positions, |passed, key, value| {
            if let Some(sequence) = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()) {
                passed.positions.insert(key.to_owned(), sequence);
            }
        })
        .await
    }

    async fn follow(&self, bucket: Bucket, take: impl Fn(&mut Passed, &str, &[u8])) -> Result<(), FollowError> {
        let mut changes = pin!(self.bus.kv(bucket).await?.watch().await?);
        while let Some(change) = changes.next().await {
            match change? {
                KvChange::Put(entry) => self.passed.send_modify(|passed| take(passed, &entry.key, &entry.value)),
                KvChange::Gone { key } => self.passed.send_modify(|passed| {
                    passed.stored.remove(&key);
                    passed.positions.remove(&key);
                }),
            }
        }
        Ok(())
    }
}

#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error(transparent)]
    Kv(#[from] KvError),
}

#[cfg(test)]
mod tests {
    use super::Passed;
    use muster_bus::Stream;

    #[test]
    fn the_furthest_generation_and_the_slowest_partition_count() {
        let mut passed = Passed::default();
        passed.stored.insert("EVENTS.1".to_owned(), 90);
        passed.stored.insert("EVENTS.2".to_owned(), 7);
        passed.stored.insert("PLANS.1".to_owned(), 99);
        passed.positions.insert("evaluator.EVENTS.dublin".to_owned(), 50);
        passed.positions.insert("evaluator.EVENTS.redmond".to_owned(), 40);
        passed.positions.insert("scheduler.EVENTS".to_owned(), 3);
        assert_eq!((passed.stored(Stream::Events), passed.stored(Stream::Verdicts)), (90, 0));
        assert_eq!((passed.judged(Stream::Events, []), passed.judged(Stream::Plans, [])), (40, 0));
    }

    #[test]
    fn a_site_of_which_nothing_was_said_yet_has_judged_nothing() {
        let mut passed = Passed::default();
        passed.positions.insert("evaluator.EVENTS.dublin".to_owned(), 50);
        assert_eq!(passed.judged(Stream::Events, ["dublin"]), 50);
        assert_eq!(passed.judged(Stream::Events, ["dublin", "cork"]), 0, "cork is new");
        passed.positions.insert("evaluator.EVENTS.cork".to_owned(), 51);
        assert_eq!(passed.judged(Stream::Events, ["dublin", "cork"]), 50);
    }
}
