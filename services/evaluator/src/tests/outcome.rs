//! What was published, folded: how it stands, and whether anything was said twice.

use std::collections::BTreeMap;

use muster_bus::convert::network::address_from_proto;
use muster_proto::v1::{self, VerdictBatch};

/// (address, subject) → outcome and reason.
pub(super) type Standing = BTreeMap<(String, String), String>;

fn key(change: &v1::VerdictChange) -> (String, String) {
    let address = address_from_proto("address", &change.address).unwrap().to_string();
    (address, change.verdict.as_ref().unwrap().subject.clone())
}

/// How the verdicts stand after all batches.
pub(super) fn standing(batches: &[(String, VerdictBatch)]) -> Standing {
    let mut standing = Standing::new();
    for change in batches.iter().flat_map(|(_, batch)| &batch.changes) {
        let verdict = change.verdict.as_ref().unwrap();
        let outcome = verdict.outcome().as_str_name().trim_start_matches("OUTCOME_").to_lowercase();
        standing.insert(key(change), format!("{outcome} {}", verdict.reason).trim_end().to_owned());
    }
    standing
}

/// Changes that change nothing: the verdict says what the last one said, and the finding what the last one said.
pub(super) fn repeated(batches: &[(String, VerdictBatch)]) -> Vec<String> {
    let (mut said, mut findings) = (BTreeMap::new(), BTreeMap::new());
    let mut repeated = Vec::new();
    for change in batches.iter().flat_map(|(_, batch)| &batch.changes) {
        let verdict = change.verdict.as_ref().unwrap();
        let evidence: Vec<_> = verdict.evidence.iter().map(|fact| (fact.path.clone(), fact.value.clone())).collect();
        let says = (verdict.outcome, verdict.reason.clone(), evidence, verdict.valid_until);
        let same_verdict = said.insert(key(change), says.clone()).is_some_and(|before| before == says);
        let same_finding = match &change.finding {
            None => true,
            Some(finding) => findings.insert(key(change), finding.clone()).is_some_and(|before| before == *finding),
        };
        if same_verdict && same_finding {
            repeated.push(format!("{:?}", key(change)));
        }
    }
    let mut hosts = BTreeMap::new();
    for host in batches.iter().flat_map(|(_, batch)| &batch.hosts) {
        let says = (host.zone.clone(), host.asset_key.clone(), host.name.clone(), host.owner.clone());
        if hosts.insert(host.host_id.clone(), says.clone()).is_some_and(|before| before == says) {
            repeated.push(format!("host {:?}", host.address));
        }
    }
    repeated
}

/// What stands about one host.
pub(super) fn of<'a>(standing: &'a Standing, last: u8, subject: &str) -> Option<&'a str> {
    standing.get(&(super::scene::host(last).to_string(), subject.to_owned())).map(String::as_str)
}
