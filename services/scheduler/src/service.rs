//! The process: stand by, read PLANS, decide.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use muster_bus::{
    Batch, Bucket, Bus, DeadEntry, Kv, Leadership, Limits, Publisher, Received, Stream, Tail, TailError, continuing,
    open, put_aside,
};
use muster_connect::producer;
use muster_estate::model::Site;
use muster_ids::{DrawId, RequestId};
use muster_kit::{Context, Failure};
use muster_proto::v1::{self, envelope::Body};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::Instrument as _;

use crate::book::Book;
use crate::config::{Config, SchedulerConfig};
use crate::error::SchedulerError;
use crate::estate::Estate;
use crate::position::start_of_events;
use crate::telemetry::EventRefused;
use crate::work::Desk;

const RETRY: Duration = Duration::from_millis(300);
const LIMITS: Limits = Limits { messages: 2_048, bytes: 8 << 20, linger: Duration::from_millis(5) };
const POSITION_EVERY: Duration = Duration::from_secs(1);

/// The scheduler.
#[derive(Debug)]
pub struct Service {
    bus: Bus,
    estate: Kv,
    publisher: Publisher,
    config: SchedulerConfig,
}

impl Service {
    /// Connects.
    ///
    /// # Errors
    /// When the bus cannot be reached, refuses the credentials, or is not as declared.
    pub async fn new(config: Config, context: &Context) -> Result<Self, Failure> {
        let bus = config.bus.connect_checked(context, &[Stream::Events, Stream::Plans, Stream::Orders]).await?;
        let estate = bus.kv(Bucket::Estate).await?;
        let publisher = bus.publisher(producer(context));
        Ok(Self { bus, estate, publisher, config: config.scheduler })
    }

    /// Schedules until the stop.
    ///
    /// # Errors
    /// When it cannot go on.
    pub async fn run(self, context: Context) -> Result<(), Failure> {
        let shutdown = context.shutdown.clone();
        context.readiness.condition("scheduler").met();
        let leaders = self.bus.kv(Bucket::Leaders).await?;
        loop {
            let acquiring = Box::pin(Leadership::acquire(leaders.clone(), "scheduler", &context.instance));
            let Some(leadership) = shutdown.or(acquiring).await else { break };
            let mut leadership = leadership?;
            let result = tokio::select! {
                () = shutdown.requested() => None,
                lost = leadership.lost() => Some(Err(SchedulerError::from(lost))),
                result = self.act() => Some(result),
            };
            match result {
                None => {
                    leadership.resign().await;
                    break;
                }
                Some(Err(SchedulerError::Leadership(lost))) => tracing::warn!(%lost, "standing by"),
                Some(Err(error)) if error.is_passing() => {
                    tracing::info!(%error, "reading PLANS again");
                    tokio::time::sleep(RETRY).await;
                }
                Some(Err(error)) => {
                    leadership.resign().await;
                    return Err(error.into());
                }
                Some(Ok(())) => {}
            }
        }
        self.bus.close().await;
        Ok(())
    }

