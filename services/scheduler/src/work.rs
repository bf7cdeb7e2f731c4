//! Deciding, by publishing. Every method appends to a log with the sequence that the book knows as its last; a refusal
//! means that another replica was first, and ends the round.

use std::collections::BTreeSet;

use jiff::Timestamp;
use muster_bus::convert::{network, time};
use muster_bus::{Bus, Draft, Expect, PublishError, Publisher, SiteName, Stream, Subject, open};
use muster_estate::model::{PortRange, ScheduleKind, Site};
use muster_ids::{DrawId, EventId, OrderId, RequestId, SweepId};
use muster_kit::crash;
use muster_proto::v1::{self, envelope::Body};
use muster_sweep::LeasePlan;

use crate::audit::{DrawOrder, Frame, blocks_of, scope, sites_drawn};
use crate::book::Book;
use crate::config::SchedulerConfig;
use crate::error::SchedulerError;
use crate::site_log::{OpenSweep, deadline};
use crate::telemetry::{AuditDrawn, Fired, SweepEnded};

/// What deciding needs.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) bus: Bus,
    pub(crate) publisher: Publisher,
    pub(crate) config: SchedulerConfig,
    pub(crate) book: Book,
    /// Parts of audits that cannot be planned.
    pub(crate) unplannable: BTreeSet<SweepId>,
}

/// A sweep to start.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    pub(crate) id: SweepId,
    pub(crate) kind: v1::SweepKind,
    pub(crate) schedule: &'a str,
    pub(crate) due_at: Timestamp,
    pub(crate) blocks: Vec<ipnet::IpNet>,
    pub(crate) ports: &'a [PortRange],
    pub(crate) draw: Option<DrawId>,
    pub(crate) cause: Vec<u8>,
}

impl Desk {
    /// Starts what is due on a site, and goes on with what runs there.
    pub(crate) async fn work_on(&mut self, site: &Site, now: Timestamp) -> Result<(), SchedulerError> {
        let due: Vec<_> = self
            .book
            .log(&site.name)
            .due(site, now)
            .into_iter()
            .map(|due| (due.schedule.clone(), due.due_at, due.missed))
            .collect();
        for (schedule, due_at, missed) in due {
            match schedule.kind {
                ScheduleKind::Sweep => {
                    let start = Start {
                        id: SweepId::of_firing(&site.name, &schedule.name, due_at.as_second()),
                        kind: v1::SweepKind::Sweep,
                        schedule: &schedule.name,
                        due_at,
                        blocks: scope(site).collect(),
                        ports: &schedule.ports,
                        draw: None,
                        cause: Vec::new(),
                    };
                    self.start(site, start, now).await?;
                }
                ScheduleKind::Audit => {
                    let name = format!("{}/{}", site.name, schedule.name);
                    let id = DrawId::of_firing(&name, due_at.as_second());
                    self.draw(id, &name, due_at, schedule.sample_size, &schedule.ports, &[site], &[]).await?;
                    self.start_drawn(site, id, &schedule.name, now).await?;
                }
            }
            Fired { site: &site.name, schedule: &schedule.name, due_at, missed }.emit();
        }
        self.go_on(&site.name, now).await
    }

