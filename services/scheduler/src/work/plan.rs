//! From what stands in PLANS to leases and orders: the same ones, whoever asks.

use jiff::Timestamp;
use muster_bus::convert::{network, time};
use muster_estate::model::{PortRange, ScheduleKind, Site};
use muster_proto::v1;
use muster_sweep::LeasePlan;

use crate::error::SchedulerError;
use crate::site_log::OpenSweep;

/// The same plan again, whoever asks: it follows from what was published at the start.
pub(super) fn plan_of(sweep: &OpenSweep) -> Result<LeasePlan, SchedulerError> {
    let blocks = sweep
        .started
        .blocks
        .iter()
        .map(|block| network::block_from_proto("sweep.blocks", block))
        .collect::<Result<Vec<_>, _>>()?;
    let ports = muster_bus::convert::estate::ports("sweep.ports", &sweep.started.ports)?;
    Ok(LeasePlan::new(sweep.id, &blocks, &[], &convert_ports(&ports))?)
}

pub(super) fn order(
    sweep: &OpenSweep,
    plan: &LeasePlan,
    index: u32,
    lease: &muster_sweep::Lease,
    now: Timestamp,
) -> v1::Order {
    v1::Order {
        order_id: plan.order_id(index).to_vec(),
        sweep_id: sweep.id.to_vec(),
        sweep_kind: sweep.started.kind,
        site: sweep.started.site.clone(),
        lease_index: index,
        issued_at: Some(time::to_proto(now)),
        deadline: sweep.started.deadline,
        lease: Some(v1::Lease {
            realm: sweep.started.realm.clone(),
            blocks: lease.blocks().iter().copied().map(network::block_to_proto).collect(),
            ports: sweep.started.ports.clone(),
            permutation_key: plan.order_id(index).to_vec(),
            units: u64::from(lease.units()),
            units_per_slice: muster_sweep::UNITS_PER_SLICE_MAX,
            scope_revision: sweep.started.scope_revision,
        }),
    }
}

/// The ports of a site's first schedule of a kind.
pub(super) fn ports_of(site: &Site, kind: ScheduleKind) -> Option<Vec<PortRange>> {
    site.schedules.iter().find(|schedule| schedule.kind == kind).map(|schedule| schedule.ports.clone())
}

pub(super) fn convert_ports(ports: &[PortRange]) -> Vec<muster_sweep::PortRange> {
    ports
        .iter()
        .map(|range| muster_sweep::PortRange {
            transport: match range.transport {
                muster_estate::model::Transport::Tcp => muster_sweep::Transport::Tcp,
                muster_estate::model::Transport::Udp => muster_sweep::Transport::Udp,
            },
            first: range.first,
            last: range.last,
        })
        .collect()
}
