//! A site in a test: two zones, a few assets, sweeps by number, hours on a clock.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use muster_estate::defaults;
use muster_estate::model::{
    AliveBy, Approval, Asset, Exposure, Identifier, IdentifierKind, PortRange, Requirement, ScanPolicy, Site,
    Transport, Zone, ZoneClass,
};
use muster_ids::{EventId, FindingId, HostId, SweepId};
use muster_verdict::{
    Changes, Closed, Disposition, DispositionSet, Finding, FinishedSweep, HostChange, Input, InventoryDelta,
    InventoryImport, Observations, Outcome, Reason, Refused, Seen, SiteState, Subject, Verdict,
};

pub(crate) fn tcp(port: u16) -> Subject {
    Subject::ApprovedService { transport: Transport::Tcp, port }
}

pub(crate) fn ports(first: u16, last: u16) -> PortRange {
    PortRange { transport: Transport::Tcp, first, last }
}

pub(crate) fn at(address: &str) -> IpAddr {
    address.parse().unwrap()
}

/// Hours, in tenths, from the test's beginning.
pub(crate) fn hour(tenths: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 - 1_790_000_000 % 86_400 + tenths * 360).unwrap()
}

pub(crate) fn sweep(number: u64) -> SweepId {
    SweepId::derivation("test").number(number).into()
}

fn zone(name: &str, block: &str, class: ZoneClass, approvals: Vec<Approval>) -> Zone {
    let blocks = vec![block.parse().unwrap()];
    let (exposure, scan_policy) = (Exposure::Intranet, ScanPolicy::Full);
    Zone { name: name.into(), blocks, class, exposure, scan_policy, approvals }
}

fn approval(port: u16, role: Option<&str>) -> Approval {
    Approval { ports: ports(port, port), role: role.map(str::to_owned), reason: "test".into() }
}

/// 10.0.0.0/25 is production (80 for all, 1433 for role sql), 10.0.0.128/25 test (8080).
pub(crate) fn site(revision: u64) -> Site {
    Site {
        name: "lab".into(),
        revision,
        realm: "corp".into(),
        time_zone: "UTC".into(),
        ranges: vec![],
        zones: vec![
            zone("prod", "10.0.0.0/25", ZoneClass::Production, vec![approval(80, None), approval(1433, Some("sql"))]),
            zone("test", "10.0.0.128/25", ZoneClass::Test, vec![approval(8080, None)]),
        ],
        schedules: vec![],
        scope: defaults::scope(),
        alive_by: AliveBy::OpenPort,
        seen_within: SignedDuration::from_hours(16),
        absent_after_sweeps: 2,
        managed_requires: vec![Requirement::Owner, Requirement::SupportGroup, Requirement::BaseImage],
        inventory_precedence: Vec::new(),
        removed: false,
    }
}

pub(crate) fn asset(key: &str, address: &str) -> Asset {
    Asset {
        key: key.into(),
        name: format!("{key}.example"),
        owner: "ann".into(),
        support_group: "web".into(),
        role: "web".into(),
        zone: "prod".into(),
        base_image: "debian-12".into(),
        criticality: String::new(),
        identifiers: vec![Identifier {
            kind: IdentifierKind::Address(at(address)),
            valid_from: None,
            valid_until: None,
        }],
        claims: Vec::new(),
    }
}

/// An input that owns what it says, to be kept and applied in any order.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Estate(Site),
    Delta(u64, Vec<Asset>, Vec<String>),
    Import(u64, Vec<Asset>),
    Open(u64, Timestamp, Vec<(IpAddr, u16)>),
    Closed(u64, Timestamp, Vec<(IpAddr, u16)>),
    Finished(FinishedSweep),
    Dispose(DispositionSet),
    Clock(Timestamp),
}

pub(crate) fn finished(number: u64, from: i64, to: i64, void: bool) -> FinishedSweep {
    FinishedSweep {
        sweep: sweep(number),
        void,
        covered: vec!["10.0.0.0/24".parse().unwrap()],
        ports: vec![ports(1, 65_535)],
        started_at: hour(from),
        finished_at: hour(to),
    }
}

