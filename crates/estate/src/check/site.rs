//! Whether one site is sound on its own.

use std::collections::BTreeMap;

use ipnet::IpNet;
use jiff::SignedDuration;

use super::Subject;
use crate::files::prose_problem;
use crate::inventory::check_source;
use crate::limits::{
    ABSENT_AFTER_SWEEPS_MAX, APPROVALS_MAX, BLOCKS_MAX, DAYS_MAX, PORT_RANGES_MAX, RANGES_MAX, RATE_HOST_PPS_MAX,
    RATE_SITE_PPS_MAX, SAMPLE_SIZE_MAX, SCHEDULES_MAX, SOURCES_MAX, ZONES_MAX,
};
use crate::lookup::{BlockSet, not_unicast};
use crate::model::{PortRange, Schedule, ScheduleKind, Zone};
use crate::problem::{Collector, shown};
use crate::words::{is_mapped, name_problem};

const SPAN_MAX: SignedDuration = SignedDuration::from_hours(24 * DAYS_MAX);

pub(super) fn check(subject: Subject<'_>, problems: &mut Collector) {
    let mut site = Checker { subject, problems };
    site.head();
    if site.sizes() {
        site.ranges();
        site.zones();
        site.schedules();
        site.scope();
    }
}

struct Checker<'a> {
    subject: Subject<'a>,
    problems: &'a mut Collector,
}

