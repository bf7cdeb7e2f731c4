//! Differences → messages: bounded batches, in order.

use jiff::Timestamp;
use muster_bus::convert::{network, time};
use muster_proto::v1;
use muster_verdict::{Changes, Evidence, Finding, HostChange, Verdict, VerdictChange};
use prost::Message;

use super::words;

/// Bytes of the changes in one message: with the envelope and the fields around them below 256 KiB.
const BATCH_BYTES_MAX: usize = 240 * 1024;
/// Changes in one message. Each is at most three rows of the recorder, whose largest message is 8,000 rows.
const BATCH_CHANGES_MAX: usize = 2_000;

/// What every message of one judging carries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged<'a> {
    pub(crate) site: &'a str,
    pub(crate) events: u64,
    pub(crate) plans: u64,
    pub(crate) as_of: Timestamp,
}

/// Cuts differences into messages, hosts before the verdicts about them.
pub(crate) fn batches(judged: Judged<'_>, changes: Changes) -> impl Iterator<Item = v1::VerdictBatch> {
    let empty = v1::VerdictBatch {
        site: judged.site.to_owned(),
        shard: 0,
        events_sequence: judged.events,
        plans_sequence: judged.plans,
        as_of: Some(time::to_proto(judged.as_of)),
        hosts: Vec::new(),
        changes: Vec::new(),
    };
    let mut cut = Cut { full: Vec::new(), open: empty.clone(), empty, bytes: 0 };
    for host in changes.hosts {
        let host = host_to_proto(&host);
        cut.make_room(host.encoded_len());
        cut.open.hosts.push(host);
    }
    for change in changes.verdicts {
        let change = change_to_proto(&change);
        cut.make_room(change.encoded_len());
        cut.open.changes.push(change);
    }
    let last = (!cut.is_empty()).then_some(cut.open);
    cut.full.into_iter().chain(last)
}

struct Cut {
    full: Vec<v1::VerdictBatch>,
    open: v1::VerdictBatch,
    empty: v1::VerdictBatch,
    bytes: usize,
}

impl Cut {
    const fn is_empty(&self) -> bool {
        self.open.hosts.is_empty() && self.open.changes.is_empty()
    }

    fn make_room(&mut self, bytes: usize) {
        // Tag and length of an entry.
        let bytes = bytes + 5;
        let count = self.open.hosts.len() + self.open.changes.len();
        if !self.is_empty() && (count >= BATCH_CHANGES_MAX || self.bytes + bytes > BATCH_BYTES_MAX) {
            self.full.push(std::mem::replace(&mut self.open, self.empty.clone()));
            self.bytes = 0;
        }
        self.bytes += bytes;
    }
}

fn host_to_proto(host: &HostChange) -> v1::HostChange {
    v1::HostChange {
        host_id: host.host.to_vec(),
        kind: words::host_change_to_proto(host.kind).into(),
        realm: host.realm.as_ref().to_owned(),
        address: network::address_to_proto(host.address),
        first_seen: Some(time::to_proto(host.first_seen)),
        zone: host.zone.as_str().to_owned(),
        asset_key: host.asset_key.as_str().to_owned(),
        name: host.name.as_str().to_owned(),
        owner: host.owner.as_str().to_owned(),
        merged_from: Vec::new(),
    }
}

fn change_to_proto(change: &VerdictChange) -> v1::VerdictChange {
    v1::VerdictChange {
        verdict: Some(verdict_to_proto(&change.verdict)),
        finding: change.finding.as_deref().map(finding_to_proto),
        address: network::address_to_proto(change.address),
        title: change.title.as_str().to_owned(),
    }
}

fn verdict_to_proto(verdict: &Verdict) -> v1::Verdict {
    v1::Verdict {
        host_id: verdict.host.to_vec(),
        subject: verdict.subject.to_string(),
        outcome: words::outcome_to_proto(verdict.outcome).into(),
        reason: verdict.reason.map_or("", muster_verdict::Reason::as_str).to_owned(),
        evidence: verdict.evidence.iter().map(evidence_to_proto).collect(),
        rule: verdict.rule.as_str().to_owned(),
        rule_version: verdict.rule_version,
        as_of: Some(time::to_proto(verdict.as_of)),
        valid_until: verdict.valid_until.map(time::to_proto),
        estate_revision: verdict.estate_revision,
        inventory_revision: verdict.inventory_revision,
    }
}

fn evidence_to_proto(evidence: &Evidence) -> v1::Evidence {
    v1::Evidence {
        path: evidence.path.as_str().to_owned(),
        value: evidence.value.as_str().to_owned(),
        source: evidence.source.to_string(),
        at: evidence.at.map(time::to_proto),
    }
}

fn finding_to_proto(finding: &Finding) -> v1::Finding {
    v1::Finding {
        finding_id: finding.id.to_vec(),
        state: words::state_to_proto(finding.state).into(),
        first_seen: Some(time::to_proto(finding.first_seen)),
        last_seen: Some(time::to_proto(finding.last_seen)),
        resolved_at: finding.resolved_at.map(time::to_proto),
        owner: finding.owner.as_str().to_owned(),
        due_at: finding.due_at.map(time::to_proto),
        disposition: words::disposition_to_proto(finding.disposition).into(),
        disposition_reason: finding.disposition_reason.as_str().to_owned(),
        disposition_until: finding.disposition_until.map(time::to_proto),
        reopened: finding.reopened,
    }
}
