//! What happens on a small site: 10.9.0.0/28, ports 22 and 80.
//!
//! Known: .1 (managed, 80 approved), .2 (its 22 is not approved), .3 (never answers), .4 (no owner). Rogue: .9.

use std::net::{IpAddr, Ipv4Addr};

use jiff::{SignedDuration, Timestamp};
use muster_bus::convert::estate::site_to_proto;
use muster_bus::convert::inventory::asset_to_proto;
use muster_bus::convert::network::{address_to_proto, block_to_proto, ports_to_proto};
use muster_bus::convert::time::to_proto;
use muster_bus::{Bucket, Subject};
use muster_estate::defaults;
use muster_estate::model::{
    AliveBy, Approval, Asset, Exposure, Identifier, IdentifierKind, PortRange, Requirement, ScanPolicy, Site,
    Transport, Zone, ZoneClass,
};
use muster_ids::{ImportId, OrderId, SweepId};
use muster_proto::v1::{self, envelope::Body};
use muster_sweep::Lease;
use prost::Message;

use super::world::{World, site};

/// Units of a slice: 32 units of the lease are four slices.
const UNITS_PER_SLICE: u32 = 8;

pub(super) fn host(last: u8) -> IpAddr {
    Ipv4Addr::new(10, 9, 0, last).into()
}

/// Seconds after the test's beginning, with some microseconds, which the store does not keep.
pub(super) fn second(s: i64) -> Timestamp {
    Timestamp::from_microsecond((1_790_000_000 + s) * 1_000_000 + 123_457).unwrap()
}

fn ports(port: u16) -> PortRange {
    PortRange { transport: Transport::Tcp, first: port, last: port }
}

fn document(revision: u64) -> Site {
    Site {
        name: site().as_str().to_owned(),
        revision,
        realm: "corp".into(),
        time_zone: "UTC".into(),
        ranges: vec![],
        zones: vec![Zone {
            name: "prod".into(),
            blocks: vec!["10.9.0.0/24".parse().unwrap()],
            class: ZoneClass::Production,
            exposure: Exposure::Intranet,
            scan_policy: ScanPolicy::Full,
            approvals: vec![Approval { ports: ports(80), role: None, reason: "test".into() }],
        }],
        schedules: vec![],
        scope: defaults::scope(),
        alive_by: AliveBy::OpenPort,
        seen_within: SignedDuration::from_hours(16),
        absent_after_sweeps: 2,
        managed_requires: vec![Requirement::Owner],
        inventory_precedence: Vec::new(),
        removed: false,
    }
}

/// The site's document as a message.
pub(super) fn site_document(revision: u64) -> v1::EstateDocument {
    site_to_proto(&document(revision))
}

fn asset(last: u8, owner: &str) -> Asset {
    Asset {
        key: format!("a-{last}"),
        name: format!("a{last}.example"),
        owner: owner.into(),
        support_group: "web".into(),
        role: "web".into(),
        zone: "prod".into(),
        base_image: "debian-12".into(),
        criticality: String::new(),
        identifiers: vec![Identifier {
            kind: IdentifierKind::Address(host(last)),
            valid_from: None,
            valid_until: Some(second(1_000_000)),
        }],
        claims: Vec::new(),
    }
}

/// One sweep, as its scanner and scheduler tell it.
pub(super) struct Sweep {
    pub(super) number: u64,
    /// When it begins, in seconds.
    pub(super) at: i64,
    pub(super) open: &'static [(u8, u16)],
    pub(super) closed: &'static [(u8, u16)],
}

impl Sweep {
    fn id(&self) -> SweepId {
        SweepId::derivation("test").number(self.number).into()
    }

    fn order(&self) -> OrderId {
        OrderId::of_lease(self.id(), 0)
    }

