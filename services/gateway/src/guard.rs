//! The gate before every call: who is it, may it, how long, how much at once. Nothing of a service runs before it.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use muster_proto::v1::Actor;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::connection::Peer;
use crate::deadline::Deadline;
use crate::error::{Answer, ApiError, Reason};
use crate::identity::{Caller, Credential, Directory, Role, Sites};
use crate::limit::Limiter;
use crate::matrix::{Class, rule};
use crate::telemetry;

/// What a call may use: made by the gate, carried in the request's extensions.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    caller: Arc<Caller>,
    sites: Sites,
    deadline: Deadline,
    /// `None`: a local caller, whose rights nobody can take.
    proof: Option<Proof>,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Access {
    /// Takes it from a request that passed the gate.
    ///
    /// # Errors
    /// When the request did not: a bug.
    pub(crate) fn of<T>(request: &tonic::Request<T>) -> Answer<Self> {
        let access = request.extensions().get::<Self>().cloned();
        access.ok_or_else(|| ApiError::new(Reason::Internal, "the call did not pass the gate"))
    }

    /// Who is answerable for what the call does.
    #[must_use]
    pub(crate) fn actor(&self) -> Actor {
        self.caller.actor.clone()
    }

    /// Sites on which the caller has a role for this call: every query is limited to them.
    #[must_use]
    pub(crate) const fn sites(&self) -> &Sites {
        &self.sites
    }

    /// When the call has to be over.
    #[must_use]
    pub(crate) const fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Refuses a site on which the caller has no role for this call.
    ///
    /// # Errors
    /// When it has none.
    pub(crate) fn require(&self, site: &str) -> Answer<()> {
        if self.sites.cover(site) { Ok(()) } else { Err(self.refused(&format!("on site {site:?}"))) }
    }

    /// Refuses what concerns all sites unless the caller's role covers all.
    ///
    /// # Errors
    /// When it does not.
    pub(crate) fn require_all(&self) -> Answer<()> {
        if self.sites == Sites::All { Ok(()) } else { Err(self.refused("on all sites")) }
    }

    /// Waits until the caller may no longer do what it was let in for, and says why. A call that lives long ends with it.
    pub(crate) async fn revoked(&self) -> ApiError {
        let Some(proof) = &self.proof else { return std::future::pending().await };
        let mut directory = proof.directory.clone();
        let may = |directory: &Arc<Directory>| {
            let caller = directory.find(&proof.credential);
            caller.is_some_and(|caller| self.sites.within(&caller.sites(proof.roles)))
        };
        let taken = directory.wait_for(|directory| !may(directory)).await;
        match taken.map(|directory| directory.find(&proof.credential).is_some()) {
            Ok(true) => {
                let who = &self.caller.actor.subject;
                ApiError::new(Reason::PermissionDenied, format!("{who} has lost a role that this call needs"))
            }
            Ok(false) => ApiError::new(Reason::Unauthenticated, "the credential of this call is no longer known"),
            // The gate is gone with the gateway, which ends the call itself.
            Err(_) => std::future::pending().await,
        }
    }

    fn refused(&self, place: &str) -> ApiError {
        let who = &self.caller.actor.subject;
        ApiError::new(Reason::PermissionDenied, format!("{who} has no role for this call {place}"))
    }
}

/// By what a caller was let in.
#[derive(Debug, Clone)]
struct Proof {
    credential: Credential,
    roles: &'static [Role],
    directory: watch::Receiver<Arc<Directory>>,
}

/// What the gate knows.
#[derive(Debug)]
pub(crate) struct Gate {
    /// `None`: loopback without credentials, everybody is the local admin.
    directory: Option<watch::Sender<Arc<Directory>>>,
    limiter: Limiter,
    usual: Duration,
    most: Duration,
}

enum Admission {
    /// Health: anybody may ask whether the process is ready.
    Free,
    Granted(Access, Class),
}

impl Gate {
    /// A gate. Without a directory every caller is [`Caller::local`].
    #[must_use]
    pub(crate) fn new(directory: Option<Directory>, limiter: Limiter, usual: Duration, most: Duration) -> Self {
        let directory = directory.map(|directory| watch::Sender::new(Arc::new(directory)));
        Self { directory, limiter, usual, most }
    }

    /// Takes a new directory: for the next calls, and for the watches that run.
    pub(crate) fn replace(&self, directory: Directory) {
        if let Some(current) = &self.directory {
            current.send_if_modified(|standing| {
                let changed = **standing != directory;
                *standing = Arc::new(directory);
                changed
            });
        }
    }

