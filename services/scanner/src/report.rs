//! What was found, as it is published.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_bus::convert::{network, time};
use muster_proto::v1;
use prost::Message;

use crate::connect::{Open, SliceResult};
use crate::job::Job;
use crate::log::Progress;
use crate::probe::Found;

/// A slice encoded, as the design has it; an event may have twice that.
pub(crate) const SLICE_MAX_BYTES: usize = 256 * 1_024;

/// Banners are cut to these lengths in turn until the slice fits.
const BANNER_STEPS_BYTES: [usize; 5] = [512, 256, 128, 64, 0];

/// A slice with what its open ports said.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) result: SliceResult,
    /// One for each open port, in their order.
    pub(crate) found: Vec<Found>,
}

impl Examined {
    pub(crate) fn connections(&self) -> u64 {
        self.found.iter().map(|found| u64::from(found.connections)).sum()
    }
}

/// The slice's event.
pub(crate) fn slice(job: &Job, scanner: &str, progress: &Progress, examined: &Examined) -> v1::Slice {
    let Examined { result, found } = examined;
    let certificates: BTreeMap<[u8; 32], &[u8]> = found
        .iter()
        .filter_map(|found| found.certificate.as_ref())
        .map(|certificate| (certificate.sha256, certificate.der.as_slice()))
        .collect();
    let mut slice = v1::Slice {
        order_id: job.order.to_vec(),
        sweep_id: job.sweep_id.clone(),
        realm: job.realm.clone(),
        index: result.range.index,
        first_unit: result.range.first_unit,
        units: result.range.units,
        vantage: Some(v1::Vantage {
            scanner: scanner.to_owned(),
            source_address: Vec::new(),
            method: "connect".to_owned(),
        }),
        started_at: Some(time::to_proto(result.started_at)),
        finished_at: Some(time::to_proto(result.finished_at)),
        observations: result.open.iter().zip(found).map(|(open, found)| observation(open, found)).collect(),
        closed: result.closed.to_bytes().into(),
        skipped: result.skipped.to_bytes().into(),
        certificates: certificates
            .into_iter()
            .filter(|(_, der)| !der.is_empty())
            .map(|(sha256, der)| v1::Certificate { sha256: sha256.to_vec().into(), der: der.to_vec().into() })
            .collect(),
        totals: Some(progress.totals_with(result.counts, result.started_at)),
    };
    fit(&mut slice);
    slice
}

fn observation(open: &Open, found: &Found) -> v1::Observation {
    let us = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    v1::Observation {
        unit: open.unit,
        address: network::address_to_proto(open.address).into(),
        port: u32::from(open.port),
        transport: v1::Transport::Tcp.into(),
        observed_after_us: us(open.observed_after),
        rtt_us: u32::try_from(us(open.rtt)).unwrap_or(u32::MAX),
        fingerprint: found.fingerprint.as_ref().map(|fingerprint| v1::Fingerprint {
            service: fingerprint.service.clone(),
            vendor: fingerprint.vendor.clone(),
            product: fingerprint.product.clone(),
            version: fingerprint.version.clone(),
            evidence: fingerprint.evidence.clone(),
            tls: fingerprint.tls,
        }),
        banner: found.banner.clone().into(),
        certificate_sha256: found.certificate.as_ref().map(|c| c.sha256.to_vec().into()).unwrap_or_default(),
    }
}

/// Makes a slice of many talkative services small enough: what is said least by is left out first. The open ports
/// themselves always fit: 1,000 of them take less than 100 KiB.
fn fit(slice: &mut v1::Slice) {
    for banner_bytes in BANNER_STEPS_BYTES {
        if slice.encoded_len() <= SLICE_MAX_BYTES {
            return;
        }
        slice.observations.iter_mut().for_each(|observation| observation.banner.truncate(banner_bytes));
    }
    if slice.encoded_len() > SLICE_MAX_BYTES {
        slice.certificates.clear();
    }
    if slice.encoded_len() > SLICE_MAX_BYTES {
        slice.observations.iter_mut().filter_map(|o| o.fingerprint.as_mut()).for_each(|f| f.evidence.clear());
    }
    if slice.encoded_len() > SLICE_MAX_BYTES {
        slice.observations.iter_mut().for_each(|observation| observation.fingerprint = None);
    }
}

/// The outcome's event.
pub(crate) fn outcome(
    order_id: &[u8],
    sweep_id: &[u8],
    result: v1::OrderResult,
    reason: &str,
    progress: &Progress,
    finished_at: jiff::Timestamp,
) -> v1::OrderOutcome {
    let counts = progress.counts;
    v1::OrderOutcome {
        order_id: order_id.to_vec(),
        sweep_id: sweep_id.to_vec(),
        result: result.into(),
        reason: reason.to_owned(),
        slices: progress.next_slice,
        units: counts.units(),
        open: counts.open,
        closed: counts.closed,
        silent: counts.silent,
        skipped: counts.skipped,
        started_at: Some(time::to_proto(progress.started_at.unwrap_or(finished_at))),
        finished_at: Some(time::to_proto(finished_at)),
    }
}