    fn lease(&self) -> Lease {
        let ports = [muster_sweep::PortRange::tcp(22), muster_sweep::PortRange::tcp(80)];
        Lease::new(vec!["10.9.0.0/28".parse().unwrap()], &ports, *self.order().as_bytes(), UNITS_PER_SLICE).unwrap()
    }

    fn issued(&self) -> v1::OrderIssued {
        let lease = v1::Lease {
            realm: "corp".into(),
            blocks: vec![block_to_proto("10.9.0.0/28".parse().unwrap())],
            ports: [22, 80].map(|port| ports_to_proto(ports(port))).to_vec(),
            permutation_key: self.order().to_vec(),
            units: self.lease().units().into(),
            units_per_slice: UNITS_PER_SLICE,
            scope_revision: 1,
        };
        v1::OrderIssued {
            order: Some(v1::Order {
                order_id: self.order().to_vec(),
                sweep_id: self.id().to_vec(),
                sweep_kind: v1::SweepKind::Sweep.into(),
                site: site().as_str().to_owned(),
                issued_at: Some(to_proto(second(self.at))),
                lease: Some(lease),
                ..Default::default()
            }),
        }
    }

    fn slices(&self) -> Vec<v1::Slice> {
        let lease = self.lease();
        let slice = |range: muster_sweep::SliceRange| {
            let mut slice = v1::Slice {
                order_id: self.order().to_vec(),
                sweep_id: self.id().to_vec(),
                realm: "corp".into(),
                index: range.index,
                first_unit: range.first_unit,
                units: range.units,
                started_at: Some(to_proto(second(self.at + 1))),
                finished_at: Some(to_proto(second(self.at + 2))),
                ..Default::default()
            };
            let mut closed = vec![0_u8; range.units.div_ceil(8) as usize];
            for index in range.unit_indices() {
                let unit = lease.unit(index).unwrap();
                let is = |list: &[(u8, u16)]| {
                    list.iter().any(|(last, port)| (host(*last), *port) == (unit.address, unit.port))
                };
                if is(self.open) {
                    slice.observations.push(v1::Observation {
                        unit: index,
                        address: address_to_proto(unit.address).into(),
                        port: unit.port.into(),
                        transport: v1::Transport::Tcp.into(),
                        observed_after_us: 1_234,
                        fingerprint: Some(v1::Fingerprint {
                            service: "http".into(),
                            product: "nginx".into(),
                            version: "1.27".into(),
                            ..Default::default()
                        }),
                        ..Default::default()
                    });
                } else if is(self.closed) {
                    let bit = index - range.first_unit;
                    closed[(bit / 8) as usize] |= 1 << (bit % 8);
                }
            }
            slice.closed = closed.into();
            slice
        };
        lease.slices().map(slice).collect()
    }

    /// The order, in PLANS.
    pub(super) async fn issue(&self, world: &World) {
        let (subject, name) = (Subject::plan_sweep(&site()), site());
        let at = second(self.at);
        let started = v1::SweepStarted {
            sweep_id: self.id().to_vec(),
            kind: v1::SweepKind::Sweep.into(),
            site: name.as_str().to_owned(),
            started_at: Some(to_proto(at)),
            leases: 1,
            units: self.lease().units().into(),
            ports: [22, 80].map(|port| ports_to_proto(ports(port))).to_vec(),
            realm: "corp".into(),
            ..Default::default()
        };
        world.publish(&subject, at, name.as_str(), Body::SweepStarted(started)).await;
        world.publish(&subject, at, name.as_str(), Body::OrderIssued(self.issued())).await;
    }

    /// What was seen, in EVENTS.
    pub(super) async fn observe(&self, world: &World) {
        let (name, at) = (site(), second(self.at + 2));
        for slice in self.slices() {
            world.publish(&Subject::lease(&name, self.order()), at, name.as_str(), Body::Slice(slice)).await;
        }
    }

