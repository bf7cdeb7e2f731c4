//! The declared state of a site.

use ipnet::IpNet;
use muster_estate::model::{
    AliveBy, Approval, Exposure, PortRange, Range, RangeKind, Requirement, ScanPolicy, ScanScope, Schedule,
    ScheduleKind, Site, Zone, ZoneClass,
};
use muster_proto::v1;

use super::ConvertError;
use super::network::{block_from_proto, block_to_proto, ports_from_proto, ports_to_proto};
use super::time;

/// To the wire. The content's hash is the caller's to set.
#[must_use]
pub fn site_to_proto(site: &Site) -> v1::EstateDocument {
    v1::EstateDocument {
        site: site.name.clone(),
        revision: site.revision,
        realm: site.realm.clone(),
        time_zone: site.time_zone.clone(),
        ranges: site.ranges.iter().map(range_to_proto).collect(),
        zones: site.zones.iter().map(zone_to_proto).collect(),
        schedules: site.schedules.iter().map(schedule_to_proto).collect(),
        scope: Some(scope_to_proto(&site.scope)),
        alive_by: match site.alive_by {
            AliveBy::OpenPort => v1::AliveBy::OpenPort,
            AliveBy::AnyAnswer => v1::AliveBy::AnyAnswer,
        }
        .into(),
        seen_within: Some(time::span_to_proto(site.seen_within)),
        absent_after_sweeps: site.absent_after_sweeps,
        managed_requires: site.managed_requires.iter().map(|wanted| requirement_name(*wanted).to_owned()).collect(),
        content_sha256: Vec::new(),
        removed: site.removed,
        inventory_precedence: site.inventory_precedence.clone(),
    }
}

/// From the wire.
///
/// # Errors
/// When a field does not say what it should.
pub fn site_from_proto(document: &v1::EstateDocument) -> Result<Site, ConvertError> {
    Ok(Site {
        name: document.site.clone(),
        revision: document.revision,
        realm: document.realm.clone(),
        time_zone: document.time_zone.clone(),
        ranges: list("ranges", &document.ranges, range_from_proto)?,
        zones: list("zones", &document.zones, zone_from_proto)?,
        schedules: list("schedules", &document.schedules, schedule_from_proto)?,
        scope: scope_from_proto(document.scope.as_ref().ok_or_else(|| ConvertError::new("scope", "not set"))?)?,
        alive_by: match document.alive_by() {
            v1::AliveBy::OpenPort => AliveBy::OpenPort,
            v1::AliveBy::AnyAnswer => AliveBy::AnyAnswer,
            v1::AliveBy::Unspecified => return Err(ConvertError::new("alive_by", "not set")),
        },
        seen_within: time::span_from_proto("seen_within", document.seen_within.as_ref())?,
        absent_after_sweeps: document.absent_after_sweeps,
        managed_requires: list("managed_requires", &document.managed_requires, |field, name| {
            requirement_from_name(name).ok_or_else(|| ConvertError::new(field, format!("unknown requirement {name:?}")))
        })?,
        removed: document.removed,
        inventory_precedence: document.inventory_precedence.clone(),
    })
}

fn list<F, T>(
    field: &str,
    items: &[F],
    convert: impl Fn(&str, &F) -> Result<T, ConvertError>,
) -> Result<Vec<T>, ConvertError> {
    items.iter().enumerate().map(|(index, item)| convert(&format!("{field}[{index}]"), item)).collect()
}

fn blocks(field: &str, items: &[v1::Block]) -> Result<Vec<IpNet>, ConvertError> {
    list(field, items, block_from_proto)
}

/// A list of ports from the wire.
///
/// # Errors
/// When one of them is no range of ports.
pub fn ports(field: &str, items: &[v1::PortRange]) -> Result<Vec<PortRange>, ConvertError> {
    list(field, items, ports_from_proto)
}

const fn requirement_name(requirement: Requirement) -> &'static str {
    match requirement {
        Requirement::Owner => "owner",
        Requirement::SupportGroup => "support-group",
        Requirement::BaseImage => "base-image",
    }
}

fn requirement_from_name(name: &str) -> Option<Requirement> {
    [Requirement::Owner, Requirement::SupportGroup, Requirement::BaseImage]
        .into_iter()
        .find(|requirement| requirement_name(*requirement) == name)
}

fn range_to_proto(range: &Range) -> v1::Range {
    let kind = match range.kind {
        RangeKind::Static => v1::RangeKind::Static,
        RangeKind::Dhcp => v1::RangeKind::Dhcp,
        RangeKind::Vpn => v1::RangeKind::Vpn,
        RangeKind::Cloud => v1::RangeKind::Cloud,
        RangeKind::Container => v1::RangeKind::Container,
    };
    v1::Range { block: Some(block_to_proto(range.block)), kind: kind.into() }
}

fn range_from_proto(field: &str, range: &v1::Range) -> Result<Range, ConvertError> {
    let block = range.block.as_ref().ok_or_else(|| ConvertError::new(format!("{field}.block"), "not set"))?;
    let kind = match range.kind() {
        v1::RangeKind::Static => RangeKind::Static,
        v1::RangeKind::Dhcp => RangeKind::Dhcp,
        v1::RangeKind::Vpn => RangeKind::Vpn,
        v1::RangeKind::Cloud => RangeKind::Cloud,
        v1::RangeKind::Container => RangeKind::Container,
        v1::RangeKind::Unspecified => return Err(ConvertError::new(format!("{field}.kind"), "not set")),
    };
    Ok(Range { block: block_from_proto(&format!("{field}.block"), block)?, kind })
}

