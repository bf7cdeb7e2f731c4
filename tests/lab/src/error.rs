//! Why there is no lab.

use std::io;

use muster_wire::WireError;

/// What fails while a lab is built or a phantom runs.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A command failed.
    #[error("failed to build the lab: {0}")]
    Command(io::Error),
    /// The process is not in a namespace of its own, or a namespace of the lab has an interface that leads elsewhere.
    #[error("failed to build the lab: {place} has the interface {interface}, which is none of the lab's")]
    WayOut {
        /// Which namespace.
        place: &'static str,
        /// The interface.
        interface: String,
    },
    /// A namespace could not be entered.
    #[error("failed to enter the network of the targets: {0}")]
    Enter(io::Error),
    /// A setting of the kernel could not be made.
    #[error("failed to set {name} in the network of the targets: {cause}")]
    Setting {
        /// Below /proc/sys.
        name: String,
        /// Why not.
        cause: io::Error,
    },
    /// A thread could not be started, or it panicked.
    #[error("failed to run a thread in the network of the targets: {0}")]
    Thread(io::Error),
    /// A port could not be listened on.
    #[error("failed to listen on port {port} in the network of the targets: {cause}")]
    Listen {
        /// Which.
        port: u16,
        /// Why not.
        cause: io::Error,
    },
    /// Frames neither leave nor arrive.
    #[error(transparent)]
    Wire(#[from] WireError),
}
