//! One site: what it has read, what it holds back, and what it knows. No I/O and no clock.
//!
//! Two streams are read side by side, and three inputs of one need something of the other. They wait here, and nothing
//! else waits for them:
//!
//! - **The end of a sweep** (PLANS) says that silence counts. Everything that its scanners saw stands in EVENTS before
//!   the scheduler publishes the end, but may not have been read here yet. So an end waits until EVENTS has been read
//!   up to the last sequence that it had when the end was received; else a verdict would say "absent" and be taken back
//!   a moment later.
//! - **The refusals of a slice** (EVENTS) are bits; which address and port a bit is, says the order (PLANS). The order
//!   stands in PLANS before the scanner gets it, so a slice of an unknown order waits until PLANS has been read up to
//!   the last sequence that it had when the slice was received. If the order is unknown then, it is gone, and the
//!   refusals with it: the next sweep repeats them.
//! - **An import** takes effect at its manifest; its chunks are fetched.
//!
//! No two of these can wait for each other: each waits for a position that reading alone reaches, and reading never
//! waits. A position counts as considered when nothing before it is held back.

mod held;
mod leases;

use std::collections::VecDeque;
use std::sync::Arc;

use muster_bus::Stream;
use muster_bus::convert::{ConvertError, estate, time};
use muster_ids::{ImportId, OrderId, SweepId};
use muster_proto::v1::{self, Envelope, envelope::Body};
use muster_verdict::{Changes, Closed, Input, InventoryDelta, InventoryImport, Observations, SiteState};

pub(crate) use held::Import;
use held::{HeldEnd, HeldSlice};
pub(crate) use leases::{Leases, SliceBits};

use crate::convert::{inputs, to_millis};
use crate::telemetry::Skipped;

/// Slices that wait for their orders. PLANS is read before EVENTS, so a few wait for a moment; the bound is against a
/// scanner that invents orders: 4,096 of 400 bytes are 2 MiB.
const REFUSALS_MAX: usize = 4_096;
/// Imports whose first chunk is remembered: as many as a site has under way at once, and some that were given up.
const IMPORTS_MAX: usize = 16;

/// What an input leads to outside the partition.
#[derive(Debug)]
pub(crate) enum Then {
    /// Nothing.
    Done,
    /// The end of EVENTS, or of PLANS, has to be asked for.
    AskEnd,
    /// An import's chunks have to be fetched.
    Fetch(Import),
}

/// One site.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) site: String,
    pub(crate) state: SiteState,
    leases: Leases,
    events: u64,
    plans: u64,
    ends: VecDeque<HeldEnd>,
    slices: VecDeque<HeldSlice>,
    imports: Vec<u64>,
    first_chunks: VecDeque<(ImportId, u64)>,
    /// The last batch that was published before this start had considered so much: nothing is judged before it has been
    /// read again, or what it said would be taken back and said anew.
    judge_from: (u64, u64),
    /// Rows applied since the last judging.
    pub(crate) rows: u64,
}

impl Partition {
    /// Goes on with a state that knows everything up to two positions.
    pub(crate) fn new(
        site: String,
        state: SiteState,
        leases: Leases,
        (events, plans): (u64, u64),
        judge_from: (u64, u64),
    ) -> Self {
        Self {
            site,
            state,
            leases,
            events,
            plans,
            ends: VecDeque::new(),
            slices: VecDeque::new(),
            imports: Vec::new(),
            first_chunks: VecDeque::new(),
            judge_from,
            rows: 0,
        }
    }

    /// Up to where EVENTS and PLANS have been read.
    pub(crate) const fn read(&self) -> (u64, u64) {
        (self.events, self.plans)
    }

    /// Up to where every message of EVENTS and PLANS has had its effect.
    pub(crate) fn considered(&self) -> (u64, u64) {
        let imports = self.imports.iter().min().map_or(u64::MAX, |sequence| sequence - 1);
        let ends = self.ends.front().map_or(u64::MAX, |held| held.sequence - 1);
        (self.sliced().min(imports), self.plans.min(ends))
    }

