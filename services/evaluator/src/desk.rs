//! Where the streams are read, once a process, and every site that this process holds gets its messages.
//!
//! A seat is a site that is held: a state machine, what it has to publish, and the one publish that waits for its
//! answer. While it waits, inputs are applied on; the next judging begins when everything is published, so a seat never
//! has more to publish than one judging gives, and what cannot be published holds back its position and nothing else.
//!
//! A site that arrives has read less than the others: then the streams are read again from where it stands, and every
//! seat passes over what it has read already. So a seat sees every message once and in order, whoever else arrives.

mod publish;
mod seat;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use muster_bus::{Batch, Bus, Limits, Received, SiteName, Stream, Tail, TailError, open};
use muster_estate::model::Asset;
use muster_kit::{Shutdown, crash};
use muster_proto::v1::envelope::Body;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};

use publish::Sent;
pub(crate) use publish::Verdicts;
use seat::Seat;

use crate::config::EvaluatorConfig;
use crate::error::EvaluatorError;
use crate::import::Source;
use crate::partition::{Import, Then};
use crate::restore::Ready;
use crate::telemetry::{Read, Skipped};

/// 4 MiB of slices are about 20,000 rows and 60 ms of work, after which publishes and arrivals have their turn.
const LIMITS: Limits = Limits { messages: 1_024, bytes: 4 << 20, linger: Duration::from_millis(1) };
/// How often positions are recorded: a crash repeats as much reading.
const POSITION_EVERY: Duration = Duration::from_secs(1);
/// With more sites, less often: at most 100 puts a second for the two positions of each.
const SITES_A_SECOND: usize = 50;
/// Puts under way at once.
const POSITIONS_AT_ONCE: usize = 8;
/// Pause before a question to the bus is asked again.
const RETRY: Duration = Duration::from_millis(200);
/// How long a stop waits for publishes that are under way.
const DRAIN: Duration = Duration::from_secs(3);

/// A site that is ready to be judged.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) site: SiteName,
    pub(crate) ready: Ready,
    /// Told when the seat is given up. Dropping the other end gives it up.
    pub(crate) over: oneshot::Sender<End>,
}

/// Why a seat was given up.
#[derive(Debug)]
pub(crate) enum End {
    /// The process stops; what was under way is done.
    Drained,
    /// The site has to be restored.
    Failed(EvaluatorError),
}

/// A stream and how far it was read.
#[derive(Debug)]
struct Reader {
    tail: Tail,
    read: u64,
    pending: u64,
}

impl Reader {
    fn new(bus: &Bus, stream: Stream) -> Self {
        Self { tail: bus.tail(stream, &[], 0), read: 0, pending: 0 }
    }

    /// Reads again from an earlier place, or, where nobody else reads, from any.
    fn go_back(&mut self, after: u64, alone: bool) {
        if alone || after < self.read {
            self.tail.rewind(after);
            self.read = after;
        }
    }
}

type Fetched = (String, u64, Import, Result<Option<Vec<Asset>>, EvaluatorError>);
type Recorded = Vec<(String, u64, (u64, u64))>;

/// What happened.
enum Step {
    Arrived(Box<Arrival>),
    Sent(Sent),
    Fetched(Box<Fetched>),
    Recorded(Recorded),
    Tick,
    Plans(Result<Batch, TailError>),
    Events(Result<Batch, TailError>),
}

/// All seats of a process.
pub(crate) struct Desk {
    bus: Bus,
    verdicts: Verdicts,
    source: Source,
    config: EvaluatorConfig,
    shutdown: Shutdown,
    events: Reader,
    plans: Reader,
    seats: BTreeMap<String, Seat>,
    sending: FuturesUnordered<BoxFuture<'static, Sent>>,
    fetching: FuturesUnordered<BoxFuture<'static, Fetched>>,
    recording: FuturesUnordered<BoxFuture<'static, Recorded>>,
    position_due: Instant,
    epoch: u64,
}

