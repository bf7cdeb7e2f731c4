//! What was found, as it is published.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_bus::convert::{loss, network, time};
use muster_proto::v1;
use prost::Message;

use crate::engine::{Open, SliceResult};
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
            method: result.method.name().to_owned(),
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
        totals: Some(progress.totals_with(result)),
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
            os_product: fingerprint.os_product.clone(),
            os_version: fingerprint.os_version.clone(),
            tls_version: fingerprint.tls_version.clone(),
        }),
        banner: found.banner.clone().into(),
        certificate_sha256: found.certificate.as_ref().map(|c| c.sha256.to_vec().into()).unwrap_or_default(),
        identifiers: found
            .identifiers
            .iter()
            .map(|identifier| v1::HostIdentifier {
                kind: identifier.kind.name().to_owned(),
                value: identifier.value.clone(),
            })
            .collect(),
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
        slice.observations.iter_mut().for_each(|observation| observation.identifiers.clear());
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
        loss: Some(loss::to_proto(&progress.loss)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use muster_identify::{BANNER_MAX_BYTES, Fingerprint, HostIdentifier, IdentifierKind};
    use muster_proto::v1;
    use muster_sweep::{Bitmap, SliceCounts, SliceRange, UNITS_PER_SLICE_MAX};
    use proptest::prelude::*;
    use prost::Message;

    use super::{Examined, SLICE_MAX_BYTES, slice};
    use crate::engine::{Attempts, Method, Open, SkipReason, SliceResult};
    use crate::job::Job;
    use crate::log::Progress;
    use crate::probe::{Certificate, Found};

    fn job() -> Job {
        let ports = [v1::PortRange { transport: v1::Transport::Tcp.into(), first: 1, last: 1_000 }];
        let block = v1::Block { address: vec![127, 0, 0, 1], prefix_length: 32 };
        let lease = v1::Lease {
            blocks: vec![block],
            ports: ports.to_vec(),
            permutation_key: vec![1; 16],
            units: 1_000,
            units_per_slice: UNITS_PER_SLICE_MAX,
            ..v1::Lease::default()
        };
        let order =
            v1::Order { order_id: vec![3; 16], site: "here".to_owned(), lease: Some(lease), ..Default::default() };
        Job::read("here", &order, &[]).unwrap()
    }

    fn examined(open: u32, text_chars: usize, banner_bytes: usize, der_bytes: usize) -> Examined {
        let units = UNITS_PER_SLICE_MAX;
        let text = "\u{1f5a8}".repeat(text_chars);
        let service = |unit: u32| Open {
            unit,
            address: "2001:db8::1".parse().unwrap(),
            port: 65_535,
            rtt: std::time::Duration::from_secs(3),
            observed_after: std::time::Duration::from_secs(3_600),
        };
        let found = |unit: u32| {
            let mut sha256 = [0xff; 32];
            sha256[..4].copy_from_slice(&unit.to_be_bytes());
            Found {
                fingerprint: Some(Fingerprint {
                    service: "http".to_owned(),
                    vendor: text.clone(),
                    product: text.clone(),
                    version: text.clone(),
                    evidence: text.repeat(4),
                    tls: true,
                    os_product: text.clone(),
                    os_version: text.clone(),
                    tls_version: "TLS 1.3".to_owned(),
                }),
                banner: vec![b'b'; banner_bytes],
                certificate: Some(Certificate { sha256, der: vec![0x30; der_bytes] }),
                identifiers: vec![HostIdentifier { kind: IdentifierKind::NtlmName, value: text.repeat(4) }; 8],
                connections: 5,
            }
        };
        let result = SliceResult {
            range: SliceRange { index: 0, first_unit: 0, units },
            method: Method::Connect,
            started_at: jiff::Timestamp::UNIX_EPOCH,
            finished_at: jiff::Timestamp::UNIX_EPOCH,
            open: (0..open).map(service).collect(),
            closed: Bitmap::new(units),
            skipped: Bitmap::new(units),
            skipped_by: SkipReason::ALL.map(|reason| (reason, 0)),
            counts: SliceCounts { open: u64::from(open), silent: u64::from(units - open), ..SliceCounts::default() },
            attempts: Some(Attempts { sent: vec![units; 3], first_answers: vec![open, 0, 0], dropped: 2 }),
        };
        Examined { result, found: (0..open).map(found).collect() }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_slice_fits_whatever_its_services_say(
            open in 0..=UNITS_PER_SLICE_MAX,
            text_chars in 0_usize..=64,
            banner_bytes in 0..=BANNER_MAX_BYTES,
            der_bytes in 0_usize..=2_048,
        ) {
            let examined = examined(open, text_chars, banner_bytes, der_bytes);
            let slice = slice(&job(), "one", &Progress::default(), &examined);
            prop_assert!(slice.encoded_len() <= SLICE_MAX_BYTES);
            prop_assert_eq!(slice.observations.len(), usize::try_from(open).unwrap());
            prop_assert!(slice.observations.iter().all(|found| found.certificate_sha256.len() == 32));
        }
    }

    #[test]
    fn a_lease_that_is_gone_on_with_counts_on() {
        let mut progress = Progress::default();
        for index in 0..40 {
            progress.advance(1, &examined(50 + index % 5, 0, 0, 0).result);
        }
        let last = slice(&job(), "one", &progress, &examined(60, 0, 0, 0));
        let totals = last.totals.unwrap();
        let loss = totals.loss.unwrap();
        let whole = u64::from(UNITS_PER_SLICE_MAX) * 41;
        assert_eq!(loss.groups[0].sent, [whole; 3]);
        assert_eq!(loss.groups[0].first_answers, [totals.open, 0, 0]);
        assert_eq!((loss.groups.len(), loss.dropped, loss.uncounted), (1, 82, 0));
        // Whoever has connections only says so.
        let mut by_connections = examined(60, 0, 0, 0);
        by_connections.result.attempts = None;
        let totals = progress.totals_with(&by_connections.result);
        assert_eq!(totals.loss.unwrap().uncounted, 1_000);
    }

    #[test]
    fn what_fits_is_kept_whole() {
        let slice = slice(&job(), "one", &Progress::default(), &examined(10, 10, BANNER_MAX_BYTES, 1_000));
        assert!(slice.observations.iter().all(|found| found.banner.len() == BANNER_MAX_BYTES));
        assert_eq!(slice.certificates.len(), 10);
        assert_eq!(slice.totals.unwrap().units, 1_000);
    }
}
