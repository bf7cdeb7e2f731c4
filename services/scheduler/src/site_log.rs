//! The log of one site's sweeps as a state, and what it leads to. No I/O, no clock: now is an argument.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use muster_calendar::Recurrence;
use muster_estate::model::{Schedule, Site};
use muster_ids::{OrderId, SweepId};
use muster_proto::v1;
use muster_sweep::loss::{LossCount, Stated};

/// Sweeps remembered after their end, so that a request that comes twice is one sweep.
const ENDED_MAX: usize = 10_000;
/// A sweep that lost or skipped more than a tenth of its units says nothing about what is absent.
const VOID_SHARE: u64 = 10;

/// A firing that PLANS does not hold was none only while PLANS would hold it: for 90 days. Two thirds of that leave room
/// for a start that was published long after it was due. What is older waits for the next instant of its schedule.
const UNRECORDED_AGE_MAX: SignedDuration = SignedDuration::from_hours(60 * 24);

/// What a lease came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    pub(crate) failed: bool,
    pub(crate) units: u64,
    pub(crate) open: u64,
    pub(crate) closed: u64,
    pub(crate) silent: u64,
    pub(crate) skipped: u64,
}

impl Totals {
    pub(crate) fn of(outcome: &v1::OrderOutcome) -> Self {
        Self {
            failed: outcome.result() != v1::OrderResult::Finished,
            units: outcome.units,
            open: outcome.open,
            closed: outcome.closed,
            silent: outcome.silent,
            skipped: outcome.skipped,
        }
    }

    /// Units that it says anything about; `None`: more than can be counted.
    fn reached(&self) -> Option<u64> {
        self.open.checked_add(self.closed)?.checked_add(self.silent)?.checked_add(self.skipped)
    }
}

/// Why an outcome is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadOutcome {
    /// An id is none.
    #[error("order_outcome.{0} is not 16 bytes")]
    Id(&'static str),
    /// What it says of the loss contradicts itself, or the rest of it.
    #[error("{0}")]
    Loss(String),
    /// It says more than there is to say.
    #[error("the counts of the outcome are more than the {planned} units of its whole sweep")]
    TooMany { planned: u64 },
}

/// A sweep that is not over.
#[derive(Debug, Clone)]
pub(crate) struct OpenSweep {
    pub(crate) started: v1::SweepStarted,
    pub(crate) id: SweepId,
    pub(crate) deadline: Option<Timestamp>,
    /// Issued orders, by lease index.
    pub(crate) issued: BTreeMap<u32, OrderId>,
    /// Outcomes, by lease index.
    pub(crate) outcomes: BTreeMap<u32, Totals>,
    /// What these show of the loss, together.
    loss: LossCount,
    /// Stream sequence of its start: what is older is not needed any more.
    pub(crate) sequence: u64,
}

/// The newest firing of a schedule.
#[derive(Debug, Clone, Copy)]
struct Fired {
    at: Timestamp,
    sequence: u64,
}

/// The sweeps of one site.
#[derive(Debug, Clone, Default)]
pub(crate) struct SiteLog {
    /// Stream sequence of the last message on the log.
    pub(crate) last_sequence: u64,
    /// The newest instant that each schedule has fired for.
    fired: BTreeMap<String, Fired>,
    pub(crate) open: BTreeMap<SweepId, OpenSweep>,
    ended: BTreeSet<SweepId>,
    ended_order: VecDeque<SweepId>,
}

/// What is due on a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DueSweep<'a> {
    pub(crate) schedule: &'a Schedule,
    pub(crate) due_at: Timestamp,
    pub(crate) missed: u64,
}

