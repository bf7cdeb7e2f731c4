//! Plans: what the scheduler publishes.

use std::net::Ipv6Addr;

use muster_proto::v1;
use muster_store::rows::{DrawRow, DrawnItemRow, OrderIssuedRow, SweepFinishedRow, SweepStartedRow};

use super::{BadEvent, Place, Sink, address, blocks, enumeration, id, millis, optional_id, ports};

pub(super) fn started(place: Place<'_>, sweep: &v1::SweepStarted, sink: &mut impl Sink) -> Result<(), BadEvent> {
    sink.row(&SweepStartedRow {
        sweep_id: id("sweep_started.sweep_id", &sweep.sweep_id)?,
        kind: enumeration::<v1::SweepKind>("sweep_started.kind", sweep.kind)?,
        site: place.site,
        schedule: &sweep.schedule,
        due_at: millis(sweep.due_at.as_ref()),
        started_at: millis(sweep.started_at.as_ref()),
        leases: sweep.leases,
        units: sweep.units,
        scope_revision: sweep.scope_revision,
        draw_id: optional_id("sweep_started.draw_id", &sweep.draw_id)?,
        ports: ports("sweep_started.ports", &sweep.ports)?,
        partial: sweep.partial,
        event_id: place.event_id,
        causation_id: place.causation_id,
        stream_sequence: place.stream_sequence,
        broker_at: place.broker_at,
    });
    Ok(())
}

pub(super) fn issued(place: Place<'_>, issued: &v1::OrderIssued, sink: &mut impl Sink) -> Result<(), BadEvent> {
    let order = issued.order.as_ref().ok_or_else(|| BadEvent::new("order_issued.order", "not set"))?;
    let lease = order.lease.as_ref().ok_or_else(|| BadEvent::new("order.lease", "not set"))?;
    sink.row(&OrderIssuedRow {
        order_id: id("order.order_id", &order.order_id)?,
        sweep_id: id("order.sweep_id", &order.sweep_id)?,
        sweep_kind: enumeration::<v1::SweepKind>("order.sweep_kind", order.sweep_kind)?,
        site: place.site,
        lease_index: order.lease_index,
        issued_at: millis(order.issued_at.as_ref()),
        deadline: millis(order.deadline.as_ref()),
        realm: &lease.realm,
        blocks: blocks("lease.blocks", &lease.blocks)?,
        ports: ports("lease.ports", &lease.ports)?,
        permutation_key: &lease.permutation_key,
        units: lease.units,
        units_per_slice: lease.units_per_slice,
        scope_revision: lease.scope_revision,
        event_id: place.event_id,
        stream_sequence: place.stream_sequence,
        broker_at: place.broker_at,
    });
    Ok(())
}

/// Attempts that are stored: more than any engine makes.
const ATTEMPTS_LISTED_MAX: usize = 64;

pub(super) fn finished(place: Place<'_>, sweep: &v1::SweepFinished, sink: &mut impl Sink) -> Result<(), BadEvent> {
    let coverage = sweep.coverage.as_ref().ok_or_else(|| BadEvent::new("sweep_finished.coverage", "not set"))?;
    let missed = sweep.missed.clone().unwrap_or_else(|| v1::Missed {
        // By a scheduler that did not count.
        unstated: "nothing was counted".to_owned(),
        ..v1::Missed::default()
    });
    if [&missed.sent, &missed.first_answers].into_iter().any(|list| list.len() > ATTEMPTS_LISTED_MAX) {
        return Err(BadEvent::new("sweep_finished.missed", "more attempts than there can be"));
    }
    let finite = missed.share_max.is_finite() && missed.loss.is_finite();
    if !finite || !(0.0..=1.0).contains(&missed.share_max) {
        return Err(BadEvent::new("sweep_finished.missed.share_max", "no share"));
    }
    sink.row(&SweepFinishedRow {
        sweep_id: id("sweep_finished.sweep_id", &sweep.sweep_id)?,
        kind: enumeration::<v1::SweepKind>("sweep_finished.kind", sweep.kind)?,
        site: place.site,
        planned: coverage.planned,
        open: coverage.open,
        closed: coverage.closed,
        silent: coverage.silent,
        skipped: coverage.skipped,
        lost: coverage.lost,
        void: sweep.void,
        void_reason: &sweep.void_reason,
        started_at: millis(sweep.started_at.as_ref()),
        finished_at: millis(sweep.finished_at.as_ref()),
        leases_finished: sweep.leases_finished,
        leases_failed: sweep.leases_failed,
        event_id: place.event_id,
        stream_sequence: place.stream_sequence,
        broker_at: place.broker_at,
        missed_share_max: missed.share_max,
        missed_pairs_max: missed.pairs_max,
        missed_unstated: &missed.unstated,
        missed_loss: missed.loss,
        attempts_sent: missed.sent,
        attempts_answered: missed.first_answers,
        answers_dropped: missed.dropped,
    });
    Ok(())
}

pub(super) fn draw(place: Place<'_>, draw: &v1::Draw, sink: &mut impl Sink) -> Result<(), BadEvent> {
    let draw_id = id("draw.draw_id", &draw.draw_id)?;
    let addresses = draw
        .items
        .iter()
        .map(
            |item| {
                if item.address.is_empty() { Ok(Ipv6Addr::UNSPECIFIED) } else { address("draw.items", &item.address) }
            },
        )
        .collect::<Result<Vec<_>, _>>()?;
    sink.row(&DrawRow {
        draw_id,
        site: place.site,
        schedule: &draw.schedule,
        due_at: millis(draw.due_at.as_ref()),
        method: &draw.method,
        seed: &draw.seed,
        frame_root: &draw.frame_root,
        frame_size: draw.frame_size,
        inventory_revision: draw.inventory_revision,
        items: u32::try_from(draw.items.len()).unwrap_or(u32::MAX),
        event_id: place.event_id,
        causation_id: place.causation_id,
        stream_sequence: place.stream_sequence,
        broker_at: place.broker_at,
    });
    for ((position, item), address) in (0_u32..).zip(&draw.items).zip(addresses) {
        sink.row(&DrawnItemRow {
            draw_id,
            position,
            item: &item.item,
            address,
            ticket: &item.ticket,
            stream_sequence: place.stream_sequence,
            broker_at: place.broker_at,
        });
    }
    Ok(())
}
