//! The site: one zone that approves most ports, and an inventory that names every host.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use muster_bus::convert::estate::site_to_proto;
use muster_bus::convert::inventory::asset_to_proto;
use muster_bus::{Bucket, Draft, Expect, SiteName, Subject};
use muster_estate::defaults;
use muster_estate::model::{
    AliveBy, Approval, Asset, Exposure, Identifier, IdentifierKind, PortRange, Requirement, ScanPolicy, Site,
    Transport, Zone, ZoneClass,
};
use muster_ids::EventId;
use muster_proto::v1::{self, envelope::Body};
use prost::Message as _;

use crate::bed::Bed;
use crate::corpus::{APPROVED, LEASES, REALM, WARM_PORT};

/// 1,024 assets of some 150 bytes are below the 256 KiB of an event: one event a /22.
const ASSETS_PER_EVENT: u32 = 1_024;

/// The site of every figure.
pub(crate) fn name() -> anyhow::Result<SiteName> {
    Ok(SiteName::new("bench")?)
}

/// Declares the site: in its bucket and as an event.
pub(crate) async fn declare(bed: &Bed) -> anyhow::Result<()> {
    let (name, document) = (name()?, site_to_proto(&document()?));
    let estate = bed.bus.kv(Bucket::Estate).await?;
    estate.put(name.as_str(), document.encode_to_vec().into()).await?;
    let id = EventId::derivation("bench.estate").number(1).into();
    let draft = Draft::by_service(id, Timestamp::now(), name.as_str(), "bench", Body::Estate(document));
    bed.publisher().publish(&Subject::estate(&name), draft, Expect::Any).await?;
    Ok(())
}

/// Adds the hosts of a block to the inventory.
pub(crate) async fn stock(bed: &Bed, block: u8) -> anyhow::Result<()> {
    let (name, publisher) = (name()?, bed.publisher());
    for lease in 0..LEASES {
        let first = u32::from(Ipv4Addr::new(10, block, u8::try_from(4 * lease)?, 0));
        let assets = (first..first + ASSETS_PER_EVENT).map(|address| asset_to_proto(&asset(address.into())));
        let revision = u64::from(block) * u64::from(LEASES) + u64::from(lease) + 1;
        let delta = v1::InventoryDelta { revision, upserts: assets.collect(), removals: Vec::new() };
        let id = EventId::derivation("bench.inventory").number(revision).into();
        let draft = Draft::by_service(id, Timestamp::now(), name.as_str(), "bench", Body::InventoryDelta(delta));
        publisher.publish(&Subject::inventory(&name), draft, Expect::Any).await?;
    }
    Ok(())
}

fn document() -> anyhow::Result<Site> {
    let tcp = |first, last| Approval {
        ports: PortRange { transport: Transport::Tcp, first, last },
        role: None,
        reason: "bench".to_owned(),
    };
    Ok(Site {
        name: name()?.as_str().to_owned(),
        revision: 1,
        realm: REALM.to_owned(),
        time_zone: "UTC".to_owned(),
        ranges: Vec::new(),
        zones: vec![Zone {
            name: "prod".to_owned(),
            blocks: vec!["10.0.0.0/8".parse().context("the zone's block")?],
            class: ZoneClass::Production,
            exposure: Exposure::Intranet,
            scan_policy: ScanPolicy::Full,
            approvals: vec![tcp(WARM_PORT, WARM_PORT), tcp(APPROVED.0, APPROVED.1)],
        }],
        schedules: Vec::new(),
        scope: defaults::scope(),
        alive_by: AliveBy::OpenPort,
        seen_within: SignedDuration::from_hours(16),
        absent_after_sweeps: 2,
        managed_requires: vec![Requirement::Owner],
        inventory_precedence: Vec::new(),
        removed: false,
    })
}

fn asset(address: Ipv4Addr) -> Asset {
    let [_, b, c, d] = address.octets();
    Asset {
        key: format!("a-{b}-{c}-{d}"),
        name: format!("h{b}-{c}-{d}.bench.example"),
        owner: format!("team-{}", c % 16),
        support_group: "web".to_owned(),
        role: "web".to_owned(),
        zone: "prod".to_owned(),
        base_image: "debian-12".to_owned(),
        criticality: String::new(),
        identifiers: vec![Identifier {
            kind: IdentifierKind::Address(IpAddr::V4(address)),
            valid_from: None,
            valid_until: None,
        }],
        claims: Vec::new(),
    }
}