fn zone_to_proto(zone: &Zone) -> v1::Zone {
    v1::Zone {
        name: zone.name.clone(),
        blocks: zone.blocks.iter().copied().map(block_to_proto).collect(),
        class: match zone.class {
            ZoneClass::Production => v1::ZoneClass::Production,
            ZoneClass::Test => v1::ZoneClass::Test,
            ZoneClass::Build => v1::ZoneClass::Build,
            ZoneClass::Quarantine => v1::ZoneClass::Quarantine,
        }
        .into(),
        exposure: match zone.exposure {
            Exposure::Internet => v1::Exposure::Internet,
            Exposure::Intranet => v1::Exposure::Intranet,
        }
        .into(),
        scan_policy: match zone.scan_policy {
            ScanPolicy::Full => v1::ScanPolicy::Full,
            ScanPolicy::Gentle => v1::ScanPolicy::Gentle,
            ScanPolicy::PassiveOnly => v1::ScanPolicy::PassiveOnly,
            ScanPolicy::None => v1::ScanPolicy::None,
        }
        .into(),
        approvals: zone
            .approvals
            .iter()
            .map(|approval| v1::Approval {
                ports: Some(ports_to_proto(approval.ports)),
                role: approval.role.clone().unwrap_or_default(),
                reason: approval.reason.clone(),
            })
            .collect(),
    }
}

fn zone_from_proto(field: &str, zone: &v1::Zone) -> Result<Zone, ConvertError> {
    let unset = |name: &str| ConvertError::new(format!("{field}.{name}"), "not set");
    Ok(Zone {
        name: zone.name.clone(),
        blocks: blocks(&format!("{field}.blocks"), &zone.blocks)?,
        class: match zone.class() {
            v1::ZoneClass::Production => ZoneClass::Production,
            v1::ZoneClass::Test => ZoneClass::Test,
            v1::ZoneClass::Build => ZoneClass::Build,
            v1::ZoneClass::Quarantine => ZoneClass::Quarantine,
            v1::ZoneClass::Unspecified => return Err(unset("class")),
        },
        exposure: match zone.exposure() {
            v1::Exposure::Internet => Exposure::Internet,
            v1::Exposure::Intranet => Exposure::Intranet,
            v1::Exposure::Unspecified => return Err(unset("exposure")),
        },
        scan_policy: match zone.scan_policy() {
            v1::ScanPolicy::Full => ScanPolicy::Full,
            v1::ScanPolicy::Gentle => ScanPolicy::Gentle,
            v1::ScanPolicy::PassiveOnly => ScanPolicy::PassiveOnly,
            v1::ScanPolicy::None => ScanPolicy::None,
            v1::ScanPolicy::Unspecified => return Err(unset("scan_policy")),
        },
        approvals: list(&format!("{field}.approvals"), &zone.approvals, |field, approval| {
            let ports =
                approval.ports.as_ref().ok_or_else(|| ConvertError::new(format!("{field}.ports"), "not set"))?;
            Ok(Approval {
                ports: ports_from_proto(field, ports)?,
                role: (!approval.role.is_empty()).then(|| approval.role.clone()),
                reason: approval.reason.clone(),
            })
        })?,
    })
}

fn schedule_to_proto(schedule: &Schedule) -> v1::Schedule {
    v1::Schedule {
        name: schedule.name.clone(),
        kind: match schedule.kind {
            ScheduleKind::Sweep => v1::ScheduleKind::Sweep,
            ScheduleKind::Audit => v1::ScheduleKind::Audit,
        }
        .into(),
        every: Some(time::span_to_proto(schedule.every)),
        anchor: Some(time::to_proto(schedule.anchor)),
        ports: schedule.ports.iter().copied().map(ports_to_proto).collect(),
        sample_size: schedule.sample_size,
        paused: schedule.paused,
    }
}

fn schedule_from_proto(field: &str, schedule: &v1::Schedule) -> Result<Schedule, ConvertError> {
    Ok(Schedule {
        name: schedule.name.clone(),
        kind: match schedule.kind() {
            v1::ScheduleKind::Sweep => ScheduleKind::Sweep,
            v1::ScheduleKind::Audit => ScheduleKind::Audit,
            v1::ScheduleKind::Unspecified => return Err(ConvertError::new(format!("{field}.kind"), "not set")),
        },
        every: time::span_from_proto(&format!("{field}.every"), schedule.every.as_ref())?,
        anchor: time::from_proto(&format!("{field}.anchor"), schedule.anchor.as_ref())?,
        ports: ports(&format!("{field}.ports"), &schedule.ports)?,
        sample_size: schedule.sample_size,
        paused: schedule.paused,
    })
}

fn scope_to_proto(scope: &ScanScope) -> v1::ScanScope {
    v1::ScanScope {
        include: scope.include.iter().copied().map(block_to_proto).collect(),
        exclude: scope.exclude.iter().copied().map(block_to_proto).collect(),
        rate_site_pps: scope.rate_site_pps,
        rate_host_pps: scope.rate_host_pps,
        rate_build_pps: scope.rate_build_pps,
        never_payload: scope.never_payload.iter().copied().map(ports_to_proto).collect(),
        signature: scope.signature.clone(),
        signer: scope.signer.clone(),
    }
}

fn scope_from_proto(scope: &v1::ScanScope) -> Result<ScanScope, ConvertError> {
    Ok(ScanScope {
        include: blocks("scope.include", &scope.include)?,
        exclude: blocks("scope.exclude", &scope.exclude)?,
        rate_site_pps: scope.rate_site_pps,
        rate_host_pps: scope.rate_host_pps,
        rate_build_pps: scope.rate_build_pps,
        never_payload: ports("scope.never_payload", &scope.never_payload)?,
        signature: scope.signature.clone(),
        signer: scope.signer.clone(),
    })
}
