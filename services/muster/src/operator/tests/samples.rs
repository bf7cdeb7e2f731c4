//! Messages as a gateway might give them; the title is hostile, as banners are.

use muster_ids::{DrawId, FindingId, HostId, SweepId};
use muster_proto::v1::*;

pub(super) const REALM: &str = "corp";

/// 2026-03-01T08:00:00Z and so many minutes.
pub(super) fn at(minutes: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: 1_772_352_000 + minutes * 60, nanos: 0 })
}

pub(super) fn host_id(last: u8) -> HostId {
    HostId::of_address(REALM, [127, 20, 0, last].into())
}

pub(super) fn mutation() -> Option<Mutation> {
    Some(Mutation { event_id: vec![0xee; 16], sequence: 4711 })
}

fn fact(path: &str, value: &str, source: &str) -> Evidence {
    Evidence { path: path.to_owned(), value: value.to_owned(), source: source.to_owned(), at: at(3) }
}

pub(super) fn verdict(last: u8, subject: &str, outcome: Outcome, reason: &str) -> Verdict {
    Verdict {
        host_id: host_id(last).to_vec(),
        subject: subject.to_owned(),
        outcome: outcome.into(),
        reason: reason.to_owned(),
        evidence: vec![
            fact("inventory.asset", "none", "inventory:3"),
            fact("service.tcp/8021", "open", "order:00112233445566778899aabbccddeeff"),
        ],
        rule: "known".to_owned(),
        rule_version: 1,
        as_of: at(5),
        valid_until: None,
        estate_revision: 2,
        inventory_revision: 3,
    }
}

pub(super) fn finding(last: u8, subject: &str, reason: &str, title: &str) -> ListedFinding {
    ListedFinding {
        site: "dublin".to_owned(),
        realm: REALM.to_owned(),
        address: vec![127, 20, 0, last],
        title: title.to_owned(),
        verdict: Some(verdict(last, subject, Outcome::Fail, reason)),
        finding: Some(Finding {
            finding_id: FindingId::of(host_id(last), subject).to_vec(),
            state: FindingState::Open.into(),
            first_seen: at(4),
            last_seen: at(5),
            owner: String::new(),
            ..Finding::default()
        }),
    }
}

pub(super) fn findings() -> Vec<ListedFinding> {
    vec![
        finding(7, "known", "rogue", ""),
        finding(
            9,
            "approved-service:tcp/8021",
            "unapproved-service",
            "=cmd()\u{1b}[2J <b>Microsoft-IIS/5.0</b>, \"ftp\"",
        ),
    ]
}

pub(super) fn host() -> GetHostResponse {
    GetHostResponse {
        host: Some(Host {
            host_id: host_id(7).to_vec(),
            site: "dublin".to_owned(),
            realm: REALM.to_owned(),
            address: vec![127, 20, 0, 7],
            zone: "web".to_owned(),
            first_seen: at(4),
            last_seen: at(5),
            open_ports: 1,
            open_findings: 1,
            ..Host::default()
        }),
        services: vec![Service {
            transport: Transport::Tcp.into(),
            port: 8080,
            fingerprint: Some(Fingerprint {
                service: "http".to_owned(),
                vendor: "Microsoft".to_owned(),
                product: "IIS".to_owned(),
                version: "5.0".to_owned(),
                evidence: "http.server: Microsoft-IIS/5.0".to_owned(),
                tls: true,
                ..Fingerprint::default()
            }),
            banner: b"HTTP/1.1 200 OK\r\n\x1b[2J".to_vec(),
            observed_at: at(3),
            sweep_id: vec![0x55; 16],
            certificate_sha256: Vec::new(),
        }],
        verdicts: vec![listed_verdict(7, "known", Outcome::Fail, "rogue")],
        asset: None,
    }
}

pub(super) fn listed_verdict(last: u8, subject: &str, outcome: Outcome, reason: &str) -> ListedVerdict {
    ListedVerdict {
        verdict: Some(verdict(last, subject, outcome, reason)),
        site: "dublin".to_owned(),
        address: vec![127, 20, 0, last],
        realm: REALM.to_owned(),
    }
}

pub(super) fn sweep(finished: bool, void: bool) -> Sweep {
    Sweep {
        sweep_id: SweepId::of_firing("dublin", "nightly", 0).to_vec(),
        kind: SweepKind::Sweep.into(),
        site: "dublin".to_owned(),
        schedule: "nightly".to_owned(),
        due_at: at(0),
        started_at: at(0),
        finished_at: if finished { at(2) } else { None },
        coverage: Some(Coverage { planned: 2560, open: 60, closed: 2400, silent: 80, skipped: 20, lost: 0 }),
        void,
        void_reason: if void { "no scanner answered".to_owned() } else { String::new() },
        leases: 1,
        leases_finished: 1,
        leases_failed: 0,
        draw_id: Vec::new(),
        missed: finished.then(|| Missed {
            share_max: 0.001_234,
            pairs_max: 4,
            loss: 0.03,
            sent: vec![2540, 155],
            first_answers: vec![2385, 75],
            ..Missed::default()
        }),
    }
}

