//! Messages → inputs. What the recorder puts aside as malformed is refused here by the same measure, so that the store
//! and the verdicts rest on the same events.

use std::net::IpAddr;

use jiff::Timestamp;
use muster_bus::convert::{ConvertError, inventory, network, time};
use muster_estate::model::{Asset, Transport};
use muster_ids::{EventId, FindingId, SweepId};
use muster_proto::v1;
use muster_verdict::{DispositionSet, Seen};

use super::{from_millis, to_millis, words};

/// A slice is at most so many units.
const UNITS_MAX: u32 = 1_000;
/// A slice lasts at most a day; what claims more is cut, as in the store.
const DAY_MS: u64 = 24 * 3_600 * 1_000;

/// A slice that was checked.
#[derive(Debug)]
pub(crate) struct CheckedSlice<'a> {
    pub(crate) sweep: SweepId,
    pub(crate) started_at: Timestamp,
    pub(crate) observed: Vec<Observed<'a>>,
}

/// An open port of it.
#[derive(Debug)]
pub(crate) struct Observed<'a> {
    address: IpAddr,
    transport: Transport,
    port: u16,
    at: Timestamp,
    print: Option<&'a v1::Fingerprint>,
}

/// Checks a slice.
///
/// # Errors
/// When the recorder would put it aside too.
pub(crate) fn slice(slice: &v1::Slice) -> Result<CheckedSlice<'_>, ConvertError> {
    let sweep = id("slice.sweep_id", SweepId::from_bytes(&slice.sweep_id))?;
    if slice.units > UNITS_MAX {
        return Err(wrong("slice.units", format!("{} units, at most {UNITS_MAX}", slice.units)));
    }
    let bytes_max = slice.units.div_ceil(8) as usize;
    if slice.closed.len() > bytes_max || slice.skipped.len() > bytes_max {
        return Err(wrong("slice bitmap", format!("more than {} units", slice.units)));
    }
    let started_ms = slice.started_at.as_ref().map_or(0, millis);
    let mut observed = Vec::with_capacity(slice.observations.len());
    let mut next_unit = slice.first_unit;
    let end = slice.first_unit.saturating_add(slice.units);
    for observation in &slice.observations {
        if observation.unit < next_unit || observation.unit >= end {
            return Err(wrong("slice.observations", format!("unit {} is out of place", observation.unit)));
        }
        next_unit = observation.unit + 1;
        let port = u16::try_from(observation.port)
            .map_err(|_| wrong("observation.port", format!("{} is not a port", observation.port)))?;
        let address = network::address_from_proto("observation.address", &observation.address)?.to_canonical();
        // An answer without a port is no service.
        let Ok(transport) = network::transport_from_proto("observation.transport", observation.transport) else {
            continue;
        };
        let after_ms = (observation.observed_after_us / 1_000).min(DAY_MS);
        let at = from_millis(started_ms + i64::try_from(after_ms).unwrap_or(0));
        observed.push(Observed { address, transport, port, at, print: observation.fingerprint.as_ref() });
    }
    let ones = |bits: &[u8]| bits.iter().map(|byte| byte.count_ones() as usize).sum::<usize>();
    let answered = slice.observations.len() + ones(&slice.closed) + ones(&slice.skipped);
    if answered > slice.units as usize {
        return Err(wrong("slice", format!("{answered} of {} units have a state", slice.units)));
    }
    Ok(CheckedSlice { sweep, started_at: from_millis(started_ms), observed })
}

/// Hands the open ports of a slice on, with their titles in one piece of text.
pub(crate) fn with_seen<R>(observed: &[Observed<'_>], take: impl FnOnce(&[Seen<'_>]) -> R) -> R {
    let mut text = String::new();
    let ends: Vec<usize> = observed
        .iter()
        .map(|observed| {
            if let Some(print) = observed.print {
                push_title(&mut text, &print.service, &print.product, &print.version);
            }
            text.len()
        })
        .collect();
    let mut start = 0;
    let seen: Vec<Seen<'_>> = observed
        .iter()
        .zip(ends)
        .map(|(observed, end)| {
            let title = text.get(start..end).unwrap_or_default();
            start = end;
            let Observed { address, transport, port, at, .. } = *observed;
            Seen { address, transport, port, at, title }
        })
        .collect();
    take(&seen)
}

