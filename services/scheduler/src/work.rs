//! Deciding, by publishing. Every method appends to a log with the sequence that the book knows as its last; a refusal
//! means that another replica was first, and ends the round.

use std::collections::BTreeSet;

use jiff::Timestamp;
use muster_bus::convert::{network, time};
use muster_bus::{Bus, Draft, Expect, PublishError, Publisher, SiteName, Subject};
use muster_estate::model::{PortRange, Schedule, ScheduleKind, Site};
use muster_ids::{DrawId, EventId, RequestId, SweepId};
use muster_kit::crash;
use muster_proto::v1::{self, envelope::Body};
use muster_sweep::LeasePlan;

use self::plan::{convert_ports, ports_of};
use crate::audit::scope;
use crate::book::Book;
use crate::config::SchedulerConfig;
use crate::error::SchedulerError;
use crate::site_log::{OpenSweep, deadline};
use crate::telemetry::{Fired, FiringVoid, SweepEnded};

mod audits;
mod orders;
mod plan;

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
            match self.fire(site, &schedule, due_at, now).await {
                Err(error) if error.is_of_content() => {
                    self.fire_void(site, &schedule, due_at, &error.to_string(), now).await?;
                }
                fired => {
                    fired?;
                    Fired { site: &site.name, schedule: &schedule.name, due_at, missed }.emit();
                }
            }
        }
        self.go_on(&site.name, now).await
    }

    async fn fire(
        &mut self,
        site: &Site,
        schedule: &Schedule,
        due_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), SchedulerError> {
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
                self.start(site, start, now).await
            }
            ScheduleKind::Audit => {
                let (name, id) = firing_of_audit(site, schedule, due_at);
                self.draw(id, &name, due_at, schedule.sample_size, &schedule.ports, &[site], &[]).await?;
                self.start_drawn(site, id, &schedule.name, now).await
            }
        }
    }

    /// Records that a firing came to nothing: a sweep of nothing, void, with the reason. Without a record it would be due
    /// again at every look.
    async fn fire_void(
        &mut self,
        site: &Site,
        schedule: &Schedule,
        due_at: Timestamp,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), SchedulerError> {
        let Ok(name) = SiteName::new(&site.name) else { return Ok(()) };
        FiringVoid { site: &site.name, schedule: &schedule.name, due_at, reason }.emit();
        let (kind, id) = match schedule.kind {
            ScheduleKind::Sweep => {
                (v1::SweepKind::Sweep, SweepId::of_firing(&site.name, &schedule.name, due_at.as_second()))
            }
            ScheduleKind::Audit => {
                (v1::SweepKind::Audit, SweepId::of_draw(&site.name, firing_of_audit(site, schedule, due_at).1))
            }
        };
        let started = v1::SweepStarted {
            sweep_id: id.to_vec(),
            kind: kind.into(),
            site: site.name.clone(),
            schedule: schedule.name.clone(),
            due_at: Some(time::to_proto(due_at)),
            started_at: Some(time::to_proto(now)),
            scope_revision: site.revision,
            realm: site.realm.clone(),
            deadline: Some(time::to_proto(now)),
            ..v1::SweepStarted::default()
        };
        self.publish_start(&name, id, started, &[], now).await?;
        let Some(sweep) = self.book.log(&site.name).open.get(&id).cloned() else { return Ok(()) };
        let Some(mut finished) = sweep.end(now) else { return Ok(()) };
        reason.clone_into(&mut finished.void_reason);
        self.finish(&site.name, &sweep, finished, now).await
    }

    /// Starts a sweep, unless it was before.
    #[tracing::instrument(name = "start a sweep", skip_all, fields(site = site.name, sweep = %start.id))]
    pub(crate) async fn start(&mut self, site: &Site, start: Start<'_>, now: Timestamp) -> Result<(), SchedulerError> {
        let name = SiteName::new(&site.name).map_err(|error| muster_bus::BusError::Failed {
            action: "name a site on the bus".to_owned(),
            cause: error.to_string(),
        })?;
        if self.book.log(&site.name).knows(start.id) {
            return Ok(());
        }
        let plan = LeasePlan::new(start.id, &start.blocks, &site.scope.exclude, &convert_ports(start.ports))?;
        let whole: Vec<_> = scope(site).collect();
        let partial = start.kind == v1::SweepKind::Sweep
            && LeasePlan::new(start.id, &whole, &site.scope.exclude, &convert_ports(start.ports))
                .is_ok_and(|whole| whole.blocks() != plan.blocks());
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
            partial,
            deadline: Some(time::to_proto(deadline(now, self.config.sweep_deadline_s))),
        };
        self.publish_start(&name, start.id, started, &start.cause, now).await
    }

    async fn publish_start(
        &mut self,
        name: &SiteName,
        sweep: SweepId,
        started: v1::SweepStarted,
        cause: &[u8],
        now: Timestamp,
    ) -> Result<(), SchedulerError> {
        let id = EventId::of_plan("sweep-started", sweep.as_bytes());
        let draft = Draft::by_service(id, now, name.as_str(), "scheduler", Body::SweepStarted(started))
            .caused_by(cause)
            .belongs_to(sweep.as_bytes());
        crash::point("scheduler.before-plan");
        let expected = self.book.log(name.as_str()).last_sequence;
        self.append(&Subject::plan_sweep(name), draft, expected).await?;
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
            ports = ports_of(site, ScheduleKind::Sweep).unwrap_or_default();
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

    #[tracing::instrument(name = "finish a sweep", skip_all, fields(site, sweep = %sweep.id))]
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

    async fn append(&mut self, subject: &Subject, draft: Draft, expected: u64) -> Result<(), SchedulerError> {
        let (site, body) = (draft.site.clone(), draft.body.clone());
        match self.publisher.publish(subject, draft, Expect::LastOnSubject(expected)).await {
            // One that compares ids first gives this instead of a conflict: another replica's may say something else, so
            // what stands is read.
            Ok(published) if published.duplicate => Err(SchedulerError::Overtaken { subject: subject.to_string() }),
            Ok(published) => {
                self.book.apply(published.sequence, &site, &body);
                Ok(())
            }
            Err(PublishError::Conflict { subject }) => Err(SchedulerError::Overtaken { subject }),
            Err(error) => Err(error.into()),
        }
    }
}

/// The name and the id of a recurring audit's draw.
fn firing_of_audit(site: &Site, schedule: &Schedule, due_at: Timestamp) -> (String, DrawId) {
    let name = format!("{}/{}", site.name, schedule.name);
    let id = DrawId::of_firing(&name, due_at.as_second());
    (name, id)
}

#[cfg(test)]
mod tests;
