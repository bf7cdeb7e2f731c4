//! The fault proxy, in front of the real engines and of a plain echo.

use std::time::Duration;

use async_nats::jetstream;
use muster_engines::faults::{Fault, Proxy, Request};
use muster_engines::testing::{self, TEST_PASSWORD, TEST_USER};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{clickhouse, stream};

#[tokio::test]
async fn an_insert_whose_answer_is_cut_is_stored_and_reported_as_failed() {
    let engines = testing::test_engines();
    let direct = clickhouse(engines, TEST_USER);
    direct.query("CREATE DATABASE IF NOT EXISTS cut").execute().await.unwrap();
    direct.query("CREATE TABLE cut.t (a UInt64) ENGINE = MergeTree ORDER BY a").execute().await.unwrap();
    let proxy = Proxy::start(engines.clickhouse_http_address()).await.unwrap();
    let through = direct.clone().with_url(format!("http://{}", proxy.address()));
    proxy.set(Fault::CutAnswer(Request::with("INSERT INTO cut.t").after(1))).await.unwrap();
    through.query("INSERT INTO cut.t SELECT 1").execute().await.unwrap();
    through.query("INSERT INTO cut.t SELECT 2").execute().await.unwrap_err();
    assert_eq!(proxy.counts().answers_cut, 1);
    through.query("INSERT INTO cut.t SELECT 3").execute().await.unwrap();
    let stored: u64 = direct.query("SELECT count() FROM cut.t").fetch_one().await.unwrap();
    assert_eq!(stored, 3);
}

#[tokio::test]
async fn a_publish_that_is_cut_before_it_went_is_not_stored() {
    let engines = testing::test_engines();
    let proxy = Proxy::start(engines.nats_address()).await.unwrap();
    let options = async_nats::ConnectOptions::with_user_and_password(TEST_USER.to_owned(), TEST_PASSWORD.to_owned());
    let client = options.connect(format!("nats://{}", proxy.address())).await.unwrap();
    let js = jetstream::new(client.clone());
    let mut kept = stream(&js).await;
    proxy.set(Fault::CutRequest(Request::with("PUB t.lost"))).await.unwrap();
    let answer = js.publish("t.lost", "x".into()).await.unwrap();
    proxy.wait(|counts| counts.requests_cut == 1).await;
    drop(answer);
    // The client connects again by itself.
    proxy.wait(|counts| counts.accepted == 2).await;
    assert_eq!(kept.info().await.unwrap().state.messages, 0);
    js.publish("t.kept", "x".into()).await.unwrap().await.unwrap();
    assert_eq!(kept.info().await.unwrap().state.messages, 1);
}

/// Answers each piece with the same bytes.
async fn echo() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut piece = [0; 1024];
                while let Ok(length @ 1..) = stream.read(&mut piece).await {
                    if stream.write_all(&piece[..length]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

async fn ask(stream: &mut TcpStream, text: &str) -> std::io::Result<String> {
    stream.write_all(text.as_bytes()).await?;
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).await?;
    Ok(String::from_utf8(answer).unwrap())
}

#[tokio::test]
async fn half_open_keeps_the_bytes_until_it_is_over() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(ask(&mut client, "one").await.unwrap(), "one");
    proxy.set(Fault::HalfOpen).await.unwrap();
    let (answer, ()) = tokio::join!(ask(&mut client, "two"), async {
        proxy.wait(|counts| counts.stalled == 1).await;
        proxy.set(Fault::None).await.unwrap();
    });
    assert_eq!(answer.unwrap(), "two");
}

#[tokio::test]
async fn a_held_answer_comes_after_its_release_and_not_before() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    proxy.set(Fault::HoldAnswer(Request::with("two"))).await.unwrap();
    assert_eq!(ask(&mut client, "one").await.unwrap(), "one");
    client.write_all(b"two").await.unwrap();
    proxy.wait(|counts| counts.answers_held == 1).await;
    let mut byte = [0; 1];
    let early = client.try_read(&mut byte);
    assert_eq!(early.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    let mut other = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(ask(&mut other, "two").await.unwrap(), "two");
    proxy.release();
    let mut answer = [0; 3];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"two");
}

#[tokio::test]
async fn refusing_ends_what_stands_and_lets_nobody_in_until_it_is_over() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(ask(&mut client, "one").await.unwrap(), "one");
    proxy.set(Fault::Refuse).await.unwrap();
    proxy.wait(|counts| counts.closed == 1).await;
    ask(&mut client, "two").await.unwrap_err();
    let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    proxy.set(Fault::None).await.unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(ask(&mut client, "three").await.unwrap(), "three");
}

#[tokio::test]
async fn a_cut_proxy_ends_every_connection() {
    let proxy = Proxy::start(echo().await).await.unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(ask(&mut client, "one").await.unwrap(), "one");
    proxy.cut();
    let ended = tokio::time::timeout(Duration::from_secs(30), client.read_u8()).await.unwrap();
    assert!(ended.is_err());
}
