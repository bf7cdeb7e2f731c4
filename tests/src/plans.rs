//! PLANS held against the rule of schedules: a schedule fires at `anchor + n x every`, once for each instant; one that
//! passed while nobody could fire it is covered by the firing for the newest that is due.
//!
//! The scheduler tells time at the beginning of every decision (with `scheduler.clock_interval_ms=1`), so what stands
//! between two clocks is what was decided at the first, from what stands before it. That is worked out here once more.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use anyhow::{Context as _, Result, bail, ensure};
use muster_bus::{Received, open};
use muster_proto::v1::{self, envelope::Body};

/// A scheduler whose bus fails it reads PLANS again and decides anew after 300 ms; what it was about to decide is then
/// decided late. A step of time as long as this says nothing about the decision before it.
const GIVEN_UP_MS: i64 = 300;

/// A message of PLANS, as far as the rule goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// A decision begins, ms.
    Clock(i64),
    /// An audit is drawn: its id, its schedule as `site/schedule`, the instant it was due, s.
    Draw(Vec<u8>, String, i64),
    /// A sweep starts.
    Started {
        /// Its id.
        sweep: Vec<u8>,
        /// Its schedule.
        schedule: String,
        /// The instant it was due, s.
        due_s: i64,
        /// Its draw; empty: none.
        draw: Vec<u8>,
    },
    /// A sweep ends: its id, and whether it is void.
    Finished(Vec<u8>, bool),
}

impl Plan {
    /// Of a message; `None`: the rule does not ask about it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(received: &Received) -> Result<Option<Self>> {
        let (_, body) = open(received).map_err(|error| anyhow::anyhow!("message {}: {error}", received.sequence))?;
        Ok(if let Body::Clock(clock) = body {
            let at = clock.at.context("a clock without time")?;
            Some(Self::Clock(at.seconds * 1_000 + i64::from(at.nanos / 1_000_000)))
        } else if let Body::Draw(draw) = body {
            Some(Self::Draw(draw.draw_id, draw.schedule, draw.due_at.context("a draw that was never due")?.seconds))
        } else if let Body::SweepStarted(started) = body {
            let v1::SweepStarted { sweep_id: sweep, schedule, due_at, draw_id: draw, .. } = started;
            let due_s = due_at.context("a sweep that was never due")?.seconds;
            Some(Self::Started { sweep, schedule, due_s, draw })
        } else if let Body::SweepFinished(finished) = body {
            Some(Self::Finished(finished.sweep_id, finished.void))
        } else {
            None
        })
    }
}

/// A schedule as it was declared, in whole seconds.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Name.
    pub name: String,
    /// Of audits.
    pub audit: bool,
    /// First instant, s.
    pub anchor_s: i64,
    /// From one to the next, s.
    pub every_s: i64,
}

impl Declared {
    /// The newest instant that is due at a time.
    fn newest(&self, now_ms: i64) -> Option<i64> {
        let since_ms = now_ms - self.anchor_s * 1_000;
        (since_ms >= 0).then(|| self.anchor_s + since_ms / (self.every_s * 1_000) * self.every_s)
    }
}

/// What was fired of a schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Firings {
    /// The instants, s, in the order in which they were fired.
    pub fired_s: Vec<i64>,
    /// Instants that passed while nobody could fire them.
    pub missed: u64,
}

/// When decisions are to be taken at their word.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// From the sequence at which the estate stood to the last at which it still did.
    pub stood: RangeInclusive<u64>,
    /// Of each death: the last sequences before it and after it.
    pub deaths: Vec<RangeInclusive<u64>>,
}

impl Circumstances {
    /// Whether what was decided between two clocks was decided to its end.
    fn complete(&self, first: (u64, i64), next: (u64, i64)) -> bool {
        let cut_off = self.deaths.iter().any(|death| *death.start() <= next.0 && first.0 <= death.end() + 1);
        let known = *self.stood.start() <= first.0 && next.0 <= *self.stood.end();
        known && !cut_off && next.1 - first.1 < GIVEN_UP_MS
    }
}

#[derive(Default)]
struct State {
    firings: Firings,
    running: BTreeSet<Vec<u8>>,
    /// Drawn and not started: the draw, and the instant it was due.
    drawn: Option<(Vec<u8>, i64)>,
    /// What the decision under way has to fire.
    expected: Option<i64>,
}

