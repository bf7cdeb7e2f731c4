//! PLANS as a state: the logs of all sites, the draws, time. Applying a message twice is applying it once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use muster_bus::convert::{loss, time};
use muster_bus::{EnvelopeError, Received, open};
use muster_ids::{DrawId, OrderId, SweepId};
use muster_proto::v1::{self, envelope::Body};
use muster_sweep::loss::LossCount;

use crate::audit::sites_drawn;
use crate::error::SchedulerError;
use crate::estate::Estate;
use crate::site_log::{BadOutcome, SiteLog, Totals};
use crate::telemetry::PlanUnreadable;

/// A draw, and the stream sequence of it.
#[derive(Debug, Clone)]
pub(crate) struct DrawEntry {
    pub(crate) draw: v1::Draw,
    pub(crate) sequence: u64,
}

/// Everything that PLANS says.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) sites: BTreeMap<String, SiteLog>,
    pub(crate) draws: BTreeMap<DrawId, DrawEntry>,
    /// Stream sequence of the last message on the draws' log.
    pub(crate) draws_sequence: u64,
    /// Stream sequence of the last clock.
    pub(crate) clock_sequence: u64,
    pub(crate) clock_at: Option<Timestamp>,
    /// Stream sequence up to which PLANS is read.
    pub(crate) read: u64,
}

impl Book {
    /// Applies a message of PLANS as it was read. One that says nothing to this version still stands on its log: the
    /// next message there is expected after it, and without that every append would be refused for ever.
    pub(crate) fn read(&mut self, received: &Received) {
        let sequence = received.sequence;
        self.read = self.read.max(sequence);
        match open(received) {
            Ok((envelope, body)) => self.apply(sequence, &envelope.site, &body),
            Err(EnvelopeError::Newer { .. }) => {
                tracing::debug!(sequence, "a plan of a newer version: it decides nothing here");
            }
            Err(
                error
                @ (EnvelopeError::Malformed { .. } | EnvelopeError::TooLarge { .. } | EnvelopeError::Field { .. }),
            ) => PlanUnreadable { sequence, cause: &error }.emit(),
        }
        self.stands(sequence, &received.subject);
    }

    /// A message stands on a log, whatever it says.
    fn stands(&mut self, sequence: u64, subject: &str) {
        let mut tokens = subject.split('.').skip(3);
        let log_end = match (tokens.next(), tokens.next()) {
            (Some(_), Some("draw")) => &mut self.draws_sequence,
            (Some(_), Some("clock")) => &mut self.clock_sequence,
            (Some(site), Some("sweep")) => &mut self.log(site).last_sequence,
            _ => return,
        };
        *log_end = sequence.max(*log_end);
    }

    /// Applies a plan that stands at a sequence. What is wrong in it is reported and changes nothing.
    pub(crate) fn apply(&mut self, sequence: u64, site: &str, body: &Body) {
        if let Err(error) = self.try_apply(sequence, site, body) {
            PlanUnreadable { sequence, cause: &error }.emit();
        }
    }

