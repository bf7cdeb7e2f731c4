//! The last messages of leases that somebody will still ask for: by them a lease goes on, or is known to be over.

use std::collections::{BTreeMap, BTreeSet};

use muster_ids::{OrderId, SweepId};
use muster_proto::v1::envelope::Body;

use crate::bus::{Bus, REQUEST_TIMEOUT};
use crate::envelope::open;
use crate::error::BusError;
use crate::subject::{SiteName, Subject};
use crate::tail::Limits;
use crate::topology::Stream;

/// The log of every site's sweeps.
const SWEEPS: &str = "muster.v1.plan.*.sweep";
/// What is taken of it at once.
const LIMITS: Limits = Limits { messages: 2_048, bytes: 8 << 20, linger: REQUEST_TIMEOUT };

/// The leases that are not over: by subject, where their last message stands in EVENTS.
///
/// A lease that is in ORDERS goes on behind its last slice. A lease of a sweep that is not finished may have its outcome
/// already, and be in ORDERS no longer; but a scheduler that starts knows it from nowhere else, and would issue its order
/// again. The order of a lease is published before the first message of it: whoever has looked at the positions before
/// this is called misses no lease below them.
pub(crate) async fn checkpoints(bus: &Bus) -> Result<BTreeMap<String, u64>, BusError> {
    let mut subjects = open_sweeps(bus).await?;
    for order in bus.orders_in_flight().await? {
        let Ok(site) = SiteName::new(&order.site) else { continue };
        subjects.insert(Subject::lease(&site, order.order).to_string());
    }
    let mut found = BTreeMap::new();
    for subject in subjects {
        let last = bus.last_matching(Stream::Events, &subject).await?;
        if last > 0 {
            found.insert(subject, last);
        }
    }
    Ok(found)
}

/// Subjects of the leases of every sweep that is not finished, as PLANS says.
async fn open_sweeps(bus: &Bus) -> Result<BTreeSet<String>, BusError> {
    let needs = scheduler_needs(bus).await?;
    let last = bus.last_matching(Stream::Plans, SWEEPS).await?;
    let mut read = needs.saturating_sub(1);
    let mut tail = bus.tail(Stream::Plans, &[SWEEPS.to_owned()], read);
    let mut sweeps: BTreeMap<SweepId, BTreeSet<String>> = BTreeMap::new();
    while read < last {
        let batch = tokio::time::timeout(REQUEST_TIMEOUT, tail.next_batch(LIMITS)).await;
        let batch = batch
            .map_err(|_| BusError::failed("read the sweeps in PLANS", "no message within the deadline"))?
            .map_err(|error| BusError::failed("read the sweeps in PLANS", error))?;
        for received in &batch.messages {
            read = received.sequence;
            // As the scheduler: what it cannot read it has issued nothing for.
            let Ok((envelope, body)) = open(received) else { continue };
            apply(&mut sweeps, &envelope.site, &body);
        }
    }
    Ok(sweeps.into_values().flatten().collect())
}

fn apply(sweeps: &mut BTreeMap<SweepId, BTreeSet<String>>, site: &str, body: &Body) {
    if let Body::SweepStarted(started) = body {
        if let Ok(sweep) = SweepId::from_bytes(&started.sweep_id) {
            sweeps.entry(sweep).or_default();
        }
    } else if let Body::SweepFinished(finished) = body {
        if let Ok(sweep) = SweepId::from_bytes(&finished.sweep_id) {
            sweeps.remove(&sweep);
        }
    } else if let Body::OrderIssued(issued) = body
        && let Some(order) = &issued.order
        && let Ok(sweep) = SweepId::from_bytes(&order.sweep_id)
        && let Some(leases) = sweeps.get_mut(&sweep)
        && let (Ok(site), Ok(order)) = (SiteName::new(site), OrderId::from_bytes(&order.order_id))
    {
        leases.insert(Subject::lease(&site, order).to_string());
    }
}

/// The scheduler rebuilds itself from PLANS: it records the oldest message that it would still need.
pub(crate) async fn scheduler_needs(bus: &Bus) -> Result<u64, BusError> {
    bus.positions().await?.of("scheduler", Stream::Plans, Some("needs")).await
}
