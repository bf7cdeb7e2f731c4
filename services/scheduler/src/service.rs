//! The process: stand by, read PLANS, decide.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use muster_bus::convert::estate::site_from_proto;
use muster_bus::{Batch, Bucket, Bus, Kv, Leadership, Limits, Publisher, Stream, Tail, TailError, open};
use muster_connect::producer;
use muster_estate::model::Site;
use muster_ids::{DrawId, RequestId};
use muster_kit::{Context, Failure};
use muster_proto::v1::{self, envelope::Body};
use prost::Message;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::book::Book;
use crate::config::{Config, SchedulerConfig};
use crate::error::SchedulerError;
use crate::work::{Desk, default_ports, merged};

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
        let mut plans = self.read_plans().await?;
        let positions = self.bus.positions().await?;
        let passed = positions.of("scheduler", Stream::Events, None).await?;
        let first = self.bus.stream_info(Stream::Events).await?.first_sequence;
        let mut events = self.bus.tail(Stream::Events, &[], passed.max(first.saturating_sub(1))).headers_only();
        let mut desk = plans.desk;
        desk.mend().await?;
        let mut tick = interval(self.config.tick());
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut mend_due, mut position_due) = (Instant::now() + self.config.reissue_interval(), Instant::now());
        let mut read = passed;
        loop {
            tokio::select! {
                batch = plans.tail.next_batch(LIMITS) => {
                    for received in batch?.messages {
                        desk.book.read(&received)?;
                    }
                }
                batch = events.next_batch(LIMITS) => {
                    let batch = batch?;
                    read = batch.messages.last().map_or(read, |last| last.sequence);
                    self.consider(&mut desk, batch).await?;
                }
                _ = tick.tick() => {
                    self.decide(&mut desk).await?;
                    if mend_due <= Instant::now() {
                        mend_due = Instant::now() + self.config.reissue_interval();
                        desk.mend().await?;
                    }
                }
            }
            if position_due <= Instant::now() {
                position_due = Instant::now() + POSITION_EVERY;
                positions.passed("scheduler", Stream::Events, None, read).await?;
                positions.passed("scheduler", Stream::Plans, Some("needs"), desk.book.needs()).await?;
            }
        }
    }

    /// Reads PLANS to its end.
    async fn read_plans(&self) -> Result<Reading, SchedulerError> {
        let info = self.bus.stream_info(Stream::Plans).await?;
        let mut tail = self.bus.tail(Stream::Plans, &[], info.first_sequence.saturating_sub(1));
        let mut book = Book::default();
        while book.read < info.last_sequence && info.messages > 0 {
            let batch: Result<Batch, TailError> = tail.next_batch(LIMITS).await;
            for received in batch?.messages {
                book.read(&received)?;
            }
        }
        let desk = Desk {
            bus: self.bus.clone(),
            publisher: self.publisher.clone(),
            config: self.config.clone(),
            book,
            unplannable: BTreeSet::new(),
        };
        Ok(Reading { tail, desk })
    }

    async fn decide(&self, desk: &mut Desk) -> Result<(), SchedulerError> {
        let now = Timestamp::now();
        desk.tell_time(now).await?;
        let sites = self.sites().await?;
        desk.finish_draws(&sites, now).await?;
        for site in &sites {
            match desk.work_on(site, now).await {
                // One site that cannot be planned keeps no other from being swept.
                Err(error @ (SchedulerError::Sweep(_) | SchedulerError::Convert(_))) => {
                    tracing::error!(site = site.name, %error, "this site is not swept");
                }
                other => other?,
            }
        }
        Ok(())
    }

    async fn sites(&self) -> Result<Vec<Site>, SchedulerError> {
        let mut sites = Vec::new();
        for entry in self.estate.all().await? {
            let document = match v1::EstateDocument::decode(entry.value) {
                Ok(document) => document,
                Err(error) => {
                    tracing::error!(site = entry.key, %error, "the estate's record of this site cannot be read");
                    continue;
                }
            };
            match site_from_proto(&document) {
                Ok(site) if !site.removed => sites.push(site),
                Ok(_) => {}
                Err(error) => tracing::error!(site = entry.key, %error, "the estate's record of this site is wrong"),
            }
        }
        Ok(sites)
    }

    /// Takes outcomes and requests out of what was published.
    async fn consider(&self, desk: &mut Desk, batch: Batch) -> Result<(), SchedulerError> {
        for header in batch.messages {
            if !matches!(header.kind.as_deref(), Some("order-outcome" | "sweep-requested" | "audit-requested")) {
                continue;
            }
            let Some(received) = self.bus.message_at(Stream::Events, header.sequence).await? else { continue };
            let Ok((envelope, body)) = open(&received) else { continue };
            match &body {
                Body::OrderOutcome(outcome) => desk.book.outcome(&envelope.site, outcome)?,
                Body::SweepRequested(request) => self.sweep_requested(desk, &envelope, request).await?,
                Body::AuditRequested(request) => self.audit_requested(desk, &envelope, request).await?,
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
        let sites = self.sites().await?;
        let Some(site) = sites.iter().find(|site| site.name == envelope.site) else {
            tracing::warn!(site = envelope.site, "a sweep of a site that is not there was asked for");
            return Ok(());
        };
        match desk.requested(site, request, &envelope.event_id, Timestamp::now()).await {
            Err(error @ (SchedulerError::Sweep(_) | SchedulerError::Convert(_) | SchedulerError::Id(_))) => {
                tracing::warn!(site = site.name, %error, "the sweep that was asked for cannot be planned");
                Ok(())
            }
            other => other,
        }
    }

    async fn audit_requested(
        &self,
        desk: &mut Desk,
        envelope: &v1::Envelope,
        request: &v1::AuditRequested,
    ) -> Result<(), SchedulerError> {
        let Ok(id) = RequestId::from_bytes(&request.request_id) else { return Ok(()) };
        let sites = self.sites().await?;
        let chosen: Vec<&Site> =
            sites.iter().filter(|site| request.sites.is_empty() || request.sites.contains(&site.name)).collect();
        let Ok(mut ports) = muster_bus::convert::estate::ports("audit_requested.ports", &request.ports) else {
            return Ok(());
        };
        if ports.is_empty() {
            ports = merged(chosen.iter().flat_map(|site| default_ports(site)).collect());
        }
        let (id, now) = (DrawId::of_request(id), Timestamp::now());
        desk.draw(id, "", now, request.sample_size, &ports, &chosen, &envelope.event_id).await?;
        desk.finish_draws(&sites, now).await
    }
}

struct Reading {
    tail: Tail,
    desk: Desk,
}