    /// Publishes a draw, unless it was before.
    #[expect(clippy::too_many_arguments, reason = "the parts of a draw, each of its own type")]
    pub(crate) async fn draw(
        &mut self,
        id: DrawId,
        schedule: &str,
        due_at: Timestamp,
        sample_size: u32,
        ports: &[PortRange],
        sites: &[&Site],
        cause: &[u8],
    ) -> Result<(), SchedulerError> {
        if self.book.draws.contains_key(&id) {
            return Ok(());
        }
        let frame = match Frame::of(sites) {
            Ok(frame) => frame,
            Err(error) => {
                tracing::warn!(schedule, %error, "no draw");
                return Ok(());
            }
        };
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| SchedulerError::Randomness(error.to_string()))?;
        let names: Vec<&str> = sites.iter().map(|site| site.name.as_str()).collect();
        let draw = frame.draw(&DrawOrder { id, schedule, due_at, seed, sample_size, ports, sites: &names });
        let drawn = draw.items.len();
        let body = Body::Draw(draw);
        let draft = Draft::by_service(EventId::of_plan("draw", id.as_bytes()), due_at, "all", "scheduler", body)
            .caused_by(cause)
            .belongs_to(id.as_bytes());
        self.append(&Subject::plan_draw(), draft, self.book.draws_sequence).await?;
        AuditDrawn { schedule, drawn, sites: names.len() }.emit();
        Ok(())
    }

    /// Starts a site's part of a draw, unless it was before.
    pub(crate) async fn start_drawn(
        &mut self,
        site: &Site,
        id: DrawId,
        schedule: &str,
        now: Timestamp,
    ) -> Result<(), SchedulerError> {
        let Some(entry) = self.book.draws.get(&id).cloned() else { return Ok(()) };
        let blocks = blocks_of(&entry.draw, &site.name);
        let ports = muster_bus::convert::estate::ports("draw.ports", &entry.draw.ports)?;
        let sweep = SweepId::of_draw(&site.name, id);
        if blocks.is_empty() || self.book.log(&site.name).knows(sweep) {
            return Ok(());
        }
        let due_at = time::from_proto("draw.due_at", entry.draw.due_at.as_ref())?;
        let start = Start {
            id: sweep,
            kind: v1::SweepKind::Audit,
            schedule,
            due_at,
            blocks,
            ports: &ports,
            draw: Some(id),
            cause: EventId::of_plan("draw", id.as_bytes()).to_vec(),
        };
        self.start(site, start, now).await
    }

    /// Goes on with draws whose parts were not all started.
    pub(crate) async fn finish_draws(&mut self, sites: &[Site], now: Timestamp) -> Result<(), SchedulerError> {
        let unfinished: Vec<_> = self.book.unfinished_draws().map(|(id, entry)| (id, entry.draw.clone())).collect();
        for (id, draw) in unfinished {
            for name in sites_drawn(&draw) {
                let Some(site) = sites.iter().find(|site| site.name == name) else { continue };
                if self.unplannable.contains(&SweepId::of_draw(name, id)) {
                    continue;
                }
                let schedule = draw.schedule.split_once('/').map_or("", |(_, schedule)| schedule);
                match self.start_drawn(site, id, schedule, now).await {
                    // Said once: what was drawn does not change, so it cannot be planned later either.
                    Err(error @ (SchedulerError::Sweep(_) | SchedulerError::Convert(_))) => {
                        tracing::error!(site = name, draw = %id, %error, "this site's part of the audit cannot be planned");
                        self.unplannable.insert(SweepId::of_draw(name, id));
                    }
                    other => other?,
                }
            }
        }
        Ok(())
    }

    /// Starts a sweep, unless it was before.
    pub(crate) async fn start(&mut self, site: &Site, start: Start<'_>, now: Timestamp) -> Result<(), SchedulerError> {
        let name = SiteName::new(&site.name).map_err(|error| muster_bus::BusError::Failed {
            action: "name a site on the bus".to_owned(),
            cause: error.to_string(),
        })?;
        if self.book.log(&site.name).knows(start.id) {
            return Ok(());
        }
        let plan = LeasePlan::new(start.id, &start.blocks, &site.scope.exclude, &convert_ports(start.ports))?;
        let started = v1::SweepStarted {
            sweep_id: start.id.to_vec(),
            kind: start.kind.into(),
            site: site.name.clone(),
            schedule: start.schedule.to_owned(),
            due_at: Some(time::to_proto(start.due_at)),
            started_at: Some(time::to_proto(now)),
            leases: plan.lease_count(),
            units: plan.units(),
            scope_revision: site.revision,
            draw_id: start.draw.map(DrawId::to_vec).unwrap_or_default(),
            ports: start.ports.iter().copied().map(network::ports_to_proto).collect(),
            blocks: plan.blocks().iter().copied().map(network::block_to_proto).collect(),
            realm: site.realm.clone(),
            deadline: Some(time::to_proto(deadline(now, self.config.sweep_deadline_s))),
        };
        let id = EventId::of_plan("sweep-started", start.id.as_bytes());
        let draft = Draft::by_service(id, now, &site.name, "scheduler", Body::SweepStarted(started))
            .caused_by(&start.cause)
            .belongs_to(start.id.as_bytes());
        crash::point("scheduler.before-plan");
        let expected = self.book.log(&site.name).last_sequence;
        self.append(&Subject::plan_sweep(&name), draft, expected).await?;
        crash::point("scheduler.after-plan");
        Ok(())
    }

    /// Starts what somebody asked for.
    pub(crate) async fn requested(
        &mut self,
        site: &Site,
        request: &v1::SweepRequested,
        cause: &[u8],
        now: Timestamp,
    ) -> Result<(), SchedulerError> {
        let id = RequestId::from_bytes(&request.request_id)?;
        let mut blocks = Vec::with_capacity(request.blocks.len());
        for block in &request.blocks {
            blocks.push(network::block_from_proto("sweep_requested.blocks", block)?);
        }
        if blocks.is_empty() {
            blocks = scope(site).collect();
        }
        let mut ports = muster_bus::convert::estate::ports("sweep_requested.ports", &request.ports)?;
        if ports.is_empty() {
            ports = default_ports(site);
        }
        let start = Start {
            id: SweepId::of_request(&site.name, id),
            kind: v1::SweepKind::Sweep,
            schedule: "",
            due_at: now,
            blocks,
            ports: &ports,
            draw: None,
            cause: cause.to_vec(),
        };
        self.start(site, start, now).await
    }

    /// Issues orders and ends sweeps.
    async fn go_on(&mut self, site: &str, now: Timestamp) -> Result<(), SchedulerError> {
        let open: Vec<OpenSweep> = self.book.log(site).open.values().cloned().collect();
        for sweep in open {
            if let Some(finished) = sweep.end(now) {
                self.finish(site, &sweep, finished, now).await?;
            } else {
                self.issue(site, sweep.id, now).await?;
            }
        }
        Ok(())
    }

    async fn issue(&mut self, site: &str, id: SweepId, now: Timestamp) -> Result<(), SchedulerError> {
        let Ok(name) = SiteName::new(site) else { return Ok(()) };
        let open_max = self.config.orders_open_max;
        let Some(sweep) = self.book.log(site).open.get(&id).cloned() else { return Ok(()) };
        if sweep.next_lease(open_max).is_none() {
            return Ok(());
        }
        let plan = plan_of(&sweep)?;
        while let Some(index) = self.book.log(site).open.get(&id).and_then(|sweep| sweep.next_lease(open_max)) {
            let Some(lease) = plan.lease(index) else { return Ok(()) };
            let order = order(&sweep, &plan, index, &lease?, now);
            let issued = Body::OrderIssued(v1::OrderIssued { order: Some(order.clone()) });
            let event = EventId::of_plan("order-issued", &order.order_id);
            let draft = Draft::by_service(event, now, site, "scheduler", issued)
                .belongs_to(&order.sweep_id)
                .caused_by(EventId::of_plan("sweep-started", &order.sweep_id).as_bytes());
            crash::point("scheduler.before-plan");
            let expected = self.book.log(site).last_sequence;
            self.append(&Subject::plan_sweep(&name), draft, expected).await?;
            crash::point("scheduler.after-plan");
            self.send_order(&name, order).await?;
        }
        Ok(())
    }

    /// Puts an issued order into the queue. The id makes a repeat within the duplicate window the same message, and a
    /// scanner that gets an order twice finds it done.
    async fn send_order(&self, site: &SiteName, order: v1::Order) -> Result<(), SchedulerError> {
        let issued_at = time::from_proto("order.issued_at", order.issued_at.as_ref())?;
        let event = EventId::of_plan("order", &order.order_id);
        let draft = Draft::by_service(event, issued_at, site.as_str(), "scheduler", Body::Order(order.clone()))
            .belongs_to(&order.sweep_id)
            .caused_by(EventId::of_plan("order-issued", &order.order_id).as_bytes());
        crash::point("scheduler.before-order");
        self.publisher.publish(&Subject::order_lease(site), draft, Expect::Any).await?;
        crash::point("scheduler.after-order");
        Ok(())
    }

    async fn finish(
        &mut self,
        site: &str,
        sweep: &OpenSweep,
        finished: v1::SweepFinished,
        now: Timestamp,
    ) -> Result<(), SchedulerError> {
        let Ok(name) = SiteName::new(site) else { return Ok(()) };
        let ended = SweepEnded::of(site, &finished);
        let id = EventId::of_plan("sweep-finished", sweep.id.as_bytes());
        let draft = Draft::by_service(id, now, site, "scheduler", Body::SweepFinished(finished))
            .belongs_to(sweep.id.as_bytes());
        crash::point("scheduler.before-finish");
        let expected = self.book.log(site).last_sequence;
        self.append(&Subject::plan_sweep(&name), draft, expected).await?;
        crash::point("scheduler.after-finish");
        ended.emit();
        Ok(())
    }

    /// Publishes time, if it has come on since the last clock.
    pub(crate) async fn tell_time(&mut self, now: Timestamp) -> Result<(), SchedulerError> {
        let due = self.book.clock_at.is_none_or(|last| {
            now.as_millisecond() - last.as_millisecond()
                >= i64::try_from(self.config.clock_interval_ms).unwrap_or(i64::MAX)
        });
        if !due {
            return Ok(());
        }
        let body = Body::Clock(v1::Clock { at: Some(time::to_proto(now)) });
        let draft = Draft::by_service(EventId::of_clock(now.as_millisecond()), now, "all", "scheduler", body);
        crash::point("scheduler.before-clock");
        self.append(&Subject::plan_clock(), draft, self.book.clock_sequence).await?;
        crash::point("scheduler.after-clock");
        Ok(())
    }

    /// Looks for outcomes that came while nobody listened, and puts orders that never reached the queue into it.
    pub(crate) async fn mend(&mut self) -> Result<(), SchedulerError> {
        let waiting: Vec<(String, OpenSweep, u32, OrderId)> = self
            .book
            .sites
            .iter()
            .flat_map(|(site, log)| log.open.values().map(move |sweep| (site, sweep)))
            .flat_map(|(site, sweep)| {
                sweep.waiting().map(move |(index, order)| (site.clone(), sweep.clone(), index, order))
            })
            .collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let queued = self.bus.orders_in_flight().await?;
        for (site, sweep, index, order) in waiting {
            let Ok(name) = SiteName::new(&site) else { continue };
            if self.look_up(&name, order).await? || queued.iter().any(|queued| queued.order == order) {
                continue;
            }
            // Between the two looks it may have been done.
            if self.look_up(&name, order).await? {
                continue;
            }
            let plan = plan_of(&sweep)?;
            let Some(lease) = plan.lease(index) else { continue };
            let issued_at = time::from_proto("sweep.started_at", sweep.started.started_at.as_ref())?;
            tracing::info!(site, %order, "an issued order was not in the queue: issuing it again");
            self.send_order(&name, self::order(&sweep, &plan, index, &lease?, issued_at)).await?;
        }
        Ok(())
    }

    async fn look_up(&mut self, site: &SiteName, order: OrderId) -> Result<bool, SchedulerError> {
        let Some(last) = self.bus.last_on_subject(Stream::Events, &Subject::lease(site, order)).await? else {
            return Ok(false);
        };
        match open(&last) {
            Ok((_, Body::OrderOutcome(outcome))) => {
                self.book.outcome(site.as_str(), &outcome)?;
                Ok(true)
            }
            Ok(_) | Err(_) => Ok(false),
        }
    }

    async fn append(&mut self, subject: &Subject, draft: Draft, expected: u64) -> Result<(), SchedulerError> {
        let (site, body) = (draft.site.clone(), draft.body.clone());
        match self.publisher.publish(subject, draft, Expect::LastOnSubject(expected)).await {
            Ok(published) => self.book.apply(published.sequence, &site, &body),
            Err(PublishError::Conflict { subject }) => Err(SchedulerError::Overtaken { subject }),
            Err(error) => Err(error.into()),
        }
    }
}

