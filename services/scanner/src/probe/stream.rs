//! Bounded reading, and writing through the gate.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use muster_identify::REPLY_MAX_BYTES;
use muster_sweep::Transport;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::gate::{Gate, Permit};

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

/// Sends a payload, if the gate still allows one.
pub(super) async fn write(
    gate: &Gate,
    address: IpAddr,
    port: u16,
    stream: &mut (impl AsyncWrite + Unpin),
    payload: &[u8],
) -> Option<()> {
    if gate.permit(address, Transport::Tcp, port) != Ok(Permit::Payload) {
        return None;
    }
    stream.write_all(payload).await.ok()?;
    stream.flush().await.ok()
}

/// Reads until 4 KiB, the end, `wait` without a first byte, or a pause after it. Errors end it like the end.
pub(super) async fn read_reply(stream: &mut (impl AsyncRead + Unpin), wait: Duration) -> Vec<u8> {
    let mut reply = Vec::with_capacity(REPLY_MAX_BYTES);
    let mut wait = wait;
    while reply.len() < REPLY_MAX_BYTES {
        let mut rest = (&mut *stream).take((REPLY_MAX_BYTES - reply.len()) as u64);
        match tokio::time::timeout(wait, rest.read_buf(&mut reply)).await {
            Ok(Ok(1..)) => wait = QUIET,
            Ok(Ok(0) | Err(_)) | Err(_) => break,
        }
    }
    reply
}
