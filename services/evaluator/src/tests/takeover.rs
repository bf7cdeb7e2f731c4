//! Two hold the same site at once, as when one was thought dead.

use muster_bus::Publisher;
use muster_kit::Shutdown;
use muster_proto::v1::Producer;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::outcome::{of, repeated, standing};
use super::scene::{FIRST, SECOND, clock, declare};
use super::world::{PATIENCE, World, site};
use crate::config::EvaluatorConfig;
use crate::desk::{Arrival, Desk, End, Verdicts};
use crate::error::EvaluatorError;
use crate::import::Source;
use crate::restore::Origin;

/// An evaluator that asks nobody whether it may hold the site.
struct Holder {
    origin: Origin,
    desk: mpsc::Sender<Arrival>,
    shutdown: Shutdown,
    task: JoinHandle<()>,
}

impl Holder {
    fn new(world: &World, instance: &str, compare_and_set: bool) -> Self {
        let (bus, store, shutdown) = (world.bus.clone(), world.store.clone(), Shutdown::new());
        let producer = Producer { instance: instance.to_owned(), ..Producer::default() };
        let publisher: Publisher = bus.publisher(producer);
        let verdicts = Verdicts::new(bus.clone(), publisher, instance).compared(compare_and_set);
        let origin = Origin { bus: bus.clone(), store: store.clone(), generation: 1 };
        let source = Source { bus: bus.clone(), store, generation: 1, shutdown: shutdown.clone() };
        let judging = Desk::new(bus, verdicts, source, EvaluatorConfig::default(), shutdown.clone());
        let (desk, arrivals) = mpsc::channel(1);
        Self { origin, desk, shutdown, task: tokio::spawn(judging.run(arrivals)) }
    }

    async fn hold(&self) -> oneshot::Receiver<End> {
        let ready = self.origin.restore(&site()).await.unwrap();
        let (over, ended) = oneshot::channel();
        self.desk.send(Arrival { site: site(), ready, over }).await.unwrap();
        ended
    }

    async fn stop(self) {
        self.shutdown.request("test");
        self.task.await.unwrap();
    }
}

/// Both hold the site; then something happens that both judge. Returns the batches and how each ended.
async fn two_at_once(compare_and_set: bool) -> (World, [Option<End>; 2]) {
    let world = World::new().await;
    declare(&world).await;
    clock(&world, 50).await;
    FIRST.all(&world).await;
    let holders = [Holder::new(&world, "old", compare_and_set), Holder::new(&world, "new", compare_and_set)];
    let old = holders[0].hold().await;
    world.settled().await;
    let new = holders[1].hold().await;
    SECOND.all(&world).await;
    clock(&world, 250).await;
    let mut ends = [old, new];
    let ended = async {
        let [old, new] = &mut ends;
        tokio::select! {
            end = old => [Some(end.unwrap()), None],
            end = new => [None, Some(end.unwrap())],
        }
    };
    let ended = if compare_and_set {
        tokio::time::timeout(PATIENCE, ended).await.expect("one of them is refused")
    } else {
        // Nobody is refused: wait until both have said what they have to say.
        world.published_by("old", 2).await;
        world.published_by("new", 1).await;
        [None, None]
    };
    world.settled().await;
    for holder in holders {
        holder.stop().await;
    }
    (world, ended)
}

#[tokio::test]
async fn of_two_owners_one_is_refused_and_nothing_is_said_twice() {
    let (world, ended) = two_at_once(true).await;
    let refused: Vec<_> = ended.into_iter().flatten().collect();
    assert!(matches!(refused[..], [End::Failed(EvaluatorError::Overtaken { .. })]), "{refused:?}");
    let batches = world.batches().await;
    assert_eq!(repeated(&batches), Vec::<String>::new());
    assert_eq!(of(&standing(&batches), 2, "approved-service:tcp/22"), Some("pass refused"));
}

/// The positive control: without the expectation both are heard, and the test above would fail.
#[tokio::test]
async fn without_compare_and_set_both_are_heard() {
    let (world, _) = two_at_once(false).await;
    assert_ne!(repeated(&world.batches().await), Vec::<String>::new());
}
