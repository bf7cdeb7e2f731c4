//! A site as the file that declares it.

use ipnet::IpNet;
use serde::Serialize;

use crate::model::{Approval, PortRange, Schedule, Site, Zone};
use crate::words::{Word, format_duration, format_ports};

#[derive(Serialize)]
struct SiteFile<'a> {
    site: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    revision: u64,
    realm: &'a str,
    time_zone: &'a str,
    alive_by: &'static str,
    seen_within: String,
    absent_after_sweeps: u32,
    managed_requires: Vec<&'static str>,
    ranges: Vec<RangeFile>,
    zones: Vec<ZoneFile<'a>>,
    schedules: Vec<ScheduleFile<'a>>,
    scope: ScopeFile,
    #[serde(skip_serializing_if = "Option::is_none")]
    inventory: Option<InventoryFile<'a>>,
    #[serde(skip_serializing_if = "is_false")]
    removed: bool,
}

#[derive(Serialize)]
struct InventoryFile<'a> {
    precedence: &'a [String],
}

#[derive(Serialize)]
struct RangeFile {
    block: String,
    kind: &'static str,
}

#[derive(Serialize)]
struct ZoneFile<'a> {
    name: &'a str,
    blocks: Vec<String>,
    class: &'static str,
    exposure: &'static str,
    scan_policy: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    approvals: Vec<ApprovalFile<'a>>,
}

#[derive(Serialize)]
struct ApprovalFile<'a> {
    ports: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    reason: &'a str,
}

#[derive(Serialize)]
struct ScheduleFile<'a> {
    name: &'a str,
    kind: &'static str,
    every: String,
    anchor: String,
    ports: String,
    #[serde(skip_serializing_if = "is_zero_u32")]
    sample_size: u32,
    #[serde(skip_serializing_if = "is_false")]
    paused: bool,
}

#[derive(Serialize)]
struct ScopeFile {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    include: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exclude: Vec<String>,
    rate_site_pps: u32,
    rate_host_pps: u32,
    #[serde(skip_serializing_if = "is_zero_u32")]
    rate_build_pps: u32,
    never_payload: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    signature: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    signer: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero_u32(value: &u32) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// The site as YAML: what `muster site show -o yaml` prints and [`super::read_site`] reads back as the same site.
///
/// # Errors
/// When the serializer fails, which a value of these types does not give it a reason for.
pub fn to_yaml(site: &Site) -> Result<String, serde_norway::Error> {
    serde_norway::to_string(&SiteFile {
        site: &site.name,
        revision: site.revision,
        realm: &site.realm,
        time_zone: &site.time_zone,
        alive_by: site.alive_by.word(),
        seen_within: format_duration(site.seen_within),
        absent_after_sweeps: site.absent_after_sweeps,
        managed_requires: site.managed_requires.iter().map(|wanted| wanted.word()).collect(),
        ranges: site
            .ranges
            .iter()
            .map(|range| RangeFile { block: range.block.to_string(), kind: range.kind.word() })
            .collect(),
        zones: site.zones.iter().map(zone).collect(),
        schedules: site.schedules.iter().map(schedule).collect(),
        scope: ScopeFile {
            include: blocks(&site.scope.include),
            exclude: blocks(&site.scope.exclude),
            rate_site_pps: site.scope.rate_site_pps,
            rate_host_pps: site.scope.rate_host_pps,
            rate_build_pps: site.scope.rate_build_pps,
            never_payload: format_ports(&site.scope.never_payload),
            signature: hex::encode(&site.scope.signature),
            signer: hex::encode(&site.scope.signer),
        },
        inventory: (!site.inventory_precedence.is_empty())
            .then(|| InventoryFile { precedence: &site.inventory_precedence }),
        removed: site.removed,
    })
}

fn blocks(blocks: &[IpNet]) -> Vec<String> {
    blocks.iter().map(ToString::to_string).collect()
}

fn zone(zone: &Zone) -> ZoneFile<'_> {
    ZoneFile {
        name: &zone.name,
        blocks: blocks(&zone.blocks),
        class: zone.class.word(),
        exposure: zone.exposure.word(),
        scan_policy: zone.scan_policy.word(),
        approvals: zone
            .approvals
            // What stands together for one role and one reason was one entry.
            .chunk_by(|a, b| a.role == b.role && a.reason == b.reason)
            .filter_map(|group| {
                let Approval { role, reason, .. } = group.first()?;
                let ports: Vec<PortRange> = group.iter().map(|approval| approval.ports).collect();
                Some(ApprovalFile { ports: format_ports(&ports), role: role.as_deref(), reason })
            })
            .collect(),
    }
}

fn schedule(schedule: &Schedule) -> ScheduleFile<'_> {
    ScheduleFile {
        name: &schedule.name,
        kind: schedule.kind.word(),
        every: format_duration(schedule.every),
        anchor: schedule.anchor.to_string(),
        ports: format_ports(&schedule.ports),
        sample_size: schedule.sample_size,
        paused: schedule.paused,
    }
}
