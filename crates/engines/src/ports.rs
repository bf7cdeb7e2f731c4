//! Ports on loopback: named ones are checked, others chosen.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use tokio::net::TcpSocket;

use crate::Error;

/// Below Linux's range for outgoing connections (32768-60999, ip(7)), so that a port stays ours while an engine
/// restarts; above what well-known services use.
const FROM: u16 = 20_000;
const TO: u16 = 31_999;
/// With half of the range taken, the chance that 64 random ports are all taken is 2^-64.
const TRIES: u32 = 64;

/// The ports of the engines. `None` chooses a free one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ports {
    /// Clients of NATS.
    pub nats: Option<u16>,
    /// ClickHouse over HTTP.
    pub clickhouse_http: Option<u16>,
    /// ClickHouse's native protocol.
    pub clickhouse_tcp: Option<u16>,
    /// The monitoring pages of NATS; `None` leaves them off.
    pub nats_monitoring: Option<u16>,
}

/// A port that is ours for as long as this lives, also while its engine is down: a socket that is bound to it and never
/// listens. Both engines set `SO_REUSEADDR`, so on Linux they may listen on it (socket(7)); another chooser of ports finds
/// it taken.
#[derive(Debug)]
pub(crate) struct Reserved {
    pub(crate) port: u16,
    _held: Option<TcpSocket>,
}

/// The wanted port when it is free, or a free one.
pub(crate) fn reserve(engine: &'static str, wanted: Option<u16>) -> Result<Reserved, Error> {
    if let Some(port) = wanted {
        check_free(engine, port)?;
        // Connections of an earlier run may linger on a port that was named; they do not matter.
        return Ok(Reserved { port, _held: hold(port, true).ok() });
    }
    for _ in 0..TRIES {
        let random = getrandom::u32().map_err(Error::Random)? % u32::from(TO - FROM + 1);
        let port = FROM + u16::try_from(random).unwrap_or(0);
        if let Ok(held) = hold(port, false) {
            return Ok(Reserved { port, _held: Some(held) });
        }
    }
    Err(Error::NoFreePort { tried: TRIES, from: FROM, to: TO })
}

fn hold(port: u16, lingering_is_fine: bool) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(lingering_is_fine)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.set_reuseaddr(true)?;
    Ok(socket)
}

/// Whether an engine could listen there now.
pub(crate) fn check_free(engine: &'static str, port: u16) -> Result<(), Error> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(Error::PortTaken { engine, port }),
        // What else can go wrong with a bind (a port below 1024) the engine's own message names.
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_taken_port_is_named() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = reserve("nats-server", Some(port)).unwrap_err().to_string();
        assert!(error.contains(&format!("port {port} ")), "{error}");
        assert!(!error.contains('\n'));
    }

    #[test]
    fn a_chosen_port_is_outside_the_range_of_outgoing_connections() {
        assert!((FROM..=TO).contains(&reserve("nats-server", None).unwrap().port));
    }

    #[test]
    fn a_reserved_port_is_free_for_an_engine_and_taken_for_another_chooser() {
        let reserved = reserve("nats-server", None).unwrap();
        assert!(hold(reserved.port, false).is_err());
        let engine = TcpListener::bind((Ipv4Addr::LOCALHOST, reserved.port)).unwrap();
        assert!(check_free("nats-server", reserved.port).is_err());
        drop(engine);
        check_free("nats-server", reserved.port).unwrap();
    }
}
