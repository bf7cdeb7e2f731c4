//! The prober against the lab's personas.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use muster_identify::certificate_sha256;
use muster_lab::{Lab, Listener, Persona};
use muster_scanner::gate::{Gate, Permit, Refusal};
use muster_scanner::probe::{Found, ProbeOptions, Prober};
use muster_sweep::{Rates, Transport};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 42, 0, 1));

fn prober(permit: Result<Permit, Refusal>) -> Prober {
    let scope = move |_: IpAddr, _: Transport, _: u16| permit;
    Prober::new(Arc::new(Gate::new(scope, Rates { site_pps: 10_000, host_pps: 1_000 })), ProbeOptions::default())
}

async fn probe(persona: Persona, tls: bool) -> Found {
    let mut lab = Lab::start(&[]).await.unwrap();
    let at = lab.open(Listener { address: HERE, port: 0, persona, tls }).await.unwrap();
    prober(Ok(Permit::Payload)).probe(at.ip(), at.port()).await
}

#[tokio::test]
async fn personas_are_recognised_on_any_port() {
    for (persona, service, product, version) in [
        (Persona::Iis50, "http", "IIS", "5.0"),
        (Persona::Iis60, "http", "IIS", "6.0"),
        (Persona::Iis100, "http", "IIS", "10.0"),
        (Persona::Nginx, "http", "nginx", "1.22.1"),
        (Persona::Apache, "http", "httpd", "2.4.62"),
        (Persona::PythonHttp, "http", "http.server", "0.6"),
        (Persona::OpenSsh, "ssh", "OpenSSH", "9.2p1"),
        (Persona::OpenSshWindows, "ssh", "OpenSSH for Windows", "9.5"),
        (Persona::Dropbear, "ssh", "Dropbear", "2022.83"),
        (Persona::Postfix, "smtp", "Postfix", ""),
        (Persona::Exchange, "smtp", "Exchange or IIS SMTP", ""),
        (Persona::Vsftpd, "ftp", "vsftpd", "3.0.3"),
        (Persona::MicrosoftFtp, "ftp", "IIS FTP", ""),
    ] {
        let found = probe(persona, false).await;
        let print = found.fingerprint.unwrap_or_else(|| panic!("{} was not recognised", persona.name()));
        let read = (print.service.as_str(), print.product.as_str(), print.version.as_str());
        assert_eq!(read, (service, product, version));
        // On a busy machine a greeting may come after the wait for it: then it is asked once more.
        assert!((1..=2).contains(&found.connections), "{}: {}", persona.name(), found.connections);
        assert!(!print.tls);
    }
}

#[tokio::test]
async fn tls_on_an_unexpected_port_is_found_with_its_certificate() {
    let found = probe(Persona::Iis100, true).await;
    let print = found.fingerprint.unwrap();
    assert_eq!((print.service.as_str(), print.product.as_str(), print.tls), ("http", "IIS", true));
    let certificate = found.certificate.unwrap();
    assert_eq!(certificate.sha256, certificate_sha256(&certificate.der));
    assert!(found.connections <= 3);
}

#[tokio::test]
async fn a_service_that_says_nothing_stays_unnamed() {
    let found = probe(Persona::Mute, false).await;
    assert_eq!(found.fingerprint, None);
    assert!(found.connections <= 5);
}

#[tokio::test]
async fn a_port_without_payload_is_not_even_connected() {
    let listener = std::net::TcpListener::bind((HERE, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    for permit in [Ok(Permit::ConnectOnly), Err(Refusal::Scope("excluded"))] {
        assert_eq!(prober(permit).probe(HERE, port).await, Found::default());
    }
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_closed_port_is_an_empty_answer() {
    let port = std::net::TcpListener::bind((HERE, 0)).unwrap().local_addr().unwrap().port();
    let found = prober(Ok(Permit::Payload)).probe(HERE, port).await;
    assert_eq!((found.fingerprint, found.certificate), (None, None));
}
