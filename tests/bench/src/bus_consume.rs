//! `bus_consume`: our consumer (read, decode, validate, record the position) beside the bare client with the same
//! acknowledgement policy, batch sizes and stream: on events as they are published, as fast as eight leases publish them.
//! `bus_catch_up`: the same on events that lie in the stream already, where the bare client does nothing but copy.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use async_nats::jetstream::{self, consumer};
use futures::StreamExt as _;
use muster_bus::{Limits, Stream, open};
use muster_proto::v1::envelope::Body;

use crate::bed::{Bed, PATIENCE};
use crate::corpus::Sweep;
use crate::output::{Value, figure, median, talk};
use crate::{Effort, calibrate, publish, site};

/// What [`muster_bus::Tail`] asks for at once; see there.
const PULL_BYTES: usize = 32 << 20;
const PULL_MESSAGES: usize = 5_000;
/// What services take at once.
const LIMITS: Limits = Limits { messages: 1_024, bytes: 4 << 20, linger: Duration::from_millis(1) };

/// Measures: first while events flow, then what it takes to catch up with them.
pub(crate) async fn measure(effort: Effort) -> anyhow::Result<()> {
    let bed = Bed::start(&[]).await?;
    let name = site::name()?;
    let sweep_rows = Sweep::numbered(0, 0).rows();
    let mut flow = Rates::default();
    let rounds = u16::try_from(effort.rounds)?;
    for round in 0..=rounds {
        let mut rates = [0.0; 2];
        // Whoever is first has the smaller stream before it: the order alternates.
        for turn in 0..2_u16 {
            let who = (round + turn) % 2;
            let ready = publish::ready(&Sweep::numbered(0, 2 * round + turn), &name)?;
            let events = ready.iter().map(|lease| lease.drafts.len() as u64).sum::<u64>();
            let after = bed.bus.stream_info(Stream::Events).await?.last_sequence;
            let publisher = bed.publisher();
            let published = publish::all(&publisher, ready);
            let read = async {
                let span = Span { after, last: after + events };
                if who == 0 { bare(&bed, span).await } else { full(&bed, span, sweep_rows).await }
            };
            let both = async { tokio::try_join!(read, published) };
            let (seconds, ()) = Box::pin(in_time(WHO[usize::from(who)], both)).await?;
            rates[usize::from(who)] = sweep_rows as f64 / seconds;
        }
        flow.take("bus_consume", round == 0, rates);
    }
    flow.print("bus_consume");

    let last = bed.bus.stream_info(Stream::Events).await?.last_sequence;
    let mut backlog = Rates::default();
    let rows = sweep_rows * u64::from(2 * (rounds + 1));
    for round in 0..=effort.rounds {
        let span = Span { after: 0, last };
        let bare = Box::pin(in_time(WHO[0], bare(&bed, span))).await?;
        let full = Box::pin(in_time(WHO[1], full(&bed, span, rows))).await?;
        // The first round reads from the disk.
        backlog.take("bus_catch_up", round == 0, [rows as f64 / bare, rows as f64 / full]);
    }
    backlog.print("bus_catch_up");
    calibrate::print(bed.directory()).await?;
    bed.stop().await
}

/// Who reads.
const WHO: [&str; 2] = ["async-nats", "ours"];

/// The events after one and up to another.
#[derive(Debug, Clone, Copy)]
struct Span {
    after: u64,
    last: u64,
}

/// Rows a second of the bare client and of ours, a pair a round.
#[derive(Debug, Default)]
struct Rates([Vec<f64>; 2]);

impl Rates {
    fn take(&mut self, name: &str, warm_up: bool, [bare, full]: [f64; 2]) {
        let note = if warm_up { " (not counted)" } else { "" };
        talk(&format!("{name}: {full:.0} rows/s; async-nats {bare:.0} rows/s; ratio {:.3}{note}", full / bare));
        if !warm_up {
            self.0[0].push(bare);
            self.0[1].push(full);
        }
    }

    fn print(&self, name: &'static str) {
        figure(
            Value { name, value: median(&self.0[1]), unit: "rows/s" },
            Value { name: WHO[0], value: median(&self.0[0]), unit: "rows/s" },
        );
    }
}

/// A bare client that loses its connection waits for ever for what was on its way.
async fn in_time<T>(who: &str, run: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::time::timeout(PATIENCE, run).await.with_context(|| format!("{who} did not read the stream in time"))?
}

async fn full(bed: &Bed, span: Span, rows: u64) -> anyhow::Result<f64> {
    let positions = bed.bus.positions().await?;
    let started = Instant::now();
    let mut tail = bed.bus.tail(Stream::Events, &[], span.after);
    let (mut read, mut seen) = (span.after, 0);
    while read < span.last {
        let batch = tail.next_batch(LIMITS).await?;
        for received in &batch.messages {
            let (_, body) = open(received)?;
            if let Body::Slice(slice) = body {
                seen += slice.observations.len() as u64;
            }
            read = received.sequence;
        }
    }
    positions.passed("bench", Stream::Events, None, read).await?;
    let seconds = started.elapsed().as_secs_f64();
    ensure!(seen == rows, "{seen} rows were read, {rows} were published");
    Ok(seconds)
}

async fn bare(bed: &Bed, span: Span) -> anyhow::Result<f64> {
    let options = bed.bus_options();
    let client = async_nats::ConnectOptions::with_user_and_password(options.user.clone(), options.password.clone())
        .custom_inbox_prefix(muster_bus::inbox_prefix(&options.user))
        .connect(&options.url)
        .await?;
    let context = jetstream::new(client);
    let started = Instant::now();
    let config = consumer::pull::Config {
        deliver_policy: consumer::DeliverPolicy::ByStartSequence { start_sequence: span.after + 1 },
        ack_policy: consumer::AckPolicy::None,
        memory_storage: true,
        num_replicas: 1,
        inactive_threshold: Duration::from_secs(60),
        ..consumer::pull::Config::default()
    };
    let consumer = context.create_consumer_on_stream(config, Stream::Events.name()).await?;
    let messages = consumer.stream().max_messages_per_batch(PULL_MESSAGES).max_bytes_per_batch(PULL_BYTES);
    let mut messages = messages.messages().await?;
    let (mut read, mut bytes) = (span.after, 0);
    while read < span.last {
        let message = messages.next().await.context("the stream ended")??;
        bytes += message.payload.len();
        read += 1;
    }
    std::hint::black_box(bytes);
    Ok(started.elapsed().as_secs_f64())
}
