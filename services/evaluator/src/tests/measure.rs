//! How many observations a second one core takes, from bytes to verdicts. Run in release:
//! `cargo nextest run --release -p muster-evaluator --run-ignored only measure`

use std::io::Write as _;
use std::time::Instant;

use jiff::Timestamp;
use muster_bus::convert::time::to_proto;
use muster_bus::{Received, open};
use muster_ids::{EventId, OrderId, SweepId};
use muster_proto::v1::{self, Envelope, envelope::Body};
use muster_verdict::SiteState;
use prost::Message;

use super::scene::site_document;
use crate::convert::verdicts::{Judged, batches};
use crate::partition::{Leases, Partition};

const SLICES: u32 = 400;
const ROWS: u32 = 1_000;

/// Slices of 1,000 open ports of distinct addresses, about 200 bytes each.
fn message(k: u32) -> Received {
    let order: OrderId = OrderId::derivation("measure").number(k.into()).into();
    let observations = (0..ROWS).map(|unit| {
        let [_, b, c, d] = (k * ROWS + unit).to_be_bytes();
        v1::Observation {
            unit,
            address: vec![10, b, c, d].into(),
            // A tenth of the ports are not approved.
            port: if unit % 10 == 0 { 22 } else { 80 },
            transport: v1::Transport::Tcp.into(),
            observed_after_us: u64::from(unit) * 1_000,
            rtt_us: 900,
            fingerprint: Some(v1::Fingerprint {
                service: "http".into(),
                vendor: "nginx".into(),
                product: "nginx".into(),
                version: format!("1.{}.0", unit % 30),
                evidence: "http.server: nginx".into(),
                tls: false,
                ..Default::default()
            }),
            banner: vec![b'x'; 90].into(),
            ..Default::default()
        }
    });
    let slice = v1::Slice {
        order_id: order.to_vec(),
        sweep_id: SweepId::derivation("measure").number(1).finish().to_vec(),
        realm: "corp".into(),
        units: ROWS,
        started_at: Some(to_proto(Timestamp::from_second(1_790_000_000).unwrap())),
        observations: observations.collect(),
        ..Default::default()
    };
    let envelope = Envelope {
        event_id: EventId::of_slice(order, 0).to_vec(),
        occurred_at: Some(to_proto(Timestamp::UNIX_EPOCH)),
        site: "dublin".into(),
        schema: 1,
        body: Some(Body::Slice(slice)),
        ..Default::default()
    };
    Received {
        sequence: u64::from(k) + 1,
        stored_at: Timestamp::UNIX_EPOCH,
        subject: format!("muster.v1.event.dublin.lease.{order}"),
        payload: envelope.encode_to_vec().into(),
        kind: None,
        origin: None,
    }
}

/// Reads all messages and judges after every twenty of them; the rows a second, and the changes.
fn pass(partition: &mut Partition, messages: &[Received], from: u64) -> (f64, usize) {
    let (started, mut changes) = (Instant::now(), 0);
    for (place, received) in messages.iter().enumerate() {
        let (envelope, body) = open(received).unwrap();
        partition.event(from + received.sequence, &envelope, body).unwrap();
        if place % 20 == 19 {
            partition.plans_end_at(0);
            partition.advance(from + received.sequence, 0);
            let judged = Judged { site: "dublin", events: 0, plans: 0, as_of: partition.state.as_of() };
            let found = partition.judge(usize::MAX);
            changes += batches(judged, found).map(|batch| batch.changes.len()).sum::<usize>();
        }
    }
    (f64::from(SLICES * ROWS) / started.elapsed().as_secs_f64(), changes)
}

#[test]
#[ignore = "a measurement"]
fn measure() {
    let messages: Vec<_> = (0..SLICES).map(message).collect();
    let bytes: usize = messages.iter().map(|message| message.payload.len()).sum();
    let mut partition = Partition::new("dublin".into(), SiteState::new(), Leases::default(), (0, 0), (0, 0));
    let document = Body::Estate(site_document(1));
    partition.event(0, &Envelope::default(), document).unwrap();
    let mut out = std::io::stderr();
    writeln!(out, "{} rows of {} bytes", SLICES * ROWS, bytes / (SLICES * ROWS) as usize).unwrap();
    for (round, from) in [("new hosts", 0), ("known hosts", 1_000), ("known hosts", 2_000)] {
        let (rate, changes) = pass(&mut partition, &messages, from);
        writeln!(out, "{round}: {rate:.0} rows/s, {changes} changes").unwrap();
    }
}