/// A draw whose tickets are those of its seed.
pub(super) fn draw() -> Draw {
    let seed = [7; 32];
    let frame = ["dublin/127.20.0.3", "dublin/127.20.0.4", "redmond/127.30.0.5"];
    let drawn = muster_draw::select(&seed, &frame, 2);
    let item = |drawn: &muster_draw::Drawn<'_>| DrawnItem {
        item: drawn.item.to_owned(),
        address: vec![127, 20, 0, 3],
        ticket: drawn.ticket.to_vec(),
    };
    Draw {
        draw_id: DrawId::of_firing("monthly", 0).to_vec(),
        schedule: "monthly".to_owned(),
        due_at: at(0),
        method: muster_draw::METHOD.to_owned(),
        seed: seed.to_vec(),
        frame_root: muster_draw::frame_root(&frame).to_vec(),
        frame_size: 3,
        inventory_revision: 3,
        items: drawn.iter().map(item).collect(),
        ports: vec![PortRange { transport: Transport::Tcp.into(), first: 1024, last: 10_000 }],
        sites: vec!["dublin".to_owned(), "redmond".to_owned()],
    }
}

pub(super) fn site() -> EstateDocument {
    let text = "site: dublin\nrealm: corp\ntime_zone: Europe/Dublin\nalive_by: open-port\nranges:\n  - block: 127.20.0.0/24\n    kind: static\n";
    let site = muster_estate::files::read_site("dublin.yaml", text).unwrap();
    muster_bus::convert::estate::site_to_proto(&site)
}

pub(super) fn groups() -> GroupFindingsResponse {
    let group = FindingGroup {
        site: "dublin".to_owned(),
        reason: "rogue".to_owned(),
        subnet: "10.1.7.0/24".to_owned(),
        fingerprint: "Microsoft IIS, OpenSSH".to_owned(),
        owner: "ada".to_owned(),
        owner_source: "subnet".to_owned(),
        findings: 12,
        hosts: 12,
        first_seen: at(0),
        last_seen: at(60),
        examples: vec!["10.1.7.4".to_owned(), "10.1.7.9".to_owned()],
    };
    GroupFindingsResponse { groups: vec![group], findings: 40, groups_total: 9 }
}

pub(super) fn summary() -> SiteSummary {
    SiteSummary {
        site: "dublin".to_owned(),
        hosts_seen: 30,
        known: 27,
        managed: 26,
        rogue: 3,
        unapproved_services: 2,
        misplaced: 1,
        silent_assets: 2,
        assets: 29,
        units_planned: 2560,
        units_answered: 2460,
        last_sweep_at: at(2),
        last_counted_sweep_at: at(2),
        last_counted_audit_at: None,
        findings_open: 6,
    }
}

pub(super) fn asset() -> ListedAsset {
    ListedAsset {
        site: "dublin".to_owned(),
        revision: 3,
        changed_at: at(1),
        asset: Some(Asset {
            key: "web-03".to_owned(),
            name: "web-03.example.com".to_owned(),
            owner: "Alice Murphy".to_owned(),
            support_group: "linux".to_owned(),
            role: "web".to_owned(),
            zone: "web".to_owned(),
            base_image: "debian-12-2026.02".to_owned(),
            criticality: "high".to_owned(),
            identifiers: vec![Identifier {
                kind: "address".to_owned(),
                value: "127.20.0.3".to_owned(),
                valid_from: None,
                valid_until: None,
            }],
            claims: Vec::new(),
        }),
    }
}

pub(super) fn bulletin() -> ListedBulletin {
    ListedBulletin {
        received_at: at(1),
        bulletin: Some(BulletinRevision {
            feed: "cisa-kev".to_owned(),
            publisher: "CISA".to_owned(),
            bulletin_id: "CVE-2025-24085".to_owned(),
            feed_version: "2025.01.29".to_owned(),
            title: "Apple Multiple Products Use-After-Free Vulnerability".to_owned(),
            vendor: "Apple".to_owned(),
            product: "Multiple Products".to_owned(),
            published_at: at(0),
            due_at: at(30 * 1440),
            exploited: true,
            ransomware: false,
            required_action: "Apply mitigations per vendor instructions.".to_owned(),
            weaknesses: vec!["CWE-416".to_owned()],
            ..BulletinRevision::default()
        }),
    }
}

pub(super) fn books(balanced: bool) -> VerifyResponse {
    VerifyResponse {
        balanced,
        cut: vec![StreamPosition { stream: "EVENTS".to_owned(), last_sequence: 900, committed: 900 }],
        issued: 12,
        finished: 10,
        failed: 1,
        dead: 0,
        in_flight: if balanced { 1 } else { 0 },
        missing: if balanced { Vec::new() } else { vec![vec![0xab; 16]] },
        slice_rows: 180,
        stored_rows: 180,
        slice_units: 7680,
        outcome_units: 7680,
        tables: vec![TableCheck { table: "observations".to_owned(), rows: 180, distinct_rows: 180 }],
        dead_letters: 0,
        at: at(6),
        problems: if balanced { Vec::new() } else { vec!["order abab… was issued and is nowhere".to_owned()] },
    }
}
