//! A site document.

use ipnet::IpNet;
use jiff::Timestamp;

use super::fields::{Fields, bytes, flag, list, number, parsed, prose, text, word};
use super::tree::{Node, Value};
use super::{Declared, Places};
use crate::defaults;
use crate::limits::{APPROVALS_MAX, BLOCKS_MAX, PORT_RANGES_MAX, RANGES_MAX, SCHEDULES_MAX, SOURCES_MAX, ZONES_MAX};
use crate::model::{
    AliveBy, Approval, Exposure, PortRange, Range, RangeKind, ScanPolicy, ScanScope, Schedule, Site, Zone,
};
use crate::problem::{Problem, shown};
use crate::words::{WordError, format_ports, parse_block, parse_duration, parse_ports};

const KEYS: [&str; 14] = [
    "site",
    "revision",
    "realm",
    "time_zone",
    "alive_by",
    "seen_within",
    "absent_after_sweeps",
    "managed_requires",
    "ranges",
    "zones",
    "schedules",
    "scope",
    "inventory",
    "removed",
];

/// Reads a site.
pub(super) fn read(document: &Node) -> Result<Declared, Problem> {
    let fields = Fields::new(document, "a site", &KEYS)?;
    let mut places = Places::default();
    places.set("", document);
    for name in KEYS {
        if let Some(node) = fields.node(name) {
            places.set(if name == "site" { "name" } else { name }, node);
        }
    }
    let mut ranges = Vec::new();
    for (index, node) in fields.items("ranges", RANGES_MAX)?.iter().enumerate() {
        places.set(format!("ranges[{index}]"), node);
        ranges.push(range(node)?);
    }
    let mut zones = Vec::new();
    for (index, node) in fields.items("zones", ZONES_MAX)?.iter().enumerate() {
        zones.push(zone(node, &format!("zones[{index}]"), &mut places)?);
    }
    let mut schedules = Vec::new();
    for (index, node) in fields.items("schedules", SCHEDULES_MAX)?.iter().enumerate() {
        schedules.push(schedule(node, &format!("schedules[{index}]"), &mut places)?);
    }
    let site = Site {
        name: text(fields.needed("site")?)?.to_owned(),
        revision: fields.or("revision", 0, number)?,
        realm: fields.or("realm", defaults::REALM.to_owned(), prose)?,
        time_zone: fields.or("time_zone", defaults::TIME_ZONE.to_owned(), prose)?,
        ranges,
        zones,
        schedules,
        scope: match fields.node("scope") {
            Some(node) => scope(node, &mut places)?,
            None => defaults::scope(),
        },
        alive_by: fields.or("alive_by", AliveBy::AnyAnswer, word)?,
        seen_within: fields.or("seen_within", defaults::SEEN_WITHIN, |node| parsed(node, parse_duration))?,
        absent_after_sweeps: fields.or("absent_after_sweeps", defaults::ABSENT_AFTER_SWEEPS, number)?,
        managed_requires: fields.or("managed_requires", defaults::MANAGED_REQUIRES.to_vec(), |node| {
            list(node, "managed_requires", 3)?.iter().map(word).collect()
        })?,
        inventory_precedence: match fields.node("inventory") {
            Some(node) => precedence(node)?,
            None => Vec::new(),
        },
        removed: fields.or("removed", false, flag)?,
    };
    Ok(Declared { site, places })
}

/// What is said about the sources of the inventory: which of them is believed first.
fn precedence(node: &Node) -> Result<Vec<String>, Problem> {
    let fields = Fields::new(node, "an inventory", &["precedence"])?;
    let sources = list(fields.needed("precedence")?, "precedence", SOURCES_MAX)?;
    sources.iter().map(|source| text(source).map(str::to_owned)).collect()
}

/// A range: a block alone, which is static, or a block with its kind.
fn range(node: &Node) -> Result<Range, Problem> {
    if matches!(node.value, Value::Text(_)) {
        return Ok(Range { block: block(node)?, kind: RangeKind::Static });
    }
    let fields = Fields::new(node, "a range", &["block", "kind"])?;
    Ok(Range { block: block(fields.needed("block")?)?, kind: fields.or("kind", RangeKind::Static, word)? })
}

/// A zone with its approvals.
pub(super) fn zone(node: &Node, path: &str, places: &mut Places) -> Result<Zone, Problem> {
    let known = ["name", "blocks", "class", "exposure", "scan_policy", "approvals"];
    let fields = Fields::new(node, "a zone", &known)?;
    places.set(path, node);
    for name in known {
        if let Some(node) = fields.node(name) {
            places.set(format!("{path}.{name}"), node);
        }
    }
    fields.needed("blocks")?;
    let mut approvals = Vec::new();
    for node in fields.items("approvals", APPROVALS_MAX)? {
        read_approvals(node, path, &mut approvals, places)?;
    }
    Ok(Zone {
        name: text(fields.needed("name")?)?.to_owned(),
        blocks: blocks(&fields, "blocks", path, BLOCKS_MAX, places)?,
        class: word(fields.needed("class")?)?,
        exposure: fields.or("exposure", Exposure::Intranet, word)?,
        scan_policy: fields.or("scan_policy", ScanPolicy::Full, word)?,
        approvals,
    })
}

