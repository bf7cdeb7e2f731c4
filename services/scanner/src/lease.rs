//! Work on one lease: connect, ask, publish, slice after slice, until its outcome stands.

use std::pin::pin;
use std::sync::{Arc, Once};
use std::time::Duration;

use futures::stream::{self, FuturesOrdered, StreamExt};
use jiff::Timestamp;
use muster_bus::Draft;
use muster_ids::EventId;
use muster_kit::crash;
use muster_proto::v1::{OrderResult, envelope::Body};
use tokio_util::task::AbortOnDropHandle;

use crate::config::Engine;
use crate::connect;
use crate::engine::{End, Fault, LeaseRun, SliceResult};
use crate::error::ScannerError;
use crate::job::Job;
use crate::log::{Checkpoint, LeaseLog, Progress};
use crate::raw::{self, NotRaw};
use crate::report::{self, Examined};
use crate::scope::Scope;
use crate::site::Site;
use crate::telemetry::{LeaseEnded, SliceReported};

/// Slices whose services are asked at once, and that wait for their turn to be published. A service that says nothing
/// takes some seconds to be given up; at 10,000 units a second those are as many slices. 32 of them are at most 8 MiB.
const SLICES_EXAMINED: usize = 32;
/// The record of a new scope comes within a round trip; a hub that is restarting takes some seconds.
const SCOPE_WAIT: Duration = Duration::from_secs(15);
/// A fault of this machine that comes so often in a row without a slice in between ends the lease.
const FAULTS_MAX: u32 = 3;
const FAULT_PAUSE: Duration = Duration::from_millis(500);

/// Why a round ended.
#[derive(Debug)]
enum Round {
    /// Every slice is reported.
    Done,
    /// Halted: to be gone on with.
    Held,
    /// A fault of this machine: perhaps to be gone on with.
    Fault(String),
    /// The engine cannot sweep this lease here: to be gone on with by connections.
    Unsuited(String),
    /// The lease cannot be finished.
    Hopeless(String),
    /// The process is to stop.
    Stopping,
}

/// One lease in hand.
pub(crate) struct LeaseWork<'a> {
    pub(crate) site: &'a Site,
    pub(crate) job: &'a Job,
    pub(crate) log: LeaseLog,
}

