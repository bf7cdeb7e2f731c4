#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use sha2::{Digest, Sha256};
use tonic::body::Body;
use tower::{Layer, Service};

use super::{Access, Gate, GuardLayer};
use crate::connection::Peer;
use crate::identity::parse;
use crate::limit::{Limiter, Limits};

const LIST: &str = "/muster.v1.FindingService/ListFindings";

fn gate(access: Option<&str>) -> Arc<Gate> {
    let limiter = Limiter::new(Limits { calls: 2, imports: 1, watches: 1 });
    let directory = access.map(|text| parse(text).unwrap());
    Arc::new(Gate::new(directory, limiter, Duration::from_secs(5), Duration::from_secs(10)))
}

fn access_file() -> String {
    let hash = hex::encode(Sha256::digest(b"open sesame"));
    format!(
        "[[token]]\nname = \"ci\"\nsha256 = \"{hash}\"\ngrants = [{{ role = \"viewer\", sites = [\"dublin\"] \
         }}]\n[[certificate]]\nname = \"audit.example\"\ngrants = [{{ role = \"auditor\", sites = [\"all\"] }}]\n"
    )
}

fn peer(address: &str, certificate: Option<&str>) -> Peer {
    Peer { address: address.parse().unwrap(), certificate_name: certificate.map(str::to_owned) }
}

/// What reached the service behind the gate, or the status with which the gate refused.
async fn ask(gate: &Arc<Gate>, path: &str, peer: Peer, headers: &[(&str, &str)]) -> Result<Option<Access>, String> {
    let inner = tower::service_fn(|request: Request<Body>| async move {
        let mut response = Response::new(Body::empty());
        if let Some(access) = request.extensions().get::<Access>() {
            response.extensions_mut().insert(access.clone());
        }
        if request.headers().contains_key("x-stuck") {
            std::future::pending::<()>().await;
        }
        Ok::<_, Infallible>(response)
    });
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(peer);
    let response = GuardLayer(Arc::clone(gate)).layer(inner).call(request).await.unwrap();
    match response.headers().get("grpc-status") {
        Some(status) => Err(status.to_str().unwrap().to_owned()),
        None => Ok(response.extensions().get::<Access>().cloned()),
    }
}

#[tokio::test]
async fn loopback_without_credentials_is_the_local_admin() {
    let access = ask(&gate(None), LIST, peer("127.0.0.1:1", None), &[]).await.unwrap().unwrap();
    assert_eq!(access.actor().subject, "local");
    assert!(access.require_all().is_ok());
}

#[tokio::test]
async fn without_credentials_nobody_else_is_served() {
    assert_eq!(ask(&gate(None), LIST, peer("192.0.2.1:1", None), &[]).await.unwrap_err(), "16");
}

#[tokio::test]
async fn a_token_gives_its_sites_and_no_others() {
    let gate = gate(Some(&access_file()));
    let from = || peer("192.0.2.1:1", None);
    let access = ask(&gate, LIST, from(), &[("authorization", "Bearer open sesame")]).await.unwrap().unwrap();
    assert!(access.require("dublin").is_ok());
    assert!(access.require("redmond").is_err() && access.require_all().is_err());
    for wrong in ["Bearer wrong", "Basic open sesame", "Bearer ", "open sesame"] {
        assert_eq!(ask(&gate, LIST, from(), &[("authorization", wrong)]).await.unwrap_err(), "16", "{wrong}");
    }
    assert_eq!(ask(&gate, LIST, from(), &[]).await.unwrap_err(), "16");
}

#[tokio::test]
async fn a_role_that_is_missing_is_refused_before_the_service() {
    let gate = gate(Some(&access_file()));
    let token = [("authorization", "Bearer open sesame")];
    for path in
        ["/muster.v1.EstateService/SetHalt", "/muster.v1.EstateService/ApplyEstate", "/muster.v1.AuditService/GetDraw"]
    {
        assert_eq!(ask(&gate, path, peer("192.0.2.1:1", None), &token).await.unwrap_err(), "7", "{path}");
    }
}

#[tokio::test]
async fn a_certificate_speaks_for_its_name_if_that_is_known() {
    let gate = gate(Some(&access_file()));
    let known = ask(&gate, "/muster.v1.LedgerService/Verify", peer("192.0.2.1:1", Some("audit.example")), &[]).await;
    assert_eq!(known.unwrap().unwrap().actor().issuer, "mtls");
    assert_eq!(ask(&gate, LIST, peer("192.0.2.1:1", Some("other.example")), &[]).await.unwrap_err(), "16");
}

#[tokio::test]
async fn one_caller_has_only_so_many_calls_at_once() {
    let gate = gate(None);
    let from = || peer("127.0.0.1:1", None);
    let first = ask(&gate, LIST, from(), &[]).await.unwrap();
    let _second = ask(&gate, LIST, from(), &[]).await.unwrap();
    assert_eq!(ask(&gate, LIST, from(), &[]).await.unwrap_err(), "8");
    drop(first);
    assert!(ask(&gate, LIST, from(), &[]).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_client_ends_the_call() {
    let gate = gate(None);
    let started = tokio::time::Instant::now();
    let headers = [("grpc-timeout", "300m"), ("x-stuck", "1")];
    assert_eq!(ask(&gate, LIST, peer("127.0.0.1:1", None), &headers).await.unwrap_err(), "4");
    assert_eq!(started.elapsed(), Duration::from_millis(300));
    // The server's own limit stands above what a client asks.
    let headers = [("grpc-timeout", "9H"), ("x-stuck", "1")];
    assert_eq!(ask(&gate, LIST, peer("127.0.0.1:1", None), &headers).await.unwrap_err(), "4");
    assert_eq!(started.elapsed(), Duration::from_millis(10_300));
}

#[tokio::test]
async fn health_is_for_everybody() {
    let path = "/grpc.health.v1.Health/Check";
    assert!(ask(&gate(Some(&access_file())), path, peer("192.0.2.1:1", None), &[]).await.unwrap().is_none());
}

const WATCH: &str = "/muster.v1.FindingService/WatchFindings";

#[tokio::test]
async fn who_loses_a_role_loses_it_in_the_calls_that_run() {
    let gate = gate(Some(&access_file()));
    let token = [("authorization", "Bearer open sesame")];
    let access = ask(&gate, WATCH, peer("192.0.2.1:1", None), &token).await.unwrap().unwrap();
    let mut revoked = std::pin::pin!(access.revoked());
    assert!(futures::poll!(&mut revoked).is_pending());
    // The same rights and more: it goes on.
    let more = access_file().replace("[\"dublin\"]", "[\"dublin\", \"cork\"]");
    gate.replace(parse(&more).unwrap());
    assert!(futures::poll!(&mut revoked).is_pending());
    gate.replace(parse(&access_file().replace("dublin", "cork")).unwrap());
    assert_eq!(revoked.await.reason(), crate::error::Reason::PermissionDenied);
}

#[tokio::test]
async fn a_credential_that_is_taken_out_ends_the_calls_that_run() {
    let gate = gate(Some(&access_file()));
    let from = peer("192.0.2.1:1", Some("audit.example"));
    let access = ask(&gate, WATCH, from, &[]).await.unwrap().unwrap();
    gate.replace(parse(&access_file().replace("audit.example", "other.example")).unwrap());
    assert_eq!(access.revoked().await.reason(), crate::error::Reason::Unauthenticated);
}
