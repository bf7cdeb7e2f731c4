//! Verdicts, findings and hosts: what the evaluator publishes. Each change is a row of a log and, later in the same
//! batch wins, the row that stands.

use std::net::Ipv6Addr;

use muster_ids::FindingId;
use muster_ids::HostId;
use muster_proto::v1;
use muster_store::rows::{FindingRow, HostChangeRow, HostRow, Id, VerdictChangeRow, VerdictRow, version};

use super::{BadEvent, Place, Sink, address, enumeration, id, millis};

pub(super) fn batch(place: Place<'_>, batch: &v1::VerdictBatch, sink: &mut impl Sink) -> Result<(), BadEvent> {
    let mut hosts = Vec::with_capacity(batch.hosts.len());
    for change in &batch.hosts {
        let merged_from =
            change.merged_from.iter().map(|from| id("host.merged_from", from)).collect::<Result<Vec<_>, _>>()?;
        hosts.push((
            id("host.host_id", &change.host_id)?,
            optional_address("host.address", &change.address)?,
            enumeration::<v1::HostChangeKind>("host.kind", change.kind)?,
            merged_from,
        ));
    }
    let mut keys = Vec::with_capacity(batch.changes.len());
    for change in &batch.changes {
        keys.push(Keys::of(change)?);
    }
    let mut position = 0;
    for (change, (host_id, address, kind, merged_from)) in batch.hosts.iter().zip(hosts) {
        host(place, change, host_id, address, kind, merged_from, position, sink);
        position += 1;
    }
    for (change, keys) in batch.changes.iter().zip(keys) {
        Judged { place, batch, change, keys, position }.rows(sink);
        position += 1;
    }
    Ok(())
}

fn optional_address(field: &str, bytes: &[u8]) -> Result<Ipv6Addr, BadEvent> {
    if bytes.is_empty() { Ok(Ipv6Addr::UNSPECIFIED) } else { address(field, bytes) }
}

#[expect(clippy::too_many_arguments, reason = "the checked parts of one change, used once")]
fn host(
    place: Place<'_>,
    change: &v1::HostChange,
    host_id: Id,
    address: Ipv6Addr,
    kind: i8,
    merged_from: Vec<Id>,
    position: u32,
    sink: &mut impl Sink,
) {
    let first_seen = millis(change.first_seen.as_ref());
    let version = version(place.stream_sequence, position);
    sink.row(&HostChangeRow {
        site: place.site,
        host_id,
        kind,
        realm: &change.realm,
        address,
        first_seen,
        zone: &change.zone,
        asset_key: &change.asset_key,
        name: &change.name,
        owner: &change.owner,
        merged_from,
        event_id: place.event_id,
        position,
        version,
        stream_sequence: place.stream_sequence,
        broker_at: place.broker_at,
    });
    sink.row(&HostRow {
        site: place.site,
        host_id,
        kind,
        realm: &change.realm,
        address,
        first_seen,
        zone: &change.zone,
        asset_key: &change.asset_key,
        name: &change.name,
        owner: &change.owner,
        version,
        stream_sequence: place.stream_sequence,
        broker_at: place.broker_at,
    });
}

/// The parts of a change that may be wrong. All of a batch are checked before the first row of it is given.
struct Keys<'a> {
    verdict: &'a v1::Verdict,
    host_id: Id,
    address: Ipv6Addr,
    outcome: i8,
    finding_id: Id,
    finding_state: i8,
    disposition: i8,
}

impl<'a> Keys<'a> {
    fn of(change: &'a v1::VerdictChange) -> Result<Self, BadEvent> {
        let verdict = change.verdict.as_ref().ok_or_else(|| BadEvent::new("change.verdict", "not set"))?;
        let host_id = id("verdict.host_id", &verdict.host_id)?;
        let (finding_id, finding_state, disposition) = match &change.finding {
            Some(finding) => (
                id("finding.finding_id", &finding.finding_id)?,
                enumeration::<v1::FindingState>("finding.state", finding.state)?,
                enumeration::<v1::Disposition>("finding.disposition", finding.disposition)?,
            ),
            None => (*FindingId::of(HostId::from_array(host_id), &verdict.subject).as_bytes(), 0, 0),
        };
        Ok(Self {
            verdict,
            host_id,
            address: optional_address("change.address", &change.address)?,
            outcome: enumeration::<v1::Outcome>("verdict.outcome", verdict.outcome)?,
            finding_id,
            finding_state,
            disposition,
        })
    }
}