impl LeaseWork<'_> {
    /// Until the outcome stands, whoever wrote it.
    pub(crate) async fn run(&self) -> Result<(), ScannerError> {
        let mut progress = match self.log.checkpoint().await? {
            Checkpoint::Over => return Ok(()),
            Checkpoint::Open(progress) => *progress,
        };
        if progress.next_slice > 0 {
            tracing::info!(order = %self.job.order, slice = progress.next_slice, "going on with a lease");
        }
        let failed = self.work(&mut progress).await?;
        let (result, reason) = match failed {
            None => (OrderResult::Finished, String::new()),
            Some(reason) => (OrderResult::Failed, reason),
        };
        self.conclude(&progress, result, &reason).await
    }

    /// The last message of the lease.
    async fn conclude(&self, progress: &Progress, result: OrderResult, reason: &str) -> Result<(), ScannerError> {
        let Job { order, sweep_id, cause, .. } = self.job;
        let now = Timestamp::now();
        let outcome = report::outcome(order.as_bytes(), sweep_id, result, reason, progress, now);
        let site = self.site.name.as_str();
        let draft = Draft::by_service(EventId::of_outcome(*order), now, site, "scanner", Body::OrderOutcome(outcome))
            .caused_by(cause)
            .belongs_to(sweep_id);
        crash::point("scanner.before-outcome");
        self.log.append(&draft, progress.sequence).await?;
        crash::point("scanner.after-outcome");
        let how = if result == OrderResult::Finished { "finished" } else { "failed" };
        LeaseEnded { site, order: &order.to_string(), how, reason }.emit();
        Ok(())
    }

    /// Rounds until all slices are reported; otherwise why they cannot be.
    async fn work(&self, progress: &mut Progress) -> Result<Option<String>, ScannerError> {
        let (mut faults, mut by_connections) = (0, false);
        while progress.next_slice < self.job.lease.slice_count() {
            let before = progress.next_slice;
            let round = match self.may_begin().await {
                Some(reason_not_to) => reason_not_to,
                None => Box::pin(self.round(progress, by_connections)).await?,
            };
            match round {
                Round::Done => break,
                Round::Held => {}
                Round::Hopeless(reason) => return Ok(Some(reason)),
                Round::Stopping => return Err(ScannerError::Stopping { order: self.job.order.to_string() }),
                Round::Unsuited(reason) if !by_connections => {
                    tracing::warn!(order = %self.job.order, reason, "going on by connections");
                    by_connections = true;
                }
                Round::Fault(fault) | Round::Unsuited(fault) => {
                    tracing::warn!(order = %self.job.order, fault, "the lease was interrupted");
                    faults = if progress.next_slice > before { 1 } else { faults + 1 };
                    if faults >= FAULTS_MAX {
                        return Ok(Some(fault));
                    }
                    tokio::time::sleep(FAULT_PAUSE).await;
                }
            }
        }
        Ok(None)
    }

    /// Waits until nothing holds the site and the lease's scope is here.
    async fn may_begin(&self) -> Option<Round> {
        let mut hold = self.site.halts.subscribe();
        tokio::select! {
            biased;
            () = self.site.shutdown.requested() => return Some(Round::Stopping),
            () = self.deadline() => return Some(self.late()),
            released = hold.wait_for(Option::is_none) => if released.is_err() { return Some(Round::Stopping) },
        }
        let mut scope = self.site.scope.subscribe();
        let wanted = Some(self.job.scope_revision);
        // Late: then what is here is looked at.
        drop(tokio::time::timeout(SCOPE_WAIT, scope.wait_for(|scope| scope.revision() >= wanted)).await);
        match &*scope.borrow() {
            Scope::Refused { reason, .. } => Some(Round::Hopeless(reason.clone())),
            scope if scope.revision() < wanted => Some(Round::Hopeless(format!(
                "failed to begin: the scope of revision {} has not come to scanner {}",
                self.job.scope_revision, self.site.instance
            ))),
            Scope::Unread | Scope::Accepted(_) => None,
        }
    }

    /// Sends, until something stops it.
    async fn round(&self, progress: &mut Progress, by_connections: bool) -> Result<Round, ScannerError> {
        let halts = self.site.gate.halts();
        let mut stop = pin!(self.stop());
        let mut sweep = match self.begin(progress.next_slice, by_connections) {
            Ok(sweep) => sweep,
            Err(error) => return Ok(Round::Fault(format!("failed to start a thread: {error}"))),
        };
        let mut examining = FuturesOrdered::new();
        let mut heard_all = false;
        let stopped = loop {
            if heard_all && examining.is_empty() {
                break None;
            }
            tokio::select! {
                biased;
                stopped = &mut stop => break Some(stopped),
                Some(examined) = examining.next() => {
                    let Ok(examined) = examined else { break Some(Round::Fault("asking services panicked".to_owned())) };
                    if self.site.gate.halts() != halts {
                        // Whoever was asked meanwhile was refused, and a service is not to look silent for that.
                        break Some(Round::Held);
                    }
                    self.report(progress, &examined).await?;
                }
                result = sweep.next(), if !heard_all && examining.len() < SLICES_EXAMINED => match result {
                    Some(result) => examining.push_back(AbortOnDropHandle::new(tokio::spawn(self.examine(result)))),
                    None => heard_all = true,
                },
            }
        };
        drop(examining);
        // Waits for the threads: after a round nothing is sent any more.
        let end = sweep.end().await;
        Ok(match (stopped, end) {
            (Some(round), _) => round,
            (None, End::Finished) => Round::Done,
            (None, End::Halted) => Round::Held,
            (None, End::Failed(_)) if self.site.gate.halts() != halts => Round::Held,
            (None, End::Failed(Fault::Engine(reason))) => Round::Unsuited(reason.to_owned()),
            (None, End::Failed(Fault::Network(reason))) => Round::Fault(reason.to_owned()),
        })
    }

    /// Starts the engine that suits the lease.
    fn begin(&self, first_slice: u32, by_connections: bool) -> std::io::Result<LeaseRun> {
        let (lease, gate, config) = (Arc::clone(&self.job.lease), Arc::clone(&self.site.gate), &self.site.config);
        match config.engine {
            Engine::Auto if !by_connections => match raw::suits(&lease) {
                Ok(()) => return raw::start(lease, first_slice, gate, config.raw_options()),
                Err(NotRaw::NotPermitted) => {
                    static SAID: Once = Once::new();
                    SAID.call_once(|| tracing::info!("sweeping by connections: this process lacks CAP_NET_RAW"));
                }
                Err(reason @ (NotRaw::Interface { .. } | NotRaw::Routes { .. })) => {
                    tracing::debug!(order = %self.job.order, %reason, "sweeping by connections");
                }
            },
            Engine::Auto | Engine::Connect => {}
        }
        connect::start(lease, first_slice, gate, config.connect_options())
    }

    /// What ends a round from outside.
    async fn stop(&self) -> Round {
        let (mut hold, mut scope) = (self.site.halts.subscribe(), self.site.scope.subscribe());
        if hold.borrow_and_update().is_some() {
            return Round::Held;
        }
        let refused = async move {
            match scope.wait_for(|scope| matches!(scope, Scope::Refused { .. })).await.as_deref() {
                Ok(Scope::Refused { reason, .. }) => Round::Hopeless(reason.clone()),
                Ok(Scope::Unread | Scope::Accepted(_)) | Err(_) => Round::Stopping,
            }
        };
        tokio::select! {
            biased;
            () = self.site.shutdown.requested() => Round::Stopping,
            // A halt that is over again was one.
            _changed = hold.changed() => Round::Held,
            refused = refused => refused,
            () = self.deadline() => self.late(),
        }
    }

    async fn deadline(&self) {
        match self.job.deadline {
            Some(deadline) => {
                let left = deadline.duration_since(Timestamp::now());
                // Passed: at once.
                tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
            }
            None => std::future::pending().await,
        }
    }

    fn late(&self) -> Round {
        let deadline = self.job.deadline.unwrap_or(Timestamp::MAX);
        Round::Hopeless(format!("failed to finish before the deadline, {deadline}"))
    }

    /// Asks the open ports of a slice what they are.
    fn examine(&self, result: SliceResult) -> impl Future<Output = Examined> + Send + use<> {
        let (prober, at_once) = (Arc::clone(&self.site.prober), self.site.config.services_at_once.max(1));
        async move {
            let open = result.open.clone();
            let asking = stream::iter(open).map(|open| {
                let prober = Arc::clone(&prober);
                async move { prober.probe(open.address, open.port).await }
            });
            let found = asking.buffered(at_once).collect().await;
            Examined { result, found }
        }
    }

    /// Publishes a slice after the one before it.
    #[tracing::instrument(name = "slice", skip_all, fields(slice = examined.result.range.index))]
    async fn report(&self, progress: &mut Progress, examined: &Examined) -> Result<(), ScannerError> {
        let result = &examined.result;
        let (site, id) = (self.site.name.as_str(), EventId::of_slice(self.job.order, result.range.index));
        let slice = report::slice(self.job, &self.site.instance, progress, examined);
        let draft = Draft::by_service(id, result.finished_at, site, "scanner", Body::Slice(slice))
            .caused_by(&self.job.cause)
            .belongs_to(&self.job.sweep_id);
        crash::point("scanner.before-slice");
        let sequence = self.log.append(&draft, progress.sequence).await?;
        crash::point("scanner.after-slice");
        progress.advance(sequence, result);
        SliceReported { site, result, connections: examined.connections() }.emit();
        Ok(())
    }
}
