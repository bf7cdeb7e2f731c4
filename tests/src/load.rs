//! A seeded load: slices, outcomes, plans and verdicts as services publish them, some of it broken; and the model of what
//! has to stand in the store afterwards.

use std::time::Duration;

use anyhow::ensure;
use jiff::Timestamp;
use muster_bus::{Bus, Draft, Expect, PublishError, Publisher, SiteName, Stream, Subject, decode};
use muster_ids::{EventId, FindingId, HostId, OrderId, SweepId};
use muster_proto::v1::{self, envelope::Body};

use crate::books::Books;
use crate::broken::{Broken, Content};
use crate::rng::Rng;

/// What was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// Observations in slices.
    pub observations: u64,
    /// Slices.
    pub slices: u64,
    /// Outcomes.
    pub outcomes: u64,
    /// Orders issued.
    pub issued: u64,
    /// Verdict changes.
    pub verdicts: u64,
    /// Messages that no reader can read.
    pub broken: u64,
}

/// Between two attempts to publish.
const RETRY_EVERY: Duration = Duration::from_millis(100);
/// An engine that was killed is back within seconds; on a loaded machine it takes longer.
const PATIENCE: Duration = Duration::from_secs(90);

/// Whether a load was refused since a stream is full.
#[must_use]
pub fn is_full(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(PublishError::Full { .. }))
}

/// Publishes as the services would.
#[derive(Debug)]
pub struct Load {
    bus: Bus,
    publisher: Publisher,
    site: SiteName,
    rng: Rng,
    next_lease: u32,
    verdicts_last: u64,
    plan_last: u64,
    /// The model.
    pub sent: Sent,
}

impl Load {
    /// From a seed.
    #[must_use]
    pub fn new(bus: &Bus, seed: u64) -> Self {
        let producer = v1::Producer { service: "test".to_owned(), instance: seed.to_string(), version: "0".to_owned() };
        Self {
            bus: bus.clone(),
            publisher: bus.publisher(producer),
            site: SiteName::all(),
            rng: Rng::new(seed),
            next_lease: 0,
            verdicts_last: 0,
            plan_last: 0,
            sent: Sent::default(),
        }
    }

    /// Publishes some of everything.
    ///
    /// # Errors
    /// When the bus refuses.
    pub async fn burst(&mut self) -> anyhow::Result<()> {
        for _ in 0..1 + self.rng.below(3) {
            self.lease().await?;
        }
        self.verdicts().await?;
        if self.rng.below(10) == 0 {
            self.any_broken().await?;
        }
        Ok(())
    }

    /// A whole lease: issued, one to four slices, outcome.
    async fn lease(&mut self) -> anyhow::Result<()> {
        let sweep = SweepId::of_firing("all", "load", 0);
        let index = self.next_lease;
        self.next_lease += 1;
        let order = OrderId::of_lease(sweep, index);
        let issued = v1::Order {
            order_id: order.to_vec(),
            sweep_id: sweep.to_vec(),
            lease_index: index,
            lease: Some(v1::Lease::default()),
            ..v1::Order::default()
        };
        let body = Body::OrderIssued(v1::OrderIssued { order: Some(issued) });
        let id = EventId::of_plan("order-issued", order.as_bytes());
        let expect = Expect::LastOnSubject(self.plan_last);
        self.plan_last = self.publish(&Subject::plan_sweep(&self.site), id, body, expect).await?;
        self.sent.issued += 1;
        let subject = Subject::lease(&self.site, order);
        let slices = 1 + self.rng.below(4);
        let (mut last, mut open) = (0, 0);
        for slice in 0..slices {
            let rows = self.rng.below(60);
            let slice = u32::try_from(slice)?;
            let body = Body::Slice(self.slice(order, sweep, slice, u32::try_from(rows)?));
            last = self.publish(&subject, EventId::of_slice(order, slice), body, Expect::LastOnSubject(last)).await?;
            self.sent.slices += 1;
            self.sent.observations += rows;
            open += rows;
        }
        let outcome = v1::OrderOutcome {
            order_id: order.to_vec(),
            sweep_id: sweep.to_vec(),
            result: v1::OrderResult::Finished.into(),
            slices: u32::try_from(slices)?,
            units: slices * 100,
            open,
            silent: slices * 100 - open,
            ..v1::OrderOutcome::default()
        };
        let body = Body::OrderOutcome(outcome);
        self.publish(&subject, EventId::of_outcome(order), body, Expect::LastOnSubject(last)).await?;
        self.sent.outcomes += 1;
        Ok(())
    }

