//! Publishing as scanners do: slice k of a lease on the lease's own subject, after slice k - 1, several leases at once.

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use muster_bus::{Draft, Expect, Publisher, SiteName, Subject};
use muster_ids::EventId;
use muster_proto::v1::envelope::Body;

use crate::bed::Bed;
use crate::corpus::{LEASES, Sweep, subject};
use crate::site;

/// Leases in flight: as many as a site of eight scanners has.
const LEASES_AT_ONCE: usize = 8;

/// A lease's events, made before they are timed.
pub(crate) struct Ready {
    pub(crate) subject: Subject,
    pub(crate) drafts: Vec<Draft>,
}

/// Makes all events of a sweep.
pub(crate) fn ready(sweep: &Sweep, site: &SiteName) -> anyhow::Result<Vec<Ready>> {
    (0..LEASES)
        .map(|index| {
            let load = sweep.lease(site, index)?;
            let drafts = load.slices.into_iter().map(|slice| sweep.draft(site, load.order, slice)).collect();
            Ok(Ready { subject: subject(site, load.order), drafts })
        })
        .collect()
}

/// Publishes what is ready; every event is accepted when it returns.
pub(crate) async fn all(publisher: &Publisher, ready: Vec<Ready>) -> anyhow::Result<()> {
    let leases = ready.into_iter().map(|lease| one_lease(publisher, lease));
    stream::iter(leases).buffer_unordered(LEASES_AT_ONCE).try_collect::<Vec<()>>().await?;
    Ok(())
}

async fn one_lease(publisher: &Publisher, lease: Ready) -> anyhow::Result<()> {
    let mut last = 0;
    for draft in lease.drafts {
        last = publisher.publish(&lease.subject, draft, Expect::LastOnSubject(last)).await?.sequence;
    }
    Ok(())
}

/// Publishes the orders of a sweep, as the scheduler does before any scanner gets one.
pub(crate) async fn issue(bed: &Bed, sweep: &Sweep, site: &SiteName) -> anyhow::Result<()> {
    let publisher = bed.publisher();
    for index in 0..LEASES {
        let load = sweep.lease(site, index)?;
        let id = EventId::of_plan("order-issued", load.order.as_bytes());
        let draft = Draft::by_service(id, sweep.at(), site.as_str(), "scheduler", Body::OrderIssued(load.issued));
        publisher.publish(&Subject::plan_sweep(site), draft, Expect::Any).await?;
    }
    Ok(())
}

/// Stocks the inventory with a block of hosts, sweeps it once and waits until all of it is judged and recorded.
pub(crate) async fn warm_up(bed: &Bed, block: u8) -> anyhow::Result<()> {
    let name = site::name()?;
    site::stock(bed, block).await?;
    let sweep = Sweep::warm_up(block);
    issue(bed, &sweep, &name).await?;
    all(&bed.publisher(), ready(&sweep, &name)?).await?;
    bed.settled(name.as_str()).await
}
