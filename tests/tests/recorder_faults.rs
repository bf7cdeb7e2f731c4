//! The network breaks and the engines die, each at a chosen byte, and every row stands once (I-2).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests")]

use std::time::Duration;

use muster::process::ServiceName;
use muster_engines::faults::{Counts, Fault, Proxy, Request};
use muster_tests::{Load, Proxies, Rig, RigOptions, Rng, seed, until};
use tokio::time::MissedTickBehavior;

/// The recorder asks ClickHouse with the statement in the URL, and changes its record by publishing on this subject.
const INSERT: &str = "INSERT+INTO+";
const RECORD: &str = "PUB $KV.recorder.";
/// An insert without an answer is repeated after this, so that a held one is; ClickHouse answers within tens of ms.
const INSERT_TIMEOUT: &str = "store.insert_timeout_ms=1000";

/// A batch takes about as long.
const BETWEEN_BURSTS: Duration = Duration::from_millis(20);
/// Until a fault has come about.
const PATIENCE: Duration = Duration::from_secs(90);

/// A rig whose recorder stands behind proxies, and a load.
struct World {
    rig: Rig,
    proxies: Proxies,
    load: Load,
    rng: Rng,
}

impl World {
    async fn start() -> anyhow::Result<Self> {
        let seed = seed();
        let mut rig = Rig::start(RigOptions::default()).await?;
        let proxies = Proxies::in_front_of(&mut rig, ServiceName::Recorder, &[INSERT_TIMEOUT]).await?;
        rig.stack.replace(ServiceName::Recorder, 1, Vec::new()).await.unwrap();
        let load = Load::new(&rig.bus, seed);
        let mut world = Self { rig, proxies, load, rng: Rng::new(seed) };
        world.load.burst().await?;
        world.all_stands_once("the start").await?;
        Ok(world)
    }

    /// Everything that was sent is recorded, and once.
    async fn all_stands_once(&self, after: &str) -> anyhow::Result<()> {
        let held = async {
            self.rig.recorded().await?;
            self.load.compare(&self.rig.books).await
        };
        held.await.map_err(|error| error.context(format!("after {after}")))
    }

    /// How often an insert was tried again.
    fn repeated(&self) -> anyhow::Result<usize> {
        Ok(self.rig.log_of("recorder-1")?.matches("insert is repeated").count())
    }

    /// Bursts until the proxy has counted what was wanted.
    async fn load_until(&mut self, which: Engine, wanted: impl Fn(&Counts) -> bool) -> anyhow::Result<()> {
        let Self { proxies, load, .. } = self;
        let proxy = which.proxy(proxies);
        let mut bursts = tokio::time::interval(BETWEEN_BURSTS);
        bursts.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let seen = proxy.wait(&wanted);
        tokio::pin!(seen);
        let all = async {
            loop {
                tokio::select! {
                    _ = &mut seen => return Ok::<_, anyhow::Error>(()),
                    _ = bursts.tick() => load.burst().await?,
                }
            }
        };
        tokio::time::timeout(PATIENCE, all).await.map_err(|_| anyhow::anyhow!("the fault never came"))?
    }
}

#[derive(Debug, Clone, Copy)]
enum Engine {
    Bus,
    Store,
}

impl Engine {
    const BOTH: [Self; 2] = [Self::Bus, Self::Store];

    fn proxy(self, proxies: &Proxies) -> &Proxy {
        match self {
            Self::Bus => &proxies.bus,
            Self::Store => &proxies.store,
        }
    }

