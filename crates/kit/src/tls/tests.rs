#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::shutdown::Shutdown;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes a certificate for `localhost` with its key and the authority, and says where.
fn write(directory: &Path, authority: &Authority) -> TlsFiles {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let file = |name: &str, text: String| {
        let file = directory.join(name);
        std::fs::write(&file, text).unwrap();
        Some(file)
    };
    TlsFiles {
        certificate: file("cert.pem", certificate.pem()),
        key: file("key.pem", key.serialize_pem()),
        ca: file("ca.pem", authority.pem()),
    }
}

/// A handshake and a message between two; the certificate that the server showed.
async fn talk(server: &TlsMaterial, client: &TlsMaterial) -> std::io::Result<Vec<u8>> {
    let (server, client) = (server.server_config(&[b"h2"]).unwrap(), client.client_config(&[b"h2"]).unwrap());
    talk_with(&server, &client).await
}

async fn talk_with(server: &Arc<ServerConfig>, client: &Arc<ClientConfig>) -> std::io::Result<Vec<u8>> {
    let (acceptor, connector) = (TlsAcceptor::from(Arc::clone(server)), TlsConnector::from(Arc::clone(client)));
    let (near, far) = tokio::io::duplex(1 << 16);
    let serving = tokio::spawn(async move {
        let mut stream = acceptor.accept(far).await?;
        stream.write_all(b"x").await?;
        stream.flush().await
    });
    let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), near).await?;
    // In TLS 1.3 a client learns only from what it reads whether its certificate was taken.
    stream.read_u8().await?;
    serving.await.unwrap()?;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    Ok(stream.get_ref().1.peer_certificates().unwrap()[0].to_vec())
}

#[tokio::test]
async fn mutual_tls_works_and_a_client_without_a_certificate_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let files = write(directory.path(), &authority());
    let server = TlsMaterial::load(&files).unwrap();
    talk(&server, &server).await.unwrap();
    let nobody = TlsMaterial::load(&TlsFiles { ca: files.ca.clone(), ..TlsFiles::default() }).unwrap();
    talk(&server, &nobody).await.unwrap_err();
    let open = TlsMaterial::load(&TlsFiles { ca: None, ..files }).unwrap();
    talk(&open, &nobody).await.unwrap();
}

#[tokio::test]
async fn a_stranger_is_refused_on_both_sides() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server_files = write(ours.path(), &authority());
    let stranger_files = write(theirs.path(), &authority());
    let server = TlsMaterial::load(&server_files).unwrap();
    let stranger = TlsMaterial::load(&stranger_files).unwrap();
    talk(&server, &stranger).await.unwrap_err();
    // It trusts the server, and its own certificate is of another authority.
    let disguised = TlsMaterial::load(&TlsFiles { ca: server_files.ca, ..stranger_files }).unwrap();
    talk(&server, &disguised).await.unwrap_err();
}

#[tokio::test]
async fn a_renewed_certificate_is_served_by_the_same_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let authority = authority();
    let files = write(directory.path(), &authority);
    let material = TlsMaterial::load(&files).unwrap();
    let (server, client) = (material.server_config(&[b"h2"]).unwrap(), material.client_config(&[b"h2"]).unwrap());
    let before = talk_with(&server, &client).await.unwrap();
    assert_eq!(material.reload(), Reload::Unchanged);

    write(directory.path(), &authority);
    assert_eq!(material.reload(), Reload::Reloaded);
    let after = talk_with(&server, &client).await.unwrap();
    assert_ne!(before, after);
}

#[tokio::test]
async fn a_bad_file_keeps_the_last_good_ones_until_it_is_good_again() {
    let directory = tempfile::tempdir().unwrap();
    let authority = authority();
    let files = write(directory.path(), &authority);
    let material = TlsMaterial::load(&files).unwrap();
    let before = talk(&material, &material).await.unwrap();

    std::fs::write(files.certificate.as_ref().unwrap(), "half a file").unwrap();
    assert_eq!(material.reload(), Reload::Kept);
    assert_eq!(material.reload(), Reload::Unchanged);
    std::fs::remove_file(files.key.as_ref().unwrap()).unwrap();
    assert_eq!(material.reload(), Reload::Kept);
    assert_eq!(talk(&material, &material).await.unwrap(), before);

    write(directory.path(), &authority);
    assert_eq!(material.reload(), Reload::Reloaded);
    assert_ne!(talk(&material, &material).await.unwrap(), before);
}

#[tokio::test]
async fn a_new_authority_replaces_the_old_one() {
    let directory = tempfile::tempdir().unwrap();
    let old = TlsMaterial::load(&write(directory.path(), &authority())).unwrap();
    let server = old.server_config(&[b"h2"]).unwrap();
    let frozen = TlsMaterial::load(&write(directory.path(), &authority())).unwrap();
    let client = frozen.client_config(&[b"h2"]).unwrap();
    talk_with(&server, &client).await.unwrap_err();

    assert_eq!(old.reload(), Reload::Reloaded);
    talk_with(&server, &client).await.unwrap();
    // A client that was welcome before is not any more, whatever it remembers of the session.
    std::fs::write(directory.path().join("ca.pem"), authority().pem()).unwrap();
    assert_eq!(old.reload(), Reload::Reloaded);
    talk_with(&server, &client).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn watching_sees_a_change_and_ends_with_the_stop() {
    let directory = tempfile::tempdir().unwrap();
    let authority = authority();
    let material = TlsMaterial::load(&write(directory.path(), &authority)).unwrap();
    let before = talk(&material, &material).await.unwrap();
    write(directory.path(), &authority);
    let stop = Shutdown::new();
    let watching = tokio::spawn(material.clone().watch(TlsMaterial::INTERVAL, stop.clone()));
    // Time is paused and moves when nothing else can: each round is one more chance for the watcher.
    while talk(&material, &material).await.unwrap() == before {
        tokio::time::advance(TlsMaterial::INTERVAL).await;
    }
    stop.request("test");
    watching.await.unwrap();
}

#[test]
fn errors_name_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let files = write(directory.path(), &authority());
    let fails = |files: &TlsFiles| TlsMaterial::load(files).unwrap_err().to_string();

    let missing = TlsFiles { key: Some("/nowhere/key.pem".into()), ..files.clone() };
    assert!(fails(&missing).contains("/nowhere/key.pem"));
    let swapped = TlsFiles { key: files.certificate.clone(), ..files.clone() };
    let error = fails(&swapped);
    assert!(error.contains("failed to find a private key in") && error.contains("cert.pem"), "{error}");
    let other = tempfile::tempdir().unwrap();
    let mismatched = TlsFiles { key: write(other.path(), &authority()).key, ..files.clone() };
    let error = fails(&mismatched);
    assert!(error.contains("failed to use certificate") && error.contains("key.pem"), "{error}");
    let half = TlsFiles { key: None, ..files.clone() };
    assert_eq!(fails(&half), "failed to set up TLS: tls.key is not configured, and tls.certificate needs it");
    let large = directory.path().join("large.pem");
    std::fs::write(&large, vec![b'x'; (1 << 20) + 1]).unwrap();
    assert!(fails(&TlsFiles { ca: Some(large), ..files }).contains("larger than"));
    let none = TlsMaterial::load(&TlsFiles::default()).unwrap();
    assert!(none.server_config(&[]).is_err() && none.client_config(&[]).is_err());
}
