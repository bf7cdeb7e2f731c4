//! The engines of a process that was killed.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use muster_engines::Ports;
use muster_engines::testing::{self, TEST_USER};

use crate::support::clickhouse;

const DIRECTORY: &str = "MUSTER_TEST_PARENT_DIRECTORY";

/// Started by the test below, as a process of its own that holds engines until it is killed.
#[test]
#[ignore = "the other process of engines_die_with_a_killed_parent"]
fn parent() {
    let dir = PathBuf::from(std::env::var_os(DIRECTORY).expect("this test is started by another"));
    let engines = testing::start(|options| {
        options.data_dir = dir;
        options.clickhouse_users.push(testing::clickhouse_user(TEST_USER));
    })
    .unwrap();
    let (nats, clickhouse) = (engines.nats_address().port(), engines.clickhouse_http_address().port());
    eprintln!("ports {nats} {clickhouse}");
    loop {
        std::thread::park();
    }
}

#[tokio::test]
async fn engines_die_with_a_killed_parent_and_their_directory_and_ports_can_be_used_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "parent::parent", "--ignored", "--nocapture"])
        .env(DIRECTORY, dir.path())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(parent.stderr.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.into_iter().find(|line| line.starts_with("ports ")).expect("the parent started its engines");
    let ports: Vec<u16> = line.split(' ').skip(1).map(|port| port.parse().unwrap()).collect();
    parent.kill().unwrap();
    parent.wait().unwrap();
    let engines = testing::start(|options| {
        options.data_dir = dir.path().to_owned();
        options.ports = Ports { nats: Some(ports[0]), clickhouse_http: Some(ports[1]), ..Ports::default() };
        options.clickhouse_users.push(testing::clickhouse_user(TEST_USER));
    })
    .unwrap();
    let one: u8 = clickhouse(&engines, TEST_USER).query("SELECT 1").fetch_one().await.unwrap();
    assert_eq!(one, 1);
}
