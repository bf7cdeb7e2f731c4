#![allow(clippy::unwrap_used, reason = "tests")]

use muster_estate::defaults;
use muster_estate::model::{AliveBy, Exposure};
use proptest::prelude::*;

use super::*;

fn approval(role: Option<&str>, first: u16, last: u16) -> Approval {
    let ports = PortRange { transport: Transport::Tcp, first, last };
    Approval { ports, role: role.map(str::to_owned), reason: "CHG0001".to_owned() }
}

fn zone(name: &str, class: ZoneClass, approvals: Vec<Approval>) -> Zone {
    Zone {
        name: name.to_owned(),
        blocks: vec![],
        class,
        exposure: Exposure::Intranet,
        scan_policy: ScanPolicy::Full,
        approvals,
    }
}

/// Everybody may run SSH; the web role is for HTTPS and may use some high ports.
fn web() -> Zone {
    let approvals = vec![approval(None, 22, 22), approval(Some("web"), 443, 443), approval(Some("web"), 9000, 9009)];
    zone("web", ZoneClass::Production, approvals)
}

fn site(zones: Vec<Zone>) -> Site {
    Site {
        name: "dublin".to_owned(),
        revision: 1,
        realm: "corp".to_owned(),
        time_zone: "UTC".to_owned(),
        ranges: vec![],
        zones,
        schedules: vec![],
        scope: defaults::scope(),
        alive_by: AliveBy::AnyAnswer,
        seen_within: jiff::SignedDuration::from_hours(1),
        absent_after_sweeps: 3,
        managed_requires: vec![],
        inventory_precedence: vec![],
        removed: false,
    }
}

fn tcp(ports: &[u16]) -> Vec<Service> {
    ports.iter().map(|port| Service { transport: Transport::Tcp, port: *port }).collect()
}

fn whole(open: u64) -> Look {
    Look { finished: true, void: false, open, closed: 65_535 - open, missed: 0 }
}

#[test]
fn what_runs_must_be_what_is_approved() {
    let zone = web();
    for (role, ports, outcome, reason, deviations) in [
        ("web", &[22, 443][..], Outcome::Pass, Reason::AsDeclared, &[][..]),
        ("web", &[443], Outcome::Pass, Reason::AsDeclared, &[]),
        ("web", &[443, 9005], Outcome::Pass, Reason::AsDeclared, &[]),
        ("web", &[22, 443, 3389], Outcome::Fail, Reason::UnapprovedService, &[3389]),
        ("web", &[22], Outcome::Fail, Reason::MissingService, &[443]),
        ("web", &[23], Outcome::Fail, Reason::UnapprovedService, &[23, 443]),
        // Of another role nothing but what everybody may run.
        ("sql", &[22, 443], Outcome::Fail, Reason::UnapprovedService, &[443]),
        ("sql", &[22], Outcome::Pass, Reason::AsDeclared, &[]),
    ] {
        let report = judge(&zone, role, whole(ports.len() as u64), &tcp(ports));
        let found: Vec<u16> = report.lines.iter().filter(|line| line.deviates()).map(|line| line.port).collect();
        assert_eq!(
            (report.outcome, report.reason, found.as_slice()),
            (outcome, reason, deviations),
            "{role} {ports:?}"
        );
    }
}

#[test]
fn a_look_that_does_not_say_passes_nothing_and_what_is_seen_is_proven() {
    let (zone, ports) = (web(), tcp(&[22, 443]));
    let looks = [
        (Look { finished: false, ..whole(2) }, Reason::NotFinished),
        (Look { void: true, ..whole(2) }, Reason::Void),
        (Look { missed: 1, ..whole(2) }, Reason::NotLookedAt),
    ];
    for (look, reason) in looks {
        let report = judge(&zone, "web", look, &ports);
        assert_eq!((report.outcome, report.reason), (Outcome::Unknown, reason));
        let report = judge(&zone, "web", look, &tcp(&[22, 443, 23]));
        assert_eq!((report.outcome, report.reason), (Outcome::Fail, Reason::UnapprovedService));
    }
    let silent = Look { closed: 0, ..whole(0) };
    assert_eq!(judge(&zone, "web", silent, &[]).reason, Reason::NoAnswer);
}

#[test]
fn a_port_of_another_transport_is_another_port() {
    let zone = web();
    let report = judge(
        &zone,
        "web",
        whole(2),
        &[Service { transport: Transport::Tcp, port: 443 }, Service { transport: Transport::Udp, port: 443 }],
    );
    assert_eq!(report.reason, Reason::UnapprovedService);
}

#[test]
fn the_manifest_is_of_the_zone_that_knows_the_role() {
    let site = site(vec![web(), zone("build", ZoneClass::Build, vec![approval(None, 22, 22)])]);
    assert_eq!(manifest_of(&site, "web", "").unwrap().name, "web");
    assert_eq!(manifest_of(&site, "web", "build").unwrap().name, "build");
    let error = manifest_of(&site, "mail", "").unwrap_err().to_string();
    assert!(error.contains("\"mail\"") && error.ends_with("approvals: web"), "{error}");
    let error = manifest_of(&site, "web", "wbe").unwrap_err().to_string();
    assert!(error.ends_with("it has build, web"), "{error}");
    let mut other = web();
    other.name = "dmz".to_owned();
    let error = manifest_of(&super::tests::site(vec![web(), other]), "web", "").unwrap_err().to_string();
    assert!(error.contains("dmz, web"), "{error}");
}

#[test]
fn a_build_zone_has_the_rate_that_the_scope_grants_it() {
    let (build, production) = (zone("build", ZoneClass::Build, vec![]), web());
    let mut site = site(vec![]);
    assert_eq!(rate_pps(&site, Some(&build)), 40);
    (site.scope.rate_site_pps, site.scope.rate_build_pps) = (2_000, 1_500);
    assert_eq!(
        [rate_pps(&site, Some(&build)), rate_pps(&site, Some(&production)), rate_pps(&site, None)],
        [1_500, 40, 40]
    );
    assert_eq!(takes(65_535, 1_500), Some(Duration::from_secs(44)));
    site.scope.rate_site_pps = 1_000;
    assert_eq!(rate_pps(&site, Some(&build)), 1_000);
    let gentle = Zone { scan_policy: ScanPolicy::Gentle, ..build };
    assert_eq!(rate_pps(&site, Some(&gentle)), 250);
    assert_eq!(takes(1, 0), None);
}

proptest! {
    #[test]
    fn it_passes_only_what_has_no_deviation(ports in proptest::collection::vec(1_u16..=u16::MAX, 0..40), role in "web|sql") {
        let zone = web();
        let report = judge(&zone, &role, whole(ports.len() as u64 + 1), &tcp(&ports));
        prop_assert_eq!(report.outcome == Outcome::Pass, report.lines.iter().all(|line| !line.deviates()));
        prop_assert!(report.lines.is_sorted_by_key(|line| (line.transport, line.port)));
        prop_assert!(ports.iter().all(|port| report.lines.iter().any(|line| line.open && line.port == *port)));
    }
}
