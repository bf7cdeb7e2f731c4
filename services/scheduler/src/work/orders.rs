//! Orders: issued on the site's log, put into the queue, and put there again where they never came.

use jiff::Timestamp;
use muster_bus::convert::time;
use muster_bus::{Draft, Expect, SiteName, Stream, Subject, open};
use muster_ids::{EventId, OrderId, SweepId};
use muster_kit::crash;
use muster_proto::v1::{self, envelope::Body};
use tracing::Instrument as _;

use super::Desk;
use super::plan::{order, plan_of};
use crate::error::SchedulerError;
use crate::site_log::OpenSweep;
use crate::telemetry::EventRefused;

impl Desk {
    pub(super) async fn issue(&mut self, site: &str, id: SweepId, now: Timestamp) -> Result<(), SchedulerError> {
        let Ok(name) = SiteName::new(site) else { return Ok(()) };
        let open_max = self.config.orders_open_max;
        let Some(sweep) = self.book.log(site).open.get(&id).cloned() else { return Ok(()) };
        if sweep.next_lease(open_max).is_none() {
            return Ok(());
        }
        let span = tracing::info_span!("issue orders", site, sweep = %id);
        self.issue_open(&name, &sweep, now).instrument(span).await
    }

    async fn issue_open(&mut self, name: &SiteName, sweep: &OpenSweep, now: Timestamp) -> Result<(), SchedulerError> {
        let (site, id, open_max) = (name.as_str(), sweep.id, self.config.orders_open_max);
        let plan = plan_of(sweep)?;
        while let Some(index) = self.book.log(site).open.get(&id).and_then(|sweep| sweep.next_lease(open_max)) {
            let Some(lease) = plan.lease(index) else { return Ok(()) };
            let order = order(sweep, &plan, index, &lease?, now);
            let issued = Body::OrderIssued(v1::OrderIssued { order: Some(order.clone()) });
            let event = EventId::of_plan("order-issued", &order.order_id);
            let draft = Draft::by_service(event, now, site, "scheduler", issued)
                .belongs_to(&order.sweep_id)
                .caused_by(EventId::of_plan("sweep-started", &order.sweep_id).as_bytes());
            crash::point("scheduler.before-plan");
            let expected = self.book.log(site).last_sequence;
            self.append(&Subject::plan_sweep(name), draft, expected).await?;
            crash::point("scheduler.after-plan");
            self.send_order(name, order).await?;
        }
        Ok(())
    }

    /// Puts an issued order into the queue. The id makes a repeat within the duplicate window the same message, and a
    /// scanner that gets an order twice finds it done.
    async fn send_order(&self, site: &SiteName, order: v1::Order) -> Result<(), SchedulerError> {
        let issued_at = time::from_proto("order.issued_at", order.issued_at.as_ref())?;
        let event = EventId::of_plan("order", &order.order_id);
        let draft = Draft::by_service(event, issued_at, site.as_str(), "scheduler", Body::Order(order.clone()))
            .belongs_to(&order.sweep_id)
            .caused_by(EventId::of_plan("order-issued", &order.order_id).as_bytes());
        crash::point("scheduler.before-order");
        self.publisher.publish(&Subject::order_lease(site), draft, Expect::Any).await?;
        crash::point("scheduler.after-order");
        Ok(())
    }

    /// Looks for outcomes that came while nobody listened, and puts orders that never reached the queue into it.
    pub(crate) async fn mend(&mut self) -> Result<(), SchedulerError> {
        let waiting: Vec<(String, OpenSweep, u32, OrderId)> = self
            .book
            .sites
            .iter()
            .flat_map(|(site, log)| log.open.values().map(move |sweep| (site, sweep)))
            .flat_map(|(site, sweep)| {
                sweep.waiting().map(move |(index, order)| (site.clone(), sweep.clone(), index, order))
            })
            .collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let queued = self.bus.orders_in_flight().await?;
        for (site, sweep, index, order) in waiting {
            let Ok(name) = SiteName::new(&site) else { continue };
            if self.look_up(&name, order).await? || queued.iter().any(|queued| queued.order == order) {
                continue;
            }
            // Between the two looks it may have been done.
            if self.look_up(&name, order).await? {
                continue;
            }
            let lease_plan = plan_of(&sweep)?;
            let Some(lease) = lease_plan.lease(index) else { continue };
            let issued_at = time::from_proto("sweep.started_at", sweep.started.started_at.as_ref())?;
            tracing::info!(site, %order, "an issued order was not in the queue: issuing it again");
            self.send_order(&name, super::plan::order(&sweep, &lease_plan, index, &lease?, issued_at)).await?;
        }
        Ok(())
    }

    async fn look_up(&mut self, site: &SiteName, order: OrderId) -> Result<bool, SchedulerError> {
        let Some(last) = self.bus.last_on_subject(Stream::Events, &Subject::lease(site, order)).await? else {
            return Ok(false);
        };
        match open(&last) {
            Ok((_, Body::OrderOutcome(outcome))) => {
                // Who wrote it will write nothing better: what it held stays without an outcome.
                if let Err(error) = self.book.outcome(site.as_str(), &outcome) {
                    let (site, sequence) = (site.as_str(), last.sequence);
                    EventRefused { site, sequence, reason: &error.to_string() }.emit();
                }
                Ok(true)
            }
            Ok(_) | Err(_) => Ok(false),
        }
    }
}
