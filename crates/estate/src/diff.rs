//! What changes between two declarations of a site: typed, and as one line each.

use std::fmt;

use ipnet::IpNet;

use crate::canonical::canonical;
use crate::model::{Approval, Range, Schedule, Site, Zone};
use crate::words::{format_duration, format_ports};

/// One change. `Display` is its line: `+` added, `-` removed, `~` changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A range came.
    RangeAdded(Range),
    /// A range went.
    RangeRemoved(Range),
    /// A zone came, with its approvals.
    ZoneAdded(Box<Zone>),
    /// A zone went.
    ZoneRemoved(Box<Zone>),
    /// A zone got a block.
    BlockAdded {
        /// The zone.
        zone: String,
        /// The block.
        block: IpNet,
    },
    /// A zone lost a block.
    BlockRemoved {
        /// The zone.
        zone: String,
        /// The block.
        block: IpNet,
    },
    /// A zone approves more.
    ApprovalAdded {
        /// The zone.
        zone: String,
        /// The approval.
        approval: Approval,
    },
    /// A zone approves less.
    ApprovalRemoved {
        /// The zone.
        zone: String,
        /// The approval.
        approval: Approval,
    },
    /// A schedule came.
    ScheduleAdded(Box<Schedule>),
    /// A schedule went.
    ScheduleRemoved(Box<Schedule>),
    /// The scope includes or excludes one more block.
    ScopeBlockAdded {
        /// "include" or "exclude".
        list: &'static str,
        /// The block.
        block: IpNet,
    },
    /// The scope includes or excludes one block less.
    ScopeBlockRemoved {
        /// "include" or "exclude".
        list: &'static str,
        /// The block.
        block: IpNet,
    },
    /// A value changed.
    Value {
        /// What it belongs to: "site", "zone web", "schedule nightly", "scope".
        of: String,
        /// The field, as files call it.
        field: &'static str,
        /// Before.
        before: String,
        /// After.
        after: String,
    },
    /// The same entries in another order, or one of them twice.
    Order,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RangeAdded(range) => write!(f, "+ range {} {}", range.block, range.kind),
            Self::RangeRemoved(range) => write!(f, "- range {} {}", range.block, range.kind),
            Self::ZoneAdded(zone) => {
                write!(f, "+ zone {} {} {}", zone.name, list(&zone.blocks), zone.class)?;
                if zone.approvals.is_empty() { Ok(()) } else { write!(f, ", {} approvals", zone.approvals.len()) }
            }
            Self::ZoneRemoved(zone) => write!(f, "- zone {} {} {}", zone.name, list(&zone.blocks), zone.class),
            Self::BlockAdded { zone, block } => write!(f, "+ zone {zone} block {block}"),
            Self::BlockRemoved { zone, block } => write!(f, "- zone {zone} block {block}"),
            Self::ApprovalAdded { zone, approval } => write!(f, "+ zone {zone} approves {}", Approved(approval)),
            Self::ApprovalRemoved { zone, approval } => write!(f, "- zone {zone} approves {}", Approved(approval)),
            Self::ScheduleAdded(schedule) => write!(
                f,
                "+ schedule {} {} every {} {}",
                schedule.name,
                schedule.kind,
                format_duration(schedule.every),
                format_ports(&schedule.ports)
            ),
            Self::ScheduleRemoved(schedule) => write!(f, "- schedule {} {}", schedule.name, schedule.kind),
            Self::ScopeBlockAdded { list, block } => write!(f, "+ scope {list} {block}"),
            Self::ScopeBlockRemoved { list, block } => write!(f, "- scope {list} {block}"),
            Self::Value { of, field, before, after } => write!(f, "~ {of} {field} {before} -> {after}"),
            Self::Order => f.write_str("~ site order of entries"),
        }
    }
}

struct Approved<'a>(&'a Approval);

impl fmt::Display for Approved<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Approval { ports, role, reason } = self.0;
        write!(f, "{ports}")?;
        if let Some(role) = role {
            write!(f, " for {role}")?;
        }
        write!(f, " ({reason:?})")
    }
}