impl Desk {
    pub(crate) fn new(
        bus: Bus,
        verdicts: Verdicts,
        source: Source,
        config: EvaluatorConfig,
        shutdown: Shutdown,
    ) -> Self {
        let (events, plans) = (Reader::new(&bus, Stream::Events), Reader::new(&bus, Stream::Plans));
        Self {
            bus,
            verdicts,
            source,
            config,
            shutdown,
            events,
            plans,
            seats: BTreeMap::new(),
            sending: FuturesUnordered::new(),
            fetching: FuturesUnordered::new(),
            recording: FuturesUnordered::new(),
            position_due: Instant::now(),
            epoch: 0,
        }
    }

    /// Judges until the stop, then finishes what is under way.
    pub(crate) async fn run(mut self, mut arrivals: mpsc::Receiver<Arrival>) {
        let mut tick = interval(Duration::from_millis(self.config.judge_interval_ms.max(1)));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let shutdown = self.shutdown.clone();
        let mut ticked = false;
        loop {
            // Where nothing more waits to be read, there is no better time to judge.
            self.pump(ticked || (self.events.pending == 0 && self.plans.pending == 0));
            let reads = !self.seats.is_empty();
            let step = tokio::select! {
                biased;
                () = shutdown.requested() => break,
                Some(arrival) = arrivals.recv() => Step::Arrived(Box::new(arrival)),
                Some(sent) = self.sending.next() => Step::Sent(sent),
                Some(fetched) = self.fetching.next() => Step::Fetched(Box::new(fetched)),
                Some(recorded) = self.recording.next() => Step::Recorded(recorded),
                _ = tick.tick() => Step::Tick,
                batch = self.plans.tail.next_batch(LIMITS), if reads => Step::Plans(batch),
                batch = self.events.tail.next_batch(LIMITS), if reads => Step::Events(batch),
            };
            ticked = matches!(step, Step::Tick);
            match step {
                Step::Arrived(arrival) => self.arrive(*arrival, &mut arrivals),
                Step::Tick => self.record_positions(false),
                Step::Sent(sent) => self.sent(sent),
                Step::Fetched(fetched) => self.fetched(*fetched),
                Step::Recorded(recorded) => self.recorded(recorded),
                Step::Plans(Ok(batch)) => self.read_plans(batch).await,
                Step::Events(Ok(batch)) => self.read_events(batch).await,
                Step::Plans(Err(error)) | Step::Events(Err(error)) => self.lost_place(&error),
            }
        }
        self.drain().await;
    }

    /// Takes seats; several that came at once make the streams be read again once.
    fn arrive(&mut self, first: Arrival, arrivals: &mut mpsc::Receiver<Arrival>) {
        let mut next = Some(first);
        while let Some(Arrival { site, ready, over }) = next {
            self.epoch += 1;
            let alone = self.seats.is_empty();
            let (events, plans) = ready.partition.read();
            self.events.go_back(events, alone);
            self.plans.go_back(plans, alone);
            let seat = Seat::new(self.epoch, &site, ready, over);
            self.seats.insert(site.as_str().to_owned(), seat);
            next = arrivals.try_recv().ok();
        }
    }

    /// Judges what is due and publishes what can be published.
    fn pump(&mut self, due: bool) {
        self.seats.retain(|_, seat| !seat.is_given_up());
        for (site, seat) in &mut self.seats {
            if let Some(batch) = seat.next(due, &self.config) {
                self.sending.push(self.verdicts.send(site, seat.epoch, batch, seat.last));
            }
        }
    }

    fn sent(&mut self, sent: Sent) {
        let Some(seat) = self.seats.get_mut(&sent.site).filter(|seat| seat.epoch == sent.epoch) else { return };
        match sent.result {
            Ok(sequence) => seat.accepted(sequence),
            Err(error) => self.give_up(&sent.site, error),
        }
    }

    fn give_up(&mut self, site: &str, error: EvaluatorError) {
        if let Some(seat) = self.seats.remove(site) {
            seat.end(End::Failed(error));
        }
    }

