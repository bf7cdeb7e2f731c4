//! The admin server: `/metrics`, `/livez`, `/readyz`, on an address of its own, bound before anything else.
//!
//! `/livez` says that the process runs its tasks; `/readyz` that it can do its work, and otherwise what is missing.

mod readiness;
#[cfg(test)]
mod tests;

pub use readiness::{Condition, Readiness};

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::shutdown::Shutdown;
use crate::telemetry::metrics;

/// Probes and one or two scrapers; a flood waits in the listener's backlog.
const MAX_CONNECTIONS: usize = 32;
/// A request of a probe is one packet.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Scrapers reconnect; nobody holds a connection for good.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// After a failed accept (usually: no file descriptors left), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Why an address could not be bound.
#[derive(Debug, Error)]
#[error("failed to listen on {address} for {what}: {source}")]
pub struct BindError {
    /// What was to be served.
    pub what: String,
    /// Where.
    pub address: SocketAddr,
    /// Why not.
    pub source: std::io::Error,
}

/// Binds a listener, with an error that says what it was for.
///
/// # Errors
/// When the address is taken, not of this machine, or not allowed.
pub async fn bind(what: &str, address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| BindError { what: what.to_owned(), address, source })
}

/// The admin server, bound and not yet serving.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
    readiness: Readiness,
}

impl Admin {
    /// Takes the address.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub async fn bind(address: SocketAddr, readiness: Readiness) -> Result<Self, BindError> {
        let what = "metrics and health (kit.admin_listen)";
        let listener = bind(what, address).await?;
        let address = listener.local_addr().map_err(|source| BindError { what: what.to_owned(), address, source })?;
        Ok(Self { listener, address, readiness })
    }

    /// Where it listens: the port the system chose, when 0 was asked for.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the stop. Keep it up during the drain: `/readyz` is how a load balancer learns of it.
    pub async fn serve(self, stop: Shutdown) {
        let router = router(self.readiness);
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        while let Some(permit) = stop.or(Arc::clone(&permits).acquire_owned()).await {
            let Ok(permit) = permit else { return };
            match stop.or(self.listener.accept()).await {
                Some(Ok((stream, _))) => {
                    tokio::spawn(connection(stream, router.clone(), permit));
                }
                Some(Err(error)) => {
                    tracing::warn!(%error, "failed to accept a connection of the admin server");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                None => return,
            }
        }
    }
}

async fn connection(stream: TcpStream, router: Router, permit: OwnedSemaphorePermit) {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    let serving = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // What a broken client did is of no interest: it gets no answer, and the permit comes back.
    let _ = tokio::time::timeout(CONNECTION_TIMEOUT, serving).await;
    drop(permit);
}

fn router(readiness: Readiness) -> Router {
    Router::new()
        .route("/metrics", get(metrics_text))
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready_text))
        .with_state(readiness)
}

async fn metrics_text() -> impl IntoResponse {
    // The content type of the Prometheus text format 0.0.4.
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::render())
}

async fn ready_text(State(readiness): State<Readiness>) -> (StatusCode, String) {
    let missing = readiness.missing();
    if missing.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let lines: String = missing.iter().map(|line| format!("missing: {line}\n")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines)
}
