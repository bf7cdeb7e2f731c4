//! A server with a certificate of a private authority.

use std::sync::Arc;

use muster_engines::testing::test_engines;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::TlsAcceptor;

use super::options;
use crate::{Store, StoreError, StoreOptions};

/// An authority, as PEM, and the URL of a listener with a certificate of it, behind which the engine answers.
async fn behind_tls() -> (String, String) {
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![server.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let engine = test_engines().clickhouse_http_address();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut engine = tokio::net::TcpStream::connect(engine).await.unwrap();
                let _ended = tokio::io::copy_bidirectional(&mut stream, &mut engine).await;
            });
        }
    });
    (authority.pem(), url)
}

#[tokio::test]
async fn only_the_named_authority_is_trusted() {
    let (pem, url) = behind_tls().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, pem).unwrap();
    let named = StoreOptions { url: url.clone(), ca_file: Some(file.clone()), ..options() };
    Store::connect(named).await.unwrap();

    let error = Store::connect(StoreOptions { url: url.clone(), ..options() }).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    let (other, _) = behind_tls().await;
    std::fs::write(&file, other).unwrap();
    let error = Store::connect(StoreOptions { url, ca_file: Some(file), ..options() }).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_file_without_an_authority_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for file in [empty, folder.path().join("missing.pem")] {
        let named = StoreOptions { ca_file: Some(file.clone()), ..options() };
        let error = Store::connect(named).await.unwrap_err().to_string();
        assert!(error.contains(file.to_str().unwrap()) && error.contains("store.ca_file"), "{error}");
    }
}