    fn fetched(&mut self, (site, epoch, import, result): Fetched) {
        let Some(seat) = self.seats.get_mut(&site).filter(|seat| seat.epoch == epoch) else { return };
        match result {
            Ok(Some(assets)) => seat.partition.imported(import.sequence, import.manifest.revision, &assets),
            Ok(None) => seat.partition.not_imported(import.sequence),
            Err(error) => self.give_up(&site, error),
        }
    }

    fn recorded(&mut self, recorded: Recorded) {
        for (site, epoch, passed) in recorded {
            if let Some(seat) = self.seats.get_mut(&site).filter(|seat| seat.epoch == epoch) {
                seat.recorded = Some(passed);
            }
        }
    }

    async fn read_events(&mut self, batch: Batch) {
        let before: u64 = self.seats.values().map(|seat| seat.partition.rows).sum();
        let Some(last) = batch.messages.last() else { return };
        let (last, newest_at, messages) = (last.sequence, last.stored_at, batch.messages.len());
        let mut ask = false;
        for received in &batch.messages {
            let Some(site) = concerned(&received.subject) else { continue };
            let Some(seat) = self.seats.get_mut(site) else { continue };
            if received.sequence <= seat.partition.read().0 {
                continue;
            }
            let then = match open(received) {
                Ok((envelope, body)) => seat.partition.event(received.sequence, &envelope, body),
                Err(error) => {
                    skip(Stream::Events, received, "unreadable", &error);
                    continue;
                }
            };
            match then {
                Ok(Then::Done) => {}
                Ok(Then::AskEnd) => ask = true,
                Ok(Then::Fetch(import)) => {
                    let (site, epoch, source) = (site.to_owned(), seat.epoch, self.source.clone());
                    self.fetching.push(Box::pin(async move {
                        let assets = source.assets(&site, &import).await;
                        (site, epoch, import, assets)
                    }));
                }
                Err(error) => skip(Stream::Events, received, "malformed", &error),
            }
        }
        if ask && let Some(last) = end_of(&self.bus, Stream::Plans, &self.shutdown).await {
            self.seats.values_mut().for_each(|seat| seat.partition.plans_end_at(last));
        }
        (self.events.read, self.events.pending) = (last, batch.pending);
        self.seats.values_mut().for_each(|seat| seat.partition.advance(last, 0));
        let rows: u64 = self.seats.values().map(|seat| seat.partition.rows).sum();
        Read { stream: Stream::Events, messages, observations: rows.saturating_sub(before), newest_at }.emit();
    }

    async fn read_plans(&mut self, batch: Batch) {
        let Some(last) = batch.messages.last() else { return };
        let (last, newest_at, messages) = (last.sequence, last.stored_at, batch.messages.len());
        let mut ask = false;
        for received in &batch.messages {
            let Some(site) = received.subject.split('.').nth(3) else { continue };
            let all = site == "all";
            if !all && !self.seats.contains_key(site) {
                continue;
            }
            let body = match open(received) {
                Ok((_, body)) => body,
                Err(error) => {
                    skip(Stream::Plans, received, "unreadable", &error);
                    continue;
                }
            };
            if all {
                // Time is for every site; draws are for none.
                if let Body::Clock(_) = &body {
                    for seat in self.seats.values_mut() {
                        ask |= plan(seat, received, body.clone());
                    }
                }
            } else if let Some(seat) = self.seats.get_mut(site) {
                ask |= plan(seat, received, body);
            }
        }
        if ask && let Some(last) = end_of(&self.bus, Stream::Events, &self.shutdown).await {
            self.seats.values_mut().for_each(|seat| seat.partition.events_end_at(last));
        }
        (self.plans.read, self.plans.pending) = (last, batch.pending);
        self.seats.values_mut().for_each(|seat| seat.partition.advance(0, last));
        Read { stream: Stream::Plans, messages, observations: 0, newest_at }.emit();
    }

    /// Messages are gone that some seat has not read: all begin again from the store, which has them.
    fn lost_place(&mut self, error: &TailError) {
        let TailError::Gap { stream, after, found } = *error;
        for (_, seat) in std::mem::take(&mut self.seats) {
            seat.end(End::Failed(TailError::Gap { stream, after, found }.into()));
        }
    }

