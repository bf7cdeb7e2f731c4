//! The seeded corpus: sweeps whose every unit is open.
//!
//! A block of hosts is one /16 of which 25 /22 are used: 25,600 hosts, each /22 one lease. A sweep looks at 20 ports of
//! each, 18 approved and 2 not, in the order of the scanner's own permutation: 512,000 rows of distinct (address, port),
//! a tenth of which change a verdict. A slice is 1,000 units, so 1,000 rows.

use std::net::IpAddr;

use bytes::Bytes;
use jiff::Timestamp;
use muster_bus::convert::network::{address_to_proto, block_to_proto};
use muster_bus::convert::time::to_proto;
use muster_bus::{Draft, SiteName, Subject};
use muster_ids::{EventId, OrderId, SweepId};
use muster_proto::v1::{self, envelope::Body};
use muster_sweep::{Lease, PortRange, Transport};
use muster_tests::Rng;
use prost::Message as _;

/// Seed of everything; the same rows in every run.
const SEED: u64 = 20;
/// Leases of a sweep: one /22 each.
pub(crate) const LEASES: u32 = 25;
/// Units of a slice.
const SLICE_UNITS: u32 = 1_000;
/// Every host answers on it in the first sweep.
pub(crate) const WARM_PORT: u16 = 22;
/// First of the approved ports.
pub(crate) const APPROVED: (u16, u16) = (10_000, 29_999);
/// First of the others.
const UNAPPROVED: u16 = 30_000;
/// Realm of the site.
pub(crate) const REALM: &str = "bench";

/// A sweep of one block of hosts.
#[derive(Debug, Clone)]
pub(crate) struct Sweep {
    id: SweepId,
    block: u8,
    ports: Vec<PortRange>,
    rng: u64,
    at: Timestamp,
}

/// A lease and what was seen.
#[derive(Debug)]
pub(crate) struct LeaseLoad {
    pub(crate) order: OrderId,
    pub(crate) issued: v1::OrderIssued,
    pub(crate) slices: Vec<v1::Slice>,
}

impl Sweep {
    /// The first sweep of a block: one approved port of each host.
    pub(crate) fn warm_up(block: u8) -> Self {
        let id = SweepId::derivation("bench.warm").number(block.into()).into();
        let ports = vec![PortRange::tcp(WARM_PORT)];
        Self { id, block, ports, rng: SEED ^ u64::from(block) << 32, at: Timestamp::now() }
    }

    /// The sweep with a number of a block: 18 approved ports of each host and 2 others, none of them seen before.
    pub(crate) fn numbered(block: u8, number: u16) -> Self {
        let id = SweepId::derivation("bench").number(block.into()).number(number.into()).into();
        let approved = APPROVED.0 + 18 * number;
        let ports = vec![
            PortRange { transport: Transport::Tcp, first: approved, last: approved + 17 },
            PortRange { transport: Transport::Tcp, first: UNAPPROVED + 2 * number, last: UNAPPROVED + 2 * number + 1 },
        ];
        Self { id, block, ports, rng: SEED ^ u64::from(block) << 32 ^ u64::from(number) << 16, at: Timestamp::now() }
    }

    /// Whether an observation on a port changes a verdict.
    pub(crate) const fn is_unapproved(port: u32) -> bool {
        port >= UNAPPROVED as u32
    }

    /// The subjects of the verdicts that it changes.
    pub(crate) fn subjects(&self) -> Vec<String> {
        let unapproved = self.ports.iter().filter(|range| range.first >= UNAPPROVED);
        unapproved
            .flat_map(|range| range.first..=range.last)
            .map(|port| format!("approved-service:tcp/{port}"))
            .collect()
    }

    /// Rows of the sweep.
    pub(crate) fn rows(&self) -> u64 {
        let ports: u64 = self.ports.iter().map(|range| u64::from(range.last - range.first) + 1).sum();
        u64::from(LEASES) * 1_024 * ports
    }

    /// Verdicts that it changes.
    pub(crate) fn changes(&self) -> u64 {
        u64::from(LEASES) * 1_024 * self.subjects().len() as u64
    }