    fn slice(&mut self, order: OrderId, sweep: SweepId, index: u32, rows: u32) -> v1::Slice {
        let observations = (0..rows)
            .map(|row| v1::Observation {
                unit: index * 100 + row,
                address: self.rng.next().to_be_bytes()[..4].to_vec().into(),
                port: 80,
                transport: v1::Transport::Tcp.into(),
                banner: vec![b'x'; usize::try_from(self.rng.below(200)).unwrap_or(0)].into(),
                ..v1::Observation::default()
            })
            .collect();
        v1::Slice {
            order_id: order.to_vec(),
            sweep_id: sweep.to_vec(),
            realm: "test".to_owned(),
            index,
            first_unit: index * 100,
            units: 100,
            observations,
            ..v1::Slice::default()
        }
    }

    async fn verdicts(&mut self) -> anyhow::Result<()> {
        let changes = (0..self.rng.below(20))
            .map(|_| {
                let host = HostId::from_array([u8::try_from(self.rng.below(256)).unwrap_or(0); 16]);
                v1::VerdictChange {
                    verdict: Some(v1::Verdict {
                        host_id: host.to_vec(),
                        subject: "known".to_owned(),
                        outcome: v1::Outcome::Fail.into(),
                        reason: "rogue".to_owned(),
                        ..v1::Verdict::default()
                    }),
                    finding: Some(v1::Finding {
                        finding_id: FindingId::of(host, "known").to_vec(),
                        state: v1::FindingState::Open.into(),
                        ..v1::Finding::default()
                    }),
                    ..v1::VerdictChange::default()
                }
            })
            .collect::<Vec<_>>();
        self.sent.verdicts += changes.len() as u64;
        let body = Body::Verdicts(v1::VerdictBatch { site: "all".to_owned(), changes, ..v1::VerdictBatch::default() });
        let id = EventId::of_verdicts("all", self.verdicts_last);
        let expect = Expect::LastOnSubject(self.verdicts_last);
        self.verdicts_last = self.publish(&Subject::verdicts(&self.site), id, body, expect).await?;
        Ok(())
    }

    /// One of what no reader can read; not the oversized one, which is a thousand times as large as the others.
    async fn any_broken(&mut self) -> anyhow::Result<()> {
        let small: Vec<_> = Broken::ALL.into_iter().filter(|broken| *broken != Broken::Oversized).collect();
        let broken = *self.rng.one_of(&small);
        self.broken(broken).await?;
        Ok(())
    }

    /// Publishes a message that is broken in one way, and says where it stands in its stream.
    ///
    /// # Errors
    /// When the bus refuses.
    pub async fn broken(&mut self, broken: Broken) -> anyhow::Result<u64> {
        let order = OrderId::of_lease(SweepId::of_firing("all", "broken", 0), self.next_lease);
        self.next_lease += 1;
        let subject = broken.subject(&self.site, order);
        let sequence = match broken.content(order, &mut self.rng) {
            Content::Event(body) => {
                let id = EventId::of_plan("broken", order.as_bytes());
                self.publish(&subject, id, *body, Expect::Any).await?
            }
            Content::Raw(bytes) => self.publish_raw(&subject, bytes).await?,
        };
        self.sent.broken += 1;
        Ok(sequence)
    }

