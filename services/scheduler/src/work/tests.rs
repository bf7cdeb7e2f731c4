//! Deciding on a real bus. Time is an argument, so nothing waits for it.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use muster_bus::topology::Sizing;
use muster_bus::{Bus, BusOptions, Limits, Provisioning, Publisher, Stream, open};
use muster_engines::testing::{TEST_PASSWORD, TEST_USER, test_engines};
use muster_estate::files::read_estate;
use muster_estate::model::Site;
use muster_ids::{DrawId, RequestId};
use muster_proto::v1::{Producer, SweepFinished, SweepStarted, envelope::Body};

use super::Desk;
use crate::config::SchedulerConfig;
use crate::error::SchedulerError;
use crate::service::Reading;

const EVERY_S: i64 = 10;

struct World {
    bus: Bus,
    publisher: Publisher,
}

impl World {
    async fn new() -> Self {
        let options = BusOptions {
            url: test_engines().nats_url(),
            user: TEST_USER.to_owned(),
            password: TEST_PASSWORD.to_owned(),
            name: "test".to_owned(),
            ..BusOptions::default()
        };
        let bus = Bus::connect(options).await.unwrap();
        Provisioning::new(&bus, Sizing { replicas: 1, events_bytes: 256 << 20 }).apply().await.unwrap();
        let publisher = bus.publisher(Producer { service: "scheduler".to_owned(), ..Producer::default() });
        Self { bus, publisher }
    }

    /// A scheduler that has just started.
    async fn scheduler(&self) -> Desk {
        let config = SchedulerConfig { sweep_deadline_s: 1, ..SchedulerConfig::default() };
        Reading::of(&self.bus, &self.publisher, &config).await.unwrap().desk
    }

