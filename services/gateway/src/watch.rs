//! WatchFindings: the findings as they stand, then every change, without a gap.
//!
//! The place in VERDICTS that the recorder has committed is taken first; the snapshot from the store is at that place or
//! after it, and the tail begins at it. So a change may come twice, and none is missing. A resume token is a place in
//! VERDICTS; it points before a message until all of the message's changes are sent.
//!
//! A finding that no longer passes the filter is sent once more as it then stands, so that the client can take it off.
//! After a resume it is not known what the client had: then every finding that is no longer open is sent.

mod record;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt};
use jiff::Timestamp;
use muster_bus::convert::time;
use muster_bus::{Limits, Received, Stream as BusStream, TailError, decode};
use muster_proto::v1::watch_findings_response::Event;
use muster_proto::v1::{
    Bookmark, FindingState, ListedFinding, VerdictBatch, WatchFindingsRequest, WatchFindingsResponse, envelope::Body,
};
use muster_store::query::{FINDING_COLUMNS, Filter, FindingKey, List};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::answer;
use crate::core::Core;
use crate::deadline::Deadline;
use crate::error::{Answer, ApiError, Reason};
use crate::filter::{self, matches};
use crate::guard::Access;
use crate::lists::{ask, sites};
use crate::page::{Binding, MAX_SIZE, Place};

/// Changes that wait for a slow client: 256 of about 1 KiB.
const BUFFER: usize = 256;
/// A client that takes nothing for so long is cut off and resumes later.
const SLOW_MAX: Duration = Duration::from_secs(30);
/// How often a quiet watch says up to where it is.
const BOOKMARK_EVERY: Duration = Duration::from_secs(10);
/// How long one page of the snapshot may take.
const PAGE_MAX: Duration = Duration::from_secs(30);
/// Findings that one watch remembers to have sent: 200,000 ids are about 5 MiB.
const SENT_MAX: usize = 200_000;
/// What is taken from the tail at once.
const BATCH: Limits = Limits { messages: 64, bytes: 4 << 20, linger: Duration::ZERO };

/// Begins a watch. The task behind it ends with the client, its rights, the deadline or the gateway.
///
/// # Errors
/// When the filter or the resume token is wrong.
pub(crate) fn open(
    core: Arc<Core>,
    access: Access,
    request: WatchFindingsRequest,
) -> Answer<impl Stream<Item = Result<WatchFindingsResponse, Status>> + Send + use<>> {
    let filter = filter::parse(&request.filter, FINDING_COLUMNS)?;
    let binding = Binding::of(&["WatchFindings", &request.filter]);
    let resume = core.page_key.open(binding, &request.resume_token).map_err(|_| not_ours())?;
    let resume =
        resume.map(|place| place.cursor.try_into().map(u64::from_be_bytes).map_err(|_| not_ours())).transpose()?;
    let (changes, receiver) = mpsc::channel(BUFFER);
    let (end, ended) = oneshot::channel();
    tokio::spawn(async move {
        let stop = core.stop.clone();
        let (deadline, rights) = (access.deadline(), access.clone());
        let sent = Sent { findings: HashSet::new(), complete: resume.is_none() };
        let mut watch = Watch { core, access, filter, binding, changes: changes.clone(), sent };
        let error = tokio::select! {
            ended = watch.try_run(resume) => ended.err(),
            () = stop.requested() => Some(ApiError::new(Reason::ShuttingDown, "the gateway is stopping; resume elsewhere")),
            () = tokio::time::sleep_until(deadline.instant()) => {
                Some(ApiError::new(Reason::Deadline, "the watch's time is over; resume at the last token"))
            }
            error = rights.revoked() => Some(error),
            () = changes.closed() => None,
        };
        if let Some(error) = error {
            let _gone = end.send(error);
        }
    });
    let last =
        futures::stream::once(ended).filter_map(|ended| async { ended.ok().map(|error| Err(Status::from(error))) });
    Ok(ReceiverStream::new(receiver).map(Ok).chain(last))
}

fn not_ours() -> ApiError {
    let problem = "not given out by this server for this filter; watch from the beginning";
    ApiError::new(Reason::ResumeTokenInvalid, format!("resume_token: {problem}")).violation("resume_token", problem)
}

/// What the client has been sent.
#[derive(Debug)]
struct Sent {
    findings: HashSet<Vec<u8>>,
    /// Whether all of it is remembered.
    complete: bool,
}

impl Sent {
    fn add(&mut self, finding_id: &[u8]) {
        if !self.complete {
            return;
        }
        if self.findings.len() >= SENT_MAX {
            self.complete = false;
            self.findings = HashSet::new();
            return;
        }
        self.findings.insert(finding_id.to_vec());
    }

    /// Whether a finding that does not pass has to be sent all the same.
    fn left(&mut self, listed: &ListedFinding) -> bool {
        let Some(finding) = &listed.finding else { return false };
        if self.complete { self.findings.remove(&finding.finding_id) } else { finding.state() != FindingState::Open }
    }
}

struct Watch {
    core: Arc<Core>,
    access: Access,
    filter: Option<Filter>,
    binding: Binding,
    changes: mpsc::Sender<WatchFindingsResponse>,
    sent: Sent,
}

impl Watch {
    /// Runs until something goes wrong.
    async fn try_run(&mut self, resume: Option<u64>) -> Answer<()> {
        let after = match resume {
            Some(after) => {
                self.check_kept(after).await?;
                after
            }
            None => {
                let after = self.committed().await?;
                self.snapshot().await?;
                self.bookmark(after, true).await?;
                after
            }
        };
        self.tail(after).await
    }

