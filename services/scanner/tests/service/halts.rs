//! `muster halt` and a lost hub.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use muster_engines::faults::{Fault, Proxy};
use muster_estate::model::{PortRange, Site, Transport};
use muster_proto::v1::OrderResult;
use tokio::net::TcpListener;

use super::bench::{Bench, Wanted, site};
use super::process::{Scanner, Told};

/// Ports of a field: together a lease that takes 12.8 s at 40 a second, so that something is always left to be sent.
const PORTS: u16 = 4;

/// Listeners on every address of a /25, and when each was connected to.
struct Field {
    arrivals: Arc<Mutex<Vec<Instant>>>,
}

impl Field {
    async fn open(third: u8, port: u16) -> Self {
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        for (last, port) in (0..128).flat_map(|last| (port..port + PORTS).map(move |port| (last, port))) {
            let listener = TcpListener::bind((Ipv4Addr::new(127, 45, third, last), port)).await.unwrap();
            let arrivals = Arc::clone(&arrivals);
            tokio::spawn(async move {
                while listener.accept().await.is_ok() {
                    arrivals.lock().unwrap().push(Instant::now());
                }
            });
        }
        Self { arrivals }
    }

    /// When the last one came before now.
    fn last(&self) -> Instant {
        *self.arrivals.lock().unwrap().last().unwrap()
    }

    fn between(&self, from: Instant, until: Instant) -> usize {
        self.arrivals.lock().unwrap().iter().filter(|at| (from..until).contains(*at)).count()
    }
}

/// Forty packets a second, and no port is asked what it is: one packet a unit.
fn slow_site(block: &str) -> Site {
    let mut site = site("here", block, 40);
    site.scope.never_payload.push(PortRange { transport: Transport::Tcp, first: 25_000, last: 25_999 });
    site
}

/// The promise.
const WITHIN: Duration = Duration::from_secs(2);
/// Long enough to see that nothing comes: at 40 a second it would be sixty.
const WATCHED: Duration = Duration::from_millis(1_500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn halt_stops_every_packet_and_survives_a_restart() {
    let field = Field::open(1, 25_000).await;
    let bench = Bench::start().await;
    bench.declare(&slow_site("127.45.1.0/24")).await;
    bench.impatient("here").await;
    let wanted = Wanted::new("127.45.1.0/25", (25_000, 25_003), 8);
    bench.order(&wanted).await;
    let mut one = bench.scanner("one");
    bench.slices(&wanted, 2).await;
    let halted = Instant::now();
    bench.halt("all", true).await;
    tokio::time::sleep(WITHIN + WATCHED).await;
    let watched = Instant::now();
    assert_eq!(field.between(halted + WITHIN, watched), 0, "last {:?} after the halt", field.last() - halted);
    one.kill();
    let _two = bench.scanner("two");
    tokio::time::sleep(WITHIN + WATCHED).await;
    assert_eq!(field.between(watched, Instant::now()), 0, "a new scanner obeys a halt that was before it");
    bench.halt("all", false).await;
    let told = bench.outcome(&wanted).await;
    assert_eq!((told.outcome.result(), told.outcome.open), (OrderResult::Finished, 512));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_is_halted_alone_and_goes_on_in_the_same_process() {
    let field = Field::open(2, 25_010).await;
    let bench = Bench::start().await;
    bench.declare(&slow_site("127.45.2.0/24")).await;
    let wanted = Wanted::new("127.45.2.0/25", (25_010, 25_013), 8);
    bench.order(&wanted).await;
    let _one = bench.scanner("one");
    bench.slices(&wanted, 2).await;
    bench.halt("there", true).await;
    bench.slices(&wanted, 5).await;
    let halted = Instant::now();
    bench.halt("here", true).await;
    tokio::time::sleep(WITHIN + WATCHED).await;
    assert_eq!(field.between(halted + WITHIN, Instant::now()), 0);
    bench.halt("here", false).await;
    let told = bench.outcome(&wanted).await;
    assert_eq!((told.outcome.result(), told.outcome.open), (OrderResult::Finished, 512));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_hub_means_stop() {
    let field = Field::open(3, 25_020).await;
    let bench = Bench::start().await;
    bench.declare(&slow_site("127.45.3.0/24")).await;
    let proxy = Proxy::start(bench.engines.nats_address()).await.unwrap();
    let wanted = Wanted::new("127.45.3.0/25", (25_020, 25_023), 8);
    bench.order(&wanted).await;
    let told = Told { url: format!("nats://{}", proxy.address()), ..bench.told("one") };
    let _one = Scanner::start(&told);
    bench.slices(&wanted, 2).await;
    // Half open is the worst: the connection seems to stand.
    let lost = Instant::now();
    proxy.set(Fault::HalfOpen).await.unwrap();
    tokio::time::sleep(WITHIN + WATCHED).await;
    assert_eq!(field.between(lost + WITHIN, Instant::now()), 0, "last {:?} after the loss", field.last() - lost);
    proxy.set(Fault::None).await.unwrap();
    let told = bench.outcome(&wanted).await;
    assert_eq!((told.outcome.result(), told.outcome.open), (OrderResult::Finished, 512));
}