    /// One lease of it. The same every time it is asked for.
    pub(crate) fn lease(&self, site: &SiteName, index: u32) -> anyhow::Result<LeaseLoad> {
        let order = OrderId::of_lease(self.id, index);
        let block: ipnet::IpNet = format!("10.{}.{}.0/22", self.block, 4 * index).parse()?;
        let lease = Lease::new(vec![block], &self.ports, *order.as_bytes(), SLICE_UNITS)?;
        let issued = self.issued(site, order, index, &lease);
        let mut rng = Rng::new(self.rng ^ u64::from(index));
        let slices = lease.slices().map(|range| self.slice(order, &lease, range, &mut rng)).collect();
        Ok(LeaseLoad { order, issued, slices })
    }

    /// The event of a slice.
    pub(crate) fn draft(&self, site: &SiteName, order: OrderId, slice: v1::Slice) -> Draft {
        let id = EventId::of_slice(order, slice.index);
        Draft::by_service(id, self.at, site.as_str(), "scanner", Body::Slice(slice)).belongs_to(self.id.as_bytes())
    }

    /// When it was begun.
    pub(crate) const fn at(&self) -> Timestamp {
        self.at
    }

    fn issued(&self, site: &SiteName, order: OrderId, index: u32, lease: &Lease) -> v1::OrderIssued {
        let ports = self.ports.iter().map(|range| v1::PortRange {
            transport: v1::Transport::Tcp.into(),
            first: range.first.into(),
            last: range.last.into(),
        });
        let lease = v1::Lease {
            realm: REALM.to_owned(),
            blocks: lease.blocks().iter().copied().map(block_to_proto).collect(),
            ports: ports.collect(),
            permutation_key: lease.permutation_key().to_vec(),
            units: lease.units().into(),
            units_per_slice: SLICE_UNITS,
            scope_revision: 1,
        };
        let order = v1::Order {
            order_id: order.to_vec(),
            sweep_id: self.id.to_vec(),
            sweep_kind: v1::SweepKind::Sweep.into(),
            site: site.as_str().to_owned(),
            lease_index: index,
            issued_at: Some(to_proto(self.at)),
            lease: Some(lease),
            ..v1::Order::default()
        };
        v1::OrderIssued { order: Some(order) }
    }

    fn slice(&self, order: OrderId, lease: &Lease, range: muster_sweep::SliceRange, rng: &mut Rng) -> v1::Slice {
        let units = range.unit_indices().filter_map(|index| lease.unit(index));
        let observations = units.map(|unit| observation(unit.index, unit.address, unit.port, rng)).collect();
        v1::Slice {
            order_id: order.to_vec(),
            sweep_id: self.id.to_vec(),
            realm: REALM.to_owned(),
            index: range.index,
            first_unit: range.first_unit,
            units: range.units,
            vantage: Some(v1::Vantage {
                scanner: "bench".to_owned(),
                source_address: Vec::new(),
                method: "connect".to_owned(),
            }),
            started_at: Some(to_proto(self.at)),
            finished_at: Some(to_proto(self.at)),
            observations,
            ..v1::Slice::default()
        }
    }
}

/// Service, vendor, product, version, banner's first line.
const SERVICES: [(&str, &str, &str, &str); 8] = [
    ("http", "nginx", "nginx", "1.27.4"),
    ("http", "Microsoft", "Microsoft-IIS", "10.0"),
    ("http", "Apache", "Apache httpd", "2.4.62"),
    ("http", "Microsoft", "Microsoft-IIS", "6.0"),
    ("ssh", "OpenBSD", "OpenSSH", "9.9p1"),
    ("smtp", "Postfix", "Postfix smtpd", ""),
    ("ftp", "vsFTPd", "vsftpd", "3.0.5"),
    ("tls", "", "", ""),
];