    /// Its end, in PLANS.
    pub(super) async fn end(&self, world: &World) {
        let (name, at) = (site(), second(self.at + 3));
        let planned = u64::from(self.lease().units());
        let finished = v1::SweepFinished {
            sweep_id: self.id().to_vec(),
            kind: v1::SweepKind::Sweep.into(),
            site: name.as_str().to_owned(),
            coverage: Some(v1::Coverage { planned, silent: planned, ..Default::default() }),
            started_at: Some(to_proto(second(self.at))),
            finished_at: Some(to_proto(at)),
            leases_finished: 1,
            ..Default::default()
        };
        world.publish(&Subject::plan_sweep(&name), at, name.as_str(), Body::SweepFinished(finished)).await;
    }

    pub(super) async fn all(&self, world: &World) {
        self.issue(world).await;
        self.observe(world).await;
        self.end(world).await;
    }
}

/// .1 and .2 serve 80, .2 and the rogue .9 speak on 22, .4 serves 80.
pub(super) const FIRST: Sweep =
    Sweep { number: 1, at: 100, open: &[(1, 80), (2, 80), (2, 22), (4, 80), (9, 22)], closed: &[(1, 22)] };
/// The 22 of .2 is refused while its 80 answers; everything else as before.
pub(super) const SECOND: Sweep =
    Sweep { number: 2, at: 200, open: &[(1, 80), (2, 80), (4, 80), (9, 22)], closed: &[(1, 22), (2, 22)] };
/// .1 answers nothing any more, and again in the next.
pub(super) const THIRD: Sweep = Sweep { number: 3, at: 300, open: &[(2, 80), (4, 80), (9, 22)], closed: &[] };
/// The second time in a row without .1.
pub(super) const FOURTH: Sweep = Sweep { number: 4, at: 400, open: &[(2, 80), (4, 80), (9, 22)], closed: &[] };

/// The site's document and inventory.
pub(super) async fn declare(world: &World) {
    let name = site();
    let document = site_document(1);
    let kv = world.bus.kv(Bucket::Estate).await.unwrap();
    kv.put(name.as_str(), document.encode_to_vec().into()).await.unwrap();
    world.publish(&Subject::estate(&name), second(0), name.as_str(), Body::Estate(document)).await;
    let import_id = ImportId::derivation("test").number(1).into();
    let import_id: ImportId = import_id;
    let import =
        muster_estate::inventory::import(vec![asset(1, "ann"), asset(2, "bob"), asset(3, "eve"), asset(4, "")]);
    for chunk in &import.chunks {
        let assets = chunk.assets.iter().map(asset_to_proto).collect();
        let body = Body::InventoryChunk(v1::InventoryChunk {
            import_id: import_id.to_vec(),
            index: chunk.index,
            assets,
            last_seen: Vec::new(),
        });
        world.publish(&Subject::inventory_chunk(&name), second(1), name.as_str(), body).await;
    }
    let manifest = v1::InventoryManifest {
        import_id: import_id.to_vec(),
        revision: 1,
        chunks: import.manifest.chunks,
        rows: import.manifest.rows,
        root_sha256: import.manifest.root_sha256.to_vec(),
        source: "test".into(),
    };
    world.publish(&Subject::inventory(&name), second(1), name.as_str(), Body::InventoryManifest(manifest)).await;
}

/// Time passes.
pub(super) async fn clock(world: &World, s: i64) {
    let body = Body::Clock(v1::Clock { at: Some(to_proto(second(s))) });
    world.publish(&Subject::plan_clock(), second(s), "all", body).await;
}

/// One more address of the block gets an asset.
pub(super) async fn adopt(world: &World, revision: u64) {
    let (name, at) = (site(), second(150 + i64::try_from(revision).unwrap()));
    let upserts = vec![asset_to_proto(&asset(u8::try_from(9 + revision).unwrap(), "ann"))];
    let delta = v1::InventoryDelta { revision, upserts, removals: vec![] };
    world.publish(&Subject::inventory(&name), at, name.as_str(), Body::InventoryDelta(delta)).await;
}
