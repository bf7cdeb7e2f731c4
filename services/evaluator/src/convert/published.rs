//! What was published before → what the rules know of it: from the messages of VERDICTS and from the store's rows.

use std::net::{IpAddr, Ipv6Addr};

use muster_bus::convert::{network, time};
use muster_ids::{FindingId, HostId};
use muster_proto::v1;
use muster_store::rows::{FindingRow, HostRow, VerdictRow};
use muster_verdict::{Evidence, Finding, HostChange, HostChangeKind, Subject, Verdict};

use super::{from_millis, optional_millis, words};
use crate::error::EvaluatorError;

type Read<T> = Result<T, EvaluatorError>;

fn bad(what: &'static str, cause: impl std::fmt::Display) -> EvaluatorError {
    EvaluatorError::ReadBack { what, cause: cause.to_string() }
}

fn number<T>(what: &'static str, value: Option<T>, number: i32) -> Read<T> {
    value.ok_or_else(|| bad(what, format!("{number} is no value of it")))
}

fn optional<T: std::str::FromStr<Err: std::fmt::Display>>(what: &'static str, text: &str) -> Read<Option<T>> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|error| bad(what, error)) }
}

/// An address of the store: IPv4 is mapped there.
pub(crate) fn address(stored: Ipv6Addr) -> IpAddr {
    IpAddr::V6(stored).to_canonical()
}

pub(crate) fn verdict(verdict: &v1::Verdict) -> Read<Verdict> {
    Ok(Verdict {
        host: HostId::from_bytes(&verdict.host_id)?,
        subject: verdict.subject.parse().map_err(|error| bad("a verdict's subject", error))?,
        outcome: number("a verdict's outcome", words::outcome(verdict.outcome), verdict.outcome)?,
        reason: optional("a verdict's reason", &verdict.reason)?,
        evidence: verdict.evidence.iter().map(evidence).collect::<Read<_>>()?,
        rule: verdict.rule.clone().into(),
        rule_version: verdict.rule_version,
        as_of: time::from_proto("verdict.as_of", verdict.as_of.as_ref())?,
        valid_until: time::optional("verdict.valid_until", verdict.valid_until.as_ref())?,
        estate_revision: verdict.estate_revision,
        inventory_revision: verdict.inventory_revision,
    })
}

fn evidence(evidence: &v1::Evidence) -> Read<Evidence> {
    Ok(Evidence {
        path: evidence.path.clone().into(),
        value: evidence.value.clone().into(),
        source: evidence.source.parse().map_err(|error| bad("the source of evidence", error))?,
        at: time::optional("evidence.at", evidence.at.as_ref())?,
    })
}

pub(crate) fn finding(finding: &v1::Finding) -> Read<Finding> {
    Ok(Finding {
        id: FindingId::from_bytes(&finding.finding_id)?,
        state: number("a finding's state", words::state(finding.state), finding.state)?,
        first_seen: time::from_proto("finding.first_seen", finding.first_seen.as_ref())?,
        last_seen: time::from_proto("finding.last_seen", finding.last_seen.as_ref())?,
        resolved_at: time::optional("finding.resolved_at", finding.resolved_at.as_ref())?,
        owner: finding.owner.clone().into(),
        due_at: time::optional("finding.due_at", finding.due_at.as_ref())?,
        disposition: number("a disposition", words::disposition(finding.disposition), finding.disposition)?,
        disposition_reason: finding.disposition_reason.clone().into(),
        disposition_until: time::optional("finding.disposition_until", finding.disposition_until.as_ref())?,
        reopened: finding.reopened,
    })
}

pub(crate) fn host(host: &v1::HostChange) -> Read<HostChange> {
    Ok(HostChange {
        host: HostId::from_bytes(&host.host_id)?,
        kind: HostChangeKind::Updated,
        realm: host.realm.as_str().into(),
        address: network::address_from_proto("host.address", &host.address)?,
        first_seen: time::from_proto("host.first_seen", host.first_seen.as_ref())?,
        zone: host.zone.clone().into(),
        asset_key: host.asset_key.clone().into(),
        name: host.name.clone().into(),
        owner: host.owner.clone().into(),
    })
}

pub(crate) fn verdict_of_row(row: &VerdictRow<'_>) -> Read<Verdict> {
    let evidence = row.evidence.iter().map(|(path, value, source, at)| {
        Ok(Evidence {
            path: (*path).to_owned().into(),
            value: (*value).to_owned().into(),
            source: source.parse().map_err(|error| bad("the source of evidence", error))?,
            at: optional_millis(*at),
        })
    });
    let subject: Subject = row.subject.parse().map_err(|error| bad("a verdict's subject", error))?;
    Ok(Verdict {
        host: HostId::from_array(row.host_id),
        subject,
        outcome: number("a verdict's outcome", words::outcome(row.outcome.into()), row.outcome.into())?,
        reason: optional("a verdict's reason", row.reason)?,
        evidence: evidence.collect::<Read<_>>()?,
        rule: row.rule.to_owned().into(),
        rule_version: row.rule_version,
        as_of: from_millis(row.decided_at),
        valid_until: optional_millis(row.valid_until),
        estate_revision: row.estate_revision,
        inventory_revision: row.inventory_revision,
    })
}

pub(crate) fn finding_of_row(row: &FindingRow<'_>) -> Read<Finding> {
    Ok(Finding {
        id: FindingId::from_array(row.finding_id),
        state: number("a finding's state", words::state(row.finding_state.into()), row.finding_state.into())?,
        first_seen: from_millis(row.first_seen),
        last_seen: from_millis(row.last_seen),
        resolved_at: optional_millis(row.resolved_at),
        owner: row.owner.to_owned().into(),
        due_at: optional_millis(row.due_at),
        disposition: number("a disposition", words::disposition(row.disposition.into()), row.disposition.into())?,
        disposition_reason: row.disposition_reason.to_owned().into(),
        disposition_until: optional_millis(row.disposition_until),
        reopened: row.reopened,
    })
}

pub(crate) fn host_of_row(row: &HostRow<'_>) -> HostChange {
    HostChange {
        host: HostId::from_array(row.host_id),
        kind: HostChangeKind::Updated,
        realm: row.realm.into(),
        address: address(row.address),
        first_seen: from_millis(row.first_seen),
        zone: row.zone.to_owned().into(),
        asset_key: row.asset_key.to_owned().into(),
        name: row.name.to_owned().into(),
        owner: row.owner.to_owned().into(),
    }
}