/// The same plan again, whoever asks: it follows from what was published at the start.
fn plan_of(sweep: &OpenSweep) -> Result<LeasePlan, SchedulerError> {
    let blocks = sweep
        .started
        .blocks
        .iter()
        .map(|block| network::block_from_proto("sweep.blocks", block))
        .collect::<Result<Vec<_>, _>>()?;
    let ports = muster_bus::convert::estate::ports("sweep.ports", &sweep.started.ports)?;
    Ok(LeasePlan::new(sweep.id, &blocks, &[], &convert_ports(&ports))?)
}

fn order(sweep: &OpenSweep, plan: &LeasePlan, index: u32, lease: &muster_sweep::Lease, now: Timestamp) -> v1::Order {
    v1::Order {
        order_id: plan.order_id(index).to_vec(),
        sweep_id: sweep.id.to_vec(),
        sweep_kind: sweep.started.kind,
        site: sweep.started.site.clone(),
        lease_index: index,
        issued_at: Some(time::to_proto(now)),
        deadline: sweep.started.deadline,
        lease: Some(v1::Lease {
            realm: sweep.started.realm.clone(),
            blocks: lease.blocks().iter().copied().map(network::block_to_proto).collect(),
            ports: sweep.started.ports.clone(),
            permutation_key: plan.order_id(index).to_vec(),
            units: u64::from(lease.units()),
            units_per_slice: muster_sweep::UNITS_PER_SLICE_MAX,
            scope_revision: sweep.started.scope_revision,
        }),
    }
}

/// The same ports without one standing in two ranges.
pub(crate) fn merged(mut ports: Vec<PortRange>) -> Vec<PortRange> {
    ports.sort_unstable();
    let mut merged: Vec<PortRange> = Vec::with_capacity(ports.len());
    for range in ports {
        match merged.last_mut() {
            Some(last) if last.transport == range.transport && range.first <= last.last.saturating_add(1) => {
                last.last = last.last.max(range.last);
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// The ports of a site's first sweep schedule.
pub(crate) fn default_ports(site: &Site) -> Vec<PortRange> {
    let sweep = site.schedules.iter().find(|schedule| schedule.kind == ScheduleKind::Sweep);
    sweep.map(|schedule| schedule.ports.clone()).unwrap_or_default()
}

fn convert_ports(ports: &[PortRange]) -> Vec<muster_sweep::PortRange> {
    ports
        .iter()
        .map(|range| muster_sweep::PortRange {
            transport: match range.transport {
                muster_estate::model::Transport::Tcp => muster_sweep::Transport::Tcp,
                muster_estate::model::Transport::Udp => muster_sweep::Transport::Udp,
            },
            first: range.first,
            last: range.last,
        })
        .collect()
}