    /// Whether there is something to judge, and it may be judged.
    pub(crate) fn may_judge(&self) -> bool {
        let considered = self.considered();
        self.state.waiting() > 0 && considered.0 >= self.judge_from.0 && considered.1 >= self.judge_from.1
    }

    /// Judges some hosts.
    pub(crate) fn judge(&mut self, hosts_max: usize) -> Changes {
        self.rows = 0;
        self.state.evaluate_some(hosts_max)
    }

    /// Takes a message of EVENTS that stands after what was read.
    pub(crate) fn event(&mut self, sequence: u64, envelope: &Envelope, body: Body) -> Result<Then, ConvertError> {
        match body {
            Body::Slice(slice) => return self.slice(sequence, &slice),
            Body::Estate(document) => {
                let site = estate::site_from_proto(&document)?;
                self.state.apply(Input::Estate(Arc::new(site)));
            }
            Body::InventoryDelta(delta) => self.delta(&delta)?,
            Body::InventoryChunk(chunk) => self.chunk(sequence, &chunk)?,
            Body::InventoryManifest(manifest) => return self.manifest(sequence, manifest),
            Body::Disposition(set) => {
                let set = inputs::disposition(envelope, &set)?;
                self.state.apply(Input::Disposition(set));
            }
            // No rule rests on these; that a lease was looked at is in its slices.
            Body::OrderOutcome(_)
            | Body::Bulletin(_)
            | Body::SweepRequested(_)
            | Body::AuditRequested(_)
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
        Ok(Then::Done)
    }

    /// Takes a message of PLANS that stands after what was read.
    pub(crate) fn plan(&mut self, sequence: u64, body: Body) -> Result<Then, ConvertError> {
        match body {
            Body::OrderIssued(issued) => self.leases.issued(&issued)?,
            Body::SweepFinished(finished) => {
                inputs::id("sweep_finished.sweep_id", SweepId::from_bytes(&finished.sweep_id))?;
                self.ends.push_back(HeldEnd { sequence, finished, until: None });
                return Ok(Then::AskEnd);
            }
            Body::Clock(clock) => {
                let at = time::from_proto("clock.at", clock.at.as_ref())?;
                self.state.apply(Input::Clock(to_millis(at)));
            }
            // What a sweep looks at stands in its orders.
            Body::SweepStarted(_)
            | Body::Draw(_)
            | Body::Slice(_)
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
        Ok(Then::Done)
    }

    /// Says where EVENTS ended after the ends that wait were received.
    pub(crate) fn events_end_at(&mut self, last: u64) {
        for held in self.ends.iter_mut().filter(|held| held.until.is_none()) {
            held.until = Some(last);
        }
    }

    /// Says where PLANS ended after the slices that wait were received.
    pub(crate) fn plans_end_at(&mut self, last: u64) {
        for held in self.slices.iter_mut().filter(|held| held.until.is_none()) {
            held.until = Some(last);
        }
    }

    /// Says up to where the streams have been read, and lets go what waited for that.
    pub(crate) fn advance(&mut self, events: u64, plans: u64) {
        self.events = self.events.max(events);
        self.plans = self.plans.max(plans);
        self.release_slices();
        self.release_ends();
    }

    /// The chunks of an import are there.
    pub(crate) fn imported(&mut self, sequence: u64, revision: u64, assets: &[muster_estate::model::Asset]) {
        self.imports.retain(|held| *held != sequence);
        self.state.apply(Input::InventoryImport(InventoryImport { revision, assets }));
    }

    /// An import turned out to be no import.
    pub(crate) fn not_imported(&mut self, sequence: u64) {
        self.imports.retain(|held| *held != sequence);
    }

    fn slice(&mut self, sequence: u64, slice: &v1::Slice) -> Result<Then, ConvertError> {
        let order = inputs::id("slice.order_id", OrderId::from_bytes(&slice.order_id))?;
        let checked = inputs::slice(slice)?;
        self.rows += checked.observed.len() as u64;
        if !checked.observed.is_empty() {
            inputs::with_seen(&checked.observed, |seen| {
                self.state.apply(Input::Observations(Observations { sweep: checked.sweep, seen }));
            });
        }
        let bits = SliceBits {
            sweep: checked.sweep,
            started_at: checked.started_at,
            first_unit: slice.first_unit,
            units: slice.units,
            closed: slice.closed.clone(),
            skipped: slice.skipped.clone(),
        };
        if self.leases.is_over(checked.sweep) || self.apply_bits(order, &bits) {
            return Ok(Then::Done);
        }
        // The bytes would keep the whole message alive.
        let bits = bits.detached();
        self.slices.push_back(HeldSlice { sequence, order, bits, until: None });
        if self.slices.len() > REFUSALS_MAX
            && let Some(dropped) = self.slices.pop_front()
        {
            self.without_order(&dropped);
        }
        Ok(Then::AskEnd)
    }

    /// Whether the order was known.
    fn apply_bits(&mut self, order: OrderId, bits: &SliceBits) -> bool {
        let Some(refused) = self.leases.slice(order, bits) else { return false };
        if !refused.is_empty() {
            self.state.apply(Input::Closed(Closed { sweep: bits.sweep, at: bits.started_at, refused: &refused }));
        }
        true
    }

    fn without_order(&self, held: &HeldSlice) {
        let (sequence, cause) = (held.sequence, &"its refusals cannot be placed");
        Skipped { stream: Stream::Events, sequence, reason: "unknown-order", cause }.emit();
    }

    fn release_slices(&mut self) {
        for held in std::mem::take(&mut self.slices) {
            if self.apply_bits(held.order, &held.bits) {
                continue;
            }
            if held.until.is_some_and(|until| until <= self.plans) {
                self.without_order(&held);
            } else {
                self.slices.push_back(held);
            }
        }
    }

    /// Up to where every slice has had its effect.
    fn sliced(&self) -> u64 {
        self.slices.front().map_or(self.events, |held| self.events.min(held.sequence - 1))
    }

    fn release_ends(&mut self) {
        let sliced = self.sliced();
        for held in std::mem::take(&mut self.ends) {
            if held.until.is_some_and(|until| until <= sliced) {
                self.end(&held.finished);
            } else {
                self.ends.push_back(held);
            }
        }
    }

    fn end(&mut self, finished: &v1::SweepFinished) {
        let Ok(sweep) = SweepId::from_bytes(&finished.sweep_id) else { return };
        let at = |at: Option<&prost_types::Timestamp>| time::optional("at", at).ok().flatten().map(to_millis);
        let (Some(started_at), Some(finished_at)) =
            (at(finished.started_at.as_ref()), at(finished.finished_at.as_ref()))
        else {
            return;
        };
        let finished = self.leases.finish(sweep, finished.void, started_at, finished_at);
        self.state.apply(Input::SweepFinished(finished));
    }

    fn delta(&mut self, delta: &v1::InventoryDelta) -> Result<(), ConvertError> {
        let upserts: Vec<_> =
            delta.upserts.iter().map(|asset| inputs::asset("delta.upserts", asset)).collect::<Result<_, _>>()?;
        let removals = &delta.removals;
        self.state.apply(Input::InventoryDelta(InventoryDelta {
            revision: delta.revision,
            upserts: &upserts,
            removals,
        }));
        Ok(())
    }

    fn chunk(&mut self, sequence: u64, chunk: &v1::InventoryChunk) -> Result<(), ConvertError> {
        let id = inputs::id("inventory_chunk.import_id", ImportId::from_bytes(&chunk.import_id))?;
        if self.first_chunks.iter().all(|(known, _)| *known != id) {
            self.first_chunks.push_back((id, sequence));
            if self.first_chunks.len() > IMPORTS_MAX {
                self.first_chunks.pop_front();
            }
        }
        Ok(())
    }

    fn manifest(&mut self, sequence: u64, manifest: v1::InventoryManifest) -> Result<Then, ConvertError> {
        let id = inputs::id("inventory_manifest.import_id", ImportId::from_bytes(&manifest.import_id))?;
        let place = self.first_chunks.iter().position(|(known, _)| *known == id);
        let first_chunk = place.and_then(|place| self.first_chunks.remove(place)).map(|(_, sequence)| sequence);
        self.imports.push(sequence);
        Ok(Then::Fetch(Import { id, manifest, sequence, first_chunk }))
    }
}
