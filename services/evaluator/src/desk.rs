//! Where the streams are read, once a process, and every site that this process holds gets its messages.
//!
//! A seat is a site that is held: a state machine, what it has to publish, and the one publish that waits for its
//! answer. While it waits, inputs are applied on; the next judging begins when everything is published, so a seat never
//! has more to publish than one judging gives, and what cannot be published holds back its position and nothing else.
//!
//! A site that arrives has read less than the others: then the streams are read again from where it stands, and every
//! seat passes over what it has read already. So a seat sees every message once and in order, whoever else arrives.

mod positions;
mod publish;
mod reading;
mod seat;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use muster_bus::{Batch, Bus, Limits, SiteName, Stream, TailError, linked};
use muster_estate::model::Asset;
use muster_kit::Shutdown;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::Instrument as _;

use positions::Recorded;
use publish::Sent;
pub(crate) use publish::Verdicts;
use reading::Reader;
use seat::Seat;

use crate::config::EvaluatorConfig;
use crate::error::EvaluatorError;
use crate::import::Source;
use crate::partition::Import;
use crate::restore::Ready;

/// 4 MiB of slices are about 20,000 rows and 60 ms of work, after which publishes and arrivals have their turn.
const LIMITS: Limits = Limits { messages: 1_024, bytes: 4 << 20, linger: Duration::from_millis(1) };
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

type Fetched = (String, u64, Import, Result<Option<Vec<Asset>>, EvaluatorError>);

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
                Step::Plans(Ok(batch)) => {
                    let span = linked(&batch.messages, tracing::info_span!("plans", messages = batch.messages.len()));
                    self.read_plans(batch).instrument(span).await;
                }
                Step::Events(Ok(batch)) => {
                    let span = linked(&batch.messages, tracing::info_span!("events", messages = batch.messages.len()));
                    self.read_events(batch).instrument(span).await;
                }
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
            let seat = Seat::new(self.epoch, ready, over);
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

    /// Messages are gone that some seat has not read: all begin again from the store, which has them.
    fn lost_place(&mut self, error: &TailError) {
        let TailError::Gap { stream, after, found } = *error;
        for (_, seat) in std::mem::take(&mut self.seats) {
            seat.end(End::Failed(TailError::Gap { stream, after, found }.into()));
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