fn list(blocks: &[IpNet]) -> String {
    blocks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What has to change in `before` to get `after`; empty exactly when their canonical encodings agree.
///
/// Zones and schedules are the same when their names are. The revision is not compared.
#[must_use]
pub fn diff(before: &Site, after: &Site) -> Vec<Change> {
    let mut changes = Changes(Vec::new());
    changes.site(before, after);
    changes.entries(&before.ranges, &after.ranges, |a, b| a == b, Change::RangeRemoved, Change::RangeAdded);
    changes.entries(
        &before.zones,
        &after.zones,
        |a, b| a.name == b.name,
        |zone| Change::ZoneRemoved(Box::new(zone)),
        |zone| Change::ZoneAdded(Box::new(zone)),
    );
    for zone in &before.zones {
        if let Some(next) = after.zones.iter().find(|next| next.name == zone.name) {
            changes.zone(zone, next);
        }
    }
    changes.entries(
        &before.schedules,
        &after.schedules,
        |a, b| a.name == b.name,
        |schedule| Change::ScheduleRemoved(Box::new(schedule)),
        |schedule| Change::ScheduleAdded(Box::new(schedule)),
    );
    for schedule in &before.schedules {
        if let Some(next) = after.schedules.iter().find(|next| next.name == schedule.name) {
            changes.schedule(schedule, next);
        }
    }
    changes.scope(before, after);
    if changes.0.is_empty() && canonical(before) != canonical(after) {
        changes.0.push(Change::Order);
    }
    changes.0
}

struct Changes(Vec<Change>);

impl Changes {
    fn value(&mut self, of: &str, field: &'static str, before: impl fmt::Display, after: impl fmt::Display) {
        let (before, after) = (before.to_string(), after.to_string());
        if before != after {
            self.0.push(Change::Value { of: of.to_owned(), field, before, after });
        }
    }

    fn entries<T: Clone>(
        &mut self,
        before: &[T],
        after: &[T],
        same: impl Fn(&T, &T) -> bool,
        removed: impl Fn(T) -> Change,
        added: impl Fn(T) -> Change,
    ) {
        let missing = |from: &[T], item: &T| !from.iter().any(|other| same(other, item));
        self.0.extend(before.iter().filter(|item| missing(after, item)).cloned().map(removed));
        self.0.extend(after.iter().filter(|item| missing(before, item)).cloned().map(added));
    }

    fn site(&mut self, before: &Site, after: &Site) {
        let of = "site";
        let wanted = |site: &Site| {
            let mut names: Vec<String> = site.managed_requires.iter().map(ToString::to_string).collect();
            names.sort_unstable();
            format!("[{}]", names.join(", "))
        };
        self.value(of, "name", &before.name, &after.name);
        self.value(of, "realm", &before.realm, &after.realm);
        self.value(of, "time_zone", &before.time_zone, &after.time_zone);
        self.value(of, "alive_by", before.alive_by, after.alive_by);
        self.value(of, "seen_within", format_duration(before.seen_within), format_duration(after.seen_within));
        self.value(of, "absent_after_sweeps", before.absent_after_sweeps, after.absent_after_sweeps);
        self.value(of, "managed_requires", wanted(before), wanted(after));
        let precedence = |site: &Site| format!("[{}]", site.inventory_precedence.join(", "));
        self.value(of, "inventory.precedence", precedence(before), precedence(after));
        self.value(of, "removed", before.removed, after.removed);
    }

    fn zone(&mut self, before: &Zone, after: &Zone) {
        let of = format!("zone {}", before.name);
        self.value(&of, "class", before.class, after.class);
        self.value(&of, "exposure", before.exposure, after.exposure);
        self.value(&of, "scan_policy", before.scan_policy, after.scan_policy);
        let name = &before.name;
        self.entries(
            &before.blocks,
            &after.blocks,
            |a, b| a == b,
            |block| Change::BlockRemoved { zone: name.clone(), block },
            |block| Change::BlockAdded { zone: name.clone(), block },
        );
        self.entries(
            &before.approvals,
            &after.approvals,
            |a, b| a == b,
            |approval| Change::ApprovalRemoved { zone: name.clone(), approval },
            |approval| Change::ApprovalAdded { zone: name.clone(), approval },
        );
    }

    fn schedule(&mut self, before: &Schedule, after: &Schedule) {
        let of = format!("schedule {}", before.name);
        self.value(&of, "kind", before.kind, after.kind);
        self.value(&of, "every", format_duration(before.every), format_duration(after.every));
        self.value(&of, "anchor", before.anchor, after.anchor);
        self.value(&of, "ports", format_ports(&before.ports), format_ports(&after.ports));
        self.value(&of, "sample_size", before.sample_size, after.sample_size);
        self.value(&of, "paused", before.paused, after.paused);
    }

    fn scope(&mut self, before: &Site, after: &Site) {
        let (before, after) = (&before.scope, &after.scope);
        for (list, old, new) in
            [("include", &before.include, &after.include), ("exclude", &before.exclude, &after.exclude)]
        {
            self.entries(
                old,
                new,
                |a, b| a == b,
                |block| Change::ScopeBlockRemoved { list, block },
                |block| Change::ScopeBlockAdded { list, block },
            );
        }
        self.value("scope", "rate_site_pps", before.rate_site_pps, after.rate_site_pps);
        self.value("scope", "rate_host_pps", before.rate_host_pps, after.rate_host_pps);
        self.value("scope", "rate_build_pps", before.rate_build_pps, after.rate_build_pps);
        let ports = |ports| format!("[{}]", format_ports(ports));
        self.value("scope", "never_payload", ports(&before.never_payload), ports(&after.never_payload));
        let key = |bytes: &[u8]| if bytes.is_empty() { "none".to_owned() } else { hex::encode(bytes) };
        self.value("scope", "signer", key(&before.signer), key(&after.signer));
        self.value("scope", "signature", key(&before.signature), key(&after.signature));
    }
}
