//! A bus, a site on it, orders, and what became of them.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use async_nats::jetstream::{self, consumer};
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use muster_bus::convert::estate::site_to_proto;
use muster_bus::convert::{network, time};
use muster_bus::permissions::Role;
use muster_bus::topology::Sizing;
use muster_bus::{
    Bucket, Bus, BusOptions, Draft, Expect, Limits, Provisioning, Publisher, SiteName, Stream, Subject, open,
};
use muster_engines::NatsUser;
use muster_engines::testing::{TEST_PASSWORD, TEST_USER, TestEngines, nats_user, start};
use muster_estate::model::{AliveBy, Range, RangeKind, ScanScope, Site};
use muster_ids::{EventId, OrderId, SweepId};
use muster_proto::v1::{self, envelope::Body};
use muster_sweep::{Lease, PortRange, Transport};
use prost::Message;
use tempfile::TempDir;

use super::process::{Scanner, Told};

/// Whatever is waited for comes within it, or does not come.
pub(super) const SOON: Duration = Duration::from_secs(60);

pub(super) struct Bench {
    pub(super) engines: TestEngines,
    pub(super) bus: Bus,
    pub(super) publisher: Publisher,
    pub(super) folder: TempDir,
}

/// A lease to be ordered.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) site: &'static str,
    pub(super) block: &'static str,
    pub(super) ports: (u16, u16),
    pub(super) units_per_slice: u32,
    pub(super) deadline: Option<Timestamp>,
    pub(super) scope_revision: u64,
}

impl Wanted {
    pub(super) fn new(block: &'static str, ports: (u16, u16), units_per_slice: u32) -> Self {
        Self { site: "here", block, ports, units_per_slice, deadline: None, scope_revision: 1 }
    }

    pub(super) fn lease(&self) -> Lease {
        let ports = [PortRange { transport: Transport::Tcp, first: self.ports.0, last: self.ports.1 }];
        Lease::new(vec![net(self.block)], &ports, *self.order_id().as_bytes(), self.units_per_slice).unwrap()
    }

    pub(super) fn order_id(&self) -> OrderId {
        OrderId::of_lease(SweepId::of_firing(self.site, self.block, 1), 0)
    }

    pub(super) fn order(&self) -> v1::Order {
        let port = |port: u16| u32::from(port);
        let ports =
            v1::PortRange { transport: v1::Transport::Tcp.into(), first: port(self.ports.0), last: port(self.ports.1) };
        v1::Order {
            order_id: self.order_id().to_vec(),
            sweep_id: SweepId::of_firing(self.site, self.block, 1).to_vec(),
            sweep_kind: v1::SweepKind::Sweep.into(),
            site: self.site.to_owned(),
            lease_index: 0,
            issued_at: Some(time::to_proto(Timestamp::now())),
            deadline: self.deadline.map(time::to_proto),
            lease: Some(v1::Lease {
                realm: "corp".to_owned(),
                blocks: vec![network::block_to_proto(net(self.block))],
                ports: vec![ports],
                permutation_key: self.order_id().to_vec(),
                units: u64::from(self.lease().units()),
                units_per_slice: self.units_per_slice,
                scope_revision: self.scope_revision,
            }),
        }
    }
}

/// What stands on the subject of a lease.
#[derive(Debug, Clone)]
pub(super) struct Reported {
    pub(super) slices: Vec<v1::Slice>,
    pub(super) outcome: v1::OrderOutcome,
}

pub(super) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// A site of loopback addresses, unsigned.
pub(super) fn site(name: &str, block: &str, rate_site_pps: u32) -> Site {
    Site {
        name: name.to_owned(),
        revision: 1,
        realm: "corp".to_owned(),
        time_zone: "UTC".to_owned(),
        ranges: vec![Range { block: net(block), kind: RangeKind::Static }],
        zones: Vec::new(),
        schedules: Vec::new(),
        scope: ScanScope {
            include: Vec::new(),
            exclude: Vec::new(),
            rate_site_pps,
            rate_host_pps: 10_000,
            rate_build_pps: 0,
            never_payload: Vec::new(),
            signature: Vec::new(),
            signer: Vec::new(),
        },
        alive_by: AliveBy::OpenPort,
        seen_within: SignedDuration::from_hours(24),
        absent_after_sweeps: 3,
        managed_requires: Vec::new(),
        inventory_precedence: Vec::new(),
        removed: false,
    }
}

