//! One test a rule.

use muster_estate::model::AliveBy;
use muster_verdict::{HostChangeKind, Outcome, Reason, Subject};

use crate::lab::{Lab, Step, asset, at, finished, hour, site, tcp};

const WEB: &str = "10.0.0.7";
const STRANGER: &str = "10.0.0.9";

#[test]
fn a_seen_host_without_an_asset_is_a_rogue() {
    let mut lab = Lab::new(site(1), vec![asset("web-1", WEB)]);
    let changes = lab.sweep(1, 0, &[(STRANGER, 80)]);
    assert_eq!(changes.hosts.len(), 1);
    assert_eq!(changes.hosts[0].kind, HostChangeKind::Appeared);
    assert_eq!(lab.says(STRANGER, Subject::Known), (Outcome::Fail, Some(Reason::Rogue)));
    let evidence = &lab.verdict(STRANGER, Subject::Known).evidence;
    assert_eq!((evidence[0].path.as_str(), evidence[0].value.as_str()), ("host.address", STRANGER));
    assert!(evidence[0].source.to_string().starts_with("sweep:"));
    for subject in [Subject::Managed, Subject::Zone, Subject::Seen] {
        assert_eq!(lab.says(STRANGER, subject), (Outcome::NotApplicable, Some(Reason::NotKnown)));
    }
}

#[test]
fn a_seen_host_with_an_asset_is_known_managed_placed_and_seen() {
    let mut lab = Lab::new(site(1), vec![asset("web-1", WEB)]);
    lab.sweep(1, 0, &[(WEB, 80)]);
    for subject in [Subject::Known, Subject::Managed, Subject::Zone, Subject::Seen] {
        assert_eq!(lab.says(WEB, subject), (Outcome::Pass, None), "{subject}");
        assert!(!lab.verdict(WEB, subject).evidence.is_empty());
    }
    assert!(!lab.has(WEB, tcp(80)), "a service that never failed is implied");
    let host = lab.hosts.values().next().unwrap();
    assert_eq!((host.zone.as_str(), host.asset_key.as_str(), host.owner.as_str()), ("prod", "web-1", "ann"));
}

#[test]
fn managed_names_the_first_missing_attribute_and_shows_all() {
    let mut record = asset("web-1", WEB);
    record.support_group = String::new();
    record.base_image = String::new();
    let mut lab = Lab::new(site(1), vec![record]);
    lab.sweep(1, 0, &[(WEB, 80)]);
    assert_eq!(lab.says(WEB, Subject::Managed), (Outcome::Fail, Some(Reason::NoSupportGroup)));
    assert_eq!(lab.verdict(WEB, Subject::Managed).evidence.len(), 2);
    assert_eq!(lab.says(WEB, Subject::Known).0, Outcome::Pass);
}

#[test]
fn an_open_port_needs_the_approval_of_its_zone_and_role() {
    let mut sql = asset("sql-1", "10.0.0.8");
    sql.role = "sql".into();
    let mut lab = Lab::new(site(1), vec![asset("web-1", WEB), sql]);
    lab.sweep(1, 0, &[(WEB, 1433), ("10.0.0.8", 1433), ("10.0.0.200", 8080), ("10.0.0.200", 80)]);
    assert_eq!(lab.says(WEB, tcp(1433)), (Outcome::Fail, Some(Reason::UnapprovedService)));
    assert!(!lab.has("10.0.0.8", tcp(1433)), "approved for role sql");
    assert!(!lab.has("10.0.0.200", tcp(8080)), "approved in test");
    assert_eq!(lab.says("10.0.0.200", tcp(80)).0, Outcome::Fail);
}

#[test]
fn a_service_outside_every_zone_is_unknown() {
    let mut lab = Lab::new(site(1), vec![]);
    lab.sweep(1, 0, &[("10.9.0.1", 80)]);
    assert_eq!(lab.says("10.9.0.1", tcp(80)), (Outcome::Unknown, Some(Reason::NoZone)));
    assert!(!lab.findings.contains_key(&crate::lab::finding_id("10.9.0.1", tcp(80))));
}