    fn admit(&self, path: &str, headers: &HeaderMap, peer: Option<&Peer>) -> Answer<Admission> {
        if path.starts_with("/grpc.health.v1.Health/") {
            return Ok(Admission::Free);
        }
        let (caller, credential) = self.identify(headers, peer)?;
        // Reflection tells the contract, which is public; an unknown path goes on to be refused as unimplemented.
        let Some(rule) = rule(path) else { return Ok(Admission::Free) };
        let sites = caller.sites(rule.roles);
        if sites.is_none() {
            let who = &caller.actor.subject;
            return Err(ApiError::new(Reason::PermissionDenied, format!("{who} has no role for {path}")));
        }
        let name = format!("{}:{}", caller.actor.issuer, caller.actor.subject);
        let permit = Arc::new(self.limiter.enter(&name, rule.class)?);
        let deadline = match rule.class {
            Class::Call | Class::Import => Deadline::of(headers, self.usual, self.most),
            Class::Watch => Deadline::of(headers, WATCH_MAX, WATCH_MAX),
        };
        let proof = credential.zip(self.directory.as_ref()).map(|(credential, directory)| Proof {
            credential,
            roles: rule.roles,
            directory: directory.subscribe(),
        });
        let access = Access { caller: Arc::new(caller), sites, deadline, proof, _permit: permit };
        Ok(Admission::Granted(access, rule.class))
    }

    fn identify(&self, headers: &HeaderMap, peer: Option<&Peer>) -> Answer<(Caller, Option<Credential>)> {
        let refused = |why: &str| ApiError::new(Reason::Unauthenticated, why);
        let Some(directory) = &self.directory else {
            return match peer {
                Some(peer) if peer.address.ip().is_loopback() => Ok((Caller::local(), None)),
                _ => Err(refused("only this machine is served without a credential")),
            };
        };
        let directory = Arc::clone(&directory.borrow());
        if let Some(value) = headers.get(http::header::AUTHORIZATION) {
            let token = value.to_str().ok().and_then(bearer);
            let token = token.ok_or_else(|| refused("the authorization header is not \"Bearer TOKEN\""))?;
            let credential = Credential::token(token);
            let caller = directory.find(&credential).ok_or_else(|| refused("the bearer token is not known"))?;
            return Ok((caller, Some(credential)));
        }
        if let Some(name) = peer.and_then(|peer| peer.certificate_name.as_deref()) {
            let unknown = || refused(&format!("the client certificate of {name:?} is not in the access file"));
            let credential = Credential::Certificate(name.to_owned());
            let caller = directory.find(&credential).ok_or_else(unknown)?;
            return Ok((caller, Some(credential)));
        }
        Err(refused("a client certificate or a bearer token is needed"))
    }
}

/// A watch ends after a day and is resumed by the client: no connection lives for ever.
const WATCH_MAX: Duration = Duration::from_secs(24 * 3600);

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Puts the gate before a service.
#[derive(Debug, Clone)]
pub(crate) struct GuardLayer(pub(crate) Arc<Gate>);

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner, gate: Arc::clone(&self.0) }
    }
}

/// A service behind the gate.
#[derive(Debug, Clone)]
pub(crate) struct Guard<S> {
    inner: S,
    gate: Arc<Gate>,
}

impl<S> Service<Request<Body>> for Guard<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let peer = request.extensions().get::<Peer>().cloned();
        let admitted = self.gate.admit(request.uri().path(), request.headers(), peer.as_ref());
        // The clone is not ready; the one that is takes the call.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let path = rule(request.uri().path()).map_or("other", |rule| rule.path);
        let started = std::time::Instant::now();
        Box::pin(async move {
            let response = match admitted {
                Err(error) => {
                    tracing::debug!(path, %error, "refused");
                    Status::from(error).into_http()
                }
                Ok(Admission::Free) => inner.call(request).await?,
                Ok(Admission::Granted(access, class)) => {
                    let deadline = access.deadline;
                    request.extensions_mut().insert(access);
                    match class {
                        Class::Watch => inner.call(request).await?,
                        Class::Call | Class::Import => {
                            // Dropping the handler drops its query: the store cancels it.
                            match tokio::time::timeout_at(deadline.instant(), inner.call(request)).await {
                                Ok(response) => response?,
                                Err(_) => Status::from(late()).into_http(),
                            }
                        }
                    }
                }
            };
            telemetry::called(path, &response, started.elapsed());
            Ok(response)
        })
    }
}

fn late() -> ApiError {
    ApiError::new(Reason::Deadline, "the deadline passed before there was an answer; ask for less, or allow more time")
}

#[cfg(test)]
mod tests;
