#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::Path;

use muster_kit::{TlsFiles, TlsMaterial};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use super::*;

/// Makes a certificate of the authority for a name, and says where its files are.
fn issue(directory: &Path, authority: &CertifiedIssuer<'_, KeyPair>, name: &str) -> TlsFiles {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let file = |ending: &str, text: &str| {
        let file = directory.join(format!("{name}.{ending}"));
        std::fs::write(&file, text).unwrap();
        Some(file)
    };
    TlsFiles {
        certificate: file("pem", &certificate.pem()),
        key: file("key", &key.serialize_pem()),
        ca: file("ca", &authority.pem()),
    }
}

async fn connect(files: &TlsFiles, address: SocketAddr) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let config = TlsMaterial::load(files).unwrap().client_config(&[b"h2"]).unwrap();
    let stream = TcpStream::connect(address).await?;
    let mut stream = TlsConnector::from(config).connect("localhost".try_into().unwrap(), stream).await?;
    // In TLS 1.3 a server refuses a client's certificate after the client is done.
    stream.write_all(b"hello").await?;
    stream.flush().await?;
    Ok(stream)
}

#[tokio::test]
async fn the_name_in_a_verified_certificate_is_the_peers_and_without_one_there_is_no_connection() {
    let directory = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let server = issue(directory.path(), &authority, "localhost");
    let client = issue(directory.path(), &authority, "audit.example");

    let acceptor = TlsAcceptor::from(TlsMaterial::load(&server).unwrap().server_config(&[b"h2"]).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ready, mut accepted) = mpsc::channel(1);
    let stop = Shutdown::new();
    tokio::spawn(accept(listener, Some(acceptor), ready, stop.clone()));

    // Nobody: its connection is closed and never handed out.
    let nameless = TlsFiles { certificate: None, key: None, ..client.clone() };
    if let Ok(mut stream) = connect(&nameless, address).await {
        assert!(stream.read_u8().await.is_err());
    }
    let _connected = connect(&client, address).await.unwrap();
    let mut connection = accepted.recv().await.unwrap().unwrap();
    assert_eq!(connection.connect_info().certificate_name.as_deref(), Some("audit.example"));
    let mut said = [0; 5];
    connection.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"hello");
    stop.request("test");
}
