//! `bus_consume`: our consumer (read, decode, validate, record the position) beside the bare client with the same
//! acknowledgement policy, batch sizes and stream.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use async_nats::jetstream::{self, consumer};
use futures::StreamExt as _;
use muster_bus::{Limits, Stream, open};
use muster_proto::v1::envelope::Body;

use crate::bed::Bed;
use crate::corpus::Sweep;
use crate::output::{Value, figure, median, talk};
use crate::{Effort, calibrate, publish, site};

/// What [`muster_bus::Tail`] asks for at once; see there.
const PULL_BYTES: usize = 32 << 20;
const PULL_MESSAGES: usize = 5_000;
/// What services take at once.
const LIMITS: Limits = Limits { messages: 1_024, bytes: 4 << 20, linger: Duration::from_millis(1) };
/// Sweeps in the stream: 1,024,000 rows, 210 MB.
const SWEEPS: u16 = 2;

/// Measures.
pub(crate) async fn measure(effort: Effort) -> anyhow::Result<()> {
    let bed = Bed::start(&[]).await?;
    let name = site::name()?;
    for number in 0..SWEEPS {
        publish::all(&bed.publisher(), publish::ready(&Sweep::numbered(0, number), &name)?).await?;
    }
    let info = bed.bus.stream_info(Stream::Events).await?;
    let rows = u64::from(SWEEPS) * Sweep::numbered(0, 0).rows();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..=effort.rounds * 2 {
        let bare = rows as f64 / bare(&bed, info.last_sequence).await?;
        let full = rows as f64 / full(&bed, info.last_sequence, rows).await?;
        // The first round reads from the disk.
        let note = if round == 0 { " (not counted)" } else { "" };
        talk(&format!(
            "bus_consume round {round}: {full:.0} rows/s; async-nats {bare:.0} rows/s; ratio {:.3}{note}",
            full / bare
        ));
        if round > 0 {
            ours.push(full);
            theirs.push(bare);
        }
    }
    figure(
        Value { name: "bus_consume", value: median(&ours), unit: "rows/s" },
        Value { name: "async-nats", value: median(&theirs), unit: "rows/s" },
    );
    calibrate::print(bed.directory()).await?;
    bed.stop().await
}

async fn full(bed: &Bed, last: u64, rows: u64) -> anyhow::Result<f64> {
    let positions = bed.bus.positions().await?;
    let started = Instant::now();
    let mut tail = bed.bus.tail(Stream::Events, &[], 0);
    let (mut read, mut seen) = (0, 0);
    while read < last {
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

async fn bare(bed: &Bed, last: u64) -> anyhow::Result<f64> {
    let options = bed.bus_options();
    let client = async_nats::ConnectOptions::with_user_and_password(options.user.clone(), options.password.clone())
        .custom_inbox_prefix(muster_bus::inbox_prefix(&options.user))
        .connect(&options.url)
        .await?;
    let context = jetstream::new(client);
    let started = Instant::now();
    let config = consumer::pull::Config {
        ack_policy: consumer::AckPolicy::None,
        memory_storage: true,
        num_replicas: 1,
        inactive_threshold: Duration::from_secs(60),
        ..consumer::pull::Config::default()
    };
    let consumer = context.create_consumer_on_stream(config, Stream::Events.name()).await?;
    let messages = consumer.stream().max_messages_per_batch(PULL_MESSAGES).max_bytes_per_batch(PULL_BYTES);
    let mut messages = messages.messages().await?;
    let (mut read, mut bytes) = (0, 0);
    while read < last {
        let message = messages.next().await.context("the stream ended")??;
        bytes += message.payload.len();
        read += 1;
    }
    std::hint::black_box(bytes);
    Ok(started.elapsed().as_secs_f64())
}