#[test]
fn an_asset_in_another_zone_than_its_record_says_is_misplaced() {
    let mut record = asset("test-1", WEB);
    record.zone = "test".into();
    let mut silent = asset("any-1", "10.0.0.8");
    silent.zone = String::new();
    let mut lab = Lab::new(site(1), vec![record, silent]);
    lab.sweep(1, 0, &[(WEB, 80), ("10.0.0.8", 80)]);
    assert_eq!(lab.says(WEB, Subject::Zone), (Outcome::Fail, Some(Reason::Misplaced)));
    let values: Vec<&str> = lab.verdict(WEB, Subject::Zone).evidence.iter().map(|e| e.value.as_str()).collect();
    assert_eq!(values, ["test", "prod"]);
    assert_eq!(lab.says("10.0.0.8", Subject::Zone), (Outcome::NotApplicable, Some(Reason::ZoneNotSaid)));
}

#[test]
fn a_passing_seen_ages_into_unknown_by_the_clock_alone() {
    let mut lab = Lab::new(site(1), vec![asset("web-1", WEB)]);
    lab.sweep(1, 10, &[(WEB, 80)]);
    let until = lab.verdict(WEB, Subject::Seen).valid_until.unwrap();
    assert!(until <= hour(11 + 160), "never longer than the site's limit");
    assert!(until >= hour(11 + 150), "at most a sixteenth shorter");
    assert!(lab.run(&[Step::Clock(until)]).is_empty());
    lab.run(&[Step::Clock(until + jiff::SignedDuration::from_micros(1))]);
    assert_eq!(lab.says(WEB, Subject::Seen), (Outcome::Unknown, Some(Reason::Silent)));
    assert_eq!(lab.says(WEB, Subject::Known).0, Outcome::Pass);
}

#[test]
fn an_asset_is_absent_only_after_sweeps_that_could_have_seen_it() {
    let mut lab = Lab::new(site(1), vec![asset("web-1", WEB)]);
    assert_eq!(lab.says(WEB, Subject::Seen), (Outcome::Unknown, Some(Reason::NeverSeen)));
    assert!(!lab.has(WEB, Subject::Known), "nothing was seen there");
    let mut elsewhere = finished(2, 10, 12, false);
    elsewhere.covered = vec!["10.0.0.128/25".parse().unwrap()];
    lab.run(&[Step::Finished(finished(1, 0, 2, true)), Step::Finished(elsewhere)]);
    assert_eq!(lab.says(WEB, Subject::Seen), (Outcome::Unknown, Some(Reason::NeverSeen)));
    lab.sweep(3, 20, &[]);
    assert_eq!(lab.says(WEB, Subject::Seen), (Outcome::Unknown, Some(Reason::NeverSeen)));
    lab.sweep(4, 30, &[]);
    assert_eq!(lab.says(WEB, Subject::Seen), (Outcome::Fail, Some(Reason::Absent)));
    lab.sweep(5, 40, &[(WEB, 80)]);
    assert_eq!(lab.says(WEB, Subject::Seen), (Outcome::Pass, None));
}

#[test]
fn a_refusal_proves_a_host_only_under_any_answer() {
    for (alive_by, hosts) in [(AliveBy::OpenPort, 0), (AliveBy::AnyAnswer, 2)] {
        let mut site = site(1);
        site.alive_by = alive_by;
        let mut lab = Lab::new(site, vec![asset("web-1", WEB)]);
        lab.run(&[Step::Closed(1, hour(1), vec![(at(WEB), 22), (at(STRANGER), 22)])]);
        assert_eq!(lab.hosts.len(), hosts, "{alive_by:?}");
        let seen = lab.says(WEB, Subject::Seen).0;
        assert_eq!(seen, if hosts == 0 { Outcome::Unknown } else { Outcome::Pass });
        assert_eq!(lab.has(STRANGER, Subject::Known), hosts > 0);
    }
}

