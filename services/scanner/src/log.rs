//! A lease's subject: how far it is, and what is appended to it.

use std::time::Duration;

use jiff::Timestamp;
use muster_bus::convert::{loss, time};
use muster_bus::{Bus, Draft, Expect, PublishError, Published, Publisher, Received, SiteName, Stream, Subject, open};
use muster_ids::OrderId;
use muster_kit::Shutdown;
use muster_proto::v1::{self, envelope::Body};
use muster_sweep::SliceCounts;
use muster_sweep::loss::LossCount;

use crate::engine::{Attempts, SliceResult};
use crate::error::ScannerError;

/// Between two tries of the same publish: from a hiccup to a stream whose readers have to catch up.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LAST: Duration = Duration::from_secs(2);
/// In a cluster the copy that answers may lag behind the one that refused: ten looks are about 15 s.
const LAGGING_MAX: u32 = 10;

/// How far a lease is: all that was published about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The next slice to report.
    pub(crate) next_slice: u32,
    /// Stream sequence of the last message on the subject; 0: there is none.
    pub(crate) sequence: u64,
    /// Of all slices that were reported.
    pub(crate) counts: SliceCounts,
    /// When the first slice was begun.
    pub(crate) started_at: Option<Timestamp>,
    /// On which attempt units answered.
    pub(crate) loss: LossCount,
}

impl Progress {
    /// The totals once one more slice is reported.
    pub(crate) fn totals_with(&self, result: &SliceResult) -> v1::SliceTotals {
        let counts = add(self.counts, result.counts);
        v1::SliceTotals {
            units: counts.units(),
            open: counts.open,
            closed: counts.closed,
            silent: counts.silent,
            skipped: counts.skipped,
            started_at: Some(time::to_proto(self.started_at.unwrap_or(result.started_at))),
            loss: Some(loss::to_proto(&self.loss_with(result))),
        }
    }

    fn loss_with(&self, result: &SliceResult) -> LossCount {
        let mut count = self.loss.clone();
        match &result.attempts {
            Some(Attempts { sent, first_answers, dropped }) => {
                count.add_dropped(*dropped);
                // Of a slice that was skipped whole nothing left, and nothing is to be counted.
                if !sent.is_empty() && count.add_slice(sent, first_answers).is_err() {
                    count.add_uncounted(u64::from(result.range.units));
                }
            }
            None => count.add_uncounted(result.counts.units() - result.counts.skipped),
        }
        count
    }

    /// One more slice is reported.
    pub(crate) fn advance(&mut self, sequence: u64, result: &SliceResult) {
        self.next_slice += 1;
        self.sequence = sequence;
        self.counts = add(self.counts, result.counts);
        self.started_at.get_or_insert(result.started_at);
        self.loss = self.loss_with(result);
    }

    fn of_slice(sequence: u64, slice: &v1::Slice) -> Result<Self, String> {
        let totals = slice.totals.as_ref().ok_or("its last slice has no totals")?;
        let counts =
            SliceCounts { open: totals.open, closed: totals.closed, silent: totals.silent, skipped: totals.skipped };
        let reported = u64::from(slice.first_unit) + u64::from(slice.units);
        if counts.units() != reported || totals.units != reported {
            return Err(format!("its last slice ends at unit {reported} and its totals are of {}", totals.units));
        }
        let started_at = time::optional("totals.started_at", totals.started_at.as_ref()).map_err(|e| e.to_string())?;
        let mut loss = loss::from_proto("totals.loss", totals.loss.as_ref()).map_err(|e| e.to_string())?;
        if totals.loss.is_none() {
            // By a scanner that did not count.
            loss.add_uncounted(reported - counts.skipped);
        }
        Ok(Self { next_slice: slice.index.saturating_add(1), sequence, counts, started_at, loss })
    }
}

/// What the last message on a lease's subject says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Checkpoint {
    /// It is to be worked on.
    Open(Box<Progress>),
    /// Its outcome stands.
    Over,
}

/// The subject of one lease.
#[derive(Debug)]
pub(crate) struct LeaseLog {
    pub(crate) bus: Bus,
    pub(crate) publisher: Publisher,
    pub(crate) order: OrderId,
    pub(crate) subject: Subject,
    pub(crate) shutdown: Shutdown,
}