    /// Records what was passed since the last time.
    fn record_positions(&mut self, now: bool) {
        if !now && (self.position_due > Instant::now() || !self.recording.is_empty()) {
            return;
        }
        let seconds = u32::try_from(self.seats.len().div_ceil(SITES_A_SECOND)).unwrap_or(u32::MAX).max(1);
        self.position_due = Instant::now() + POSITION_EVERY * seconds;
        let passed: Recorded = self
            .seats
            .iter()
            .filter(|(_, seat)| seat.recorded != Some(seat.passed))
            .map(|(site, seat)| (site.clone(), seat.epoch, seat.passed))
            .collect();
        if !passed.is_empty() {
            self.recording.push(Box::pin(record(self.bus.clone(), passed)));
        }
    }

    async fn drain(&mut self) {
        let finish = async {
            while let Some(sent) = self.sending.next().await {
                self.sent(sent);
                // What was judged is told; nothing is judged any more.
                for (site, seat) in &mut self.seats {
                    if let Some(batch) = seat.next_judged() {
                        self.sending.push(self.verdicts.send(site, seat.epoch, batch, seat.last));
                    }
                }
            }
        };
        let _in_time = muster_kit::drain("verdicts under way", DRAIN, finish).await;
        self.record_positions(true);
        let record = async { while self.recording.next().await.is_some() {} };
        let _in_time = muster_kit::drain("positions", DRAIN, record).await;
        for (_, seat) in std::mem::take(&mut self.seats) {
            seat.end(End::Drained);
        }
    }
}

/// The last sequence of a stream, asked for until there is an answer or the process stops.
async fn end_of(bus: &Bus, stream: Stream, shutdown: &Shutdown) -> Option<u64> {
    loop {
        match bus.stream_info(stream).await {
            Ok(info) => return Some(info.last_sequence),
            Err(error) => tracing::warn!(stream = stream.name(), %error, "asking again where the stream ends"),
        }
        shutdown.or(tokio::time::sleep(RETRY)).await?;
    }
}

/// The site that an event is for, where a rule may rest on it.
fn concerned(subject: &str) -> Option<&str> {
    let mut tokens = subject.split('.').skip(3);
    let (site, kind) = (tokens.next()?, tokens.next()?);
    matches!(kind, "lease" | "estate" | "inventory" | "disposition").then_some(site)
}

/// Hands a plan to a seat; whether the end of EVENTS has to be asked for.
fn plan(seat: &mut Seat, received: &Received, body: Body) -> bool {
    if received.sequence <= seat.partition.read().1 {
        return false;
    }
    match seat.partition.plan(received.sequence, body) {
        Ok(Then::AskEnd) => true,
        Ok(Then::Done | Then::Fetch(_)) => false,
        Err(error) => {
            skip(Stream::Plans, received, "malformed", &error);
            false
        }
    }
}

fn skip(stream: Stream, received: &Received, reason: &'static str, cause: &dyn std::fmt::Display) {
    Skipped { stream, sequence: received.sequence, reason, cause }.emit();
}

/// Writes positions; the ones that were written are returned.
async fn record(bus: Bus, passed: Recorded) -> Recorded {
    let positions = match bus.positions().await {
        Ok(positions) => positions,
        Err(error) => {
            tracing::warn!(%error, "positions are recorded later");
            return Vec::new();
        }
    };
    let put = |(site, epoch, passed): (String, u64, (u64, u64))| {
        let positions = positions.clone();
        async move {
            crash::point("evaluator.before-position");
            let events = positions.passed("evaluator", Stream::Events, Some(&site), passed.0).await;
            let plans = positions.passed("evaluator", Stream::Plans, Some(&site), passed.1).await;
            crash::point("evaluator.after-position");
            match events.and(plans) {
                Ok(()) => Some((site, epoch, passed)),
                Err(error) => {
                    tracing::warn!(site, %error, "its position is recorded later");
                    None
                }
            }
        }
    };
    futures::stream::iter(passed)
        .map(put)
        .buffer_unordered(POSITIONS_AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await
}
