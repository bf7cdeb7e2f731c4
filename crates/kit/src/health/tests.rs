#![allow(clippy::unwrap_used, reason = "tests")]

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

async fn get_path(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn serve(readiness: &Readiness) -> (SocketAddr, Shutdown, tokio::task::JoinHandle<()>) {
    let admin = Admin::bind("127.0.0.1:0".parse().unwrap(), readiness.clone()).await.unwrap();
    let (address, stop) = (admin.address(), Shutdown::new());
    assert_ne!(address.port(), 0);
    let serving = tokio::spawn(admin.serve(stop.clone()));
    (address, stop, serving)
}

#[tokio::test]
async fn readyz_says_what_is_missing() {
    let readiness = Readiness::new();
    let (address, stop, serving) = serve(&readiness).await;
    assert!(get_path(address, "/readyz").await.contains("no condition is declared"));

    let (bus, store) = (readiness.condition("bus"), readiness.condition("store"));
    bus.met();
    store.unmet("schema 3, wanted 4");
    let answer = get_path(address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("missing: store (schema 3, wanted 4)\n") && !answer.contains("bus"), "{answer}");

    store.met();
    let answer = get_path(address, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ready\n"), "{answer}");

    readiness.drain();
    assert!(get_path(address, "/readyz").await.contains("the process is stopping"));
    assert!(get_path(address, "/livez").await.starts_with("HTTP/1.1 200"));
    stop.request("test");
    serving.await.unwrap();
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    static SEEN: metrics::Counter = metrics::Counter::new("muster.test.seen", "For this test");
    SEEN.add(3, &[crate::KeyValue::new("what", "x")]);
    let (address, _stop, _serving) = serve(&Readiness::new()).await;
    let answer = get_path(address, "/metrics").await;
    assert!(answer.contains("text/plain; version=0.0.4"), "{answer}");
    assert!(answer.contains("muster_test_seen_total{what=\"x\"} 3"), "{answer}");
}

#[tokio::test]
async fn ready_wakes_when_the_last_condition_holds() {
    let readiness = Readiness::new();
    let condition = readiness.condition("bus");
    let waiting = tokio::spawn({
        let readiness = readiness.clone();
        async move { readiness.ready().await }
    });
    condition.met();
    waiting.await.unwrap();
    assert!(readiness.is_ready());
}

#[tokio::test]
async fn an_occupied_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = Admin::bind(address, Readiness::new()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&address.to_string()) && text.contains("kit.admin_listen"), "{text}");
    assert_eq!(crate::Failure::from(error).exit(), crate::Exit::CannotCreate);
}
