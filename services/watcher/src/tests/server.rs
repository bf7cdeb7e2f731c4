//! A publisher: one answer at a time, and what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, Response, StatusCode};

#[derive(Debug, Default)]
struct Shared {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    requests: Vec<HeaderMap>,
}

/// A real HTTP server on loopback.
#[derive(Debug, Clone)]
pub(super) struct Publisher {
    shared: Arc<Mutex<Shared>>,
    address: SocketAddr,
}

impl Publisher {
    pub(super) async fn start() -> Self {
        let shared = Arc::new(Mutex::new(Shared { status: 503, ..Shared::default() }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { shared, address }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/kev.json?token=secret", self.address)
    }

    /// What it answers from now on. An `ETag` is compared as RFC 9110 wants it.
    pub(super) fn says(&self, status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) {
        let mut shared = self.shared.lock().unwrap();
        shared.status = status;
        shared.headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        shared.body = body.into();
    }

    /// A document with its `ETag`.
    pub(super) fn publishes(&self, etag: &str, document: &str) {
        self.says(200, &[("content-type", "application/json"), ("etag", etag)], document);
    }

    pub(super) fn requests(&self) -> Vec<HeaderMap> {
        self.shared.lock().unwrap().requests.clone()
    }
}

async fn answer(State(shared): State<Arc<Mutex<Shared>>>, request: Request<Body>) -> Response<Body> {
    let mut shared = shared.lock().unwrap();
    let asked = request.headers().clone();
    let tag = |name: &str| shared.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.clone());
    let unchanged =
        [("if-none-match", "etag"), ("if-modified-since", "last-modified")].into_iter().any(|(condition, header)| {
            asked.get(condition).and_then(|v| v.to_str().ok().map(str::to_owned)) == tag(header)
                && tag(header).is_some()
        });
    shared.requests.push(asked);
    if unchanged {
        return Response::builder().status(StatusCode::NOT_MODIFIED).body(Body::empty()).unwrap();
    }
    let mut response = Response::builder().status(shared.status);
    for (name, value) in &shared.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(shared.body.clone())).unwrap()
}