pub(crate) fn apply(state: &mut SiteState, step: &Step) {
    match step {
        Step::Estate(site) => state.apply(Input::Estate(Arc::new(site.clone()))),
        Step::Delta(revision, upserts, removals) => {
            state.apply(Input::InventoryDelta(InventoryDelta { revision: *revision, upserts, removals }));
        }
        Step::Import(revision, assets) => {
            state.apply(Input::InventoryImport(InventoryImport { revision: *revision, assets }));
        }
        Step::Open(number, at, open) => {
            let seen: Vec<Seen<'_>> = open
                .iter()
                .map(|(address, port)| Seen {
                    address: *address,
                    transport: Transport::Tcp,
                    port: *port,
                    at: *at,
                    title: "nginx",
                })
                .collect();
            state.apply(Input::Observations(Observations { sweep: sweep(*number), seen: &seen }));
        }
        Step::Closed(number, at, closed) => {
            let refused: Vec<Refused> = closed
                .iter()
                .map(|(address, port)| Refused { address: *address, transport: Transport::Tcp, port: *port })
                .collect();
            state.apply(Input::Closed(Closed { sweep: sweep(*number), at: *at, refused: &refused }));
        }
        Step::Finished(sweep) => state.apply(Input::SweepFinished(sweep.clone())),
        Step::Dispose(set) => state.apply(Input::Disposition(set.clone())),
        Step::Clock(at) => state.apply(Input::Clock(*at)),
    }
}

/// A state, and everything it published, the last of each.
#[derive(Debug, Default)]
pub(crate) struct Lab {
    pub(crate) state: SiteState,
    pub(crate) hosts: BTreeMap<HostId, HostChange>,
    pub(crate) verdicts: BTreeMap<(HostId, Subject), (Verdict, IpAddr)>,
    pub(crate) findings: BTreeMap<FindingId, Finding>,
}

impl Lab {
    /// A site under the given document and inventory, at hour 0.
    pub(crate) fn new(site: Site, assets: Vec<Asset>) -> Self {
        let mut lab = Self::default();
        lab.run(&[Step::Clock(hour(0)), Step::Estate(site), Step::Import(1, assets)]);
        lab
    }

    pub(crate) fn run(&mut self, steps: &[Step]) -> Changes {
        for step in steps {
            apply(&mut self.state, step);
        }
        let changes = self.state.evaluate();
        self.take(&changes);
        changes
    }

    pub(crate) fn take(&mut self, changes: &Changes) {
        for host in &changes.hosts {
            self.hosts.insert(host.host, host.clone());
        }
        for change in &changes.verdicts {
            let verdict = change.verdict.clone();
            if let Some(finding) = change.finding.as_deref() {
                assert_eq!(finding.id, FindingId::of(verdict.host, &verdict.subject.to_string()));
                self.findings.insert(finding.id, finding.clone());
            }
            self.verdicts.insert((verdict.host, verdict.subject), (verdict, change.address));
        }
    }

    /// A sweep from hour to hour that finds these ports open, is over, and lets the clock say so.
    pub(crate) fn sweep(&mut self, number: u64, from: i64, open: &[(&str, u16)]) -> Changes {
        let open = open.iter().map(|(address, port)| (at(address), *port)).collect();
        self.run(&[
            Step::Open(number, hour(from + 1), open),
            Step::Finished(finished(number, from, from + 2, false)),
            Step::Clock(hour(from + 3)),
        ])
    }

    pub(crate) fn verdict(&self, address: &str, subject: Subject) -> &Verdict {
        let host = HostId::of_address("corp", at(address));
        &self.verdicts.get(&(host, subject)).unwrap_or_else(|| panic!("no {subject} of {address}")).0
    }

    /// Outcome and reason.
    pub(crate) fn says(&self, address: &str, subject: Subject) -> (Outcome, Option<Reason>) {
        let verdict = self.verdict(address, subject);
        (verdict.outcome, verdict.reason)
    }

    pub(crate) fn has(&self, address: &str, subject: Subject) -> bool {
        self.verdicts.contains_key(&(HostId::of_address("corp", at(address)), subject))
    }

    pub(crate) fn finding(&self, address: &str, subject: Subject) -> &Finding {
        self.findings.get(&finding_id(address, subject)).unwrap_or_else(|| panic!("no finding {subject} of {address}"))
    }
}

pub(crate) fn finding_id(address: &str, subject: Subject) -> FindingId {
    FindingId::of(HostId::of_address("corp", at(address)), &subject.to_string())
}

pub(crate) fn dispose(
    address: &str,
    subject: Subject,
    disposition: Disposition,
    when: i64,
    until: Option<i64>,
) -> Step {
    Step::Dispose(DispositionSet {
        finding: finding_id(address, subject),
        disposition,
        reason: "ticket 7".into(),
        until: until.map(hour),
        at: hour(when),
        event: EventId::derivation("test").number(when.cast_unsigned()).into(),
    })
}
