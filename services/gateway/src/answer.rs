//! From rows of the store to messages of the contract.

use std::net::Ipv6Addr;

use muster_bus::convert::time;
use muster_proto::v1::{
    Asset, AssetClaims, BulletinRevision, Coverage, Draw, DrawnItem, Evidence, Finding, FindingGroup, Fingerprint,
    Host, Identifier, ListedAsset, ListedBulletin, ListedFinding, ListedVerdict, Missed, Service, SiteSummary, Sweep,
    Verdict,
};
use muster_store::query as row;
use muster_store::rows::{Id, Millis};
use prost::Message;
use prost_types::Timestamp;

/// 0 is unset.
pub(crate) fn instant(at: Millis) -> Option<Timestamp> {
    let at = if at == 0 { None } else { jiff::Timestamp::from_millisecond(at).ok() };
    at.map(time::to_proto)
}

/// An instant of a message for the store; unset is 0.
pub(crate) fn millis(at: Option<&Timestamp>) -> Millis {
    time::optional("", at).ok().flatten().map_or(0, jiff::Timestamp::as_millisecond)
}

/// 4 or 16 bytes; empty where there is no address.
pub(crate) fn address(address: Ipv6Addr) -> Vec<u8> {
    match address.to_ipv4_mapped() {
        Some(v4) => v4.octets().to_vec(),
        None if address.is_unspecified() => Vec::new(),
        None => address.octets().to_vec(),
    }
}

/// Zero is no id.
fn id(id: Id) -> Vec<u8> {
    if id == [0; 16] { Vec::new() } else { id.to_vec() }
}

fn evidence(items: Vec<row::Evidence>) -> Vec<Evidence> {
    let item = |(path, value, source, at): row::Evidence| Evidence { path, value, source, at: instant(at) };
    items.into_iter().map(item).collect()
}

/// The realm of a site stands in the estate, not in the row.
pub(crate) fn verdict(row: row::ListedVerdict, realm: String) -> ListedVerdict {
    ListedVerdict {
        site: row.site,
        address: address(row.address),
        realm,
        verdict: Some(Verdict {
            host_id: row.host_id.to_vec(),
            subject: row.subject,
            outcome: row.outcome.into(),
            reason: row.reason,
            evidence: evidence(row.evidence),
            rule: row.rule,
            rule_version: row.rule_version,
            as_of: instant(row.decided_at),
            valid_until: instant(row.valid_until),
            estate_revision: row.estate_revision,
            inventory_revision: row.inventory_revision,
        }),
    }
}

pub(crate) fn finding(row: row::ListedFinding, realm: String) -> ListedFinding {
    ListedFinding {
        site: row.site,
        realm,
        address: address(row.address),
        title: row.title,
        finding: Some(Finding {
            finding_id: row.finding_id.to_vec(),
            state: row.finding_state.into(),
            first_seen: instant(row.first_seen),
            last_seen: instant(row.last_seen),
            resolved_at: instant(row.resolved_at),
            owner: row.owner,
            due_at: instant(row.due_at),
            disposition: row.disposition.into(),
            disposition_reason: row.disposition_reason,
            disposition_until: instant(row.disposition_until),
            reopened: row.reopened,
        }),
        verdict: Some(Verdict {
            host_id: row.host_id.to_vec(),
            subject: row.subject,
            outcome: row.outcome.into(),
            reason: row.reason,
            evidence: evidence(row.evidence),
            rule: row.rule,
            rule_version: row.rule_version,
            as_of: instant(row.decided_at),
            valid_until: instant(row.valid_until),
            estate_revision: row.estate_revision,
            inventory_revision: row.inventory_revision,
        }),
    }
}

pub(crate) fn host(row: row::ListedHost) -> Host {
    Host {
        host_id: row.host_id.to_vec(),
        site: row.site,
        realm: row.realm,
        address: address(row.address),
        zone: row.zone,
        asset_key: row.asset_key,
        name: row.name,
        owner: row.owner,
        first_seen: instant(row.first_seen),
        last_seen: instant(row.last_seen),
        open_ports: u32::try_from(row.open_ports).unwrap_or(u32::MAX),
        open_findings: u32::try_from(row.open_findings).unwrap_or(u32::MAX),
    }
}

pub(crate) fn service(row: row::ListedService) -> Service {
    Service {
        transport: row.transport.into(),
        port: row.port.into(),
        fingerprint: Some(Fingerprint {
            service: row.service,
            vendor: row.vendor,
            product: row.product,
            version: row.version,
            evidence: row.evidence,
            tls: row.tls,
            os_product: row.os_product,
            os_version: row.os_version,
            tls_version: row.tls_version,
        }),
        banner: row.banner,
        observed_at: instant(row.observed_at),
        sweep_id: id(row.sweep_id),
        certificate_sha256: row.certificate_sha256,
    }
}

