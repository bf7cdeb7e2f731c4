//! Bounded reading, and writing through the gate.

use std::net::SocketAddr;
use std::time::Duration;

use muster_sweep::Transport;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::gate::{Gate, Permit};

/// What is read of one answer: the hello and the certificates of an old server.
const READ_MAX_BYTES: usize = 16 * 1_024;

/// After the first bytes a reply is over when nothing came for so long.
const QUIET: Duration = Duration::from_millis(250);

/// A connection under way. The gate is asked last: connecting begins when the future is first polled, which the
/// caller does at once.
pub(super) fn connect(gate: &Gate, to: SocketAddr) -> Option<impl Future<Output = std::io::Result<TcpStream>>> {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.ok()?;
    // A reset at the end instead of a minute in TIME_WAIT.
    socket.set_zero_linger().ok()?;
    let permitted = gate.permit(to.ip(), Transport::Tcp, to.port()) == Ok(Permit::Payload);
    permitted.then(|| socket.connect(to))
}

/// Sends a payload. `None`: the gate does not allow one any more; `false`: the service has hung up.
pub(super) async fn write(
    gate: &Gate,
    to: SocketAddr,
    stream: &mut (impl AsyncWrite + Unpin),
    payload: &[u8],
) -> Option<bool> {
    if gate.permit(to.ip(), Transport::Tcp, to.port()) != Ok(Permit::Payload) {
        return None;
    }
    Some(stream.write_all(payload).await.is_ok() && stream.flush().await.is_ok())
}

/// What was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) bytes: Vec<u8>,
    /// Whether the service has hung up.
    pub(super) closed: bool,
}

/// Reads until [`READ_MAX_BYTES`], the end, `wait` without a first byte, or a pause after it. Errors end it like the
/// end.
pub(super) async fn read_reply(stream: &mut (impl AsyncRead + Unpin), wait: Duration) -> Read {
    let mut bytes = Vec::with_capacity(1_024);
    let mut wait = wait;
    while bytes.len() < READ_MAX_BYTES {
        let mut rest = (&mut *stream).take((READ_MAX_BYTES - bytes.len()) as u64);
        match tokio::time::timeout(wait, rest.read_buf(&mut bytes)).await {
            Ok(Ok(1..)) => wait = QUIET,
            Ok(Ok(0) | Err(_)) => return Read { bytes, closed: true },
            Err(_) => break,
        }
    }
    Read { bytes, closed: false }
}