impl LeaseLog {
    pub(crate) fn new(bus: &Bus, publisher: &Publisher, site: &SiteName, order: OrderId, shutdown: &Shutdown) -> Self {
        let subject = Subject::lease(site, order);
        Self { bus: bus.clone(), publisher: publisher.clone(), order, subject, shutdown: shutdown.clone() }
    }

    /// How far the lease is.
    pub(crate) async fn checkpoint(&self) -> Result<Checkpoint, ScannerError> {
        let Some(last) = self.last().await? else { return Ok(Checkpoint::Open(Box::default())) };
        let unreadable = |cause: String| ScannerError::Checkpoint { order: self.order.to_string(), cause };
        let (_, body) = open(&last).map_err(|error| unreadable(error.to_string()))?;
        if matches!(body, Body::OrderOutcome(_)) {
            return Ok(Checkpoint::Over);
        }
        let Body::Slice(slice) = body else { return Err(unreadable("it is no slice".to_owned())) };
        Progress::of_slice(last.sequence, &slice)
            .map(|progress| Checkpoint::Open(Box::new(progress)))
            .map_err(unreadable)
    }

    /// Appends after the last message, and returns where it stands. Tries until the answer is definite, or the stop.
    ///
    /// An event's id follows from the lease, so two scanners give a slice the same id. Who is told that an event was
    /// there already, or that another was first, looks whether it is its own: its content tells, instants included.
    pub(crate) async fn append(&self, draft: &Draft, expected: u64) -> Result<u64, ScannerError> {
        let (mut expected, mut pause, mut lagging) = (expected, RETRY_FIRST, 0);
        loop {
            match self.publisher.publish(&self.subject, draft.clone(), Expect::LastOnSubject(expected)).await {
                Ok(Published { sequence, duplicate: false }) => return Ok(sequence),
                Ok(Published { duplicate: true, .. }) => match self.last().await {
                    Ok(Some(last)) if is(&last, draft) => return Ok(last.sequence),
                    Ok(Some(last)) if last.sequence <= expected => lagging += 1,
                    Ok(Some(_) | None) => return Err(self.taken_over()),
                    Err(error) => tracing::debug!(%error, "cannot look at the subject"),
                },
                Err(PublishError::Conflict { .. }) => match self.last().await {
                    Ok(Some(last)) if is(&last, draft) => return Ok(last.sequence),
                    Ok(Some(last)) if last.sequence <= expected => lagging += 1,
                    Ok(Some(_)) => return Err(self.taken_over()),
                    // The stream was relieved of what every reader has passed, or the copy lags. The server compares,
                    // so to ask for an empty subject is safe either way.
                    Ok(None) => (expected, lagging) = (0, lagging + 1),
                    Err(error) => tracing::debug!(%error, "cannot look at the subject"),
                },
                Err(error) if error.is_passing() => tracing::warn!(%error, "trying again"),
                Err(error) => return Err(error.into()),
            }
            if lagging > LAGGING_MAX {
                return Err(self.taken_over());
            }
            if self.shutdown.or(tokio::time::sleep(pause)).await.is_none() {
                return Err(ScannerError::Stopping { order: self.order.to_string() });
            }
            pause = (pause * 2).min(RETRY_LAST);
        }
    }

    async fn last(&self) -> Result<Option<Received>, ScannerError> {
        Ok(self.bus.last_on_subject(Stream::Events, &self.subject).await?)
    }

    fn taken_over(&self) -> ScannerError {
        ScannerError::TakenOver { order: self.order.to_string() }
    }
}

/// Whether a message is what was to be published.
fn is(received: &Received, draft: &Draft) -> bool {
    open(received).is_ok_and(|(_, body)| body == draft.body)
}

const fn add(a: SliceCounts, b: SliceCounts) -> SliceCounts {
    SliceCounts {
        open: a.open + b.open,
        closed: a.closed + b.closed,
        silent: a.silent + b.silent,
        skipped: a.skipped + b.skipped,
    }
}