impl Bench {
    pub(super) async fn start() -> Self {
        let engines = start(|options| {
            options.nats_users.push(nats_user(TEST_USER));
            let roles = [
                Role::ScannerOfAll,
                Role::Scanner { site: "here".to_owned() },
                Role::Scanner { site: "there".to_owned() },
            ];
            for user in roles.iter().map(Role::user) {
                let (publish, subscribe) = (user.publish, user.subscribe);
                options.nats_users.push(NatsUser { publish, subscribe, ..nats_user(&user.name) });
            }
        })
        .unwrap();
        let bus = Bus::connect(options(&engines.nats_url(), TEST_USER)).await.unwrap();
        Provisioning::new(&bus, Sizing::EMBEDDED).apply().await.unwrap();
        let producer = v1::Producer { service: "test".to_owned(), ..v1::Producer::default() };
        let publisher = bus.publisher(producer);
        Self { engines, bus, publisher, folder: tempfile::tempdir().unwrap() }
    }

    pub(super) fn told(&self, instance: &str) -> Told {
        Told {
            url: self.engines.nats_url(),
            user: "scanner-here".to_owned(),
            instance: instance.to_owned(),
            sites: vec!["here".to_owned()],
            leases: 2,
            crash_at: None,
            folder: self.folder.path().to_owned(),
        }
    }

    pub(super) fn scanner(&self, instance: &str) -> Scanner {
        Scanner::start(&self.told(instance))
    }

    pub(super) async fn declare(&self, site: &Site) {
        let record = site_to_proto(site).encode_to_vec();
        self.bus.kv(Bucket::Estate).await.unwrap().put(&site.name, record.into()).await.unwrap();
    }

    pub(super) async fn halt(&self, key: &str, halted: bool) {
        let record = v1::HaltSet { halted, reason: "a test".to_owned() }.encode_to_vec();
        self.bus.kv(Bucket::Halt).await.unwrap().put(key, record.into()).await.unwrap();
    }

    pub(super) async fn order(&self, wanted: &Wanted) {
        self.send_order(wanted.site, wanted.order(), wanted.order_id()).await;
    }

    pub(super) async fn send_order(&self, site: &str, order: v1::Order, id: OrderId) {
        let event = EventId::of_plan("order", id.as_bytes());
        let draft = Draft::by_service(event, Timestamp::now(), site, "test", Body::Order(order));
        let subject = Subject::order_lease(&SiteName::new(site).unwrap());
        self.publisher.publish(&subject, draft, Expect::Any).await.unwrap();
    }

    /// Has the server give an order to another after a second instead of thirty.
    pub(super) async fn impatient(&self, site: &str) {
        let client = async_nats::ConnectOptions::new()
            .user_and_password(TEST_USER.to_owned(), TEST_PASSWORD.to_owned())
            .connect(self.engines.nats_url())
            .await
            .unwrap();
        let stream = jetstream::new(client).get_stream("ORDERS").await.unwrap();
        let name = format!("scanner-{site}");
        let config = consumer::pull::Config {
            durable_name: Some(name.clone()),
            ack_wait: Duration::from_secs(1),
            filter_subject: Subject::order_lease(&SiteName::new(site).unwrap()).as_str().to_owned(),
            ..consumer::pull::Config::default()
        };
        stream.get_or_create_consumer(&name, config).await.unwrap();
    }

    /// Waits until `slices` stand on the lease's subject, or its outcome.
    pub(super) async fn slices(&self, wanted: &Wanted, slices: usize) {
        self.read(wanted, |bodies| bodies.len() >= slices).await;
    }

