//! From answers of the gateway to the data of a report.

use muster_proto::v1;

use super::data::{Audit, Coverage, DrawnHost, EvidenceItem, FindingItem, Ledger, SiteFigures, TableCount};
use super::words::missed_in_words;
use crate::operator::{address, instant, proto_word};

impl From<&v1::Coverage> for Coverage {
    fn from(coverage: &v1::Coverage) -> Self {
        Self {
            planned: coverage.planned,
            open: coverage.open,
            closed: coverage.closed,
            silent: coverage.silent,
            skipped: coverage.skipped,
            lost: coverage.lost,
            ..Self::default()
        }
    }
}

impl From<&v1::Sweep> for Coverage {
    fn from(sweep: &v1::Sweep) -> Self {
        Self {
            void: sweep.void,
            void_reason: sweep.void_reason.clone(),
            finished_at: instant(sweep.finished_at.as_ref()),
            lost_on_the_way: sweep.missed.as_ref().map(missed_in_words).unwrap_or_default(),
            ..Self::from(&sweep.coverage.unwrap_or_default())
        }
    }
}

impl From<&v1::SiteSummary> for SiteFigures {
    fn from(site: &v1::SiteSummary) -> Self {
        Self {
            site: site.site.clone(),
            note: String::new(),
            hosts_seen: site.hosts_seen,
            known: site.known,
            managed: site.managed,
            rogue: site.rogue,
            unapproved_services: site.unapproved_services,
            misplaced: site.misplaced,
            silent_assets: site.silent_assets,
            assets: site.assets,
            findings_open: site.findings_open,
            coverage: None,
        }
    }
}

impl From<&v1::Evidence> for EvidenceItem {
    fn from(fact: &v1::Evidence) -> Self {
        Self {
            path: fact.path.clone(),
            value: fact.value.clone(),
            source: fact.source.clone(),
            at: instant(fact.at.as_ref()),
        }
    }
}

impl From<&v1::ListedFinding> for FindingItem {
    fn from(listed: &v1::ListedFinding) -> Self {
        let finding = listed.finding.clone().unwrap_or_default();
        let verdict = listed.verdict.clone().unwrap_or_default();
        Self {
            finding_id: hex::encode(&finding.finding_id),
            site: listed.site.clone(),
            address: address(&listed.address),
            title: listed.title.clone(),
            outcome: proto_word(verdict.outcome().as_str_name(), "OUTCOME_"),
            state: proto_word(finding.state().as_str_name(), "FINDING_STATE_"),
            subject: verdict.subject,
            reason: verdict.reason,
            owner: finding.owner,
            first_seen: instant(finding.first_seen.as_ref()),
            evidence: verdict.evidence.iter().map(EvidenceItem::from).collect(),
        }
    }
}

impl From<&v1::Draw> for Audit {
    fn from(draw: &v1::Draw) -> Self {
        let item = |item: &v1::DrawnItem| DrawnHost { item: item.item.clone(), ticket: hex::encode(&item.ticket) };
        let mut sites = draw.sites.clone();
        if sites.is_empty() {
            let named = draw.items.iter().filter_map(|item| item.item.split_once('/'));
            sites = named.map(|(site, _)| site.to_owned()).collect();
            sites.sort_unstable();
            sites.dedup();
        }
        Self {
            draw_id: hex::encode(&draw.draw_id),
            method: draw.method.clone(),
            seed: hex::encode(&draw.seed),
            frame_root: hex::encode(&draw.frame_root),
            frame_size: draw.frame_size,
            inventory_revision: draw.inventory_revision,
            sites,
            items: draw.items.iter().map(item).collect(),
        }
    }
}

impl From<&v1::VerifyResponse> for Ledger {
    fn from(books: &v1::VerifyResponse) -> Self {
        let table = |check: &v1::TableCheck| TableCount {
            table: check.table.clone(),
            rows: check.rows,
            distinct_rows: check.distinct_rows,
        };
        Self {
            balanced: books.balanced,
            issued: books.issued,
            finished: books.finished,
            failed: books.failed,
            dead: books.dead,
            in_flight: books.in_flight,
            missing: books.missing.len() as u64,
            slice_rows: books.slice_rows,
            stored_rows: books.stored_rows,
            slice_units: books.slice_units,
            outcome_units: books.outcome_units,
            dead_letters: books.dead_letters,
            tables: books.tables.iter().map(table).collect(),
            problems: books.problems.clone(),
            at: instant(books.at.as_ref()),
        }
    }
}