impl SiteLog {
    pub(crate) fn started(&mut self, sequence: u64, sweep: v1::SweepStarted, id: SweepId) {
        self.last_sequence = sequence;
        if let Some(due) = timestamp(sweep.due_at.as_ref())
            && !sweep.schedule.is_empty()
        {
            let fired = self.fired.entry(sweep.schedule.clone()).or_insert(Fired { at: due, sequence });
            if fired.at <= due {
                *fired = Fired { at: due, sequence };
            }
        }
        let deadline = timestamp(sweep.deadline.as_ref());
        let (issued, outcomes, loss) = (BTreeMap::new(), BTreeMap::new(), LossCount::default());
        self.open.insert(id, OpenSweep { started: sweep, id, deadline, issued, outcomes, loss, sequence });
    }

    pub(crate) fn issued(&mut self, sequence: u64, sweep: SweepId, lease_index: u32, order: OrderId) {
        self.last_sequence = sequence;
        if let Some(open) = self.open.get_mut(&sweep) {
            open.issued.insert(lease_index, order);
        }
    }

    pub(crate) fn finished(&mut self, sequence: u64, sweep: SweepId) {
        self.last_sequence = sequence;
        self.open.remove(&sweep);
        if self.ended.insert(sweep) {
            self.ended_order.push_back(sweep);
        }
        if self.ended_order.len() > ENDED_MAX
            && let Some(oldest) = self.ended_order.pop_front()
        {
            self.ended.remove(&oldest);
        }
    }

    /// Takes the outcome of an order.
    pub(crate) fn outcome(
        &mut self,
        sweep: SweepId,
        order: OrderId,
        totals: Totals,
        loss: &LossCount,
    ) -> Result<(), BadOutcome> {
        let Some(open) = self.open.get_mut(&sweep) else { return Ok(()) };
        let planned = open.started.units;
        if totals.reached().is_none_or(|reached| reached > planned) {
            return Err(BadOutcome::TooMany { planned });
        }
        if loss.answered() > totals.open.saturating_add(totals.closed) {
            return Err(BadOutcome::Loss("more first answers than units that answered".to_owned()));
        }
        if let Some(index) = open.issued.iter().find(|(_, id)| **id == order).map(|(index, _)| *index) {
            // An outcome that comes twice is counted once.
            if open.outcomes.insert(index, totals).is_none() {
                open.loss.merge(loss);
            }
        }
        Ok(())
    }

    /// Whether a sweep was ever started, as far back as is remembered.
    pub(crate) fn knows(&self, sweep: SweepId) -> bool {
        self.open.contains_key(&sweep) || self.ended.contains(&sweep)
    }

    /// What is due. A schedule whose last sweep still runs waits for it.
    pub(crate) fn due<'a>(&self, site: &'a Site, now: Timestamp) -> Vec<DueSweep<'a>> {
        let mut due = Vec::new();
        for schedule in site.schedules.iter().filter(|schedule| !schedule.paused) {
            let running = self.open.values().any(|open| open.started.schedule == schedule.name);
            let Ok(recurrence) = Recurrence::new(schedule.anchor, schedule.every) else { continue };
            if running {
                continue;
            }
            let fired = self.fired.get(&schedule.name).map(|fired| fired.at);
            let Some(found) = recurrence.due(fired, now) else { continue };
            // Of an older one PLANS may have lost that it was fired.
            if fired.is_none() && now.duration_since(found.at) > UNRECORDED_AGE_MAX {
                continue;
            }
            due.push(DueSweep { schedule, due_at: found.at, missed: found.missed });
        }
        due
    }

    /// The oldest message that a scheduler would need to rebuild what this log still decides: starts of open sweeps, and
    /// the newest firing of every schedule that stands and would fire again without it.
    pub(crate) fn needs(&self, site: &Site, now: Timestamp) -> Option<u64> {
        let firings = site.schedules.iter().filter_map(|schedule| {
            let fired = self.fired.get(&schedule.name)?;
            let recurrence = Recurrence::new(schedule.anchor, schedule.every).ok()?;
            recurrence.due(Some(fired.at), now).is_none().then_some(fired.sequence)
        });
        self.open.values().map(|open| open.sequence).chain(firings).min()
    }

    /// The same where it is not known what stands.
    pub(crate) fn needs_all(&self) -> Option<u64> {
        let open = self.open.values().map(|open| open.sequence);
        open.chain(self.fired.values().map(|fired| fired.sequence)).min()
    }
}