/// What servers say, as long as the longest banner and some more, so that banners begin at different places of it.
const SAID: &str = "HTTP/1.1 200 OK\r\nServer: nginx/1.27.4\r\nDate: Mon, 01 Jun 2026 08:12:31 GMT\r\nContent-Type: text/html; \
    charset=utf-8\r\nContent-Length: 4821\r\nLast-Modified: Tue, 12 May 2026 10:00:07 GMT\r\nConnection: keep-alive\r\nETag: \
    \"6a02f5c7-12d5\"\r\nX-Frame-Options: SAMEORIGIN\r\nStrict-Transport-Security: max-age=31536000\r\nAccept-Ranges: bytes\r\n\r\n\
    <!DOCTYPE html><html><head><title>Welcome to the intranet</title></head><body>220 mail.example ESMTP ready\r\n\
    SSH-2.0-OpenSSH_9.9p1 Debian-3\r\n530 Please login with USER and PASS.\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: \
    NTLM\r\nX-Powered-By: ASP.NET\r\nX-AspNet-Version: 4.0.30319\r\nCache-Control: private\r\nVary: Accept-Encoding\r\nVia: 1.1 \
    proxy-7.example\r\nSet-Cookie: session=0f3a9c1e77; path=/; HttpOnly\r\nPragma: no-cache\r\nExpires: -1\r\n";

fn observation(unit: u32, address: IpAddr, port: u16, rng: &mut Rng) -> v1::Observation {
    let (service, vendor, product, version) = *rng.one_of(&SERVICES);
    let fingerprint = v1::Fingerprint {
        service: service.to_owned(),
        vendor: vendor.to_owned(),
        product: product.to_owned(),
        version: version.to_owned(),
        evidence: if product.is_empty() { String::new() } else { format!("{service}.banner: {product} {version}") },
        tls: service == "tls",
        ..v1::Fingerprint::default()
    };
    let mut observation = v1::Observation {
        unit,
        address: address_to_proto(address).into(),
        port: port.into(),
        transport: v1::Transport::Tcp.into(),
        observed_after_us: rng.below(60_000_000),
        rtt_us: u32::try_from(200 + rng.below(4_000)).unwrap_or(0),
        fingerprint: Some(fingerprint),
        ..v1::Observation::default()
    };
    // The banner fills the row up to its length; tag and length of the banner are 2 or 3 bytes.
    let length = usize::try_from(row_bytes(rng)).unwrap_or(0).saturating_sub(observation.encoded_len() + 2);
    let start = usize::try_from(rng.below(200)).unwrap_or(0);
    observation.banner = Bytes::from_static(SAID.as_bytes()).slice(start..(start + length).min(SAID.len()));
    observation
}

/// Encoded bytes of a row: nine in ten 140 to 260, one in twenty shorter and one in twenty longer, so that the median is
/// 200 and a slice of 1,000 stays below 256 KiB.
fn row_bytes(rng: &mut Rng) -> u64 {
    match rng.below(20) {
        0 => 110 + rng.below(30),
        1 => 261 + rng.below(300),
        _ => 140 + rng.below(121),
    }
}

/// The subject of a lease.
pub(crate) fn subject(site: &SiteName, order: OrderId) -> Subject {
    Subject::lease(site, order)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_corpus_is_what_the_figure_says() {
        let (site, sweep) = (SiteName::new("bench").unwrap(), Sweep::numbered(3, 1));
        let (mut lengths, mut seen, mut unapproved) = (Vec::new(), HashSet::new(), 0);
        for index in 0..LEASES {
            for slice in sweep.lease(&site, index).unwrap().slices {
                assert!(slice.encoded_len() <= 256 << 10);
                for row in &slice.observations {
                    lengths.push(row.encoded_len());
                    assert!(seen.insert((row.address.clone(), row.port)));
                    unapproved += u64::from(Sweep::is_unapproved(row.port));
                }
            }
        }
        lengths.sort_unstable();
        assert!((198..=202).contains(&lengths[lengths.len() / 2]), "{}", lengths[lengths.len() / 2]);
        assert_eq!((seen.len() as u64, unapproved), (sweep.rows(), sweep.changes()));
        assert_eq!(sweep.rows(), 10 * sweep.changes());
    }
}