    /// Publishes bytes. Where no answer came they may stand twice: they have no id.
    async fn publish_raw(&self, subject: &Subject, bytes: Vec<u8>) -> anyhow::Result<u64> {
        let mut tick = tokio::time::interval(RETRY_EVERY);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            match self.bus.republish(subject.as_str(), None, bytes.clone().into()).await {
                Ok(sequence) => return Ok(sequence),
                Err(PublishError::Indefinite { .. }) if tokio::time::Instant::now() < deadline => tick.tick().await,
                Err(error) => return Err(error.into()),
            };
        }
    }

    /// Publishes until the answer is definite: a bus that dies and comes back costs time and nothing else.
    async fn publish(&self, subject: &Subject, id: EventId, body: Body, expect: Expect) -> anyhow::Result<u64> {
        let draft = Draft::by_service(id, Timestamp::from_second(1_800_000_000)?, "all", "test", body);
        let mut tick = tokio::time::interval(RETRY_EVERY);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let error = match self.publisher.publish(subject, draft.clone(), expect).await {
                Ok(published) => return Ok(published.sequence),
                Err(error) => error,
            };
            // Ours, of an attempt whose answer was lost.
            if matches!(error, PublishError::Conflict { .. }) {
                return self.stands(subject, id).await?.ok_or_else(|| error.into());
            }
            let again = matches!(error, PublishError::Indefinite { .. }) && tokio::time::Instant::now() < deadline;
            if !again {
                return Err(error.into());
            }
            tick.tick().await;
        }
    }

    /// Where the last message on a subject stands, if it is this event.
    async fn stands(&self, subject: &Subject, id: EventId) -> anyhow::Result<Option<u64>> {
        let of = |stream: &Stream| subject.as_str().starts_with(stream.subjects().trim_end_matches('>'));
        let Some(stream) = Stream::RECORDED.into_iter().find(of) else { return Ok(None) };
        let Some(last) = self.bus.last_on_subject(stream, subject).await? else { return Ok(None) };
        let (envelope, _) = decode(last.payload)?;
        Ok((envelope.event_id == id.as_bytes()).then_some(last.sequence))
    }

    /// Bursts until EVENTS is full. What was accepted until then is in the model.
    ///
    /// # Errors
    /// When the bus refuses for another reason, or it is never full.
    pub async fn until_full(&mut self) -> anyhow::Result<()> {
        loop {
            match self.burst().await {
                Ok(()) => {}
                Err(error) if is_full(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Tries one more burst, and gives back why it was refused.
    ///
    /// # Errors
    /// When it was not.
    pub async fn refused_burst(&mut self) -> anyhow::Result<anyhow::Error> {
        match self.burst().await {
            Ok(()) => anyhow::bail!("the burst was accepted"),
            Err(error) => Ok(error),
        }
    }

    /// Compares what stands in the store with what was sent.
    ///
    /// # Errors
    /// The first number that differs.
    pub async fn compare(&self, books: &Books) -> anyhow::Result<()> {
        let counts = books.nothing_twice().await?;
        let rows = |table: &str| counts.iter().find(|count| count.table == table).map_or(0, |count| count.rows);
        let expected = [
            ("observations", self.sent.observations),
            ("slices", self.sent.slices),
            ("order_outcomes", self.sent.outcomes),
            ("orders_issued", self.sent.issued),
            ("verdict_log", self.sent.verdicts),
        ];
        for (table, expected) in expected {
            ensure!(rows(table) == expected, "{table} has {} rows, {expected} were sent", rows(table));
        }
        let open = books.number("SELECT sum(open) FROM slices").await?;
        ensure!(open == self.sent.observations, "slices say {open} rows, {} stand", self.sent.observations);
        // All that ever stood there: the oldest goes first. A crash between a dead letter and its commit may repeat it after
        // the duplicate window: never fewer.
        let dead = self.bus.stream_info(Stream::Dead).await?.last_sequence;
        ensure!(dead >= self.sent.broken, "{dead} dead letters, {} broken messages were sent", self.sent.broken);
        Ok(())
    }
}
