#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use super::*;

fn quiet() -> KitConfig {
    KitConfig { grace_s: 2, ..KitConfig::default() }
}

#[tokio::test]
async fn a_service_runs_and_its_addresses_are_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("addresses.json");
    let config = KitConfig { addresses_file: Some(file.clone()), ..quiet() };
    let exit = run("test", "1", &config, |context| async move {
        context.bound("grpc", "127.0.0.1:7".parse().unwrap())?;
        Ok(())
    });
    assert_eq!(exit.await, Exit::Ok);
    let bound: std::collections::BTreeMap<String, SocketAddr> =
        serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(bound.keys().collect::<Vec<_>>(), ["admin", "grpc"]);
    assert_ne!(bound["admin"].port(), 0);
}

#[tokio::test]
async fn the_exit_code_is_the_errors() {
    let config = quiet();
    let exit = run("test", "1", &config, |_| async { Err(Failure::message(Exit::Permission, "wrong password")) });
    assert_eq!(exit.await, Exit::Permission);
}

#[tokio::test]
async fn an_occupied_admin_port_ends_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = KitConfig { admin_listen: taken.local_addr().unwrap(), ..quiet() };
    assert_eq!(run("test", "1", &config, |_| async { Ok(()) }).await, Exit::CannotCreate);
}

#[tokio::test]
async fn a_wrong_filter_or_endpoint_is_a_usage_error() {
    let mut config = quiet();
    config.log.filter = "muster=loud".to_owned();
    assert_eq!(run("test", "1", &config, |_| async { Ok(()) }).await, Exit::Usage);
    let config = KitConfig { otlp_endpoint: Some("collector:4317".to_owned()), ..quiet() };
    assert_eq!(run("test", "1", &config, |_| async { Ok(()) }).await, Exit::Usage);
}

#[tokio::test]
async fn a_service_that_does_not_stop_is_cut_off() {
    let started = std::time::Instant::now();
    let config = quiet();
    let exit = run("test", "1", &config, |context| async move {
        context.shutdown.request("test");
        std::future::pending().await
    });
    assert_eq!(exit.await, Exit::Temporary);
    assert!(started.elapsed() >= Duration::from_secs(1));
}
