//! After a restart nothing is said twice.

use std::sync::Arc;

use muster_estate::model::{AliveBy, Transport};
use muster_ids::HostId;
use muster_verdict::{
    Disposition, FindingState, HostChange, Outcome, Published, RestoredHost, RestoredService, SiteState, Snapshot,
    Subject,
};

use crate::lab::{Lab, Step, apply, asset, at, dispose, finding_id, finished, hour, site, sweep, tcp};

const WEB: &str = "10.0.0.7";
const SILENT: &str = "10.0.0.8";
const STRANGER: &str = "10.0.0.9";

/// Steps of a morning, and the rows of open ports that a store would hold after it.
fn morning() -> (Vec<Step>, Vec<RestoredService>) {
    let open = |number, when, ports: &[(&str, u16)]| {
        Step::Open(number, hour(when), ports.iter().map(|(address, port)| (at(address), *port)).collect())
    };
    let mut record = asset("web-1", WEB);
    record.owner = String::new();
    let steps = vec![
        Step::Clock(hour(0)),
        Step::Estate(site(1)),
        Step::Import(1, vec![record, asset("gone-1", SILENT)]),
        open(1, 1, &[(WEB, 80), (WEB, 23), (STRANGER, 22)]),
        Step::Finished(finished(1, 0, 2, false)),
        dispose(STRANGER, Subject::Known, Disposition::Accepted, 4, Some(90)),
        Step::Clock(hour(5)),
        open(2, 11, &[(WEB, 80), (STRANGER, 22)]),
        Step::Closed(2, hour(10), vec![(at(WEB), 23)]),
        Step::Finished(finished(2, 10, 12, false)),
        Step::Clock(hour(15)),
    ];
    let row = |address: &str, port, when, number| RestoredService {
        address: at(address),
        transport: Transport::Tcp,
        port,
        at: hour(when),
        sweep: sweep(number),
        title: "nginx".into(),
    };
    (steps, vec![row(WEB, 80, 11, 2), row(WEB, 23, 1, 1), row(STRANGER, 22, 11, 2)])
}

/// What a store would hold of a lab.
fn snapshot(lab: &Lab, steps: &[Step], services: Vec<RestoredService>) -> Snapshot {
    let mut snapshot = Snapshot { services, clock: Some(lab.state.as_of()), ..Snapshot::default() };
    for step in steps {
        match step {
            Step::Estate(site) => snapshot.estate = Some(Arc::new(site.clone())),
            Step::Import(revision, assets) => {
                snapshot.inventory_revision = *revision;
                snapshot.assets = assets.iter().map(|asset| (*revision, asset.clone())).collect();
            }
            Step::Finished(sweep) => snapshot.sweeps.push(sweep.clone()),
            Step::Dispose(set) => snapshot.dispositions.push(set.clone()),
            Step::Delta(..) | Step::Open(..) | Step::Closed(..) | Step::Clock(_) => {}
        }
    }
    snapshot.hosts = lab.hosts.values().map(|change| restored(lab, change)).collect();
    snapshot.published = lab
        .verdicts
        .values()
        .map(|(verdict, address)| Published {
            verdict: verdict.clone(),
            finding: lab.findings.get(&finding_id(&address.to_string(), verdict.subject)).cloned(),
            address: *address,
        })
        .collect();
    snapshot
}

fn restored(lab: &Lab, change: &HostChange) -> RestoredHost {
    let seen = lab.verdicts.get(&(HostId::of_address("corp", change.address), Subject::Seen));
    let fact = seen.and_then(|(verdict, _)| verdict.evidence.iter().find(|e| e.path.as_str() == "host.last_seen"));
    RestoredHost { change: change.clone(), last_seen: fact.and_then(|fact| fact.at) }
}

#[test]
fn a_restored_state_says_nothing_that_stands() {
    let (steps, services) = morning();
    let mut lab = Lab::default();
    for step in &steps {
        lab.run(std::slice::from_ref(step));
    }
    assert_eq!(lab.says(WEB, tcp(23)).0, Outcome::Pass);
    assert_eq!(lab.finding(STRANGER, Subject::Known).state, FindingState::Suppressed);
    let mut again = SiteState::restore(snapshot(&lab, &steps, services));
    let changes = again.evaluate();
    assert!(changes.is_empty(), "{changes:#?}");
}

#[test]
fn inputs_that_come_again_change_nothing() {
    let (steps, services) = morning();
    let mut lab = Lab::default();
    lab.run(&steps);
    assert!(lab.run(&steps).is_empty(), "to the state that took them");
    for from in 0..steps.len() {
        let mut again = SiteState::restore(snapshot(&lab, &steps, services.clone()));
        for step in &steps[from..] {
            apply(&mut again, step);
        }
        let changes = again.evaluate();
        assert!(changes.is_empty(), "from step {from}: {changes:#?}");
    }
}

#[test]
fn a_restored_state_goes_on_where_it_stood() {
    let (steps, services) = morning();
    let mut lab = Lab::default();
    for step in &steps {
        lab.run(std::slice::from_ref(step));
    }
    let mut again = Lab { state: SiteState::restore(snapshot(&lab, &steps, services)), ..Lab::default() };
    for side in [&mut lab, &mut again] {
        side.sweep(3, 30, &[(WEB, 23), (SILENT, 80)]);
        side.run(&[Step::Clock(hour(91))]);
        assert_eq!(side.finding(WEB, tcp(23)).reopened, 1);
        assert_eq!(side.finding(WEB, tcp(23)).first_seen, hour(1));
        assert_eq!(side.says(SILENT, Subject::Seen).0, Outcome::Pass);
        assert_eq!(side.finding(STRANGER, Subject::Known).state, FindingState::Open);
    }
}

#[test]
fn a_host_known_by_its_refusals_survives_a_restart() {
    let mut any = site(1);
    any.alive_by = AliveBy::AnyAnswer;
    let steps = [
        Step::Clock(hour(0)),
        Step::Estate(any),
        Step::Import(1, vec![asset("web-1", WEB)]),
        Step::Closed(1, hour(1), vec![(at(WEB), 22), (at(STRANGER), 22)]),
        Step::Clock(hour(2)),
    ];
    let mut lab = Lab::default();
    lab.run(&steps);
    let mut stored = snapshot(&lab, &steps, vec![]);
    for host in &mut stored.hosts {
        host.last_seen = host.last_seen.or(Some(host.change.first_seen));
    }
    let changes = SiteState::restore(stored).evaluate();
    assert!(changes.is_empty(), "{changes:#?}");
}
