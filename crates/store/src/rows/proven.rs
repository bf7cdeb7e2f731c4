//! What the evaluator concluded: the log of it, and how it stands.
//!
//! The three tables of how it stands (`hosts`, `verdicts`, `findings`) keep the row of the highest `version` of each
//! key; the recorder writes them beside the log.

use std::net::Ipv6Addr;

use super::{Id, Millis, row};

/// Path, value, source, time.
pub type EvidenceItem<'a> = (&'a str, &'a str, &'a str, Millis);

row! {
    /// A change of a verdict, and of its finding where `finding_state` is not 0. Identity: (event, position).
    pub struct VerdictChangeRow<'a> in "verdict_log" {
        #[serde(borrow)]
        site: &'a str,
        host_id: Id,
        subject: &'a str,
        outcome: i8,
        reason: &'a str,
        #[serde(borrow)]
        evidence: Vec<EvidenceItem<'a>>,
        rule: &'a str,
        rule_version: u32,
        decided_at: Millis,
        valid_until: Millis,
        estate_revision: u64,
        inventory_revision: u64,
        address: Ipv6Addr,
        title: &'a str,
        finding_id: Id,
        finding_state: i8,
        first_seen: Millis,
        last_seen: Millis,
        resolved_at: Millis,
        owner: &'a str,
        due_at: Millis,
        disposition: i8,
        disposition_reason: &'a str,
        disposition_until: Millis,
        reopened: u32,
        shard: u32,
        events_sequence: u64,
        plans_sequence: u64,
        event_id: Id,
        causation_id: Id,
        position: u32,
        version: u64,
        stream_sequence: u64,
        broker_at: Millis,
    }
}

row! {
    /// A verdict as it stands. Key: (site, host, subject).
    pub struct VerdictRow<'a> in "verdicts" {
        #[serde(borrow)]
        site: &'a str,
        host_id: Id,
        subject: &'a str,
        outcome: i8,
        reason: &'a str,
        #[serde(borrow)]
        evidence: Vec<EvidenceItem<'a>>,
        rule: &'a str,
        rule_version: u32,
        decided_at: Millis,
        valid_until: Millis,
        estate_revision: u64,
        inventory_revision: u64,
        address: Ipv6Addr,
        title: &'a str,
        version: u64,
        stream_sequence: u64,
        broker_at: Millis,
    }
}

row! {
    /// A finding as it stands, with its verdict. Key: (site, finding).
    pub struct FindingRow<'a> in "findings" {
        #[serde(borrow)]
        site: &'a str,
        finding_id: Id,
        finding_state: i8,
        first_seen: Millis,
        last_seen: Millis,
        resolved_at: Millis,
        owner: &'a str,
        due_at: Millis,
        disposition: i8,
        disposition_reason: &'a str,
        disposition_until: Millis,
        reopened: u32,
        host_id: Id,
        subject: &'a str,
        outcome: i8,
        reason: &'a str,
        #[serde(borrow)]
        evidence: Vec<EvidenceItem<'a>>,
        rule: &'a str,
        rule_version: u32,
        decided_at: Millis,
        valid_until: Millis,
        estate_revision: u64,
        inventory_revision: u64,
        address: Ipv6Addr,
        title: &'a str,
        version: u64,
        stream_sequence: u64,
        broker_at: Millis,
    }
}

row! {
    /// An identity event of a host. Identity: (event, position).
    pub struct HostChangeRow<'a> in "host_log" {
        #[serde(borrow)]
        site: &'a str,
        host_id: Id,
        kind: i8,
        realm: &'a str,
        address: Ipv6Addr,
        first_seen: Millis,
        zone: &'a str,
        asset_key: &'a str,
        name: &'a str,
        owner: &'a str,
        merged_from: Vec<Id>,
        event_id: Id,
        position: u32,
        version: u64,
        stream_sequence: u64,
        broker_at: Millis,
    }
}

row! {
    /// A host as it stands. Key: (site, host).
    pub struct HostRow<'a> in "hosts" {
        #[serde(borrow)]
        site: &'a str,
        host_id: Id,
        kind: i8,
        realm: &'a str,
        address: Ipv6Addr,
        first_seen: Millis,
        zone: &'a str,
        asset_key: &'a str,
        name: &'a str,
        owner: &'a str,
        version: u64,
        stream_sequence: u64,
        broker_at: Millis,
    }
}
