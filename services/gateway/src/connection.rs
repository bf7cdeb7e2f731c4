//! Connections: plain on loopback, TLS elsewhere. A handshake is bounded in time and in number, so that one who
//! connects and says nothing holds nobody up (I-7).

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use muster_kit::Shutdown;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use crate::identity::name_of;

/// A handshake takes two round trips; 10 s is what a bad line needs.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// Handshakes at once: each is about a millisecond of a core and 50 KiB.
const HANDSHAKES_MAX: usize = 256;

/// The other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Where it is.
    pub(crate) address: SocketAddr,
    /// The name in its verified certificate.
    pub(crate) certificate_name: Option<String>,
}

/// A connection, secured or not.
#[derive(Debug)]
pub(crate) struct Connection {
    peer: Peer,
    io: Io,
}

#[derive(Debug)]
enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

/// Accepts until the stop is requested.
pub(crate) async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    ready: mpsc::Sender<io::Result<Connection>>,
    stop: Shutdown,
) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    loop {
        let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await else { return };
        let (stream, address) = match stop.or(listener.accept()).await {
            None => return,
            Some(Ok(accepted)) => accepted,
            Some(Err(error)) => {
                // Out of file descriptors, or the peer was gone: wait for others to close rather than spin.
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, %address, "the connection was gone at once");
            continue;
        }
        let Some(acceptor) = tls.clone() else {
            let peer = Peer { address, certificate_name: None };
            if ready.send(Ok(Connection { peer, io: Io::Plain(stream) })).await.is_err() {
                return;
            }
            continue;
        };
        let ready = ready.clone();
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    drop(permit);
                    let _gone = ready.send(Ok(secured(address, stream))).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, %address, "the TLS handshake failed"),
                Err(_) => tracing::debug!(%address, "the TLS handshake took too long"),
            }
        });
    }
}

fn secured(address: SocketAddr, stream: TlsStream<TcpStream>) -> Connection {
    let certificates = stream.get_ref().1.peer_certificates();
    let certificate_name = certificates.and_then(|chain| name_of(chain.first()?));
    Connection { peer: Peer { address, certificate_name }, io: Io::Tls(Box::new(stream)) }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Io::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Io::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().io {
            Io::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Io::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Io::Plain(stream) => Pin::new(stream).poll_flush(context),
            Io::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().io {
            Io::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Io::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests;
