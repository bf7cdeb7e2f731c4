//! An order, read and checked.

use std::sync::Arc;

use jiff::Timestamp;
use muster_bus::convert::{ConvertError, estate, network, time};
use muster_estate::model;
use muster_ids::{IdError, OrderId};
use muster_proto::v1;
use muster_sweep::{Lease, LeaseError, PortRange, Transport};
use thiserror::Error;

/// Why an order cannot be worked on, by anybody.
#[derive(Debug, Error)]
pub(crate) enum JobError {
    /// An id is none.
    #[error("an id of the order: {0}")]
    Id(#[from] IdError),
    /// A field is missing or wrong.
    #[error("the order: {0}")]
    Convert(#[from] ConvertError),
    /// The lease makes no sense.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// It does not fit to itself or to where it came from.
    #[error("the order: {0}")]
    Wrong(String),
}

/// A lease to work on.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) order: OrderId,
    pub(crate) sweep_id: Vec<u8>,
    pub(crate) realm: String,
    pub(crate) lease: Arc<Lease>,
    pub(crate) scope_revision: u64,
    /// `None`: it may take as long as it takes.
    pub(crate) deadline: Option<Timestamp>,
    /// The event that carried the order.
    pub(crate) cause: Vec<u8>,
}

impl Job {
    /// Reads an order that came to the scanner of a site.
    pub(crate) fn read(site: &str, order: &v1::Order, cause: &[u8]) -> Result<Self, JobError> {
        let id = OrderId::from_bytes(&order.order_id)?;
        if order.site != site {
            return Err(JobError::Wrong(format!("it is of site {:?} and came to {site}", order.site)));
        }
        let wire = order.lease.as_ref().ok_or_else(|| JobError::Wrong("it has no lease".to_owned()))?;
        let blocks = wire
            .blocks
            .iter()
            .map(|block| network::block_from_proto("lease.blocks", block))
            .collect::<Result<Vec<_>, _>>()?;
        let ports: Vec<PortRange> = estate::ports("lease.ports", &wire.ports)?.into_iter().map(port_range).collect();
        let key = <[u8; 16]>::try_from(wire.permutation_key.as_slice())
            .map_err(|_| JobError::Wrong("the key of its permutation has not 16 bytes".to_owned()))?;
        let lease = Lease::new(blocks, &ports, key, wire.units_per_slice)?;
        if u64::from(lease.units()) != wire.units {
            return Err(JobError::Wrong(format!("it says {} units and has {}", wire.units, lease.units())));
        }
        Ok(Self {
            order: id,
            sweep_id: order.sweep_id.clone(),
            realm: wire.realm.clone(),
            lease: Arc::new(lease),
            scope_revision: wire.scope_revision,
            deadline: time::optional("order.deadline", order.deadline.as_ref())?,
            cause: cause.to_vec(),
        })
    }
}

const fn port_range(range: model::PortRange) -> PortRange {
    let transport = match range.transport {
        model::Transport::Tcp => Transport::Tcp,
        model::Transport::Udp => Transport::Udp,
    };
    PortRange { transport, first: range.first, last: range.last }
}