    /// A request of the recorder that changes something, after some others.
    fn request(self, rng: &mut Rng) -> Request {
        let contains = match self {
            Self::Bus => RECORD,
            Self::Store => INSERT,
        };
        Request::with(contains).after(u32::try_from(rng.below(4)).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_cut_after_the_body_counts_nothing_twice() {
    let mut world = World::start().await.unwrap();
    for round in 0..6 {
        for engine in Engine::BOTH {
            let request = engine.request(&mut world.rng);
            let fault = Fault::CutAnswer(request);
            let before = engine.proxy(&world.proxies).counts().answers_cut;
            engine.proxy(&world.proxies).set(fault.clone()).await.unwrap();
            world.load_until(engine, |counts| counts.answers_cut > before).await.unwrap();
            world.all_stands_once(&format!("round {round}: {engine:?} {fault:?}")).await.unwrap();
        }
    }
    world.rig.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_cut_before_it_went_loses_nothing() {
    let mut world = World::start().await.unwrap();
    for round in 0..6 {
        for engine in Engine::BOTH {
            let fault = Fault::CutRequest(engine.request(&mut world.rng));
            let before = engine.proxy(&world.proxies).counts().requests_cut;
            engine.proxy(&world.proxies).set(fault.clone()).await.unwrap();
            world.load_until(engine, |counts| counts.requests_cut > before).await.unwrap();
            world.all_stands_once(&format!("round {round}: {engine:?} {fault:?}")).await.unwrap();
        }
    }
    world.rig.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delayed_answer_is_asked_for_again_and_counts_once() {
    let mut world = World::start().await.unwrap();
    for round in 0..3 {
        for engine in Engine::BOTH {
            let fault = Fault::HoldAnswer(engine.request(&mut world.rng));
            let proxy = engine.proxy(&world.proxies);
            let (before, repeated) = (proxy.counts().answers_held, world.repeated().unwrap());
            proxy.set(fault.clone()).await.unwrap();
            world.load_until(engine, |counts| counts.answers_held > before).await.unwrap();
            if matches!(engine, Engine::Store) {
                // The same insert again, while the first one has been carried out and waits for its answer.
                until("the insert to be repeated", || async { Ok(world.repeated()? > repeated) }).await.unwrap();
            }
            world.load.burst().await.unwrap();
            engine.proxy(&world.proxies).release();
            world.all_stands_once(&format!("round {round}: {engine:?} {fault:?}")).await.unwrap();
        }
    }
    world.rig.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_half_open_is_given_up_and_loses_nothing() {
    let mut world = World::start().await.unwrap();
    for engine in Engine::BOTH {
        let stalled = engine.proxy(&world.proxies).counts().stalled;
        engine.proxy(&world.proxies).set(Fault::HalfOpen).await.unwrap();
        world.load_until(engine, |counts| counts.stalled > stalled).await.unwrap();
        match engine {
            // The insert is tried again, over a connection that is as dead.
            Engine::Store => {
                let stalled = world.proxies.store.counts().stalled;
                world.load_until(engine, |counts| counts.stalled > stalled).await.unwrap();
            }
            // Nobody has heard of the leader for a whole term.
            Engine::Bus => {
                let rig = &world.rig;
                let silent = || async { Ok(rig.leader("recorder.EVENTS.1").await?.is_none()) };
                until("the leader's term to end", silent).await.unwrap();
            }
        }
        world.load.burst().await.unwrap();
        engine.proxy(&world.proxies).set(Fault::None).await.unwrap();
        world.all_stands_once(&format!("{engine:?} half open")).await.unwrap();
    }
    world.rig.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_refuses_connections_is_waited_for() {
    let mut world = World::start().await.unwrap();
    for round in 0..2 {
        for engine in Engine::BOTH {
            let closed = engine.proxy(&world.proxies).counts().closed;
            engine.proxy(&world.proxies).set(Fault::Refuse).await.unwrap();
            world.load_until(engine, |counts| counts.closed > closed).await.unwrap();
            world.load.burst().await.unwrap();
            engine.proxy(&world.proxies).set(Fault::None).await.unwrap();
            world.all_stands_once(&format!("round {round}: {engine:?} refused")).await.unwrap();
        }
    }
    world.rig.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn engines_that_are_killed_in_mid_load_come_back_with_everything() {
    let mut world = World::start().await.unwrap();
    let engines = world.rig.stack.engines().clone();
    for round in 0..3 {
        for engine in Engine::BOTH {
            for _ in 0..world.rng.below(8) {
                world.load.burst().await.unwrap();
            }
            match engine {
                Engine::Bus => engines.kill_nats().await.unwrap(),
                Engine::Store => engines.kill_clickhouse().await.unwrap(),
            }
            let more = async {
                for _ in 0..4 {
                    world.load.burst().await?;
                }
                Ok::<_, anyhow::Error>(())
            };
            let again = async {
                match engine {
                    Engine::Bus => engines.restart_nats().await,
                    Engine::Store => engines.restart_clickhouse().await,
                }
            };
            let (more, again) = tokio::join!(more, again);
            more.unwrap();
            again.unwrap();
            world.all_stands_once(&format!("round {round}: {engine:?} was killed")).await.unwrap();
        }
    }
    world.rig.stop().await.unwrap();
}
