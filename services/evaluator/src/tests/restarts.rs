//! Another evaluator goes on where one ended.

use super::outcome::{of, repeated, standing};
use super::scene::{FIRST, FOURTH, SECOND, THIRD, clock, declare};
use super::world::{Running, World};
use muster_bus::Stream;

async fn published(world: &World) -> u64 {
    world.bus.stream_info(Stream::Verdicts).await.unwrap().last_sequence
}

/// Everything comes from the streams.
#[tokio::test]
async fn a_restart_without_a_store_publishes_nothing() {
    let world = World::new().await;
    let first = Running::evaluator("one").await;
    declare(&world).await;
    clock(&world, 50).await;
    FIRST.all(&world).await;
    clock(&world, 150).await;
    world.settled().await;
    first.stop().await;
    let before = published(&world).await;
    assert!(before > 0);

    world.forget_positions().await;
    let second = Running::evaluator("two").await;
    world.settled().await;
    assert_eq!(published(&world).await, before, "{:#?}", world.batches().await.last());
    SECOND.all(&world).await;
    clock(&world, 250).await;
    world.settled().await;
    let batches = world.batches().await;
    assert_eq!(of(&standing(&batches), 2, "approved-service:tcp/22"), Some("pass refused"));
    assert_eq!(repeated(&batches), Vec::<String>::new());
    second.stop().await;
}

/// Everything that was recorded comes from the store, in the middle of a sweep.
#[tokio::test]
async fn a_restart_from_the_store_publishes_nothing_and_knows_what_waited() {
    let world = World::new().await;
    let recorder = Running::recorder().await;
    let first = Running::evaluator("one").await;
    declare(&world).await;
    clock(&world, 50).await;
    FIRST.all(&world).await;
    SECOND.issue(&world).await;
    SECOND.observe(&world).await;
    clock(&world, 150).await;
    world.settled().await;
    first.stop().await;
    world.recorded().await;
    let before = published(&world).await;

    world.forget_positions().await;
    let second = Running::evaluator("two").await;
    world.settled().await;
    assert_eq!(published(&world).await, before, "{:#?}", world.batches().await.last());
    // The refusal of .2 was seen by the first, and counts by the end that the second reads.
    SECOND.end(&world).await;
    clock(&world, 250).await;
    world.settled().await;
    let now = standing(&world.batches().await);
    assert_eq!(of(&now, 2, "approved-service:tcp/22"), Some("pass refused"), "{now:#?}");
    second.stop().await;
    world.recorded().await;

    // What the sweeps before the restart covered is known after it: .3 was not seen by the first nor by this.
    world.forget_positions().await;
    let third = Running::evaluator("three").await;
    THIRD.all(&world).await;
    clock(&world, 350).await;
    FOURTH.all(&world).await;
    clock(&world, 450).await;
    world.settled().await;
    let batches = world.batches().await;
    assert_eq!(of(&standing(&batches), 3, "seen"), Some("fail absent"), "{batches:#?}");
    assert_eq!(repeated(&batches), Vec::<String>::new());
    third.stop().await;
    recorder.stop().await;
}