/// What a service is called: product and version, else the protocol it speaks.
pub(crate) fn push_title(text: &mut String, service: &str, product: &str, version: &str) {
    if product.is_empty() {
        text.push_str(service);
        return;
    }
    text.push_str(product);
    if !version.is_empty() {
        text.push(' ');
        text.push_str(version);
    }
}

/// The numbers of the bits that are set, least significant first.
pub(crate) fn bits(bitmap: &[u8]) -> impl Iterator<Item = u32> + '_ {
    (0_u32..)
        .zip(bitmap)
        .flat_map(|(place, byte)| (0..8).filter(move |bit| byte >> bit & 1 == 1).map(move |bit| place * 8 + bit))
}

/// As the store keeps it; see the recorder's rows.
fn millis(at: &prost_types::Timestamp) -> i64 {
    // 2299-12-31T23:59:59Z is the last second of a row.
    const SECONDS_MAX: i64 = 10_413_791_999;
    at.seconds.clamp(0, SECONDS_MAX) * 1_000 + i64::from(at.nanos.clamp(0, 999_999_999)) / 1_000_000
}

/// An asset, its times cut as the store keeps them.
pub(crate) fn asset(field: &str, asset: &v1::Asset) -> Result<Asset, ConvertError> {
    let mut asset = inventory::asset_from_proto(field, asset)?;
    cut_times(&mut asset);
    Ok(asset)
}

/// Cuts the times of an asset as the store keeps them.
pub(crate) fn cut_times(asset: &mut Asset) {
    for identifier in &mut asset.identifiers {
        identifier.valid_from = identifier.valid_from.map(to_millis);
        identifier.valid_until = identifier.valid_until.map(to_millis);
    }
}

/// What a person decided.
pub(crate) fn disposition(envelope: &v1::Envelope, set: &v1::DispositionSet) -> Result<DispositionSet, ConvertError> {
    let problem = || wrong("disposition.disposition", format!("{} is none", set.disposition));
    Ok(DispositionSet {
        finding: id("disposition.finding_id", FindingId::from_bytes(&set.finding_id))?,
        disposition: words::disposition(set.disposition).ok_or_else(problem)?,
        reason: set.reason.clone(),
        until: time::optional("disposition.until", set.until.as_ref())?.map(to_millis),
        at: to_millis(time::from_proto("occurred_at", envelope.occurred_at.as_ref())?),
        event: id("event_id", EventId::from_bytes(&envelope.event_id))?,
    })
}

pub(crate) fn id<T>(field: &str, id: Result<T, muster_ids::IdError>) -> Result<T, ConvertError> {
    id.map_err(|error| wrong(field, error.to_string()))
}

pub(crate) fn wrong(field: &str, problem: String) -> ConvertError {
    ConvertError { field: field.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_bitmap_is_read_from_its_least_bit() {
        assert_eq!(bits(&[0b0000_0101, 0, 0b1000_0000]).collect::<Vec<_>>(), [0, 2, 23]);
    }

    #[test]
    fn titles_stay_with_their_ports() {
        let print = |service: &str, product: &str, version: &str| v1::Fingerprint {
            service: service.to_owned(),
            product: product.to_owned(),
            version: version.to_owned(),
            ..Default::default()
        };
        let observation = |unit, fingerprint| v1::Observation {
            unit,
            address: vec![10, 0, 0, 1].into(),
            port: 80 + unit,
            transport: v1::Transport::Tcp.into(),
            fingerprint,
            ..Default::default()
        };
        let message = v1::Slice {
            sweep_id: vec![1; 16],
            units: 4,
            observations: vec![
                observation(0, Some(print("http", "Microsoft-IIS", "6.0"))),
                observation(1, None),
                observation(3, Some(print("ssh", "", ""))),
            ],
            ..Default::default()
        };
        let checked = slice(&message).unwrap();
        let titles = with_seen(&checked.observed, |seen| {
            seen.iter().map(|seen| (seen.port, seen.title.to_owned())).collect::<Vec<_>>()
        });
        assert_eq!(titles, [(80, "Microsoft-IIS 6.0".to_owned()), (81, String::new()), (83, "ssh".to_owned())]);
    }

    #[test]
    fn a_unit_out_of_place_is_refused() {
        let observation = v1::Observation { unit: 7, address: vec![10, 0, 0, 1].into(), ..Default::default() };
        let message =
            v1::Slice { sweep_id: vec![1; 16], units: 4, observations: vec![observation], ..Default::default() };
        assert!(slice(&message).is_err());
    }
}
