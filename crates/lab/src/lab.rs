//! Listeners that are up.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::error::LabError;
use crate::listener::Listener;
use crate::persona::Persona;
use crate::serve::{CONNECTION_MAX, serve};

/// Connections at once over all listeners; further ones wait in the backlog.
const CONNECTIONS_MAX: usize = 1_024;

/// Listeners that answer until they are stopped. Dropping the lab stops all.
#[derive(Debug)]
pub struct Lab {
    up: BTreeMap<SocketAddr, JoinHandle<()>>,
    places: Arc<Semaphore>,
}

impl Lab {
    /// Opens every listener; none stays open when one fails.
    ///
    /// # Errors
    /// When a port is taken or a certificate cannot be made.
    pub async fn start(listeners: &[Listener]) -> Result<Self, LabError> {
        let mut lab = Self { up: BTreeMap::new(), places: Arc::new(Semaphore::new(CONNECTIONS_MAX)) };
        for listener in listeners {
            lab.open(*listener).await?;
        }
        Ok(lab)
    }

    /// Opens one more, and says where: port 0 takes a free one.
    ///
    /// # Errors
    /// When its port is taken or its certificate cannot be made.
    pub async fn open(&mut self, listener: Listener) -> Result<SocketAddr, LabError> {
        let at = listener.at();
        let acceptor = if listener.tls { Some(acceptor(at)?) } else { None };
        let socket = TcpListener::bind(at).await.map_err(|source| LabError::Listen { at, source })?;
        let at = socket.local_addr().map_err(|source| LabError::Listen { at, source })?;
        let task = tokio::spawn(accept(socket, listener.persona, acceptor, Arc::clone(&self.places)));
        self.up.insert(at, task);
        Ok(at)
    }

    /// Closes one, and returns when it is closed; `false`: there was none.
    pub async fn stop(&mut self, address: IpAddr, port: u16) -> bool {
        let Some(task) = self.up.remove(&SocketAddr::new(address, port)) else { return false };
        task.abort();
        // Cancelled is what was asked for.
        let _ = task.await;
        true
    }

    /// Where the listeners are.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.up.keys().copied()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.up.values().for_each(JoinHandle::abort);
    }
}

async fn accept(socket: TcpListener, persona: Persona, acceptor: Option<TlsAcceptor>, places: Arc<Semaphore>) {
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        // A connection that is gone again, or too many open files: the next one may do better.
        let Ok((stream, _)) = socket.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let _place = place;
            let answer = async {
                match acceptor {
                    Some(acceptor) => serve(persona, acceptor.accept(stream).await?).await,
                    None => serve(persona, stream).await,
                }
            };
            // Scanners hang up in the middle: nothing to report.
            let _ = tokio::time::timeout(CONNECTION_MAX, answer).await;
        });
    }
}

/// TLS with a certificate that signs itself.
fn acceptor(at: SocketAddr) -> Result<TlsAcceptor, LabError> {
    let wrong = |what: String| LabError::Certificate { at, what };
    let names = vec![at.ip().to_string(), format!("host-{}.lab.example", at.port())];
    let made = rcgen::generate_simple_self_signed(names).map_err(|error| wrong(error.to_string()))?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .map_err(|error| wrong(error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