pub(crate) fn asset(row: row::ListedAsset) -> ListedAsset {
    let identifier = |(kind, value, from, until): row::Identifier| Identifier {
        kind,
        value,
        valid_from: instant(from),
        valid_until: instant(until),
    };
    ListedAsset {
        site: row.site,
        revision: row.revision,
        changed_at: instant(row.changed_at),
        asset: Some(Asset {
            key: row.key,
            name: row.name,
            owner: row.owner,
            support_group: row.support_group,
            role: row.role,
            zone: row.zone,
            base_image: row.base_image,
            criticality: row.criticality,
            identifiers: row.identifiers.into_iter().map(identifier).collect(),
            // Written by the recorder as they came.
            claims: AssetClaims::decode(row.claims.as_slice()).map(|claims| claims.claims).unwrap_or_default(),
        }),
    }
}

pub(crate) fn sweep(row: row::ListedSweep) -> Sweep {
    let missed = (row.finished_at != 0).then_some(Missed {
        share_max: row.missed_share_max,
        pairs_max: row.missed_pairs_max,
        unstated: row.missed_unstated,
        loss: row.missed_loss,
        sent: row.attempts_sent,
        first_answers: row.attempts_answered,
        dropped: row.answers_dropped,
    });
    Sweep {
        sweep_id: row.sweep_id.to_vec(),
        kind: row.kind.into(),
        site: row.site,
        schedule: row.schedule,
        due_at: instant(row.due_at),
        started_at: instant(row.started_at),
        finished_at: instant(row.finished_at),
        coverage: Some(Coverage {
            planned: row.planned,
            open: row.open,
            closed: row.closed,
            silent: row.silent,
            skipped: row.skipped,
            lost: row.lost,
        }),
        void: row.void,
        void_reason: row.void_reason,
        leases: row.leases,
        leases_finished: row.leases_finished,
        leases_failed: row.leases_failed,
        draw_id: id(row.draw_id),
        missed,
    }
}

pub(crate) fn group(row: row::FindingGroup) -> FindingGroup {
    FindingGroup {
        site: row.site,
        reason: row.reason,
        subnet: row.subnet,
        fingerprint: row.fingerprint,
        owner: row.owner,
        owner_source: row.owner_source,
        findings: row.findings,
        hosts: row.hosts,
        first_seen: instant(row.first_seen),
        last_seen: instant(row.last_seen),
        examples: row.examples,
    }
}

pub(crate) fn bulletin(row: row::ListedBulletin) -> ListedBulletin {
    ListedBulletin {
        received_at: instant(row.occurred_at),
        bulletin: Some(BulletinRevision {
            feed: row.feed,
            publisher: row.publisher,
            bulletin_id: row.bulletin_id,
            feed_version: row.feed_version,
            content_sha256: row.content_sha256,
            title: row.title,
            description: row.description,
            vendor: row.vendor,
            product: row.product,
            published_at: instant(row.published_at),
            due_at: instant(row.due_at),
            exploited: row.exploited,
            ransomware: row.ransomware,
            required_action: row.required_action,
            aliases: row.aliases,
            weaknesses: row.weaknesses,
            references: row.references,
            withdrawn: row.withdrawn,
            source_sha256: row.source_sha256,
        }),
    }
}

pub(crate) fn summary(row: row::SiteSummary) -> SiteSummary {
    SiteSummary {
        site: row.site,
        hosts_seen: row.hosts_seen,
        known: row.known,
        managed: row.managed,
        rogue: row.rogue,
        unapproved_services: row.unapproved_services,
        misplaced: row.misplaced,
        silent_assets: row.silent_assets,
        assets: row.assets,
        units_planned: row.units_planned,
        units_answered: row.units_answered,
        last_sweep_at: instant(row.last_sweep_at),
        last_counted_sweep_at: instant(row.last_counted_sweep_at),
        last_counted_audit_at: instant(row.last_counted_audit_at),
        findings_open: row.findings_open,
    }
}

pub(crate) fn draw(detail: row::DrawDetail) -> Draw {
    let row::DrawDetail { draw, items } = detail;
    let item = |row: row::DrawnItem| DrawnItem { item: row.item, address: address(row.address), ticket: row.ticket };
    Draw {
        draw_id: draw.draw_id.to_vec(),
        schedule: draw.schedule,
        due_at: instant(draw.due_at),
        method: draw.method,
        seed: draw.seed,
        frame_root: draw.frame_root,
        frame_size: draw.frame_size,
        inventory_revision: draw.inventory_revision,
        items: items.into_iter().map(item).collect(),
        ..Draw::default()
    }
}