    /// Everything that was started and finished.
    async fn plans(&self) -> (Vec<SweepStarted>, Vec<SweepFinished>) {
        let last = self.bus.stream_info(Stream::Plans).await.unwrap().last_sequence;
        let mut tail = self.bus.tail(Stream::Plans, &[], 0);
        let (mut started, mut finished, mut read) = (Vec::new(), Vec::new(), 0);
        while read < last {
            let limits = Limits { messages: 100, bytes: 8 << 20, linger: std::time::Duration::ZERO };
            for received in tail.next_batch(limits).await.unwrap().messages {
                read = received.sequence;
                let (_, body) = open(&received).unwrap();
                if let Body::SweepStarted(one) = body {
                    started.push(one);
                } else if let Body::SweepFinished(one) = body {
                    finished.push(one);
                }
            }
        }
        (started, finished)
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn site(name: &str, block: &str, schedules: &str) -> Site {
    let text = format!("site: {name}\nranges: [{{block: {block}, kind: static}}]\nschedules: [{schedules}]");
    let estate = read_estate([("site.yaml", text.as_str())]).unwrap_or_else(|problems| panic!("{problems}"));
    let mut site = estate.into_sites().pop().unwrap();
    for schedule in &mut site.schedules {
        (schedule.anchor, schedule.every) = (at(0), SignedDuration::from_secs(EVERY_S));
    }
    site
}

const SWEEP: &str = "{name: sweep, kind: sweep, every: 1h, ports: [tcp/22]}";
const AUDIT: &str = "{name: audit, kind: audit, every: 1h, ports: [tcp/443], sample_size: 3}";

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_never_fire_twice_and_never_miss() {
    const FIRINGS: i64 = 40;
    let world = World::new().await;
    let site = site("dublin", "127.20.0.0/28", &format!("{SWEEP}, {AUDIT}"));
    let (mut a, mut b) = (world.scheduler().await, world.scheduler().await);
    let mut overtaken = 0;
    for firing in 0..FIRINGS {
        let due = firing * EVERY_S;
        // Both decide at the same moment what is due; later what of it is over.
        for now in [at(due), at(due + 5)] {
            let both = tokio::join!(a.work_on(&site, now), b.work_on(&site, now));
            for (desk, result) in [(&mut a, both.0), (&mut b, both.1)] {
                // Refused, or killed and started again: in both cases it reads what stands, and decides again.
                let killed = (firing + i64::from(overtaken)) % 7 == 0;
                match result {
                    Err(SchedulerError::Overtaken { .. }) => overtaken += 1,
                    other => other.unwrap(),
                }
                if killed {
                    *desk = world.scheduler().await;
                }
            }
            for desk in [&mut a, &mut b] {
                while let Err(error) = desk.work_on(&site, now).await {
                    assert!(matches!(error, SchedulerError::Overtaken { .. }), "{error}");
                    overtaken += 1;
                    *desk = world.scheduler().await;
                }
            }
        }
    }
    let (started, finished) = world.plans().await;
    for schedule in ["sweep", "audit"] {
        let fired = started.iter().filter(|sweep| sweep.schedule == schedule);
        let instants: Vec<i64> = fired.map(|sweep| sweep.due_at.unwrap().seconds).collect();
        assert_eq!(instants, (0..FIRINGS).map(|firing| firing * EVERY_S).collect::<Vec<_>>(), "{schedule}");
    }
    assert_eq!(finished.len(), started.len());
    assert!(overtaken > 0, "they were never in each other's way");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_planned_is_recorded_once_and_stops_nothing_else() {
    let world = World::new().await;
    let large = "{name: audit, kind: audit, every: 1h, ports: [tcp/443], sample_size: 30000}";
    let mut none = site("none", "127.23.0.0/30", &format!("{SWEEP}, {AUDIT}"));
    none.scope.exclude = vec!["127.23.0.0/30".parse().unwrap()];
    let sites = [
        site("frame", "10.0.0.0/8", &format!("{AUDIT}, {SWEEP}")),
        site("sample", "127.24.0.0/16", &format!("{large}, {SWEEP}")),
        none,
        site("sound", "127.22.0.0/28", &format!("{AUDIT}, {SWEEP}")),
    ];
    let mut desk = world.scheduler().await;
    for round in 0..6 {
        if round == 3 {
            desk = world.scheduler().await;
        }
        for site in &sites {
            // Before the first deadline.
            desk.work_on(site, Timestamp::from_millisecond(round * 100).unwrap()).await.unwrap();
        }
    }
    let (started, finished) = world.plans().await;
    let mut count: BTreeMap<_, u32> = BTreeMap::new();
    for sweep in &started {
        *count.entry((sweep.site.as_str(), sweep.schedule.as_str())).or_default() += 1;
    }
    assert_eq!(count.len(), 8, "{count:?}");
    assert!(count.values().all(|times| *times == 1), "{count:?}");
    let mut reasons: Vec<_> = finished.iter().map(|end| (end.site.as_str(), end.void_reason.as_str())).collect();
    reasons.sort_unstable();
    assert!(finished.iter().all(|end| end.void));
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    assert!(reasons[0].1.contains("16777216 addresses"), "{reasons:?}");
    assert!(reasons[1..3].iter().all(|(site, _)| *site == "none"), "{reasons:?}");
    assert!(reasons[3].1.contains("ask for a smaller sample"), "{reasons:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_without_ports_looks_at_each_sites_own() {
    let world = World::new().await;
    let with_audit = site("dublin", "127.20.0.0/29", &format!("{SWEEP}, {AUDIT}"));
    let without = site("cork", "127.21.0.0/29", SWEEP);
    let mut desk = world.scheduler().await;
    let id = DrawId::of_request(RequestId::from_bytes(&[7; 16]).unwrap());
    desk.draw(id, "", at(0), 16, &[], &[&with_audit, &without], &[]).await.unwrap();
    desk.finish_draws(&[with_audit, without], at(0)).await.unwrap();
    let (started, _) = world.plans().await;
    let mut ports: Vec<_> = started.iter().map(|sweep| (sweep.site.as_str(), sweep.ports[0].first)).collect();
    ports.sort_unstable();
    assert_eq!(ports, [("cork", 22), ("dublin", 443)]);
    assert!(started.iter().all(|sweep| sweep.ports.len() == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draw_of_another_replica_is_not_taken_for_ones_own() {
    let world = World::new().await;
    let site = site("dublin", "127.20.0.0/24", SWEEP);
    let (mut first, mut second) = (world.scheduler().await, world.scheduler().await);
    let id = DrawId::of_firing("dublin/audit", 0);
    first.draw(id, "dublin/audit", at(0), 8, &[], &[&site], &[]).await.unwrap();
    // The same id, another seed. This broker compares the sequence before the id, so it is refused and no duplicate.
    let refused = second.draw(id, "dublin/audit", at(0), 8, &[], &[&site], &[]).await;
    assert!(matches!(refused, Err(SchedulerError::Overtaken { .. })), "{refused:?}");
    assert!(second.book.draws.is_empty());
    let again = world.scheduler().await;
    assert_eq!(again.book.draws[&id].draw, first.book.draws[&id].draw);
}
