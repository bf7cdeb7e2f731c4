//! Why the raw engine cannot go on.

use std::io::ErrorKind;
use std::net::IpAddr;

use muster_wire::WireError;

use crate::engine::Fault;

/// What keeps frames from their way.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The interface or the kernel.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Nobody takes the frames any more.
    #[error("gateway {gateway} does not answer")]
    Gateway { gateway: IpAddr },
    /// What was sent to has no route any more.
    #[error("the route to {address} is gone")]
    Route { address: IpAddr },
}

impl Trouble {
    /// As its kind. Another engine would run into the same where the network is what fails, and take it for silence.
    pub(super) fn fault(&self) -> Fault {
        match self {
            Self::Gateway { .. } => Fault::Network("a gateway does not answer"),
            Self::Route { .. } => Fault::Network("a route is gone"),
            Self::Wire(WireError::Link { .. }) => Fault::Network("an interface is down or has no carrier"),
            Self::Wire(WireError::Kernel { cause, .. }) if cause.kind() == ErrorKind::NetworkDown => {
                Fault::Network("an interface went down")
            }
            Self::Wire(WireError::NoRoute { .. }) => Fault::Network("there is no route"),
            Self::Wire(WireError::NotPermitted) => Fault::Engine("this process lacks CAP_NET_RAW"),
            Self::Wire(WireError::Interface { .. }) => Fault::Engine("an interface takes no frames"),
            Self::Wire(WireError::Kernel { .. } | WireError::Answer { .. }) => {
                Fault::Engine("the kernel refuses frames or gives no answer about them")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use muster_wire::WireError;

    use super::Trouble;
    use crate::engine::Fault;

    #[test]
    fn connections_are_tried_only_where_the_network_is_well() {
        let link = WireError::Link { name: "near".to_owned(), problem: "has no carrier" };
        let kernel = |kind: io::ErrorKind| WireError::Kernel { action: "send frames", cause: kind.into() };
        let tunnel = WireError::Interface { name: "tun".to_owned(), problem: "carries no Ethernet frames" };
        let gateway = "10.0.0.1".parse().unwrap();
        assert!(matches!(Trouble::from(link).fault(), Fault::Network(_)));
        assert!(matches!(Trouble::from(kernel(io::ErrorKind::NetworkDown)).fault(), Fault::Network(_)));
        assert!(matches!(Trouble::Gateway { gateway }.fault(), Fault::Network(_)));
        assert!(matches!(Trouble::Route { address: gateway }.fault(), Fault::Network(_)));
        assert!(matches!(Trouble::from(tunnel).fault(), Fault::Engine(_)));
        assert!(matches!(Trouble::from(kernel(io::ErrorKind::InvalidInput)).fault(), Fault::Engine(_)));
        assert!(matches!(Trouble::from(WireError::NotPermitted).fault(), Fault::Engine(_)));
    }
}
