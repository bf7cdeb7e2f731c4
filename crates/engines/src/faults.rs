//! A TCP proxy on loopback that fails on command, for tests of what stands behind a broken network.
//!
//! Nothing in it depends on time: a fault is set, happens at a place in the bytes, and is counted; a test waits for the
//! count. So a test that failed fails again.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

mod connection;
mod needle;

/// What the proxy does to connections, from the moment it is set until another is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Forwards everything.
    None,
    /// Refuses connections: nothing listens. Those that stand are cut.
    Refuse,
    /// Half open: connections are accepted and stand, and nothing is forwarded either way. Setting another fault lets
    /// the bytes go on.
    HalfOpen,
    /// Forwards a request and cuts the connection, on both sides, at the first byte of what the target sends after it:
    /// done, and nobody was told. Happens once; then everything is forwarded again.
    CutAnswer(Request),
    /// Forwards a request and holds what the target sends after it until [`Proxy::release`]. Happens once; other
    /// connections are not held.
    HoldAnswer(Request),
    /// Cuts the connection, on both sides, before the bytes with which the request is recognised are forwarded: never
    /// done. Happens once.
    CutRequest(Request),
}

/// A request, recognised by bytes in it, such as `INSERT INTO` in a query or `PUB muster.v1.verdict` on the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The bytes; empty means whatever the client sends next.
    pub contains: Vec<u8>,
    /// How many such requests go through before.
    pub after: u32,
}

impl Request {
    /// The next request with these bytes.
    #[must_use]
    pub fn with(contains: impl Into<Vec<u8>>) -> Self {
        Self { contains: contains.into(), after: 0 }
    }

    /// The same after so many others.
    #[must_use]
    pub fn after(self, after: u32) -> Self {
        Self { after, ..self }
    }
}

/// What has happened since the proxy started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections on which bytes wait because the proxy is half open.
    pub stalled: u64,
    /// Answers cut.
    pub answers_cut: u64,
    /// Requests cut.
    pub requests_cut: u64,
    /// Answers held.
    pub answers_held: u64,
    /// Connections ended, in whichever way.
    pub closed: u64,
}

/// The proxy. It ends, and cuts everything, when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Mutex<Option<JoinHandle<()>>>,
}

/// What the proxy and its connections share.
#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    state: watch::Sender<State>,
    counts: watch::Sender<Counts>,
}

/// Changed by commands; every connection watches it.
#[derive(Debug, Clone)]
struct State {
    fault: Fault,
    /// Matching requests that still go through before the fault.
    left: u32,
    /// Connections accepted before this epoch are cut.
    epoch: u64,
    /// Answers held in an earlier round go on.
    round: u64,
}

impl Proxy {
    /// Listens on a free loopback port and forwards to `target`.
    pub async fn start(target: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = State { fault: Fault::None, left: 0, epoch: 0, round: 0 };
        let shared = Arc::new(Shared {
            target,
            state: watch::Sender::new(state),
            counts: watch::Sender::new(Counts::default()),
        });
        let task = tokio::spawn(connection::accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, listener: Mutex::new(Some(task)) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets the fault; it replaces the one before. Errors when the port of a proxy that refused is taken meanwhile.
    pub async fn set(&self, fault: Fault) -> std::io::Result<()> {
        if fault == Fault::Refuse {
            let listening = self.listener().take();
            if let Some(task) = listening {
                task.abort();
                // The socket is closed when the task is gone.
                let _ = task.await;
            }
            self.shared.state.send_modify(|state| {
                state.fault = Fault::Refuse;
                state.epoch += 1;
            });
            return Ok(());
        }
        let left = match &fault {
            Fault::CutAnswer(request) | Fault::HoldAnswer(request) | Fault::CutRequest(request) => request.after,
            Fault::None | Fault::Refuse | Fault::HalfOpen => 0,
        };
        self.shared.state.send_modify(|state| {
            state.fault = fault;
            state.left = left;
        });
        let closed = self.listener().is_none();
        if closed {
            let listener = TcpListener::bind(self.address).await?;
            *self.listener() = Some(tokio::spawn(connection::accept(listener, Arc::clone(&self.shared))));
        }
        Ok(())
    }

    /// Cuts every connection that stands.
    pub fn cut(&self) {
        self.shared.state.send_modify(|state| state.epoch += 1);
    }

    /// Lets held answers go.
    pub fn release(&self) {
        self.shared.state.send_modify(|state| state.round += 1);
    }

    /// What has happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        *self.shared.counts.borrow()
    }

    /// Waits until the counts are as wanted.
    pub async fn wait(&self, wanted: impl FnMut(&Counts) -> bool) -> Counts {
        let mut counts = self.shared.counts.subscribe();
        // The sender is ours, so this cannot end early; if it did the test would see the counts as they are.
        counts.wait_for(wanted).await.map_or_else(|_| self.counts(), |counts| *counts)
    }

    fn listener(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(task) = self.listener().take() {
            task.abort();
        }
        self.cut();
    }
}

impl Shared {
    fn count(&self, change: impl FnOnce(&mut Counts)) {
        self.counts.send_modify(change);
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(self.target).await
    }
}
