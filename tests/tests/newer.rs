//! An event of a newer version stops the recorder before it, and loses nothing: neither what stands before it, nor what
//! comes behind.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use muster::process::ServiceName;
use muster_bus::{Bucket, RecorderRecord, SiteName, Stream, Subject};
use muster_ids::{EventId, OrderId};
use muster_kit::Exit;
use muster_proto::v1::{Clock, Envelope, Slice, envelope::Body};
use muster_tests::{Ended, Load, Rig, RigOptions, muster_program, run_to_end, seed};
use prost::Message as _;

/// Field 39, length-delimited: a kind that this version does not have.
const UNKNOWN_KIND: [u8; 6] = [0xba, 0x02, 0x03, b'n', b'e', b'w'];

fn envelope(id: EventId, schema: u32, body: Option<Body>) -> Envelope {
    let occurred_at = Some(prost_types::Timestamp::default());
    Envelope { event_id: id.to_vec(), occurred_at, site: "all".to_owned(), schema, body, ..Envelope::default() }
}

/// A slice as a newer version writes it: this one would read it, without what is new.
fn newer_slice() -> (Subject, Vec<u8>) {
    let order = OrderId::from_array([9; 16]);
    let slice = Slice { order_id: order.to_vec(), sweep_id: vec![9; 16], ..Slice::default() };
    let event = envelope(EventId::of_slice(order, 0), 2, Some(Body::Slice(slice)));
    (Subject::lease(&SiteName::all(), order), event.encode_to_vec())
}

/// A plan of a kind that this version does not know.
fn unknown_plan() -> (Subject, Vec<u8>) {
    let event = envelope(EventId::of_plan("new", b"1"), 1, None);
    (Subject::plan_draw(), [event.encode_to_vec().as_slice(), &UNKNOWN_KIND].concat())
}

/// Runs a recorder until it ends by itself.
async fn recorder_ends(rig: &Rig) -> Ended {
    let mut arguments = vec!["serve".to_owned(), "recorder".to_owned()];
    for setting in rig.stack.settings_of(ServiceName::Recorder).unwrap() {
        arguments.extend(["--set".to_owned(), setting]);
    }
    run_to_end(muster_program(), &arguments).await.unwrap()
}

fn assert_upgrade_me(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, Some(i32::from(Exit::Data.code())), "{}", ended.said);
    let [line] = ended.errors.as_slice() else { panic!("not one line: {}", ended.said) };
    for word in words.iter().copied().chain(["upgrade", "nothing is lost"]) {
        assert!(line.contains(word), "{word:?} is not in: {line}");
    }
}

async fn record_of(rig: &Rig, stream: Stream) -> RecorderRecord {
    let kv = rig.bus.kv(Bucket::Recorder).await.unwrap();
    let entry = kv.get(&RecorderRecord::key(stream, 1)).await.unwrap().unwrap();
    serde_json::from_slice(&entry.value).unwrap()
}

/// What a newer recorder leaves behind when it has recorded the message at a sequence.
async fn recorded_by_a_newer_one(rig: &Rig, stream: Stream, sequence: u64) {
    let record =
        RecorderRecord { committed: sequence, committed_event: None, declared: None, ..record_of(rig, stream).await };
    let kv = rig.bus.kv(Bucket::Recorder).await.unwrap();
    kv.put(&RecorderRecord::key(stream, 1), serde_json::to_vec(&record).unwrap().into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_recorder_stops_before_what_is_newer_and_loses_nothing() {
    let mut rig = Rig::start(RigOptions::default()).await.unwrap();
    let mut load = Load::new(&rig.bus, seed());
    rig.stack.replace(ServiceName::Recorder, 1, Vec::new()).await.unwrap();
    for (stream, (subject, bytes), words) in [
        (Stream::Events, newer_slice(), ["of EVENTS", "schema 2"]),
        (Stream::Plans, unknown_plan(), ["of PLANS", "unknown kind (field 39)"]),
    ] {
        load.burst().await.unwrap();
        rig.recorded().await.unwrap();
        rig.stack.end(ServiceName::Recorder, 1).await;
        let dead = rig.bus.stream_info(Stream::Dead).await.unwrap().last_sequence;
        // Something stands before it in the same batch, and something behind it.
        load.burst().await.unwrap();
        let newer = rig.bus.republish(subject.as_str(), None, bytes.into()).await.unwrap();
        load.burst().await.unwrap();
        let message = format!("record message {newer} ");
        for _ in 0..2 {
            assert_upgrade_me(&recorder_ends(&rig).await, &[words[0], words[1], &message]);
        }
        // Before it everything is recorded, and of it and behind it nothing is touched.
        let record = record_of(&rig, stream).await;
        assert_eq!((record.committed, record.declared), (newer - 1, None));
        let info = rig.bus.stream_info(stream).await.unwrap();
        assert!(info.first_sequence == 1 && info.last_sequence > newer);
        assert_eq!(letters_of(&rig, stream, newer, dead).await, 0, "it is not dead");
        recorded_by_a_newer_one(&rig, stream, newer).await;
        rig.stack.replace(ServiceName::Recorder, 1, Vec::new()).await.unwrap();
        rig.recorded().await.unwrap();
        load.compare(&rig.books).await.unwrap();
    }
    rig.stop().await.unwrap();
}

/// Dead letters of one message, behind a sequence of DEAD.
async fn letters_of(rig: &Rig, stream: Stream, sequence: u64, after: u64) -> usize {
    let mut found = 0;
    for at in after + 1..=rig.bus.stream_info(Stream::Dead).await.unwrap().last_sequence {
        let received = rig.bus.message_at(Stream::Dead, at).await.unwrap().unwrap();
        let letter = muster_bus::dead_letter(&received).unwrap();
        found += usize::from(letter.stream == stream.name() && letter.sequence == sequence);
    }
    found
}

/// A range that a newer recorder declared and an older one finds: it is not the broker that lost anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declared_range_that_holds_something_newer_is_no_lost_tail() {
    let mut rig = Rig::start(RigOptions::default()).await.unwrap();
    let clock = envelope(EventId::of_clock(7), 1, Some(Body::Clock(Clock::default())));
    let subject = Subject::plan_clock();
    let first = rig.bus.republish(subject.as_str(), None, clock.encode_to_vec().into()).await.unwrap();
    rig.stack.replace(ServiceName::Recorder, 1, Vec::new()).await.unwrap();
    rig.recorded().await.unwrap();
    rig.stack.end(ServiceName::Recorder, 1).await;
    for number in 8..=10 {
        let schema = if number == 9 { 2 } else { 1 };
        let clock = envelope(EventId::of_clock(number), schema, Some(Body::Clock(Clock::default())));
        rig.bus.republish(subject.as_str(), None, clock.encode_to_vec().into()).await.unwrap();
    }
    let declared = muster_bus::Declared { first: first + 1, last: first + 3, last_event: Some(EventId::of_clock(10)) };
    let record = RecorderRecord { declared: Some(declared), ..record_of(&rig, Stream::Plans).await };
    let kv = rig.bus.kv(Bucket::Recorder).await.unwrap();
    let value = serde_json::to_vec(&record).unwrap();
    kv.put(&RecorderRecord::key(Stream::Plans, 1), value.into()).await.unwrap();
    let message = format!("record message {} of PLANS", first + 2);
    assert_upgrade_me(&recorder_ends(&rig).await, &[&message, "schema 2"]);
    assert_eq!(record_of(&rig, Stream::Plans).await, record, "the range stays declared, for who can read it");
    rig.stop().await.unwrap();
}