    fn try_apply(&mut self, sequence: u64, site: &str, body: &Body) -> Result<(), SchedulerError> {
        match body {
            Body::Clock(clock) if sequence > self.clock_sequence => {
                self.clock_sequence = sequence;
                self.clock_at = time::optional("clock.at", clock.at.as_ref())?;
            }
            Body::Draw(draw) if sequence > self.draws_sequence => {
                self.draws_sequence = sequence;
                let id = DrawId::from_bytes(&draw.draw_id)?;
                self.draws.entry(id).or_insert_with(|| DrawEntry { draw: draw.clone(), sequence });
            }
            Body::SweepStarted(started) => {
                let log = self.log(site);
                if sequence > log.last_sequence {
                    log.started(sequence, started.clone(), SweepId::from_bytes(&started.sweep_id)?);
                }
            }
            Body::OrderIssued(issued) => {
                let log = self.log(site);
                if sequence > log.last_sequence
                    && let Some(order) = &issued.order
                {
                    let sweep = SweepId::from_bytes(&order.sweep_id)?;
                    log.issued(sequence, sweep, order.lease_index, OrderId::from_bytes(&order.order_id)?);
                }
            }
            Body::SweepFinished(finished) => {
                let log = self.log(site);
                if sequence > log.last_sequence {
                    log.finished(sequence, SweepId::from_bytes(&finished.sweep_id)?);
                }
            }
            // Older than what is known.
            Body::Clock(_) | Body::Draw(_) => {}
            // No plan.
            Body::Slice(_)
            | Body::OrderOutcome(_)
            | Body::Bulletin(_)
            | Body::InventoryDelta(_)
            | Body::InventoryChunk(_)
            | Body::InventoryManifest(_)
            | Body::Estate(_)
            | Body::Disposition(_)
            | Body::SweepRequested(_)
            | Body::AuditRequested(_)
            | Body::Halt(_)
            | Body::Verdicts(_)
            | Body::Order(_)
            | Body::DeadLetter(_) => {}
        }
        Ok(())
    }

    /// Applies the outcome of an order. What is not of an open sweep is of no use any more.
    ///
    /// # Errors
    /// When it is none: it came from a scanner, which may be captured.
    pub(crate) fn outcome(&mut self, site: &str, outcome: &v1::OrderOutcome) -> Result<(), BadOutcome> {
        let sweep = SweepId::from_bytes(&outcome.sweep_id).map_err(|_| BadOutcome::Id("sweep_id"))?;
        let order = OrderId::from_bytes(&outcome.order_id).map_err(|_| BadOutcome::Id("order_id"))?;
        let loss = match &outcome.loss {
            Some(_) => loss::from_proto("order_outcome.loss", outcome.loss.as_ref())
                .map_err(|error| BadOutcome::Loss(error.to_string()))?,
            None => {
                // By a scanner that did not count.
                let mut loss = LossCount::default();
                loss.add_uncounted(outcome.units.saturating_sub(outcome.skipped));
                loss
            }
        };
        match self.sites.get_mut(site) {
            Some(log) => log.outcome(sweep, order, Totals::of(outcome), &loss),
            None => Ok(()),
        }
    }

    /// The log of a site.
    pub(crate) fn log(&mut self, site: &str) -> &mut SiteLog {
        self.sites.entry(site.to_owned()).or_default()
    }

    /// Draws of which some site's part was never started.
    pub(crate) fn unfinished_draws(&self) -> impl Iterator<Item = (DrawId, &DrawEntry)> {
        self.draws
            .iter()
            .map(|(id, entry)| (*id, entry))
            .filter(|(id, entry)| sites_drawn(&entry.draw).into_iter().any(|site| self.waits(site, *id)))
    }

    fn waits(&self, site: &str, draw: DrawId) -> bool {
        let sweep = SweepId::of_draw(site, draw);
        !self.sites.get(site).is_some_and(|log| log.knows(sweep))
    }

    /// The oldest message that a scheduler would need to rebuild of this book what still decides anything: what is of a
    /// site that is gone decides nothing, and must not keep PLANS from being relieved for ever.
    pub(crate) fn needs(&self, estate: &Estate, unplannable: &BTreeSet<SweepId>, now: Timestamp) -> u64 {
        let logs =
            self.sites.iter().filter_map(|(name, log)| match estate.sites.iter().find(|site| site.name == *name) {
                Some(site) => log.needs(site, now),
                None if estate.unread.contains(name) => log.needs_all(),
                None => None,
            });
        let draws = self.draws.iter().filter(|(id, entry)| {
            sites_drawn(&entry.draw).into_iter().any(|site| {
                estate.names(site) && !unplannable.contains(&SweepId::of_draw(site, **id)) && self.waits(site, **id)
            })
        });
        logs.chain(draws.map(|(_, entry)| entry.sequence)).min().unwrap_or(self.read + 1)
    }
}

#[cfg(test)]
mod tests;