struct Judged<'a> {
    place: Place<'a>,
    batch: &'a v1::VerdictBatch,
    change: &'a v1::VerdictChange,
    keys: Keys<'a>,
    position: u32,
}

impl Judged<'_> {
    fn rows(&self, sink: &mut impl Sink) {
        let Self { place, change, keys, .. } = self;
        let verdict = keys.verdict;
        let none = v1::Finding::default();
        let finding = change.finding.as_ref().unwrap_or(&none);
        let row = VerdictChangeRow {
            site: place.site,
            host_id: keys.host_id,
            subject: &verdict.subject,
            outcome: keys.outcome,
            reason: &verdict.reason,
            evidence: verdict
                .evidence
                .iter()
                .map(|item| (item.path.as_str(), item.value.as_str(), item.source.as_str(), millis(item.at.as_ref())))
                .collect(),
            rule: &verdict.rule,
            rule_version: verdict.rule_version,
            decided_at: millis(verdict.as_of.as_ref()),
            valid_until: millis(verdict.valid_until.as_ref()),
            estate_revision: verdict.estate_revision,
            inventory_revision: verdict.inventory_revision,
            address: keys.address,
            title: &change.title,
            finding_id: keys.finding_id,
            finding_state: keys.finding_state,
            first_seen: millis(finding.first_seen.as_ref()),
            last_seen: millis(finding.last_seen.as_ref()),
            resolved_at: millis(finding.resolved_at.as_ref()),
            owner: &finding.owner,
            due_at: millis(finding.due_at.as_ref()),
            disposition: keys.disposition,
            disposition_reason: &finding.disposition_reason,
            disposition_until: millis(finding.disposition_until.as_ref()),
            reopened: finding.reopened,
            shard: self.batch.shard,
            events_sequence: self.batch.events_sequence,
            plans_sequence: self.batch.plans_sequence,
            event_id: place.event_id,
            causation_id: place.causation_id,
            position: self.position,
            version: version(place.stream_sequence, self.position),
            stream_sequence: place.stream_sequence,
            broker_at: place.broker_at,
        };
        sink.row(&row);
        sink.row(&standing_verdict(&row));
        if change.finding.is_some() {
            sink.row(&standing_finding(row));
        }
    }
}

fn standing_verdict<'a>(row: &VerdictChangeRow<'a>) -> VerdictRow<'a> {
    VerdictRow {
        site: row.site,
        host_id: row.host_id,
        subject: row.subject,
        outcome: row.outcome,
        reason: row.reason,
        evidence: row.evidence.clone(),
        rule: row.rule,
        rule_version: row.rule_version,
        decided_at: row.decided_at,
        valid_until: row.valid_until,
        estate_revision: row.estate_revision,
        inventory_revision: row.inventory_revision,
        address: row.address,
        title: row.title,
        version: row.version,
        stream_sequence: row.stream_sequence,
        broker_at: row.broker_at,
    }
}

fn standing_finding(row: VerdictChangeRow<'_>) -> FindingRow<'_> {
    FindingRow {
        site: row.site,
        finding_id: row.finding_id,
        finding_state: row.finding_state,
        first_seen: row.first_seen,
        last_seen: row.last_seen,
        resolved_at: row.resolved_at,
        owner: row.owner,
        due_at: row.due_at,
        disposition: row.disposition,
        disposition_reason: row.disposition_reason,
        disposition_until: row.disposition_until,
        reopened: row.reopened,
        host_id: row.host_id,
        subject: row.subject,
        outcome: row.outcome,
        reason: row.reason,
        evidence: row.evidence,
        rule: row.rule,
        rule_version: row.rule_version,
        decided_at: row.decided_at,
        valid_until: row.valid_until,
        estate_revision: row.estate_revision,
        inventory_revision: row.inventory_revision,
        address: row.address,
        title: row.title,
        version: row.version,
        stream_sequence: row.stream_sequence,
        broker_at: row.broker_at,
    }
}
