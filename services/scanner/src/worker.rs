//! Takes orders off the queue, one at a time.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use muster_bus::{DeadEntry, Draft, OrderDelivery, OrderQueue, PROGRESS_EVERY, Stream, continuing, put_aside};
use muster_ids::{EventId, OrderId};
use muster_kit::crash;
use muster_proto::v1::{Order, OrderResult, envelope::Body};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{Instrument as _, Span};

use crate::error::ScannerError;
use crate::job::Job;
use crate::lease::LeaseWork;
use crate::log::{Checkpoint, LeaseLog};
use crate::report;
use crate::site::Site;
use crate::telemetry::LeaseEnded;

/// A stop waits for it, so that no order is on its way to nobody: well below the drain's 10 s.
const ORDER_WAIT: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(500);

/// What becomes of an order that was in hand.
enum Fate {
    /// Its outcome stands: off the queue.
    Done,
    /// For another scanner, at once.
    GivenBack,
    /// It comes to somebody when its time is up.
    Left,
}

/// Works until the stop.
pub(crate) async fn work(site: &Site) {
    let mut queue = None;
    while !site.shutdown.is_requested() {
        if site.shutdown.or(site.may_work()).await.is_none() {
            return;
        }
        let asked = Instant::now();
        match next(site, &mut queue).await {
            Ok(Some(delivery)) => take(site, &delivery).instrument(lease(site, &delivery)).await,
            // Nothing to do: the server said so after the wait.
            Ok(None) if asked.elapsed() >= ORDER_WAIT / 2 => {}
            Ok(None) => queue = pause(site).await,
            Err(error) => {
                tracing::warn!(site = %site.name, %error, "asking for orders again");
                queue = pause(site).await;
            }
        }
    }
}

/// Waits a little; what there was is made anew.
async fn pause(site: &Site) -> Option<OrderQueue> {
    site.shutdown.or(tokio::time::sleep(RETRY)).await;
    None
}

async fn next(site: &Site, queue: &mut Option<OrderQueue>) -> Result<Option<OrderDelivery>, ScannerError> {
    let queue = match queue {
        Some(queue) => queue,
        None => queue.insert(site.bus.orders(&site.name).await?),
    };
    // The answer of a server that went away never comes.
    match timeout(ORDER_WAIT * 2, queue.next(ORDER_WAIT)).await {
        Ok(next) => Ok(next?),
        Err(_) => Ok(None),
    }
}

/// The work on a lease is part of the trace in which its order was issued.
fn lease(site: &Site, delivery: &OrderDelivery) -> Span {
    let order = delivery.order.as_ref().ok().and_then(|order| OrderId::from_bytes(&order.order_id).ok());
    let order = order.map(|order| tracing::field::display(order.to_string()));
    continuing(&delivery.received, tracing::info_span!("lease", site = %site.name, order))
}

/// Works on an order and says every now and then that it does.
async fn take(site: &Site, delivery: &OrderDelivery) {
    let mut tick = interval(PROGRESS_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut working = Box::pin(consider(site, delivery));
    let result = loop {
        tokio::select! {
            result = &mut working => break result,
            _ = tick.tick() => {
                if let Err(error) = delivery.going_on().await {
                    tracing::debug!(%error, "the server may give the order to another");
                }
            }
        }
    };
    let settled = match fate(site, result) {
        Fate::Done => {
            crash::point("scanner.before-ack");
            let done = delivery.done().await;
            crash::point("scanner.after-ack");
            done
        }
        Fate::GivenBack => delivery.give_back().await,
        Fate::Left => Ok(()),
    };
    if let Err(error) = settled {
        tracing::warn!(site = %site.name, %error, "the order will come again");
    }
}

fn fate(site: &Site, result: Result<Fate, ScannerError>) -> Fate {
    match result {
        Ok(fate) => fate,
        Err(error @ ScannerError::TakenOver { .. }) => {
            let reason = error.to_string();
            LeaseEnded { site: site.name.as_str(), order: "", how: "taken-over", reason: &reason }.emit();
            Fate::Left
        }
        Err(ScannerError::Stopping { order }) => {
            LeaseEnded { site: site.name.as_str(), order: &order, how: "given-back", reason: "" }.emit();
            Fate::GivenBack
        }
        Err(error) => {
            tracing::warn!(site = %site.name, %error, "letting go of an order");
            Fate::Left
        }
    }
}

async fn consider(site: &Site, delivery: &OrderDelivery) -> Result<Fate, ScannerError> {
    if site.shutdown.is_requested() || site.gate.is_halted() {
        return Ok(Fate::GivenBack);
    }
    let order = match &delivery.order {
        Ok(order) => order,
        Err(error) if error.is_newer() => {
            tracing::error!(site = %site.name, %error, "leaving an order to a newer scanner");
            return Ok(Fate::Left);
        }
        Err(error) => return bury(site, delivery, None, error.to_string()).await,
    };
    let job = match Job::read(site.name.as_str(), order, &delivery.event_id) {
        Ok(job) => job,
        Err(error) => return bury(site, delivery, Some(order), error.to_string()).await,
    };
    let log = LeaseLog::new(&site.bus, &site.publisher, &site.name, job.order, &site.shutdown);
    LeaseWork { site, job: &job, log }.run().await?;
    Ok(Fate::Done)
}

/// Puts an order aside that nobody can work on, and says so on its lease's subject, if it names one.
async fn bury(
    site: &Site,
    delivery: &OrderDelivery,
    order: Option<&Order>,
    reason: String,
) -> Result<Fate, ScannerError> {
    let entry = DeadEntry { stream: Stream::Orders, received: &delivery.received, reader: "scanner", reason };
    let reason = entry.reason.clone();
    put_aside(&site.publisher, entry).await?;
    let Some(order) = order.filter(|order| order.site == site.name.as_str()) else { return Ok(Fate::Done) };
    let Ok(id) = OrderId::from_bytes(&order.order_id) else { return Ok(Fate::Done) };
    let log = LeaseLog::new(&site.bus, &site.publisher, &site.name, id, &site.shutdown);
    let Checkpoint::Open(progress) = log.checkpoint().await? else { return Ok(Fate::Done) };
    let now = Timestamp::now();
    let outcome = report::outcome(id.as_bytes(), &order.sweep_id, OrderResult::Dead, &reason, &progress, now);
    let body = Body::OrderOutcome(outcome);
    let draft = Draft::by_service(EventId::of_outcome(id), now, site.name.as_str(), "scanner", body)
        .caused_by(&delivery.event_id)
        .belongs_to(&order.sweep_id);
    crash::point("scanner.before-outcome");
    log.append(&draft, progress.sequence).await?;
    crash::point("scanner.after-outcome");
    LeaseEnded { site: site.name.as_str(), order: &id.to_string(), how: "dead", reason: &reason }.emit();
    Ok(Fate::Done)
}
