//! Slices and outcomes: what scanners publish.

use std::net::Ipv6Addr;

use muster_proto::v1;
use muster_store::rows::{CertificateRow, Millis, ObservationRow, OrderOutcomeRow, SliceRow};

use super::{BadEvent, Place, Sink, address, enumeration, id, millis};

/// A slice is at most so many units (design: 256 KiB of them).
const UNITS_MAX: u32 = 1_000;

/// Identifiers of one observation: the scanner sends at most so many.
const IDENTIFIERS_MAX: usize = 8;

pub(super) fn slice(place: Place<'_>, slice: &v1::Slice, sink: &mut impl Sink) -> Result<(), BadEvent> {
    let order_id = id("slice.order_id", &slice.order_id)?;
    let sweep_id = id("slice.sweep_id", &slice.sweep_id)?;
    if slice.units > UNITS_MAX {
        return Err(BadEvent::new("slice.units", format!("{} units, at most {UNITS_MAX}", slice.units)));
    }
    let started_at = millis(slice.started_at.as_ref());
    let mut checked = Vec::with_capacity(slice.observations.len());
    let end = slice.first_unit.saturating_add(slice.units);
    let mut next_unit = slice.first_unit;
    for observation in &slice.observations {
        // In order and inside, so that a unit stands once.
        if observation.unit < next_unit || observation.unit >= end {
            return Err(BadEvent::new("slice.observations", format!("unit {} is out of place", observation.unit)));
        }
        next_unit = observation.unit + 1;
        let port = u16::try_from(observation.port)
            .map_err(|_| BadEvent::new("observation.port", format!("{} is not a port", observation.port)))?;
        let transport = enumeration::<v1::Transport>("observation.transport", observation.transport)?;
        checked.push((address("observation.address", &observation.address)?, port, transport));
    }
    let scanner = slice.vantage.as_ref();
    let (closed, skipped) = (ones(&slice.closed, slice.units)?, ones(&slice.skipped, slice.units)?);
    let open = u32::try_from(slice.observations.len()).unwrap_or(UNITS_MAX);
    let answered = open + closed + skipped;
    if answered > slice.units {
        return Err(BadEvent::new("slice", format!("{answered} of {} units have a state", slice.units)));
    }
    let row = SliceRow {
        order_id,
        slice_index: slice.index,
        sweep_id,
        site: place.site,
        realm: &slice.realm,
        first_unit: slice.first_unit,
        units: slice.units,
        open,
        closed,
        skipped,
        silent: slice.units - answered,
        closed_bitmap: &slice.closed,
        skipped_bitmap: &slice.skipped,
        certificates: u32::try_from(slice.certificates.len()).unwrap_or(UNITS_MAX),
        scanner: scanner.map_or("", |vantage| &vantage.scanner),
        source_address: match scanner {
            Some(vantage) if !vantage.source_address.is_empty() => {
                address("vantage.source_address", &vantage.source_address)?
            }
            _ => Ipv6Addr::UNSPECIFIED,
        },
        method: scanner.map_or("", |vantage| &vantage.method),
        producer_version: place.producer.map_or("", |producer| &producer.version),
        started_at,
        finished_at: millis(slice.finished_at.as_ref()),
        event_id: place.event_id,
        stream_sequence: place.stream_sequence,
        broker_at: place.broker_at,
    };
    let mut hashes = Vec::with_capacity(slice.certificates.len());
    for certificate in &slice.certificates {
        let sha256: [u8; 32] = certificate.sha256.as_ref().try_into().map_err(|_| {
            BadEvent::new("certificate.sha256", format!("a hash has 32 bytes, not {}", certificate.sha256.len()))
        })?;
        hashes.push(sha256);
    }
    sink.row(&row);
    for (certificate, sha256) in slice.certificates.iter().zip(hashes) {
        sink.row(&CertificateRow {
            sha256,
            der: &certificate.der,
            site: place.site,
            order_id,
            slice_index: slice.index,
            stream_sequence: place.stream_sequence,
            broker_at: place.broker_at,
        });
    }
    for (observation, (address, port, transport)) in slice.observations.iter().zip(checked) {
        let print = observation.fingerprint.as_ref();
        sink.row(&ObservationRow {
            order_id,
            unit: observation.unit,
            slice_index: slice.index,
            sweep_id,
            site: place.site,
            realm: &slice.realm,
            address,
            port,
            transport,
            observed_at: observed_at(started_at, observation.observed_after_us),
            rtt_us: observation.rtt_us,
            service: print.map_or("", |print| &print.service),
            vendor: print.map_or("", |print| &print.vendor),
            product: print.map_or("", |print| &print.product),
            version: print.map_or("", |print| &print.version),
            evidence: print.map_or("", |print| &print.evidence),
            tls: print.is_some_and(|print| print.tls),
            banner: &observation.banner,
            certificate_sha256: &observation.certificate_sha256,
            os_product: print.map_or("", |print| &print.os_product),
            os_version: print.map_or("", |print| &print.os_version),
            tls_version: print.map_or("", |print| &print.tls_version),
            identifiers: identifiers(observation),
            stream_sequence: place.stream_sequence,
            broker_at: place.broker_at,
        });
    }
    Ok(())
}

/// Kind and value of each, as far as a row takes them: whoever sends more is not to be believed.
fn identifiers(observation: &v1::Observation) -> Vec<(&str, &str)> {
    let fits = |identifier: &&v1::HostIdentifier| identifier.kind.len() <= 32 && identifier.value.len() <= 512;
    let fitting = observation.identifiers.iter().filter(fits).take(IDENTIFIERS_MAX);
    fitting.map(|identifier| (identifier.kind.as_str(), identifier.value.as_str())).collect()
}

/// A slice lasts at most a day; what claims more is cut, so that a wrong clock cannot leave the store's range.
fn observed_at(started_at: Millis, after_us: u64) -> Millis {
    const DAY_MS: u64 = 24 * 3_600 * 1_000;
    started_at + i64::try_from((after_us / 1_000).min(DAY_MS)).unwrap_or(0)
}

fn ones(bitmap: &[u8], units: u32) -> Result<u32, BadEvent> {
    if bitmap.len() > units.div_ceil(8) as usize {
        return Err(BadEvent::new("slice bitmap", format!("{} bytes for {units} units", bitmap.len())));
    }
    Ok(bitmap.iter().map(|byte| byte.count_ones()).sum())
}

pub(super) fn outcome(place: Place<'_>, outcome: &v1::OrderOutcome, sink: &mut impl Sink) -> Result<(), BadEvent> {
    if outcome.result() == v1::OrderResult::Unspecified {
        return Err(BadEvent::new("order_outcome.result", "not set"));
    }
    sink.row(&OrderOutcomeRow {
        order_id: id("order_outcome.order_id", &outcome.order_id)?,
        sweep_id: id("order_outcome.sweep_id", &outcome.sweep_id)?,
        site: place.site,
        result: enumeration::<v1::OrderResult>("order_outcome.result", outcome.result)?,
        reason: &outcome.reason,
        slices: outcome.slices,
        units: outcome.units,
        open: outcome.open,
        closed: outcome.closed,
        silent: outcome.silent,
        skipped: outcome.skipped,
        started_at: millis(outcome.started_at.as_ref()),
        finished_at: millis(outcome.finished_at.as_ref()),
        scanner: place.producer.map_or("", |producer| &producer.instance),
        event_id: place.event_id,
        stream_sequence: place.stream_sequence,
        broker_at: place.broker_at,
    });
    Ok(())
}
