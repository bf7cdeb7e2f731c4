//! The life of findings: resolved only on positive evidence.

use muster_verdict::{Disposition, FindingState, Outcome, Reason, Subject};

use crate::lab::{Lab, Step, asset, at, dispose, finished, hour, site, tcp};

const WEB: &str = "10.0.0.7";
const STRANGER: &str = "10.0.0.9";

fn with_unapproved() -> Lab {
    let mut lab = Lab::new(site(1), vec![asset("web-1", WEB)]);
    lab.sweep(1, 0, &[(WEB, 80), (WEB, 23)]);
    assert_eq!(lab.finding(WEB, tcp(23)).state, FindingState::Open);
    lab
}

/// Sweep 2 finds 80 open and 23 refused.
fn refused(lab: &mut Lab, void: bool, alive: bool) {
    if alive {
        lab.run(&[Step::Open(2, hour(21), vec![(at(WEB), 80)])]);
    }
    lab.run(&[
        Step::Closed(2, hour(20), vec![(at(WEB), 23)]),
        Step::Finished(finished(2, 20, 22, void)),
        Step::Clock(hour(23)),
    ]);
}

#[test]
fn a_refused_port_on_a_living_host_resolves_its_finding() {
    let mut lab = with_unapproved();
    refused(&mut lab, false, true);
    assert_eq!(lab.says(WEB, tcp(23)), (Outcome::Pass, Some(Reason::Refused)));
    let finding = lab.finding(WEB, tcp(23));
    assert_eq!((finding.state, finding.resolved_at), (FindingState::Resolved, Some(hour(23))));
}

#[test]
fn a_refusal_before_the_sweep_is_over_proves_nothing_yet() {
    let mut lab = with_unapproved();
    lab.run(&[Step::Open(2, hour(21), vec![(at(WEB), 80)]), Step::Closed(2, hour(20), vec![(at(WEB), 23)])]);
    assert_eq!(lab.says(WEB, tcp(23)).0, Outcome::Fail);
}

#[test]
fn a_refusal_in_a_void_sweep_proves_nothing() {
    let mut lab = with_unapproved();
    refused(&mut lab, true, true);
    assert_eq!(lab.finding(WEB, tcp(23)).state, FindingState::Open);
}

#[test]
fn a_refusal_by_a_host_that_is_not_proven_alive_proves_nothing() {
    let mut lab = with_unapproved();
    refused(&mut lab, false, false);
    assert_eq!(lab.finding(WEB, tcp(23)).state, FindingState::Open);
}

#[test]
fn silence_resolves_nothing() {
    let mut lab = with_unapproved();
    lab.sweep(1, 0, &[(STRANGER, 23)]);
    for number in 2..10 {
        lab.sweep(number, i64::try_from(number).unwrap() * 100, &[]);
    }
    assert_eq!(lab.finding(WEB, tcp(23)).state, FindingState::Open);
    assert_eq!(lab.finding(STRANGER, Subject::Known).state, FindingState::Open);
    assert_eq!(lab.says(STRANGER, Subject::Known), (Outcome::Fail, Some(Reason::Rogue)));
}

#[test]
fn a_service_that_comes_back_is_reopened() {
    let mut lab = with_unapproved();
    refused(&mut lab, false, true);
    lab.sweep(3, 30, &[(WEB, 80), (WEB, 23)]);
    let finding = lab.finding(WEB, tcp(23));
    assert_eq!((finding.state, finding.reopened, finding.resolved_at), (FindingState::Open, 1, None));
    assert_eq!(finding.first_seen, hour(1));
}

#[test]
fn an_approval_resolves_an_unapproved_service() {
    let mut lab = with_unapproved();
    let mut wider = site(2);
    wider.zones[0].approvals[0].ports.first = 1;
    lab.run(&[Step::Estate(wider)]);
    assert_eq!(lab.says(WEB, tcp(23)), (Outcome::Pass, None));
    assert_eq!(lab.finding(WEB, tcp(23)).state, FindingState::Resolved);
}

#[test]
fn last_seen_moves_once_a_sweep_when_the_sweep_is_over() {
    let mut lab = with_unapproved();
    let slices = lab.run(&[Step::Open(2, hour(11), vec![(at(WEB), 23)]), Step::Open(2, hour(12), vec![(at(WEB), 80)])]);
    assert!(slices.verdicts.iter().all(|change| change.finding.is_none()));
    let over = lab.run(&[Step::Finished(finished(2, 10, 13, false)), Step::Clock(hour(14))]);
    assert_eq!(over.verdicts.iter().filter(|change| change.finding.is_some()).count(), 1);
    assert_eq!(lab.finding(WEB, tcp(23)).last_seen, hour(11));
}

#[test]
fn a_rogue_that_enters_the_inventory_is_resolved() {
    let mut lab = Lab::new(site(1), vec![]);
    lab.sweep(1, 0, &[(STRANGER, 80)]);
    lab.run(&[dispose(STRANGER, Subject::Known, Disposition::Adopted, 4, None)]);
    assert_eq!(lab.finding(STRANGER, Subject::Known).state, FindingState::Open, "the record decides, not the word");
    lab.run(&[Step::Delta(2, vec![asset("new-1", STRANGER)], vec![])]);
    let finding = lab.finding(STRANGER, Subject::Known);
    assert_eq!((finding.state, finding.disposition), (FindingState::Resolved, Disposition::Adopted));
    assert_eq!(finding.owner.as_str(), "ann");
    assert_eq!(lab.says(STRANGER, Subject::Managed), (Outcome::Pass, None));
}