impl State {
    fn decide(&mut self, declared: &Declared, now_ms: i64) {
        let newest = declared.newest(now_ms).filter(|newest| self.firings.fired_s.last() < Some(newest));
        self.expected = newest.filter(|_| self.running.is_empty() && self.drawn.is_none());
    }

    fn fire(&mut self, declared: &Declared, due_s: i64) -> Result<()> {
        let name = &declared.name;
        ensure!(!self.firings.fired_s.contains(&due_s), "{name} fired twice for {due_s}");
        ensure!(self.expected == Some(due_s), "{name} fired for {due_s}, due was {:?}", self.expected);
        let next = self.firings.fired_s.last().map_or(declared.anchor_s, |last| last + declared.every_s);
        self.firings.missed += u64::try_from((due_s - next) / declared.every_s)?;
        self.firings.fired_s.push(due_s);
        self.expected = None;
        Ok(())
    }
}

/// Holds every message against the rule, and says what was fired of each schedule.
///
/// # Errors
/// The first message that the rule does not allow, and the first that it demands and that is not there.
pub fn firings(
    site: &str,
    schedules: &[Declared],
    history: &[(u64, Plan)],
    circumstances: &Circumstances,
) -> Result<BTreeMap<String, Firings>> {
    let mut states: States<'_> = schedules.iter().map(|declared| (declared.name.as_str(), State::default())).collect();
    let mut clock: Option<(u64, i64)> = None;
    for (sequence, plan) in history {
        if let Plan::Clock(at) = plan {
            let next = (*sequence, *at);
            let complete = clock.is_some_and(|clock| circumstances.complete(clock, next));
            for declared in schedules {
                let state = states.entry(&declared.name).or_default();
                if let Some(due) = state.expected.filter(|_| complete) {
                    bail!("{} was not fired for {due} by the decision at {clock:?}", declared.name);
                }
                state.decide(declared, *at);
            }
            clock = Some(next);
            continue;
        }
        step(site, schedules, &mut states, plan).with_context(|| format!("message {sequence}"))?;
    }
    for (name, state) in &states {
        ensure!(state.running.is_empty() && state.drawn.is_none(), "something of {name} did not end");
    }
    Ok(states.into_iter().map(|(name, state)| (name.to_owned(), state.firings)).collect())
}

type States<'a> = BTreeMap<&'a str, State>;

/// A schedule and its state, by name and kind.
fn named<'a>(
    schedules: &'a [Declared],
    states: &'a mut States<'_>,
    name: &str,
    audit: bool,
) -> Result<(&'a Declared, &'a mut State)> {
    let declared = schedules.iter().find(|declared| declared.name == name && declared.audit == audit);
    let declared = declared.with_context(|| format!("no such schedule: {name}"))?;
    Ok((declared, states.get_mut(declared.name.as_str()).context("a schedule without a state")?))
}

fn step(site: &str, schedules: &[Declared], states: &mut States<'_>, plan: &Plan) -> Result<()> {
    match plan {
        Plan::Clock(_) => {}
        Plan::Draw(draw, schedule, due_s) => {
            let name = schedule.strip_prefix(&format!("{site}/")).context("a draw of another site")?;
            let (declared, state) = named(schedules, states, name, true)?;
            state.fire(declared, *due_s)?;
            state.drawn = Some((draw.clone(), *due_s));
        }
        Plan::Started { sweep, schedule, due_s, draw } if draw.is_empty() => {
            let (declared, state) = named(schedules, states, schedule, false)?;
            state.fire(declared, *due_s)?;
            state.running.insert(sweep.clone());
        }
        Plan::Started { sweep, schedule, due_s, draw } => {
            let (_, state) = named(schedules, states, schedule, true)?;
            let drawn = state.drawn.take();
            ensure!(
                drawn.as_ref() == Some(&(draw.clone(), *due_s)),
                "a part of {draw:?} while {drawn:?} waited for one"
            );
            state.running.insert(sweep.clone());
        }
        Plan::Finished(sweep, void) => {
            ensure!(!void, "a sweep is void");
            let ended = states.values_mut().map(|state| usize::from(state.running.remove(sweep))).sum::<usize>();
            ensure!(ended == 1, "a sweep ended that did not run");
        }
    }
    Ok(())
}