impl Checker<'_> {
    fn wrong(&mut self, path: &str, what: impl AsRef<str>) {
        self.problems.add(self.subject.problem(path, what));
    }

    fn check(&mut self, path: &str, what: Option<String>) {
        if let Some(what) = what {
            self.wrong(path, what);
        }
    }

    fn head(&mut self) {
        let site = self.subject.site;
        self.check("name", name_problem("site", &site.name));
        self.check("realm", name_problem("realm", &site.realm));
        // The form only: which zones exist is known where a tz database is.
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'+');
        if site.time_zone.is_empty() || site.time_zone.len() > 64 || !site.time_zone.bytes().all(letters) {
            let what = format!("{} is no IANA time zone; write Europe/Dublin or UTC", shown(&site.time_zone));
            self.wrong("time_zone", what);
        }
        if site.seen_within <= SignedDuration::ZERO || site.seen_within > SPAN_MAX {
            self.wrong("seen_within", format!("seen_within must be above zero and at most {DAYS_MAX} days"));
        }
        if site.absent_after_sweeps == 0 || site.absent_after_sweeps > ABSENT_AFTER_SWEEPS_MAX {
            self.wrong("absent_after_sweeps", format!("absent_after_sweeps must be 1 to {ABSENT_AFTER_SWEEPS_MAX}"));
        }
        let mut wanted = site.managed_requires.clone();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.len() != site.managed_requires.len() {
            self.wrong("managed_requires", "managed_requires names something twice");
        }
        if site.inventory_precedence.len() > SOURCES_MAX {
            self.wrong("inventory", format!("inventory.precedence names at most {SOURCES_MAX} sources"));
        }
        for (index, source) in site.inventory_precedence.iter().enumerate().take(SOURCES_MAX) {
            self.check("inventory", check_source(source).err());
            if site.inventory_precedence.iter().take(index).any(|other| other == source) {
                self.wrong("inventory", format!("inventory.precedence names {} twice", shown(source)));
            }
        }
    }

    /// Whether nothing is too large to be looked at.
    fn sizes(&mut self) -> bool {
        let site = self.subject.site;
        let lists = [
            ("ranges", site.ranges.len(), RANGES_MAX),
            ("zones", site.zones.len(), ZONES_MAX),
            ("schedules", site.schedules.len(), SCHEDULES_MAX),
            ("scope.include", site.scope.include.len(), RANGES_MAX),
            ("scope.exclude", site.scope.exclude.len(), RANGES_MAX),
            ("zones.blocks", site.zones.iter().map(|zone| zone.blocks.len()).max().unwrap_or(0), BLOCKS_MAX),
            ("zones.approvals", site.zones.iter().map(|zone| zone.approvals.len()).max().unwrap_or(0), APPROVALS_MAX),
        ];
        let mut all_fit = true;
        for (path, length, length_max) in lists {
            if length > length_max {
                all_fit = false;
                self.wrong(path, format!("{length} entries, at most {length_max}"));
            }
        }
        all_fit
    }

    fn block(&mut self, path: &str, block: IpNet) {
        if block != block.trunc() {
            self.wrong(path, format!("{block} has bits behind its prefix; did you mean {}?", block.trunc()));
        }
        if is_mapped(block) {
            self.wrong(path, format!("{block} is IPv4 written as IPv6; write the IPv4 block"));
        }
    }

    fn ranges(&mut self) {
        let site = self.subject.site;
        if site.ranges.is_empty() && !site.removed {
            self.wrong("", format!("site {} has no ranges; name at least one block", site.name));
        }
        for (index, range) in site.ranges.iter().enumerate() {
            let path = format!("ranges[{index}]");
            self.block(&path, range.block);
            if let Some(special) = not_unicast().iter().find(|special| overlap(**special, range.block)) {
                let what = format!("range {} reaches into {special}, where no host can have its address", range.block);
                self.wrong(&path, what);
            }
        }
    }

    fn zones(&mut self) {
        let site = self.subject.site;
        let ranges = BlockSet::new(site.ranges.iter().map(|range| range.block));
        let mut names = BTreeMap::new();
        let mut blocks = BTreeMap::new();
        for (index, zone) in site.zones.iter().enumerate() {
            let path = format!("zones[{index}]");
            let name_path = format!("{path}.name");
            self.check(&name_path, name_problem("zone", &zone.name));
            if let Some(first) = names.insert(zone.name.as_str(), name_path.clone()) {
                let first = self.subject.name(&first);
                self.wrong(&name_path, format!("zone {:?} is declared a second time, first at {first}", zone.name));
            }
            if zone.blocks.is_empty() {
                self.wrong(&path, format!("zone {:?} has no blocks", zone.name));
            }
            for (at, block) in zone.blocks.iter().enumerate() {
                let block_path = format!("{path}.blocks[{at}]");
                self.block(&block_path, *block);
                if !ranges.covers(*block) {
                    let what =
                        format!("block {block} of zone {:?} is outside the ranges of site {}", zone.name, site.name);
                    self.wrong(&block_path, what);
                }
                if let Some(first) = blocks.insert(*block, block_path.clone()) {
                    let first = self.subject.name(&first);
                    self.wrong(
                        &block_path,
                        format!("block {block} is given to a zone a second time, first at {first}"),
                    );
                }
            }
            self.approvals(&path, zone);
        }
    }

    fn approvals(&mut self, zone_path: &str, zone: &Zone) {
        for (index, approval) in zone.approvals.iter().enumerate() {
            let path = format!("{zone_path}.approvals[{index}]");
            self.check(&path, ports_problem(&[approval.ports]));
            self.check(&path, prose_problem(&approval.reason));
            self.check(&path, approval.role.as_deref().and_then(prose_problem));
            if approval.reason.trim().is_empty() {
                self.wrong(&path, format!("the approval of {} gives no reason", approval.ports));
            }
            if approval.role.as_ref().is_some_and(|role| role.trim().is_empty()) {
                self.wrong(&path, "an empty role; leave it out when every host may");
            }
        }
    }

    fn schedules(&mut self) {
        let mut names = BTreeMap::new();
        for (index, schedule) in self.subject.site.schedules.iter().enumerate() {
            let path = format!("schedules[{index}]");
            let name_path = format!("{path}.name");
            self.check(&name_path, name_problem("schedule", &schedule.name));
            if let Some(first) = names.insert(schedule.name.as_str(), name_path.clone()) {
                let first = self.subject.name(&first);
                let what = format!("schedule {:?} is declared a second time, first at {first}", schedule.name);
                self.wrong(&name_path, what);
            }
            self.schedule(&path, schedule);
        }
    }

    fn schedule(&mut self, path: &str, schedule: &Schedule) {
        let name = &schedule.name;
        if schedule.every < SignedDuration::from_secs(1) || schedule.every > SPAN_MAX {
            let what = format!("the every of schedule {name:?} must be 1s to {DAYS_MAX}d");
            self.wrong(&format!("{path}.every"), what);
        }
        if schedule.ports.is_empty() {
            self.wrong(&format!("{path}.ports"), format!("schedule {name:?} names no ports"));
        }
        self.check(&format!("{path}.ports"), ports_problem(&schedule.ports));
        let sample_path = format!("{path}.sample_size");
        match schedule.kind {
            ScheduleKind::Sweep if schedule.sample_size != 0 => {
                self.wrong(&sample_path, format!("schedule {name:?} sweeps everything; sample_size is for audits"));
            }
            ScheduleKind::Audit if schedule.sample_size == 0 || schedule.sample_size > SAMPLE_SIZE_MAX => {
                self.wrong(&sample_path, format!("audit {name:?} needs a sample_size of 1 to {SAMPLE_SIZE_MAX} hosts"));
            }
            ScheduleKind::Sweep | ScheduleKind::Audit => {}
        }
    }

    fn scope(&mut self) {
        let site = self.subject.site;
        let ranges = BlockSet::new(site.ranges.iter().map(|range| range.block));
        for (list, blocks) in [("include", &site.scope.include), ("exclude", &site.scope.exclude)] {
            for (index, block) in blocks.iter().enumerate() {
                let path = format!("scope.{list}[{index}]");
                self.block(&path, *block);
                if !ranges.covers(*block) {
                    // An exclusion elsewhere protects nothing here: most likely a typing mistake that leaves the
                    // address it was meant for open.
                    self.wrong(&path, format!("{list} {block} is outside the ranges of site {}", site.name));
                }
            }
        }
        // One host gets no more than its whole site; a site rate of 0 is its own problem.
        let host_max = match site.scope.rate_site_pps {
            0 => RATE_HOST_PPS_MAX,
            site_max => RATE_HOST_PPS_MAX.min(site_max),
        };
        let rates = [
            ("rate_site_pps", site.scope.rate_site_pps, RATE_SITE_PPS_MAX),
            ("rate_host_pps", site.scope.rate_host_pps, host_max),
        ];
        let granted = site.scope.rate_build_pps != 0;
        let build = granted.then_some(("rate_build_pps", site.scope.rate_build_pps, host_max));
        for (name, rate, rate_max) in rates.into_iter().chain(build) {
            if rate == 0 || rate > rate_max {
                let what = format!("{name} is {rate} and must be 1 to {rate_max} packets a second");
                self.wrong(&format!("scope.{name}"), what);
            }
        }
        self.check("scope.never_payload", ports_problem(&site.scope.never_payload));
        let (signature, signer) = (site.scope.signature.len(), site.scope.signer.len());
        if !matches!((signature, signer), (0, 0) | (64, 32)) {
            self.wrong(
                "scope.signature",
                format!("a signature of {signature} and a signer of {signer} bytes; 64 and 32 make one"),
            );
        }
    }
}

fn overlap(a: IpNet, b: IpNet) -> bool {
    a.contains(&b) || b.contains(&a)
}

fn ports_problem(ports: &[PortRange]) -> Option<String> {
    if ports.len() > PORT_RANGES_MAX {
        return Some(format!("more than {PORT_RANGES_MAX} runs of ports"));
    }
    let wrong = ports.iter().find(|ports| ports.first == 0 || ports.last < ports.first)?;
    Some(format!("ports {wrong} must run upwards from 1 to 65535 at most"))
}
