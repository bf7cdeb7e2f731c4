//! Malformed and oversized messages land in DEAD with a reason, and block nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use muster::process::ServiceName;
use muster_bus::{Stream, Subject, dead_letter};
use muster_proto::v1::DeadLetter;
use muster_tests::{Broken, Load, Rig, RigOptions, muster_program, run_to_end, seed};
use prost::bytes::Bytes;

/// Every letter of DEAD; what is none is left out.
async fn letters(rig: &Rig) -> anyhow::Result<Vec<DeadLetter>> {
    let mut letters = Vec::new();
    for sequence in 1..=rig.bus.stream_info(Stream::Dead).await?.last_sequence {
        if let Some(received) = rig.bus.message_at(Stream::Dead, sequence).await? {
            letters.extend(dead_letter(&received).ok());
        }
    }
    Ok(letters)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_lands_in_dead_with_a_reason_and_blocks_nothing() {
    let mut rig = Rig::start(RigOptions::default()).await.unwrap();
    let mut load = Load::new(&rig.bus, seed());
    rig.stack.replace(ServiceName::Recorder, 1, Vec::new()).await.unwrap();
    let mut sent = Vec::new();
    for broken in Broken::ALL {
        load.burst().await.unwrap();
        sent.push((broken, load.broken(broken).await.unwrap()));
    }
    load.burst().await.unwrap();
    rig.recorded().await.unwrap();
    // What stands before, between and behind them stands once, and can be read.
    load.compare(&rig.books).await.unwrap();
    let named = rig.books.number("SELECT countIf(toString(transport) = 'tcp') FROM observations").await.unwrap();
    assert_eq!(named, load.sent.observations);

    let letters = letters(&rig).await.unwrap();
    assert_eq!(letters.len() as u64, load.sent.broken);
    for (broken, sequence) in sent {
        let (stream, reason) = (broken.stream().name(), broken.reason());
        let found: Vec<_> =
            letters.iter().filter(|letter| letter.stream == stream && letter.sequence == sequence).collect();
        let [letter] = found.as_slice() else { panic!("{} letters of {broken:?}", found.len()) };
        assert_eq!(letter.reader, "recorder");
        assert!(letter.reason.contains(reason), "{broken:?}: {}", letter.reason);
        let original = rig.bus.message_at(broken.stream(), sequence).await.unwrap().unwrap();
        assert_eq!(letter.subject, original.subject);
        assert_eq!(letter.payload_size_bytes, original.payload.len() as u64);
        assert!(original.payload.starts_with(&letter.payload));
    }
    rig.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_letter_hides_no_other() {
    let rig = Rig::start(RigOptions::default()).await.unwrap();
    let junk = Bytes::from_static(b"whoever reads a stream may publish here");
    rig.bus.republish(Subject::dead(Stream::Orders).as_str(), None, junk).await.unwrap();
    for (command, code) in
        [(vec!["list"], 0), (vec!["show", "1"], 0), (vec!["replay", "1"], 65), (vec!["show", "2"], 1)]
    {
        for form in ["table", "json", "jsonl", "yaml", "csv"] {
            let mut arguments: Vec<_> = ["dead"].into_iter().chain(command.clone()).map(str::to_owned).collect();
            arguments.extend(["-o".to_owned(), form.to_owned()]);
            for setting in rig.stack.admin_settings().unwrap() {
                arguments.extend(["--set".to_owned(), setting]);
            }
            let ended = run_to_end(muster_program(), &arguments).await.unwrap();
            assert_eq!(ended.code, Some(code), "{command:?} {form}: {}", ended.said);
        }
    }
    rig.stop().await.unwrap();
}
