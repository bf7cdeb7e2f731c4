//! A process that dies at any of its points, and the next one. This test binary is the process.

use std::process::{Command, Stdio};

use muster_kit::{crash, launch};

use super::outcome::{repeated, standing};
use super::scene::{FIRST, SECOND, adopt, clock, declare};
use super::world::{PATIENCE, Running, World, config_at, password_file};
use crate::Service;

const NATS: &str = "EVALUATOR_TEST_NATS";
const CLICKHOUSE: &str = "EVALUATOR_TEST_CLICKHOUSE";
const PASSWORD: &str = "EVALUATOR_TEST_PASSWORD_FILE";

/// The process.
#[test]
#[ignore = "not a test: the process that a test starts"]
fn child() {
    let given = |name: &str| std::env::var(name).unwrap();
    let config = config_at("doomed", &given(NATS), &given(CLICKHOUSE), given(PASSWORD).as_ref());
    let kit = config.kit.clone();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let service = async |context: launch::Context| Service::new(config, &context).await?.run(context).await;
    let exit = runtime.block_on(launch::run("evaluator", "1", &kit, service));
    std::process::exit(i32::from(exit.code()));
}

/// Runs an evaluator until it dies at a point.
async fn die_at(point: &str) {
    let engines = muster_engines::testing::test_engines();
    let mut command = tokio::process::Command::from(Command::new(std::env::current_exe().unwrap()));
    command
        .args(["tests::crashes::child", "--exact", "--ignored", "--nocapture"])
        .env(NATS, engines.nats_url())
        .env(CLICKHOUSE, engines.clickhouse_http_url())
        .env(PASSWORD, password_file())
        .env(crash::VARIABLE, point)
        .stdout(Stdio::null())
        .kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let ended = tokio::time::timeout(PATIENCE, child.wait()).await;
    let status = ended.unwrap_or_else(|_| panic!("it dies at {point}")).unwrap();
    assert!(!status.success(), "{point}: {status}");
}

/// Every point, the first and the second time.
#[tokio::test]
async fn a_crash_at_any_point_says_nothing_twice_and_forgets_nothing() {
    let world = World::new().await;
    declare(&world).await;
    clock(&world, 50).await;
    FIRST.all(&world).await;
    clock(&world, 150).await;
    let points = crash::POINTS.iter().filter(|point| point.starts_with("evaluator."));
    let (before_publish, rest): (Vec<_>, Vec<_>) = points.partition(|point| point.contains("publish"));
    SECOND.issue(&world).await;
    let mut revision = 1;
    for point in before_publish {
        die_at(point).await;
        // There is something to publish for the next one too.
        revision += 1;
        adopt(&world, revision).await;
    }
    for point in rest {
        die_at(point).await;
    }
    let evaluator = Running::evaluator("survivor").await;
    world.forget_positions().await;
    SECOND.observe(&world).await;
    SECOND.end(&world).await;
    clock(&world, 250).await;
    world.settled().await;
    let batches = world.batches().await;
    let says = standing(&batches);
    assert_eq!(repeated(&batches), Vec::<String>::new());
    evaluator.stop().await;

    // What one evaluator says who never died.
    assert!(says.values().any(|verdict| verdict == "fail rogue"), "{says:#?}");
    assert!(says.values().any(|verdict| verdict == "pass refused"), "{says:#?}");
    assert!(batches.iter().any(|(instance, _)| instance == "doomed"), "the doomed had published");
}
