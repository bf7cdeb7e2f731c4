//! From what was seen and declared to verdicts.

use super::outcome::{of, repeated, standing};
use super::scene::{FIRST, FOURTH, SECOND, THIRD, clock, declare};
use super::world::{Running, World};

#[tokio::test]
async fn verdicts_follow_from_what_was_published() {
    let world = World::new().await;
    let evaluator = Running::evaluator("one").await;
    declare(&world).await;
    clock(&world, 50).await;
    FIRST.all(&world).await;
    clock(&world, 150).await;
    world.settled().await;
    let batches = world.batches().await;
    let now = standing(&batches);
    assert_eq!(of(&now, 1, "known"), Some("pass"), "{now:#?}");
    assert_eq!(of(&now, 1, "managed"), Some("pass"));
    assert_eq!(of(&now, 1, "seen"), Some("pass"));
    assert_eq!(of(&now, 1, "approved-service:tcp/80"), None);
    assert_eq!(of(&now, 2, "approved-service:tcp/22"), Some("fail unapproved-service"));
    assert_eq!(of(&now, 3, "seen"), Some("unknown never-seen"));
    assert_eq!(of(&now, 4, "managed"), Some("fail no-owner"));
    assert_eq!(of(&now, 9, "known"), Some("fail rogue"));
    assert_eq!(repeated(&batches), Vec::<String>::new());
    assert!(batches.iter().all(|(_, batch)| batch.site == "dublin" && batch.as_of.is_some()));

    SECOND.all(&world).await;
    clock(&world, 250).await;
    world.settled().await;
    let now = standing(&world.batches().await);
    assert_eq!(of(&now, 2, "approved-service:tcp/22"), Some("pass refused"), "{now:#?}");
    assert_eq!(of(&now, 9, "known"), Some("fail rogue"));

    THIRD.all(&world).await;
    FOURTH.all(&world).await;
    clock(&world, 450).await;
    world.settled().await;
    let batches = world.batches().await;
    let now = standing(&batches);
    assert_eq!(of(&now, 3, "seen"), Some("fail absent"), "four sweeps did not see it: {now:#?}");
    assert_eq!(repeated(&batches), Vec::<String>::new());
    evaluator.stop().await;
}

/// The scheduler publishes the end before this evaluator has read the slices, and a slice comes before its order is read.
#[tokio::test]
async fn streams_that_are_read_in_another_order_say_the_same() {
    let world = World::new().await;
    declare(&world).await;
    for sweep in [FIRST, SECOND, THIRD, FOURTH] {
        sweep.all(&world).await;
    }
    clock(&world, 450).await;
    // PLANS is read to its end before the first slice is.
    let evaluator = Running::evaluator("one").await;
    world.settled().await;
    let batches = world.batches().await;
    let now = standing(&batches);
    assert_eq!(of(&now, 2, "approved-service:tcp/22"), Some("pass refused"), "{now:#?}");
    assert_eq!(of(&now, 3, "seen"), Some("fail absent"), "{now:#?}");
    assert_eq!(of(&now, 9, "known"), Some("fail rogue"));
    assert_eq!(repeated(&batches), Vec::<String>::new());
    evaluator.stop().await;
}
