//! The real engines: users, `kill -9`, taken ports, wrong passwords.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod faults;
mod parent;
mod support;
mod users;

use std::net::TcpListener;

use async_nats::jetstream;
use muster_engines::testing::{self, TEST_USER};
use muster_engines::{Durability, Error};
use support::{clickhouse, nats, stream};

#[tokio::test]
async fn the_shared_engines_answer() {
    let engines = testing::test_engines();
    let one: u8 = clickhouse(engines, TEST_USER).query("SELECT 1").fetch_one().await.unwrap();
    assert_eq!(one, 1);
    let js = jetstream::new(nats(engines, TEST_USER).await.unwrap());
    stream(&js).await;
    js.publish("t.1", "x".into()).await.unwrap().await.unwrap();
}

#[tokio::test]
async fn nats_keeps_every_acknowledged_message_over_kill_9() {
    let engines = testing::start(|options| {
        options.durability = Durability::EveryWrite;
        options.nats_users.push(testing::nats_user(TEST_USER));
    })
    .unwrap();
    let before = engines.nats_address();
    let js = jetstream::new(nats(&engines, TEST_USER).await.unwrap());
    stream(&js).await;
    for _ in 0..20 {
        js.publish("t.1", "x".into()).await.unwrap().await.unwrap();
    }
    engines.kill_nats().await.unwrap();
    assert!(engines.nats_pid().is_none());
    engines.restart_nats().await.unwrap();
    assert_eq!(engines.nats_address(), before);
    let js = jetstream::new(nats(&engines, TEST_USER).await.unwrap());
    let mut kept = js.get_stream("T").await.unwrap();
    assert_eq!(kept.info().await.unwrap().state.messages, 20);
}

#[tokio::test]
async fn clickhouse_keeps_every_acknowledged_row_over_kill_9() {
    let engines = testing::start(|options| {
        options.durability = Durability::EveryWrite;
        options.clickhouse_users.push(testing::clickhouse_user(TEST_USER));
    })
    .unwrap();
    let client = clickhouse(&engines, TEST_USER);
    client.query("CREATE DATABASE d").execute().await.unwrap();
    client.query("CREATE TABLE d.t (a UInt64) ENGINE = MergeTree ORDER BY a").execute().await.unwrap();
    client.query("INSERT INTO d.t SELECT number FROM numbers(1000)").execute().await.unwrap();
    engines.kill_clickhouse().await.unwrap();
    engines.restart_clickhouse().await.unwrap();
    let count: u64 = client.query("SELECT count() FROM d.t").fetch_one().await.unwrap();
    assert_eq!(count, 1000);
}

#[tokio::test]
async fn a_stop_and_a_new_start_on_the_directory_keep_data_and_passwords() {
    // What a pattern, a quote or an XML file would trip over.
    let above = tempfile::tempdir().unwrap();
    let dir = above.path().join("a b{c,d}*'&<>\"e");
    let start = || {
        testing::start(|options| {
            options.data_dir = dir.clone();
            let mut user = testing::clickhouse_user(TEST_USER);
            user.password = None;
            options.clickhouse_users.push(user);
            let mut user = testing::nats_user(TEST_USER);
            user.password = None;
            options.nats_users.push(user);
        })
        .unwrap()
    };
    let engines = start();
    let first = engines.clickhouse_password(TEST_USER).unwrap().clone();
    clickhouse(&engines, TEST_USER).query("CREATE DATABASE kept").execute().await.unwrap();
    let js = jetstream::new(nats(&engines, TEST_USER).await.unwrap());
    stream(&js).await;
    engines.stop().await.unwrap();
    drop(engines);
    let engines = start();
    assert_eq!(engines.clickhouse_password(TEST_USER).unwrap(), &first);
    let client = clickhouse(&engines, TEST_USER);
    let kept: u64 = client.query("SELECT count() FROM system.databases WHERE name = 'kept'").fetch_one().await.unwrap();
    assert_eq!(kept, 1);
    jetstream::new(nats(&engines, TEST_USER).await.unwrap()).get_stream("T").await.unwrap();
}

#[tokio::test]
async fn both_say_that_they_sync_every_write() {
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let monitoring = free.local_addr().unwrap().port();
    drop(free);
    let engines = testing::start(|options| {
        options.durability = Durability::EveryWrite;
        options.ports.nats_monitoring = Some(monitoring);
        options.clickhouse_users.push(testing::clickhouse_user(TEST_USER));
    })
    .unwrap();
    let client = clickhouse(&engines, TEST_USER);
    let synced = "SELECT name FROM system.merge_tree_settings WHERE value = '1' AND name IN \
                  ('fsync_after_insert', 'fsync_part_directory', 'min_rows_to_fsync_after_merge') ORDER BY name";
    let synced: Vec<String> = client.query(synced).fetch_all().await.unwrap();
    assert_eq!(synced, ["fsync_after_insert", "fsync_part_directory", "min_rows_to_fsync_after_merge"]);
    let asynchronous: bool = client.query("SELECT getSetting('async_insert')").fetch_one().await.unwrap();
    assert!(!asynchronous);
    let nats = support::get(monitoring, "/jsz").await;
    assert!(nats.contains("\"sync_always\": true"), "{nats}");
}

#[tokio::test]
async fn a_taken_port_is_one_clear_line() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    for engine in ["nats-server", "clickhouse"] {
        let error = testing::start(|options| match engine {
            "nats-server" => options.ports.nats = Some(port),
            _ => options.ports.clickhouse_tcp = Some(port),
        })
        .unwrap_err();
        assert!(matches!(error, Error::PortTaken { .. }), "{error}");
        let line = error.to_string();
        assert!(line.contains(engine) && line.contains(&format!("port {port} ")) && !line.contains('\n'), "{line}");
    }
}

#[tokio::test]
async fn an_engine_that_does_not_come_up_is_quoted() {
    let error = testing::start(|options| {
        options
            .nats_users
            .push(muster_engines::NatsUser { publish: vec!["a..b".to_owned()], ..testing::nats_user(TEST_USER) })
    })
    .unwrap_err();
    assert!(matches!(&error, Error::NotUp { engine: "nats-server", .. }), "{error}");
    assert!(error.to_string().contains("a..b"), "{error}");
}

#[tokio::test]
async fn engines_end_with_the_last_handle_and_free_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let engines = testing::start(|options| options.data_dir = dir.path().to_owned()).unwrap();
    let pids = [engines.nats_pid().unwrap(), engines.clickhouse_pid().unwrap()];
    drop(engines);
    for pid in pids {
        assert!(!std::path::Path::new("/proc").join(pid.to_string()).exists(), "{pid} still runs");
    }
    testing::start(|options| options.data_dir = dir.path().to_owned()).unwrap();
}
