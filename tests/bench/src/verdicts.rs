//! The verdict rows that a round of the pipeline made, made again from its messages for the direct insert.

use std::net::Ipv6Addr;
use std::time::Duration;

use anyhow::Context as _;
use muster_bus::{Limits, Received, Stream, open};
use muster_proto::v1::{self, VerdictBatch, envelope::Body};
use muster_store::rows::{FindingRow, Id, Millis, VerdictChangeRow, VerdictRow, version};

use crate::bed::Bed;

/// A message of VERDICTS, read.
#[derive(Debug)]
pub(crate) struct Message {
    event_id: Id,
    received: Received,
    batch: VerdictBatch,
}

/// Every message of VERDICTS after a sequence.
pub(crate) async fn after(bed: &Bed, sequence: u64) -> anyhow::Result<Vec<Message>> {
    let last = bed.bus.stream_info(Stream::Verdicts).await?.last_sequence;
    let mut tail = bed.bus.tail(Stream::Verdicts, &[], sequence);
    let (mut messages, mut read) = (Vec::new(), sequence);
    while read < last {
        let limits = Limits { messages: 1_000, bytes: 64 << 20, linger: Duration::from_millis(10) };
        for received in tail.next_batch(limits).await?.messages {
            read = received.sequence;
            let (envelope, body) = open(&received)?;
            let Body::Verdicts(batch) = body else { continue };
            let event_id = envelope.event_id.as_slice().try_into().context("an event id")?;
            messages.push(Message { event_id, received, batch });
        }
    }
    Ok(messages)
}

/// The rows of the log and of what stands.
#[derive(Debug, Default)]
pub(crate) struct Rows<'a> {
    pub(crate) log: Vec<VerdictChangeRow<'a>>,
    pub(crate) standing: Vec<VerdictRow<'a>>,
    pub(crate) findings: Vec<FindingRow<'a>>,
}

impl Rows<'_> {
    pub(crate) fn count(&self) -> usize {
        self.log.len() + self.standing.len() + self.findings.len()
    }
}

/// All rows of some messages.
pub(crate) fn rows(messages: &[Message]) -> anyhow::Result<Rows<'_>> {
    let mut rows = Rows::default();
    for message in messages {
        let hosts = message.batch.hosts.len();
        for (place, change) in message.batch.changes.iter().enumerate() {
            let row = change_row(message, change, u32::try_from(hosts + place)?)?;
            rows.standing.push(standing(&row));
            if change.finding.is_some() {
                rows.findings.push(finding(&row));
            }
            rows.log.push(row);
        }
    }
    Ok(rows)
}

fn change_row<'a>(
    message: &'a Message,
    change: &'a v1::VerdictChange,
    position: u32,
) -> anyhow::Result<VerdictChangeRow<'a>> {
    static NONE: std::sync::LazyLock<v1::Finding> = std::sync::LazyLock::new(v1::Finding::default);
    let verdict = change.verdict.as_ref().context("a change without a verdict")?;
    let finding = change.finding.as_ref().unwrap_or(&NONE);
    let evidence = verdict.evidence.iter();
    Ok(VerdictChangeRow {
        site: &message.batch.site,
        host_id: id(&verdict.host_id)?,
        subject: &verdict.subject,
        outcome: i8::try_from(verdict.outcome)?,
        reason: &verdict.reason,
        evidence: evidence
            .map(|item| (item.path.as_str(), item.value.as_str(), item.source.as_str(), millis(item.at.as_ref())))
            .collect(),
        rule: &verdict.rule,
        rule_version: verdict.rule_version,
        decided_at: millis(verdict.as_of.as_ref()),
        valid_until: millis(verdict.valid_until.as_ref()),
        estate_revision: verdict.estate_revision,
        inventory_revision: verdict.inventory_revision,
        address: address(&change.address)?,
        title: &change.title,
        finding_id: if finding.finding_id.is_empty() { [0; 16] } else { id(&finding.finding_id)? },
        finding_state: i8::try_from(finding.state)?,
        first_seen: millis(finding.first_seen.as_ref()),
        last_seen: millis(finding.last_seen.as_ref()),
        resolved_at: millis(finding.resolved_at.as_ref()),
        owner: &finding.owner,
        due_at: millis(finding.due_at.as_ref()),
        disposition: i8::try_from(finding.disposition)?,
        disposition_reason: &finding.disposition_reason,
        disposition_until: millis(finding.disposition_until.as_ref()),
        reopened: finding.reopened,
        shard: message.batch.shard,
        events_sequence: message.batch.events_sequence,
        plans_sequence: message.batch.plans_sequence,
        event_id: message.event_id,
        causation_id: [0; 16],
        position,
        version: version(message.received.sequence, position),
        stream_sequence: message.received.sequence,
        broker_at: message.received.stored_at.as_millisecond(),
    })
}

fn standing<'a>(row: &VerdictChangeRow<'a>) -> VerdictRow<'a> {
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

fn finding<'a>(row: &VerdictChangeRow<'a>) -> FindingRow<'a> {
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

fn id(bytes: &[u8]) -> anyhow::Result<Id> {
    bytes.try_into().context("an id has 16 bytes")
}

pub(crate) fn address(bytes: &[u8]) -> anyhow::Result<Ipv6Addr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Ok(std::net::Ipv4Addr::from(v4).to_ipv6_mapped());
    }
    <[u8; 16]>::try_from(bytes).map(Ipv6Addr::from).context("an address has 4 or 16 bytes")
}

pub(crate) fn millis(at: Option<&prost_types::Timestamp>) -> Millis {
    at.map_or(0, |at| at.seconds * 1_000 + i64::from(at.nanos) / 1_000_000)
}
