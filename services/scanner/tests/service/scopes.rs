//! Scope is a lock.

use std::net::TcpListener;

use muster_bus::{Stream, Subject};
use muster_estate::model::{Exposure, PortRange, Range, RangeKind, ScanPolicy, Transport, Zone, ZoneClass};
use muster_proto::v1::OrderResult;

use super::bench::{Bench, Wanted, net, site};

fn refuses(at: &str) -> TcpListener {
    let listener = TcpListener::bind(at).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

fn nobody_came(listener: &TcpListener) -> bool {
    listener.accept().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_excluded_is_skipped_and_never_connected_to() {
    let (inside, excluded) = (refuses("127.46.1.2:26000"), refuses("127.46.1.9:26000"));
    let bench = Bench::start().await;
    let mut here = site("here", "127.46.1.0/28", 10_000);
    here.scope.exclude.push(net("127.46.1.8/29"));
    bench.declare(&here).await;
    let wanted = Wanted::new("127.46.1.0/28", (26_000, 26_001), 7);
    bench.order(&wanted).await;
    let _scanner = bench.scanner("one");
    let told = bench.outcome(&wanted).await;
    assert_eq!((told.outcome.open, told.outcome.closed, told.outcome.skipped), (1, 15, 16));
    assert!(nobody_came(&excluded) && !nobody_came(&inside));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gentle_zone_and_a_never_payload_port_are_connected_to_and_asked_nothing() {
    let listeners = [refuses("127.46.2.1:26010"), refuses("127.46.2.9:26010"), refuses("127.46.2.1:26011")];
    let bench = Bench::start().await;
    let mut here = site("here", "127.46.2.0/28", 10_000);
    here.zones.push(Zone {
        name: "printers".to_owned(),
        blocks: vec![net("127.46.2.8/29")],
        class: ZoneClass::Production,
        exposure: Exposure::Intranet,
        scan_policy: ScanPolicy::Gentle,
        approvals: Vec::new(),
    });
    here.scope.never_payload.push(PortRange { transport: Transport::Tcp, first: 26_011, last: 26_011 });
    bench.declare(&here).await;
    let wanted = Wanted::new("127.46.2.0/28", (26_010, 26_011), 32);
    bench.order(&wanted).await;
    let _scanner = bench.scanner("one");
    assert_eq!(bench.outcome(&wanted).await.outcome.open, 3);
    let connections = |listener: &TcpListener| std::iter::from_fn(|| listener.accept().ok()).count();
    let [full, gentle, never] = &listeners;
    assert!(connections(full) > 1, "an ordinary port is asked");
    assert_eq!((connections(gentle), connections(never)), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unsigned_scope_beyond_loopback_sends_nothing_and_says_so() {
    let listener = refuses("127.46.3.1:26020");
    let bench = Bench::start().await;
    let mut here = site("here", "127.46.3.0/30", 10_000);
    // TEST-NET-1 (RFC 5737).
    here.ranges.push(Range { block: net("192.0.2.0/30"), kind: RangeKind::Static });
    bench.declare(&here).await;
    let wanted = Wanted::new("127.46.3.0/30", (26_020, 26_020), 4);
    bench.order(&wanted).await;
    let scanner = bench.scanner("one");
    let told = bench.outcome(&wanted).await;
    assert_eq!((told.outcome.result(), told.outcome.slices), (OrderResult::Failed, 0));
    for said in [&told.outcome.reason, &scanner.log()] {
        assert!(said.contains("it is not signed and 192.0.2.0/30 is beyond loopback"), "{said}");
    }
    assert!(nobody_came(&listener));
    let subject = Subject::dead(Stream::Orders);
    assert!(bench.bus.last_on_subject(Stream::Dead, &subject).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scope_that_shrinks_stops_a_lease_where_it_is() {
    let bench = Bench::start().await;
    let mut here = site("here", "127.46.4.0/24", 60);
    bench.declare(&here).await;
    let wanted = Wanted::new("127.46.4.0/24", (26_030, 26_030), 16);
    bench.order(&wanted).await;
    let _scanner = bench.scanner("one");
    bench.slices(&wanted, 2).await;
    here.revision = 2;
    here.scope.exclude.push(net("127.46.4.0/24"));
    here.scope.rate_site_pps = 10_000;
    bench.declare(&here).await;
    let told = bench.outcome(&wanted).await;
    assert!(told.outcome.closed > 0 && told.outcome.skipped > 100, "{:?}", told.outcome);
    assert_eq!(told.outcome.closed + told.outcome.skipped, 256);
}
