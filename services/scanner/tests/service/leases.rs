//! A lease from its order to its outcome.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use muster_bus::{Limits, SiteName, Stream, Subject, open};
use muster_ids::OrderId;
use muster_lab::{Lab, Listener, Persona};
use muster_proto::v1::{self, OrderResult, envelope::Body};

use super::bench::{Bench, SOON, Wanted, site};

fn listener(address: &str, port: u16, persona: Persona, tls: bool) -> Listener {
    Listener { address: address.parse().unwrap(), port, persona, tls }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_lease_says_what_there_is() {
    let listeners = [
        listener("127.43.1.1", 23_001, Persona::Iis60, false),
        listener("127.43.1.7", 23_003, Persona::OpenSsh, false),
        listener("127.43.1.7", 23_000, Persona::Nginx, true),
        listener("127.43.1.14", 23_002, Persona::Mute, false),
    ];
    let _lab = Lab::start(&listeners).await.unwrap();
    let bench = Bench::start().await;
    bench.declare(&site("here", "127.43.1.0/28", 10_000)).await;
    let wanted = Wanted::new("127.43.1.0/28", (23_000, 23_003), 10);
    bench.order(&wanted).await;
    let _scanner = bench.scanner("one");
    let told = bench.outcome(&wanted).await;
    assert_eq!(told.outcome.result(), OrderResult::Finished);
    let truth: BTreeSet<_> = listeners.iter().map(|listener| (listener.address, listener.port)).collect();
    assert_eq!(told.open(), truth);
    assert_eq!((told.outcome.closed, told.outcome.silent, told.outcome.skipped), (60, 0, 0));
    let found = |port: u32| {
        let (slice, found) = told
            .slices
            .iter()
            .flat_map(|slice| slice.observations.iter().map(move |found| (slice, found)))
            .find(|(_, found)| found.port == port)
            .unwrap();
        (slice, found.clone())
    };
    let (slice, iis) = found(23_001);
    assert_eq!(iis.fingerprint.unwrap().version, "6.0");
    let vantage = slice.vantage.clone().unwrap();
    assert_eq!((vantage.scanner.as_str(), vantage.method.as_str()), ("one", "connect"));
    let (slice, tls) = found(23_000);
    assert!(slice.certificates.iter().any(|certificate| certificate.sha256 == tls.certificate_sha256));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_site_of_the_estate_is_scanned_by_the_scanner_of_all() {
    let bench = Bench::start().await;
    let told = super::process::Told { user: "scanner".to_owned(), sites: Vec::new(), ..bench.told("all") };
    let _scanner = super::process::Scanner::start(&told);
    for (name, block) in [("here", "127.43.2.0/30"), ("there", "127.43.2.4/30")] {
        bench.declare(&site(name, block, 10_000)).await;
        let wanted = Wanted { site: name, ..Wanted::new(block, (23_010, 23_011), 5) };
        bench.order(&wanted).await;
        assert_eq!(bench.outcome(&wanted).await.outcome.closed, 8, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_ends_a_lease_with_what_was_reported() {
    let bench = Bench::start().await;
    bench.declare(&site("here", "127.43.3.0/24", 50)).await;
    let _scanner = bench.scanner("one");
    let late = Wanted { deadline: Some(Timestamp::UNIX_EPOCH), ..Wanted::new("127.43.3.0/25", (23_020, 23_020), 20) };
    bench.order(&late).await;
    let told = bench.outcome(&late).await;
    assert_eq!((told.outcome.result(), told.outcome.slices), (OrderResult::Failed, 0));
    // 128 units at 50 a second take 2.5 s.
    let deadline = Timestamp::now() + SignedDuration::from_millis(1_500);
    let wanted = Wanted { deadline: Some(deadline), ..Wanted::new("127.43.3.128/25", (23_020, 23_020), 20) };
    bench.order(&wanted).await;
    let told = bench.outcome(&wanted).await;
    assert_eq!(told.outcome.result(), OrderResult::Failed);
    assert!(told.outcome.reason.contains("deadline"), "{}", told.outcome.reason);
    assert!((1..7).contains(&told.outcome.slices), "{} slices", told.outcome.slices);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_order_is_put_aside_and_blocks_nothing() {
    let bench = Bench::start().await;
    bench.declare(&site("here", "127.43.4.0/30", 10_000)).await;
    let wanted = Wanted::new("127.43.4.0/30", (23_030, 23_030), 2);
    // Without a lease and with an id; with an id that is none.
    let named = OrderId::from_array([7; 16]);
    bench.send_order("here", v1::Order { order_id: named.to_vec(), lease: None, ..wanted.order() }, named).await;
    let nameless = v1::Order { order_id: vec![1, 2], ..wanted.order() };
    bench.send_order("here", nameless, OrderId::from_array([8; 16])).await;
    bench.order(&wanted).await;
    let _scanner = bench.scanner("one");
    assert_eq!(bench.outcome(&wanted).await.outcome.result(), OrderResult::Finished);
    let mut dead = bench.bus.tail(Stream::Dead, &[Subject::dead(Stream::Orders).as_str().to_owned()], 0);
    let limits = Limits { messages: 10, bytes: 1 << 20, linger: std::time::Duration::from_millis(10) };
    let mut reasons = Vec::new();
    while reasons.len() < 2 {
        for received in tokio::time::timeout(SOON, dead.next_batch(limits)).await.unwrap().unwrap().messages {
            let (_, Body::DeadLetter(letter)) = open(&received).unwrap() else { panic!("no dead letter") };
            reasons.push(letter.reason);
        }
    }
    reasons.sort();
    assert!(reasons[0].contains("id") && reasons[1].contains("no lease"), "{reasons:?}");
    let subject = Subject::lease(&SiteName::new("here").unwrap(), named);
    let last = bench.bus.last_on_subject(Stream::Events, &subject).await.unwrap().unwrap();
    let (_, Body::OrderOutcome(outcome)) = open(&last).unwrap() else { panic!("no outcome") };
    assert_eq!(outcome.result(), OrderResult::Dead);
}
