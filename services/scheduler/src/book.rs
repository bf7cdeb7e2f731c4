//! PLANS as a state: the logs of all sites, the draws, time. Applying a message twice is applying it once.

use std::collections::BTreeMap;

use jiff::Timestamp;
use muster_bus::convert::time;
use muster_bus::{EnvelopeError, Received, open};
use muster_ids::{DrawId, OrderId, SweepId};
use muster_proto::v1::{self, envelope::Body};

use crate::error::SchedulerError;
use crate::site_log::{SiteLog, Totals};

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
    /// Applies a message of PLANS as it was read.
    pub(crate) fn read(&mut self, received: &Received) -> Result<(), SchedulerError> {
        let sequence = received.sequence;
        self.read = self.read.max(sequence);
        match open(received) {
            Ok((envelope, body)) => self.apply(sequence, &envelope.site, &body),
            // What another version added is nothing that this one decides on; what is broken is the recorder's to report.
            Err(EnvelopeError::Newer { .. } | EnvelopeError::Malformed { .. } | EnvelopeError::TooLarge { .. }) => {
                Ok(())
            }
            Err(error @ EnvelopeError::Field { .. }) => {
                Err(SchedulerError::Plan { sequence, cause: error.to_string() })
            }
        }
    }

    /// Applies a plan that stands at a sequence.
    pub(crate) fn apply(&mut self, sequence: u64, site: &str, body: &Body) -> Result<(), SchedulerError> {
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

    /// Applies the outcome of an order.
    pub(crate) fn outcome(&mut self, site: &str, outcome: &v1::OrderOutcome) -> Result<(), SchedulerError> {
        let (sweep, order) = (SweepId::from_bytes(&outcome.sweep_id)?, OrderId::from_bytes(&outcome.order_id)?);
        self.log(site).outcome(sweep, order, Totals::of(outcome));
        Ok(())
    }

    /// The log of a site.
    pub(crate) fn log(&mut self, site: &str) -> &mut SiteLog {
        self.sites.entry(site.to_owned()).or_default()
    }

    /// Draws of which some site's part was never started.
    pub(crate) fn unfinished_draws(&self) -> impl Iterator<Item = (DrawId, &DrawEntry)> {
        self.draws.iter().map(|(id, entry)| (*id, entry)).filter(|(id, entry)| {
            crate::audit::sites_drawn(&entry.draw).into_iter().any(|site| {
                let sweep = SweepId::of_draw(site, *id);
                !self.sites.get(site).is_some_and(|log| log.knows(sweep))
            })
        })
    }

    /// The oldest message that a scheduler would need to rebuild this book.
    pub(crate) fn needs(&self) -> u64 {
        let logs = self.sites.values().filter_map(SiteLog::needs);
        let draws = self.unfinished_draws().map(|(_, entry)| entry.sequence);
        logs.chain(draws).min().unwrap_or(self.read + 1)
    }
}