fn read_approvals(node: &Node, zone: &str, into: &mut Vec<Approval>, places: &mut Places) -> Result<(), Problem> {
    let fields = Fields::new(node, "an approval", &["ports", "role", "reason"])?;
    add_approvals(&fields, node, zone, into, places)
}

/// An entry of `approvals` is one approval a run of ports.
pub(super) fn add_approvals(
    fields: &Fields<'_>,
    node: &Node,
    zone: &str,
    into: &mut Vec<Approval>,
    places: &mut Places,
) -> Result<(), Problem> {
    let ports_node = fields.needed("ports")?;
    let ports = ports(ports_node)?;
    if ports.is_empty() {
        return Err(Problem::at(ports_node.place.clone(), "an approval names at least one port"));
    }
    let role = fields.node("role").map(prose).transpose()?.filter(|role| !role.is_empty());
    let reason = prose(fields.needed("reason")?)?;
    for ports in ports {
        places.set(format!("{zone}.approvals[{}]", into.len()), node);
        into.push(Approval { ports, role: role.clone(), reason: reason.clone() });
    }
    if into.len() > APPROVALS_MAX {
        return Err(Problem::at(node.place.clone(), format!("more than {APPROVALS_MAX} approvals in one zone")));
    }
    Ok(())
}

/// A schedule.
pub(super) fn schedule(node: &Node, path: &str, places: &mut Places) -> Result<Schedule, Problem> {
    let known = ["name", "kind", "every", "anchor", "ports", "sample_size", "paused"];
    let fields = Fields::new(node, "a schedule", &known)?;
    places.set(path, node);
    for name in known {
        if let Some(node) = fields.node(name) {
            places.set(format!("{path}.{name}"), node);
        }
    }
    Ok(Schedule {
        name: text(fields.needed("name")?)?.to_owned(),
        kind: word(fields.needed("kind")?)?,
        every: parsed(fields.needed("every")?, parse_duration)?,
        anchor: fields.or("anchor", Timestamp::UNIX_EPOCH, |node| parsed(node, instant))?,
        ports: ports(fields.needed("ports")?)?,
        sample_size: fields.or("sample_size", 0, number)?,
        paused: fields.or("paused", false, flag)?,
    })
}

fn scope(node: &Node, places: &mut Places) -> Result<ScanScope, Problem> {
    let known = [
        "include",
        "exclude",
        "rate_site_pps",
        "rate_host_pps",
        "rate_build_pps",
        "never_payload",
        "signature",
        "signer",
    ];
    let fields = Fields::new(node, "a scope", &known)?;
    for name in known {
        if let Some(node) = fields.node(name) {
            places.set(format!("scope.{name}"), node);
        }
    }
    Ok(ScanScope {
        include: blocks(&fields, "include", "scope", RANGES_MAX, places)?,
        exclude: blocks(&fields, "exclude", "scope", RANGES_MAX, places)?,
        rate_site_pps: fields.or("rate_site_pps", defaults::RATE_SITE_PPS, number)?,
        rate_host_pps: fields.or("rate_host_pps", defaults::RATE_HOST_PPS, number)?,
        rate_build_pps: fields.or("rate_build_pps", 0, number)?,
        never_payload: fields.or("never_payload", defaults::NEVER_PAYLOAD.to_vec(), ports)?,
        signature: fields.or("signature", Vec::new(), |node| bytes(node, 64))?,
        signer: fields.or("signer", Vec::new(), |node| bytes(node, 32))?,
    })
}

fn blocks(
    fields: &Fields<'_>,
    name: &str,
    path: &str,
    items_max: usize,
    places: &mut Places,
) -> Result<Vec<IpNet>, Problem> {
    let mut blocks = Vec::new();
    for (index, node) in fields.items(name, items_max)?.iter().enumerate() {
        places.set(format!("{path}.{name}[{index}]"), node);
        blocks.push(block(node)?);
    }
    Ok(blocks)
}

fn block(node: &Node) -> Result<IpNet, Problem> {
    parsed(node, parse_block)
}

/// Ports: one text with commas, or a list of such texts.
pub(super) fn ports(node: &Node) -> Result<Vec<PortRange>, Problem> {
    if matches!(node.value, Value::Text(_)) {
        return parsed(node, parse_ports);
    }
    let mut all = Vec::new();
    for node in list(node, "ports", PORT_RANGES_MAX)? {
        all.extend(parsed(node, parse_ports)?);
        if all.len() > PORT_RANGES_MAX {
            let first = format_ports(all.get(..1).unwrap_or_default());
            return Err(Problem::at(node.place.clone(), format!("more than {PORT_RANGES_MAX} runs after {first}")));
        }
    }
    Ok(all)
}

fn instant(text: &str) -> Result<Timestamp, WordError> {
    text.parse().map_err(|_| WordError(format!("{} is no instant; write 2026-01-01T02:00:00Z", shown(text))))
}