#[test]
fn an_acceptance_suppresses_until_its_time_and_no_longer() {
    let mut lab = Lab::new(site(1), vec![]);
    lab.sweep(1, 0, &[(STRANGER, 80)]);
    lab.run(&[dispose(STRANGER, Subject::Known, Disposition::Accepted, 4, Some(30))]);
    assert_eq!(lab.finding(STRANGER, Subject::Known).state, FindingState::Suppressed);
    assert_eq!(lab.says(STRANGER, Subject::Known).0, Outcome::Fail, "accepted is not passed");
    assert!(lab.run(&[Step::Clock(hour(30))]).is_empty());
    lab.run(&[Step::Clock(hour(31))]);
    let finding = lab.finding(STRANGER, Subject::Known);
    assert_eq!((finding.state, finding.reopened), (FindingState::Open, 0));
}

#[test]
fn a_disposition_is_taken_back() {
    let mut lab = Lab::new(site(1), vec![]);
    lab.sweep(1, 0, &[(STRANGER, 80)]);
    lab.run(&[dispose(STRANGER, Subject::Known, Disposition::Accepted, 4, Some(30))]);
    lab.run(&[dispose(STRANGER, Subject::Known, Disposition::None, 5, None)]);
    let finding = lab.finding(STRANGER, Subject::Known);
    assert_eq!((finding.state, finding.disposition), (FindingState::Open, Disposition::None));
}

#[test]
fn a_decommissioned_host_is_resolved_after_silent_sweeps() {
    let mut lab = Lab::new(site(1), vec![]);
    lab.sweep(1, 0, &[(STRANGER, 80), (STRANGER, 23)]);
    lab.run(&[dispose(STRANGER, Subject::Known, Disposition::Decommissioned, 4, None)]);
    assert_eq!(lab.finding(STRANGER, Subject::Known).state, FindingState::Suppressed);
    lab.run(&[Step::Finished(finished(2, 10, 12, true))]);
    lab.sweep(3, 20, &[]);
    assert_eq!(lab.finding(STRANGER, Subject::Known).state, FindingState::Suppressed);
    lab.sweep(4, 30, &[]);
    for subject in [Subject::Known, tcp(23)] {
        assert_eq!(lab.says(STRANGER, subject), (Outcome::NotApplicable, Some(Reason::Decommissioned)));
        assert_eq!(lab.finding(STRANGER, subject).state, FindingState::Resolved);
    }
}

#[test]
fn a_decommissioned_host_that_answers_again_is_open() {
    let mut lab = Lab::new(site(1), vec![]);
    lab.sweep(1, 0, &[(STRANGER, 80)]);
    lab.run(&[dispose(STRANGER, Subject::Known, Disposition::Decommissioned, 4, None)]);
    lab.sweep(2, 10, &[(STRANGER, 80)]);
    assert_eq!(lab.finding(STRANGER, Subject::Known).state, FindingState::Open);
    for number in 3..9 {
        lab.sweep(number, i64::try_from(number).unwrap() * 10, &[]);
    }
    assert_eq!(lab.finding(STRANGER, Subject::Known).state, FindingState::Open, "the word was before the sighting");
}

#[test]
fn a_decommissioned_service_needs_sweeps_that_look_at_its_port() {
    let mut lab = with_unapproved();
    lab.run(&[dispose(WEB, tcp(23), Disposition::Decommissioned, 4, None)]);
    assert_eq!(lab.finding(WEB, tcp(23)).state, FindingState::Suppressed);
    for number in 2..5 {
        let from = i64::try_from(number).unwrap() * 10;
        let mut sweep = finished(number, from, from + 2, false);
        sweep.ports = vec![crate::lab::ports(80, 80)];
        lab.run(&[Step::Finished(sweep)]);
    }
    assert_eq!(lab.finding(WEB, tcp(23)).state, FindingState::Suppressed);
    lab.sweep(6, 60, &[(WEB, 80)]);
    lab.sweep(7, 70, &[(WEB, 80)]);
    assert_eq!(lab.says(WEB, tcp(23)), (Outcome::NotApplicable, Some(Reason::Decommissioned)));
    assert_eq!(lab.says(WEB, Subject::Known).0, Outcome::Pass);
}

#[test]
fn a_silent_asset_is_an_open_finding_that_is_unknown() {
    let mut lab = Lab::new(site(1), vec![asset("web-1", WEB)]);
    assert_eq!(lab.says(WEB, Subject::Seen).0, Outcome::Unknown);
    assert_eq!(lab.finding(WEB, Subject::Seen).state, FindingState::Open);
    lab.run(&[Step::Delta(2, vec![], vec!["web-1".into()])]);
    assert_eq!(lab.says(WEB, Subject::Seen), (Outcome::NotApplicable, Some(Reason::NotKnown)));
    assert_eq!(lab.finding(WEB, Subject::Seen).state, FindingState::Resolved);
}