    /// Waits for the outcome, checks that the subject is what a lease's has to be, and that nothing waits any more.
    pub(super) async fn outcome(&self, wanted: &Wanted) -> Reported {
        let bodies = self.read(wanted, |bodies| matches!(bodies.last(), Some(Body::OrderOutcome(_)))).await;
        let started = std::time::Instant::now();
        while !self.bus.orders_in_flight().await.unwrap().is_empty() {
            assert!(started.elapsed() < SOON, "the order stays in the queue");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut slices = Vec::new();
        let mut outcome = None;
        for body in bodies {
            assert!(outcome.is_none(), "something stands after the outcome");
            if let Body::Slice(slice) = body {
                slices.push(slice);
            } else {
                let Body::OrderOutcome(found) = body else { panic!("{body:?}") };
                outcome = Some(found);
            }
        }
        let told = Reported { slices, outcome: outcome.unwrap() };
        told.check(&wanted.lease());
        told
    }

    async fn read(&self, wanted: &Wanted, enough: impl Fn(&[Body]) -> bool) -> Vec<Body> {
        let subject = Subject::lease(&SiteName::new(wanted.site).unwrap(), wanted.order_id());
        let mut tail = self.bus.tail(Stream::Events, &[subject.as_str().to_owned()], 0);
        let limits = Limits { messages: 1_000, bytes: 8 << 20, linger: Duration::from_millis(20) };
        let mut bodies = Vec::new();
        let reading = async {
            while !enough(&bodies) {
                let batch = tail.next_batch(limits).await.unwrap();
                bodies.extend(batch.messages.iter().map(|received| open(received).unwrap().1));
            }
        };
        tokio::time::timeout(SOON, reading).await.expect("it is on the subject within a minute");
        bodies
    }
}

impl Reported {
    /// Slices stand once each and in order, and every total is the sum of what stands there.
    fn check(&self, lease: &Lease) {
        let mut sum = [0_u64; 4];
        for (slice, range) in self.slices.iter().zip(lease.slices()) {
            assert_eq!((slice.index, slice.first_unit, slice.units), (range.index, range.first_unit, range.units));
            let units: Vec<u32> = slice.observations.iter().map(|observation| observation.unit).collect();
            assert!(units.is_sorted_by(|a, b| a < b), "observations stand in the order of their units");
            let ones = |bits: &[u8]| bits.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>();
            let (open, closed, skipped) = (units.len() as u64, ones(&slice.closed), ones(&slice.skipped));
            let silent = u64::from(slice.units) - open - closed - skipped;
            for (sum, count) in sum.iter_mut().zip([open, closed, silent, skipped]) {
                *sum += count;
            }
            let totals = slice.totals.as_ref().unwrap();
            assert_eq!([totals.open, totals.closed, totals.silent, totals.skipped], sum, "slice {}", slice.index);
            assert_eq!(totals.started_at, self.slices[0].started_at);
        }
        let outcome = &self.outcome;
        assert_eq!(usize::try_from(outcome.slices).unwrap(), self.slices.len());
        assert_eq!([outcome.open, outcome.closed, outcome.silent, outcome.skipped], sum);
        assert_eq!(outcome.units, sum.iter().sum::<u64>());
        if outcome.result() == v1::OrderResult::Finished {
            assert_eq!(outcome.units, u64::from(lease.units()));
        }
    }

    pub(super) fn open(&self) -> BTreeSet<(IpAddr, u16)> {
        let observations = self.slices.iter().flat_map(|slice| &slice.observations);
        observations
            .map(|found| {
                let address = network::address_from_proto("address", &found.address).unwrap();
                (address, u16::try_from(found.port).unwrap())
            })
            .collect()
    }
}

pub(super) fn options(url: &str, user: &str) -> BusOptions {
    BusOptions {
        url: url.to_owned(),
        user: user.to_owned(),
        password: TEST_PASSWORD.to_owned(),
        name: "scanner test".to_owned(),
        ..BusOptions::default()
    }
}