#[test]
fn an_asset_is_seen_at_any_of_its_addresses() {
    let mut record = asset("web-1", WEB);
    record.identifiers.extend(asset("x", "10.0.0.8").identifiers);
    let mut lab = Lab::new(site(1), vec![record]);
    assert_eq!(lab.says("10.0.0.8", Subject::Seen).0, Outcome::Unknown);
    lab.sweep(1, 0, &[(WEB, 80)]);
    assert_eq!(lab.says("10.0.0.8", Subject::Seen), (Outcome::Pass, None));
}

#[test]
fn an_identifier_that_ran_out_leaves_the_host_unknown_until_it_is_seen_again() {
    let mut record = asset("web-1", WEB);
    record.identifiers[0].valid_until = Some(hour(50));
    let mut lab = Lab::new(site(1), vec![record]);
    lab.sweep(1, 0, &[(WEB, 80)]);
    assert_eq!(lab.verdict(WEB, Subject::Known).valid_until, Some(hour(50)));
    lab.run(&[Step::Clock(hour(51))]);
    assert_eq!(lab.says(WEB, Subject::Known), (Outcome::Unknown, Some(Reason::Stale)));
    assert_eq!(lab.says(WEB, Subject::Managed), (Outcome::Unknown, Some(Reason::Stale)));
    lab.sweep(2, 60, &[(WEB, 80)]);
    assert_eq!(lab.says(WEB, Subject::Known), (Outcome::Fail, Some(Reason::Rogue)));
}

#[test]
fn an_identifier_counts_from_its_beginning() {
    let mut record = asset("web-1", WEB);
    record.identifiers[0].valid_from = Some(hour(50));
    let mut lab = Lab::new(site(1), vec![record]);
    lab.sweep(1, 0, &[(WEB, 80)]);
    assert_eq!(lab.says(WEB, Subject::Known).0, Outcome::Fail);
    lab.run(&[Step::Clock(hour(50))]);
    assert_eq!(lab.says(WEB, Subject::Known), (Outcome::Pass, None));
}

#[test]
fn a_removed_site_has_nothing_to_answer_for() {
    let mut lab = Lab::new(site(1), vec![]);
    lab.sweep(1, 0, &[(STRANGER, 23)]);
    let mut gone = site(2);
    gone.removed = true;
    lab.run(&[Step::Estate(gone)]);
    assert_eq!(lab.says(STRANGER, Subject::Known), (Outcome::NotApplicable, Some(Reason::SiteRemoved)));
    assert_eq!(lab.says(STRANGER, tcp(23)), (Outcome::NotApplicable, Some(Reason::SiteRemoved)));
}

#[test]
fn a_host_that_every_slice_sees_is_published_once() {
    let mut lab = Lab::new(site(1), vec![asset("web-1", WEB)]);
    lab.sweep(1, 10, &[(WEB, 80)]);
    let again = lab.run(&[
        Step::Open(2, hour(12), vec![(at(WEB), 80)]),
        Step::Open(2, hour(13), vec![(at(WEB), 80)]),
        Step::Finished(finished(2, 12, 14, false)),
        Step::Clock(hour(15)),
    ]);
    assert!(again.is_empty(), "{again:?}");
}

#[test]
fn judging_in_parts_says_the_same() {
    let mut lab = Lab::new(site(1), vec![]);
    crate::lab::apply(&mut lab.state, &Step::Open(1, hour(1), (1..=20).map(|n| ([10, 0, 0, n].into(), 23)).collect()));
    let first = lab.state.evaluate_some(7);
    assert_eq!((first.hosts.len(), first.more), (7, true));
    let second = lab.state.evaluate_some(100);
    assert_eq!((second.hosts.len(), second.more), (13, false));
}