    /// Where VERDICTS is committed to the store: right after the start that is not known yet.
    async fn committed(&self) -> Answer<u64> {
        let last = self.core.bus.stream_info(BusStream::Verdicts).await?.last_sequence;
        if last > 0 {
            self.core.progress.until_stored(BusStream::Verdicts, 1, Deadline::after(PAGE_MAX)).await?;
        }
        Ok(self.core.progress.stored(BusStream::Verdicts))
    }

    /// Messages that follow the token must still be there.
    async fn check_kept(&self, after: u64) -> Answer<()> {
        let info = self.core.bus.stream_info(BusStream::Verdicts).await?;
        if after > info.last_sequence || after + 1 < info.first_sequence {
            return Err(gone());
        }
        Ok(())
    }

    async fn snapshot(&mut self) -> Answer<()> {
        let realms = self.core.realms.current();
        let now = Timestamp::now().as_millisecond();
        let mut after: Option<FindingKey> = None;
        loop {
            let list = List {
                filter: self.filter.clone(),
                sites: sites(&self.access),
                after,
                limit: MAX_SIZE,
                as_of: None,
                now,
                ask: ask(Deadline::after(PAGE_MAX)),
            };
            let rows = self.core.store.list_findings(&list).await?;
            let full = rows.len() >= MAX_SIZE as usize;
            after = rows.last().map(|row| (row.site.clone(), row.finding_id));
            for row in rows {
                self.sent.add(&row.finding_id);
                let realm = realms.of(&row.site);
                self.send(Event::Finding(answer::finding(row, realm)), String::new()).await?;
            }
            if !full {
                return Ok(());
            }
        }
    }

    async fn tail(&mut self, after: u64) -> Answer<()> {
        let mut tail = self.core.bus.tail(BusStream::Verdicts, &[], after);
        let mut at = after;
        let mut quiet = tokio::time::interval(BOOKMARK_EVERY);
        quiet.reset();
        loop {
            let batch = tokio::select! {
                batch = tail.next_batch(BATCH) => Some(batch.map_err(|error| match error {
                    TailError::Gap { .. } => gone(),
                })?),
                _ = quiet.tick() => None,
            };
            match batch {
                Some(batch) => {
                    for message in batch.messages {
                        at = message.sequence;
                        self.message(message).await?;
                    }
                }
                None => self.bookmark(at, false).await?,
            }
        }
    }

    async fn message(&mut self, message: Received) -> Answer<()> {
        let batch = match decode(message.payload) {
            Ok((_, Body::Verdicts(batch))) => batch,
            Ok(_) => return Ok(()),
            Err(error) => {
                tracing::warn!(sequence = message.sequence, %error, "a message of VERDICTS cannot be read; left out");
                return Ok(());
            }
        };
        if !self.access.sites().cover(&batch.site) {
            return Ok(());
        }
        let changes: Vec<_> = self.passing(batch);
        let count = changes.len();
        for (index, listed) in changes.into_iter().enumerate() {
            let reached = if index + 1 == count { message.sequence } else { message.sequence - 1 };
            let token = self.token(reached);
            self.send(Event::Finding(listed), token).await?;
        }
        Ok(())
    }

    fn passing(&mut self, batch: VerdictBatch) -> Vec<ListedFinding> {
        let realm = self.core.realms.current().of(&batch.site);
        let site = batch.site;
        let mut passing = Vec::new();
        for change in batch.changes {
            let Some(finding) = change.finding else { continue };
            let listed = ListedFinding {
                finding: Some(finding),
                verdict: change.verdict,
                site: site.clone(),
                realm: realm.clone(),
                address: change.address,
                title: change.title,
            };
            let passes = self.filter.as_ref().is_none_or(|filter| matches(filter, &listed));
            if passes {
                let id = listed.finding.as_ref().map(|finding| finding.finding_id.clone()).unwrap_or_default();
                self.sent.add(&id);
                passing.push(listed);
            } else if self.sent.left(&listed) {
                passing.push(listed);
            }
        }
        passing
    }

    fn token(&self, sequence: u64) -> String {
        let place = Place { as_of: Timestamp::now(), cursor: sequence.to_be_bytes().to_vec() };
        self.core.page_key.seal(self.binding, &place)
    }

    async fn bookmark(&self, sequence: u64, snapshot_complete: bool) -> Answer<()> {
        let at = Some(time::to_proto(Timestamp::now()));
        self.send(Event::Bookmark(Bookmark { at, snapshot_complete }), self.token(sequence)).await
    }

    async fn send(&self, event: Event, resume_token: String) -> Answer<()> {
        let response = WatchFindingsResponse { event: Some(event), resume_token };
        // A closed channel is a client that is gone: the task's select ends it.
        match tokio::time::timeout(SLOW_MAX, self.changes.send(response)).await {
            Ok(Ok(()) | Err(_)) => Ok(()),
            Err(_) => {
                let text = format!("the client took nothing for {} s; resume at the last token", SLOW_MAX.as_secs());
                Err(ApiError::new(Reason::TooSlow, text))
            }
        }
    }
}

fn gone() -> ApiError {
    ApiError::new(Reason::ResumeGone, "what follows the resume token is no longer kept; watch from the beginning")
}