    async fn act(&self) -> Result<(), SchedulerError> {
        let mut plans = Reading::of(&self.bus, &self.publisher, &self.config).await?;
        let positions = self.bus.positions().await?;
        let passed = start_of_events(&self.bus, &positions).await?;
        let mut events = self.bus.tail(Stream::Events, &[], passed).headers_only();
        let mut desk = plans.desk;
        desk.mend().await?;
        let mut tick = interval(self.config.tick());
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut mend_due, mut position_due) = (Instant::now() + self.config.reissue_interval(), Instant::now());
        let (mut read, mut needs) = (passed, None);
        loop {
            tokio::select! {
                batch = plans.tail.next_batch(LIMITS) => {
                    for received in batch?.messages {
                        desk.book.read(&received);
                    }
                }
                batch = events.next_batch(LIMITS) => {
                    let batch = batch?;
                    read = batch.messages.last().map_or(read, |last| last.sequence);
                    self.consider(&mut desk, batch).await?;
                }
                _ = tick.tick() => {
                    needs = Some(self.decide(&mut desk).await?);
                    if mend_due <= Instant::now() {
                        mend_due = Instant::now() + self.config.reissue_interval();
                        desk.mend().await?;
                    }
                }
            }
            if position_due <= Instant::now() {
                position_due = Instant::now() + POSITION_EVERY;
                positions.passed("scheduler", Stream::Events, None, read).await?;
                if let Some(needs) = needs {
                    positions.passed("scheduler", Stream::Plans, Some("needs"), needs).await?;
                }
            }
        }
    }

    /// Decides, and says which message of PLANS is the oldest that is needed.
    async fn decide(&self, desk: &mut Desk) -> Result<u64, SchedulerError> {
        let now = Timestamp::now();
        desk.tell_time(now).await?;
        let estate = Estate::read(&self.estate).await?;
        desk.finish_draws(&estate.sites, now).await?;
        for site in &estate.sites {
            match desk.work_on(site, now).await {
                // One site that cannot be planned keeps no other from being swept.
                Err(error) if error.is_of_content() => {
                    tracing::error!(site = site.name, %error, "this site is not swept");
                }
                other => other?,
            }
        }
        Ok(desk.book.needs(&estate, &desk.unplannable, now))
    }

    /// Takes outcomes and requests out of what was published.
    async fn consider(&self, desk: &mut Desk, batch: Batch) -> Result<(), SchedulerError> {
        for header in batch.messages {
            if !matches!(header.kind.as_deref(), Some("order-outcome" | "sweep-requested" | "audit-requested")) {
                continue;
            }
            let Some(received) = self.bus.message_at(Stream::Events, header.sequence).await? else { continue };
            let Ok((envelope, body)) = open(&received) else { continue };
            let asked = || continuing(&received, tracing::info_span!("request", site = envelope.site));
            match &body {
                Body::OrderOutcome(outcome) => {
                    if let Err(error) = desk.book.outcome(&envelope.site, outcome) {
                        self.refuse(&received, &envelope.site, error.to_string()).await?;
                    }
                }
                Body::SweepRequested(request) => {
                    let done = self.sweep_requested(desk, &envelope, request).instrument(asked()).await;
                    self.unless_refused(&received, &envelope.site, done).await?;
                }
                Body::AuditRequested(request) => {
                    let done = self.audit_requested(desk, &envelope, request).instrument(asked()).await;
                    self.unless_refused(&received, &envelope.site, done).await?;
                }
                // The header named another kind than the body has.
                Body::Slice(_)
                | Body::Bulletin(_)
                | Body::InventoryDelta(_)
                | Body::InventoryChunk(_)
                | Body::InventoryManifest(_)
                | Body::Estate(_)
                | Body::Disposition(_)
                | Body::Halt(_)
                | Body::OrderIssued(_)
                | Body::Draw(_)
                | Body::SweepStarted(_)
                | Body::SweepFinished(_)
                | Body::Clock(_)
                | Body::Verdicts(_)
                | Body::Order(_)
                | Body::DeadLetter(_) => {}
            }
        }
        Ok(())
    }

    async fn sweep_requested(
        &self,
        desk: &mut Desk,
        envelope: &v1::Envelope,
        request: &v1::SweepRequested,
    ) -> Result<(), SchedulerError> {
        let sites = Estate::read(&self.estate).await?.sites;
        let Some(site) = sites.iter().find(|site| site.name == envelope.site) else {
            tracing::warn!(site = envelope.site, "a sweep of a site that is not there was asked for");
            return Ok(());
        };
        desk.requested(site, request, &envelope.event_id, Timestamp::now()).await
    }

    async fn audit_requested(
        &self,
        desk: &mut Desk,
        envelope: &v1::Envelope,
        request: &v1::AuditRequested,
    ) -> Result<(), SchedulerError> {
        let id = DrawId::of_request(RequestId::from_bytes(&request.request_id)?);
        let ports = muster_bus::convert::estate::ports("audit_requested.ports", &request.ports)?;
        let (sites, now) = (Estate::read(&self.estate).await?.sites, Timestamp::now());
        let named: BTreeSet<&str> = request.sites.iter().map(String::as_str).collect();
        let chosen: Vec<&Site> =
            sites.iter().filter(|site| named.is_empty() || named.contains(site.name.as_str())).collect();
        desk.draw(id, "", now, request.sample_size, &ports, &chosen, &envelope.event_id).await?;
        desk.finish_draws(&sites, now).await
    }

    async fn unless_refused(
        &self,
        received: &Received,
        site: &str,
        done: Result<(), SchedulerError>,
    ) -> Result<(), SchedulerError> {
        match done {
            Err(error) if error.is_of_content() => self.refuse(received, site, error.to_string()).await,
            other => other,
        }
    }

    /// Puts an event aside that makes no sense: it is passed, and blocks nothing.
    async fn refuse(&self, received: &Received, site: &str, reason: String) -> Result<(), SchedulerError> {
        EventRefused { site, sequence: received.sequence, reason: &reason }.emit();
        put_aside(&self.publisher, DeadEntry { stream: Stream::Events, received, reader: "scheduler", reason }).await?;
        Ok(())
    }
}

/// PLANS as it was read, and where to go on.
pub(crate) struct Reading {
    pub(crate) tail: Tail,
    pub(crate) desk: Desk,
}

impl Reading {
    /// Reads PLANS to its end.
    pub(crate) async fn of(bus: &Bus, publisher: &Publisher, config: &SchedulerConfig) -> Result<Self, SchedulerError> {
        let info = bus.stream_info(Stream::Plans).await?;
        let mut tail = bus.tail(Stream::Plans, &[], info.first_sequence.saturating_sub(1));
        let mut book = Book::default();
        while book.read < info.last_sequence && info.messages > 0 {
            let batch: Result<Batch, TailError> = tail.next_batch(LIMITS).await;
            for received in batch?.messages {
                book.read(&received);
            }
        }
        let (bus, publisher, config) = (bus.clone(), publisher.clone(), config.clone());
        Ok(Self { tail, desk: Desk { bus, publisher, config, book, unplannable: BTreeSet::new() } })
    }
}

#[cfg(test)]
mod tests;
