//! Clients of the two engines.

use async_nats::jetstream;
use async_nats::{Client, ConnectError, ConnectOptions};
use muster_engines::Engines;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A client of ClickHouse as one of its users.
pub(crate) fn clickhouse(engines: &Engines, user: &str) -> clickhouse::Client {
    clickhouse::Client::default()
        .with_url(engines.clickhouse_http_url())
        .with_user(user)
        .with_password(engines.clickhouse_password(user).unwrap().expose())
}

/// A client of NATS as one of its users, with the inbox that is its own.
pub(crate) async fn nats(engines: &Engines, user: &str) -> Result<Client, ConnectError> {
    ConnectOptions::with_user_and_password(user.to_owned(), engines.nats_password(user).unwrap().expose().to_owned())
        .custom_inbox_prefix(format!("_INBOX_{user}"))
        .connect(engines.nats_url())
        .await
}

/// A stream on disk for `t.>`.
pub(crate) async fn stream(js: &jetstream::Context) -> jetstream::stream::Stream {
    let config =
        jetstream::stream::Config { name: "T".to_owned(), subjects: vec!["t.>".to_owned()], ..Default::default() };
    js.create_stream(config).await.unwrap()
}

/// What an HTTP server on loopback answers.
pub(crate) async fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
