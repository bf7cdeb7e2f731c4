//! What a publisher may do to us.

use std::io::Write as _;

use muster_bulletin::kev::DOCUMENT_BYTES_MAX;

use super::document::{catalogue, entries};
use super::server::Publisher;
use crate::config::{FeedConfig, FeedKind};
use crate::cursor::Cursor;
use crate::error::{FetchError, Refusal};
use crate::source::{Found, Source};

fn source(publisher: &Publisher) -> Source {
    let feed = FeedConfig {
        name: "kev".to_owned(),
        kind: FeedKind::CisaKev,
        url: Some(publisher.url()),
        file: None,
        every_s: 60,
        ca_file: None,
    };
    Source::new(&feed, DOCUMENT_BYTES_MAX).unwrap()
}

async fn look(publisher: &Publisher) -> Result<Found, FetchError> {
    source(publisher).look(&Cursor::default()).await
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn gzip_is_read() {
    let publisher = Publisher::start().await;
    let text = catalogue(1, &entries(20));
    publisher.says(200, &[("content-encoding", "gzip"), ("content-type", "application/json")], gzip(text.as_bytes()));
    let Found::Document(document) = look(&publisher).await.unwrap() else { panic!("no document") };
    assert_eq!(document.bytes, text.as_bytes());
}

#[tokio::test]
async fn a_bomb_is_dropped_at_the_limit() {
    let publisher = Publisher::start().await;
    let bomb = gzip(&vec![b' '; DOCUMENT_BYTES_MAX + 1]);
    assert!(bomb.len() < 1 << 20);
    publisher.says(200, &[("content-encoding", "gzip")], bomb);
    let found = look(&publisher).await.unwrap();
    assert!(matches!(found, Found::Refused(Refusal::TooLarge { .. }, _)), "{found:?}");
}

#[tokio::test]
async fn an_oversize_document_is_not_even_read() {
    let publisher = Publisher::start().await;
    publisher.says(200, &[], vec![b' '; DOCUMENT_BYTES_MAX + 1]);
    let found = look(&publisher).await.unwrap();
    assert!(matches!(found, Found::Refused(Refusal::TooLarge { .. }, _)), "{found:?}");
}

#[tokio::test]
async fn a_redirect_loop_ends() {
    let publisher = Publisher::start().await;
    publisher.says(302, &[("location", &publisher.url())], "");
    let error = look(&publisher).await.unwrap_err().to_string();
    assert!(error.contains("more than 5 redirects"), "{error}");
    assert_eq!(publisher.requests().len(), 6);
    assert!(!error.contains("secret"), "{error}");
}

#[tokio::test]
async fn a_page_of_html_is_named() {
    let publisher = Publisher::start().await;
    publisher.says(200, &[("content-type", "text/html; charset=utf-8")], "<html>log in</html>");
    let found = look(&publisher).await.unwrap();
    assert!(matches!(found, Found::Refused(Refusal::Html { .. }, _)), "{found:?}");
}

#[tokio::test]
async fn a_busy_publisher_says_how_long_to_wait() {
    let publisher = Publisher::start().await;
    publisher.says(429, &[("retry-after", "120")], "");
    let error = look(&publisher).await.unwrap_err();
    assert!(matches!(error, FetchError::Status { status: 429, retry_after_s: Some(120), .. }), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_no_document() {
    use tokio::io::AsyncWriteExt as _;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"title\":").await.unwrap();
    });
    let feed = FeedConfig {
        name: "kev".to_owned(),
        kind: FeedKind::CisaKev,
        url: Some(url),
        file: None,
        every_s: 60,
        ca_file: None,
    };
    let found = Source::new(&feed, DOCUMENT_BYTES_MAX).unwrap().look(&Cursor::default()).await;
    assert!(matches!(found, Err(FetchError::Unreachable { .. })), "{found:?}");
}

#[tokio::test]
async fn an_answer_to_no_condition_is_not_taken_for_unchanged() {
    let publisher = Publisher::start().await;
    publisher.says(304, &[], "");
    let found = look(&publisher).await;
    assert!(matches!(found, Err(FetchError::Status { status: 304, .. })), "{found:?}");
}
