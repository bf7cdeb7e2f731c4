//! What scanners saw.

use std::net::Ipv6Addr;

use super::{Id, Millis, row};

row! {
    /// An open service on a port of a host. Identity: (order, unit).
    pub struct ObservationRow<'a> in "observations" {
        order_id: Id,
        unit: u32,
        slice_index: u32,
        sweep_id: Id,
        #[serde(borrow)]
        site: &'a str,
        realm: &'a str,
        address: Ipv6Addr,
        port: u16,
        transport: i8,
        observed_at: Millis,
        rtt_us: u32,
        service: &'a str,
        vendor: &'a str,
        product: &'a str,
        version: &'a str,
        evidence: &'a str,
        tls: bool,
        #[serde(with = "serde_bytes")]
        banner: &'a [u8],
        #[serde(with = "serde_bytes")]
        certificate_sha256: &'a [u8],
        os_product: &'a str,
        os_version: &'a str,
        tls_version: &'a str,
        /// Kind and value.
        identifiers: Vec<(&'a str, &'a str)>,
        stream_sequence: u64,
        broker_at: Millis,
    }
}

row! {
    /// One slice of a lease: what became of each of its units. Identity: (order, slice index).
    pub struct SliceRow<'a> in "slices" {
        order_id: Id,
        slice_index: u32,
        sweep_id: Id,
        #[serde(borrow)]
        site: &'a str,
        realm: &'a str,
        first_unit: u32,
        units: u32,
        open: u32,
        closed: u32,
        skipped: u32,
        silent: u32,
        #[serde(with = "serde_bytes")]
        closed_bitmap: &'a [u8],
        #[serde(with = "serde_bytes")]
        skipped_bitmap: &'a [u8],
        certificates: u32,
        scanner: &'a str,
        source_address: Ipv6Addr,
        method: &'a str,
        producer_version: &'a str,
        started_at: Millis,
        finished_at: Millis,
        event_id: Id,
        stream_sequence: u64,
        broker_at: Millis,
    }
}

row! {
    /// A certificate as a slice carried it. Identity: (order, slice index, hash).
    pub struct CertificateRow<'a> in "certificates" {
        sha256: [u8; 32],
        #[serde(borrow, with = "serde_bytes")]
        der: &'a [u8],
        site: &'a str,
        order_id: Id,
        slice_index: u32,
        stream_sequence: u64,
        broker_at: Millis,
    }
}

row! {
    /// The end of an order. Identity: the order.
    pub struct OrderOutcomeRow<'a> in "order_outcomes" {
        order_id: Id,
        sweep_id: Id,
        #[serde(borrow)]
        site: &'a str,
        result: i8,
        reason: &'a str,
        slices: u32,
        units: u64,
        open: u64,
        closed: u64,
        silent: u64,
        skipped: u64,
        started_at: Millis,
        finished_at: Millis,
        scanner: &'a str,
        event_id: Id,
        stream_sequence: u64,
        broker_at: Millis,
    }
}
