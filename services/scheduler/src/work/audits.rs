//! Draws, and the parts of the sites.

use jiff::Timestamp;
use muster_bus::convert::time;
use muster_bus::{Draft, Subject};
use muster_estate::model::{PortRange, ScheduleKind, Site};
use muster_ids::{DrawId, EventId, SweepId};
use muster_proto::v1::{self, envelope::Body};

use super::plan::ports_of;
use super::{Desk, Start};
use crate::audit::{DrawOrder, Frame, NoDraw, blocks_of, sites_drawn};
use crate::error::SchedulerError;
use crate::telemetry::AuditDrawn;

/// What an audit without ports looks at on a site: what its own audits do, else what its sweeps do.
pub(crate) fn audited_ports(site: &Site) -> Vec<PortRange> {
    let audited = ports_of(site, ScheduleKind::Audit).filter(|ports| !ports.is_empty());
    audited.or_else(|| ports_of(site, ScheduleKind::Sweep)).unwrap_or_default()
}

impl Desk {
    /// Publishes a draw, unless it was before. Without ports each site is audited on its own.
    ///
    /// # Errors
    /// [`SchedulerError::Undrawable`] when there is nothing, or too much, to draw from, or the draw fits no event.
    #[tracing::instrument(name = "draw", skip_all, fields(draw = %id))]
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
        let undrawable = |error: NoDraw| SchedulerError::Undrawable { cause: error.to_string() };
        let frame = Frame::of(sites).map_err(undrawable)?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| SchedulerError::Randomness(error.to_string()))?;
        let names: Vec<&str> = sites.iter().map(|site| site.name.as_str()).collect();
        let draw = frame.draw(&DrawOrder { id, schedule, due_at, seed, sample_size, ports, sites: &names });
        let draw = draw.map_err(undrawable)?;
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
        let mut ports = muster_bus::convert::estate::ports("draw.ports", &entry.draw.ports)?;
        if ports.is_empty() {
            ports = audited_ports(site);
        }
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
                    Err(error) if error.is_of_content() => {
                        tracing::error!(site = name, draw = %id, %error, "this site's part of the audit cannot be planned");
                        self.unplannable.insert(SweepId::of_draw(name, id));
                    }
                    other => other?,
                }
            }
        }
        Ok(())
    }
}
