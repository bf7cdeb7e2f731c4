//! What goes wrong between this process and an interface.

use std::io;
use std::net::IpAddr;

use thiserror::Error;

/// Why frames cannot leave or arrive.
#[derive(Debug, Error)]
pub enum WireError {
    /// The process lacks the capability.
    #[error("failed to open a packet socket: this process lacks CAP_NET_RAW")]
    NotPermitted,
    /// The kernel refused something.
    #[error("failed to {action}: {cause}")]
    Kernel {
        /// What was tried.
        action: &'static str,
        /// Its reason.
        cause: io::Error,
    },
    /// No route leads there, or one that forbids it.
    #[error("no route to {address}: {cause}")]
    NoRoute {
        /// The destination.
        address: IpAddr,
        /// The kernel's reason.
        cause: io::Error,
    },
    /// The interface is down, or nothing is at the other end of its cable: it may come back.
    #[error("interface {name} {problem}")]
    Link {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The interface cannot carry frames of ours.
    #[error("interface {name} {problem}")]
    Interface {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The kernel's answer was not understood.
    #[error("failed to read the kernel's answer about {about}")]
    Answer {
        /// What it was asked.
        about: &'static str,
    },
}

impl WireError {
    pub(crate) fn open(cause: io::Error) -> Self {
        if cause.raw_os_error() == Some(libc::EPERM) {
            Self::NotPermitted
        } else {
            Self::kernel("open a packet socket")(cause)
        }
    }

    pub(crate) fn kernel(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Kernel { action, cause }
    }
}
