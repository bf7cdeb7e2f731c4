//! A publisher with a certificate.

use std::sync::Arc;

use muster_bulletin::kev::DOCUMENT_BYTES_MAX;
use rustls_pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use super::server::Publisher;
use crate::config::{FeedConfig, FeedKind, WatcherConfig};
use crate::cursor::Cursor;
use crate::error::FetchError;
use crate::source::{Found, Source};

/// Answers every request the same; gives its URL and its certificate as PEM.
async fn serve(response: String) -> (String, String) {
    muster_kit::tls::install_provider();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/kev.json", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 4_096];
            let _read = stream.read(&mut request).await;
            let _written = stream.write_all(response.as_bytes()).await;
            let _closed = stream.shutdown().await;
        }
    });
    (url, made.cert.pem())
}

fn feed(url: &str, ca_file: Option<std::path::PathBuf>) -> FeedConfig {
    FeedConfig {
        name: "kev".to_owned(),
        kind: FeedKind::CisaKev,
        url: Some(url.to_owned()),
        file: None,
        every_s: 60,
        ca_file,
    }
}

async fn look(feed: &FeedConfig) -> Result<Found, FetchError> {
    WatcherConfig { feed: vec![feed.clone()] }.check().unwrap();
    Source::new(feed, DOCUMENT_BYTES_MAX).unwrap().look(&Cursor::default()).await
}

#[tokio::test]
async fn only_the_named_authority_is_trusted() {
    let (url, pem) = serve("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}".to_owned()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, pem).unwrap();
    let found = look(&feed(&url, Some(file))).await.unwrap();
    assert!(matches!(found, Found::Document(_)), "{found:?}");
    let refused = look(&feed(&url, None)).await.unwrap_err().to_string();
    assert!(refused.contains("ertificate"), "{refused}");
}

#[tokio::test]
async fn a_redirect_never_leaves_tls() {
    let plain = Publisher::start().await;
    plain.publishes("\"a\"", "{}");
    let (url, pem) = serve(format!(
        "HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        plain.url()
    ))
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, pem).unwrap();
    let error = look(&feed(&url, Some(file))).await.unwrap_err().to_string();
    assert!(error.contains("redirect from https"), "{error}");
    assert!(plain.requests().is_empty());
}
