//! Whoever dies or is taken for dead: every slice stands once.

use std::time::Duration;

use muster_proto::v1::OrderResult;

use super::bench::{Bench, Wanted, site};
use super::process::{Scanner, Told};

const BLOCKS: [&str; 8] = [
    "127.44.1.0/27",
    "127.44.1.32/27",
    "127.44.1.64/27",
    "127.44.1.96/27",
    "127.44.1.128/27",
    "127.44.1.160/27",
    "127.44.1.192/27",
    "127.44.1.224/27",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_survives_a_crash_at_every_point() {
    let bench = Bench::start().await;
    bench.declare(&site("here", "127.44.1.0/24", 10_000)).await;
    bench.impatient("here").await;
    let points = [
        "scanner.before-slice",
        "scanner.before-slice:3",
        "scanner.after-slice:2",
        "scanner.after-slice:7",
        "scanner.before-outcome",
        "scanner.after-outcome",
        "scanner.before-ack",
        "scanner.after-ack",
    ];
    for (point, block) in points.into_iter().zip(BLOCKS) {
        let _listener = std::net::TcpListener::bind((block.split('/').next().unwrap(), 24_000)).unwrap();
        let wanted = Wanted::new(block, (24_000, 24_001), 10);
        bench.order(&wanted).await;
        let armed = Told { crash_at: Some(point.to_owned()), ..bench.told(point) };
        assert_eq!(Scanner::start(&armed).ended().await, None, "{point} is reached");
        let _next = bench.scanner("next");
        let told = bench.outcome(&wanted).await;
        assert_eq!((told.outcome.result(), told.outcome.open), (OrderResult::Finished, 1), "{point}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_thought_dead_is_refused_however_late_it_comes() {
    let bench = Bench::start().await;
    // 256 units at 60 a second take four seconds; the order goes to the other after one.
    bench.declare(&site("here", "127.44.2.0/24", 60)).await;
    bench.impatient("here").await;
    let wanted = Wanted::new("127.44.2.0/25", (24_010, 24_011), 16);
    bench.order(&wanted).await;
    // One lease at a time: else the first might be given its own order again.
    let [one, two] = ["one", "two"].map(|name| Scanner::start(&Told { leases: 1, ..bench.told(name) }));
    let told = bench.outcome(&wanted).await;
    assert_eq!(told.outcome.result(), OrderResult::Finished);
    let logs = one.log() + &two.log();
    assert!(logs.contains("another scanner took it over"), "{logs}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_gives_the_lease_back_at_a_slices_end() {
    let bench = Bench::start().await;
    bench.declare(&site("here", "127.44.3.0/24", 50)).await;
    let wanted = Wanted::new("127.44.3.0/25", (24_020, 24_020), 16);
    bench.order(&wanted).await;
    let mut one = bench.scanner("one");
    bench.slices(&wanted, 2).await;
    one.terminate();
    assert_eq!(one.ended().await, Some(0));
    assert!(one.log().contains("given-back"), "{}", one.log());
    // At once, and not after the 30 s after which the server would give it to another by itself.
    let _two = bench.scanner("two");
    let told = tokio::time::timeout(Duration::from_secs(20), bench.outcome(&wanted)).await.unwrap();
    assert_eq!(told.outcome.closed, 128);
    let scanners: Vec<_> = told.slices.iter().map(|slice| slice.vantage.clone().unwrap().scanner).collect();
    assert!(scanners.contains(&"one".to_owned()) && scanners.contains(&"two".to_owned()), "{scanners:?}");
}
