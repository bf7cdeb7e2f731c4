//! One TCP socket that is connected again and again.
//!
//! Linux lets a socket be reused: after a refused connection it is as new, and connecting it to `AF_UNSPEC` takes back
//! one that is pending or made (connect(2)). Taking back a made connection sends a reset, so there is no `TIME_WAIT`
//! that would hold a local port for a minute. A unit then costs two or three system calls instead of six.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::engine::SkipReason;
use crate::gate::{Gate, Refusal};
use muster_sweep::{Transport, Unit};

/// What is known about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// No answer yet.
    Pending,
    /// The connection is made.
    Open,
    /// The host answered that nothing listens.
    Closed,
    /// The network gave up.
    Silent,
    /// Nothing was sent.
    Skipped(SkipReason),
    /// This machine is short of something; nothing was sent; later it may go.
    Later,
}

#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    family: AddressFamily,
}

impl Socket {
    pub(super) fn for_address(address: IpAddr) -> Result<Self, Errno> {
        let family = family_of(address);
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        Ok(Self { fd, family })
    }

    pub(super) fn fits(&self, address: IpAddr) -> bool {
        self.family == family_of(address)
    }

    /// Sends the SYN. The only place that does: the gate is asked right before.
    pub(super) fn connect(&self, gate: &Gate, unit: &Unit) -> Attempt {
        let to = SocketAddr::new(unit.address, unit.port);
        match gate.permit(unit.address, Transport::Tcp, unit.port) {
            Ok(_) => after_connect(rustix::net::connect(&self.fd, &to)),
            Err(Refusal::Halted) => Attempt::Skipped(SkipReason::Halted),
            Err(Refusal::Scope(_)) => Attempt::Skipped(SkipReason::Scope),
        }
    }

    /// How a pending attempt stands. Asks by connecting again, which on a pending or decided socket sends nothing: it
    /// returns the state, and after a refusal leaves the socket as new.
    pub(super) fn ask(&self, unit: &Unit) -> Attempt {
        let to = SocketAddr::new(unit.address, unit.port);
        match rustix::net::connect(&self.fd, &to) {
            // Reset or closed by the peer since: it was open.
            Ok(()) | Err(Errno::ISCONN | Errno::CONNRESET | Errno::PIPE) => {
                if self.is_itself() {
                    Attempt::Closed
                } else {
                    Attempt::Open
                }
            }
            Err(Errno::ALREADY | Errno::INPROGRESS | Errno::INTR) => Attempt::Pending,
            Err(Errno::CONNREFUSED) => Attempt::Closed,
            // A router or the last hop said so: nobody answered for the port itself.
            Err(
                Errno::TIMEDOUT
                | Errno::HOSTUNREACH
                | Errno::NETUNREACH
                | Errno::HOSTDOWN
                | Errno::ACCESS
                | Errno::PERM
                | Errno::NOPROTOOPT
                | Errno::PROTO,
            ) => Attempt::Silent,
            Err(_) => Attempt::Skipped(SkipReason::LocalError),
        }
    }

    /// Takes back whatever the socket was doing. An error: the socket is of no more use.
    pub(super) fn take_back(&self) -> Result<(), Errno> {
        rustix::net::connect_unspec(&self.fd)
    }

    /// A port of this machine that the kernel also picked as the local port connects to itself (RFC 9293, 3.5,
    /// simultaneous open): nothing listens there.
    fn is_itself(&self) -> bool {
        let (local, peer) = (rustix::net::getsockname(&self.fd), rustix::net::getpeername(&self.fd));
        matches!((local, peer), (Ok(local), Ok(Some(peer))) if local == peer)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

const fn family_of(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::INET,
        IpAddr::V6(_) => AddressFamily::INET6,
    }
}

fn after_connect(result: Result<(), Errno>) -> Attempt {
    match result {
        Ok(()) => Attempt::Open,
        Err(Errno::INPROGRESS | Errno::INTR) => Attempt::Pending,
        Err(Errno::CONNREFUSED) => Attempt::Closed,
        Err(Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::NETDOWN | Errno::HOSTDOWN | Errno::AFNOSUPPORT) => {
            Attempt::Skipped(SkipReason::NoRoute)
        }
        Err(Errno::ACCESS | Errno::PERM) => Attempt::Skipped(SkipReason::LocalPolicy),
        Err(error) if is_shortage(error) => Attempt::Later,
        Err(_) => Attempt::Skipped(SkipReason::LocalError),
    }
}

/// Local ports, descriptors, memory: there will be some again.
pub(super) fn is_shortage(error: Errno) -> bool {
    [Errno::ADDRNOTAVAIL, Errno::ADDRINUSE, Errno::AGAIN, Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM]
        .contains(&error)
}