impl OpenSweep {
    /// The next lease to issue an order for, if there may be one more.
    pub(crate) fn next_lease(&self, open_max: u32) -> Option<u32> {
        let waiting = self.issued.len().saturating_sub(self.outcomes.len());
        let next = u32::try_from(self.issued.len()).ok()?;
        (next < self.started.leases && waiting < open_max as usize).then_some(next)
    }

    /// Orders without an outcome.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (u32, OrderId)> + '_ {
        self.issued.iter().filter(|(index, _)| !self.outcomes.contains_key(index)).map(|(index, id)| (*index, *id))
    }

    /// Its end, if it has come: every lease has an outcome, or the deadline has passed.
    pub(crate) fn end(&self, now: Timestamp) -> Option<v1::SweepFinished> {
        let complete = self.outcomes.len() == self.started.leases as usize;
        let late = self.deadline.is_some_and(|deadline| now >= deadline);
        if !complete && !late {
            return None;
        }
        let mut coverage = v1::Coverage { planned: self.started.units, ..v1::Coverage::default() };
        let mut failed = 0;
        for totals in self.outcomes.values() {
            coverage.open = coverage.open.saturating_add(totals.open);
            coverage.closed = coverage.closed.saturating_add(totals.closed);
            coverage.silent = coverage.silent.saturating_add(totals.silent);
            coverage.skipped = coverage.skipped.saturating_add(totals.skipped);
            failed += u32::from(totals.failed);
        }
        let reached = [coverage.open, coverage.closed, coverage.silent, coverage.skipped];
        coverage.lost = coverage.planned.saturating_sub(reached.into_iter().fold(0, u64::saturating_add));
        let missed = coverage.lost.saturating_add(coverage.skipped);
        // A sweep of nothing is that of a firing that could not be planned: it proves nothing.
        let void = coverage.planned == 0 || missed.saturating_mul(VOID_SHARE) > coverage.planned;
        let without = self.started.leases as usize - self.outcomes.len();
        let void_reason = if !void {
            String::new()
        } else if coverage.planned == 0 {
            "it could not be planned".to_owned()
        } else if without > 0 {
            format!("{without} of {} leases have no outcome at the deadline", self.started.leases)
        } else {
            format!("{missed} of {} units were not probed", coverage.planned)
        };
        Some(v1::SweepFinished {
            sweep_id: self.id.to_vec(),
            kind: self.started.kind,
            site: self.started.site.clone(),
            coverage: Some(coverage),
            void,
            void_reason,
            started_at: self.started.started_at,
            finished_at: Some(muster_bus::convert::time::to_proto(now)),
            leases_finished: u32::try_from(self.outcomes.len()).unwrap_or(u32::MAX) - failed,
            leases_failed: failed,
            missed: Some(self.missed()),
        })
    }

    /// What it may have missed among the pairs that were asked.
    fn missed(&self) -> v1::Missed {
        let all = self.loss.by_attempt();
        let counted = v1::Missed {
            sent: all.sent,
            first_answers: all.first_answers,
            dropped: self.loss.dropped(),
            ..v1::Missed::default()
        };
        // What is swept of IPv6 are seeds: beside them there is more than anybody can ask.
        if self.started.blocks.iter().any(|block| block.address.len() == 16) {
            return v1::Missed { unstated: "it holds IPv6, of which only seeds can be asked".to_owned(), ..counted };
        }
        match self.loss.state() {
            Ok(Stated { share_max, pairs_max, loss }) => v1::Missed { share_max, pairs_max, loss, ..counted },
            Err(reason) => v1::Missed { unstated: reason.to_string(), ..counted },
        }
    }
}

fn timestamp(at: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    muster_bus::convert::time::optional("at", at).ok().flatten()
}

/// Deadline of a sweep that starts now.
pub(crate) fn deadline(now: Timestamp, seconds: u64) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
