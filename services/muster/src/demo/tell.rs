//! What the demo found, told for a terminal.

use std::fmt::Write as _;
use std::path::Path;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

use super::story::Told;
use crate::operator::share_of;
use crate::report::{FindingItem, Ledger, NextStep, ReportData, StoryItem};

/// Findings that are printed; the page has all.
const WORST: usize = 12;
/// Worst first.
const ORDER: [&str; 6] = ["rogue", "unapproved-service", "misplaced", "no-owner", "no-support-group", "absent"];

/// Order of the reasons: what nobody knows of first.
pub(super) fn worst_first(findings: &mut [FindingItem]) {
    findings.sort_by_key(|finding| {
        let rank = ORDER.iter().position(|reason| *reason == finding.reason).unwrap_or(ORDER.len());
        (rank, finding.site.clone(), finding.address.clone())
    });
}

/// What to type next.
pub(super) fn next_steps() -> Vec<NextStep> {
    [
        ("The findings of a site", "muster finding list --site dublin"),
        ("Everything about a host", "muster host show dublin/127.20.0.7"),
        ("The proof that nothing is lost or counted twice", "muster verify"),
        ("The same on your own network", "muster try 192.0.2.0/24 --inventory inventory.csv"),
    ]
    .map(|(text, command)| NextStep { text: text.to_owned(), command: command.to_owned() })
    .to_vec()
}

/// What happened, in order.
pub(super) fn story(told: &Told) -> Vec<StoryItem> {
    let mut items = Vec::new();
    let mut add = |text: String| items.push(StoryItem { at: String::new(), text });
    if told.scanner_killed {
        add("A scanner was killed (-9) in the middle of the sweep and went on at its last slice.".to_owned());
    }
    for (change, what) in [
        (&told.adopted, "was adopted into the inventory and swept again"),
        (&told.fallen_silent, "had its listeners stopped and was swept again: silence is no proof"),
    ] {
        add(format!("{} ({}) {what}: {} → {}.", change.host, change.what, change.before, change.after));
    }
    items
}

/// The result for a person.
pub(super) fn text(told: &Told, page: &Path, keep: bool) -> String {
    let mut out = String::new();
    let report = &told.report;
    let _ = writeln!(out, "{}\n", sites(report));
    let _ = writeln!(
        out,
        "alive_by is open-port here: the loopback answers for every address, so only an open port proves a host."
    );
    let _ = writeln!(out, "silent: in the inventory and not seen, which is unknown and not absent.\n");
    let _ = writeln!(out, "The worst of {} open findings:", report.findings_open);
    let _ = writeln!(out, "{}\n", worst(report));
    for item in &report.story {
        let _ = writeln!(out, "- {}", item.text);
    }
    if let Some(audit) = &report.audit {
        let sites = audit.sites.join(", ");
        let (drawn, frame) = (audit.items.len(), audit.frame_size);
        let _ = writeln!(out, "- Audit: {drawn} of {frame} addresses of {sites} drawn by {}.", audit.method);
    }
    if let Some(ledger) = &report.ledger {
        let _ = writeln!(out, "\n{}", ledger_line(ledger));
    }
    let _ = writeln!(
        out,
        "\nServices ready in {:.1} s, all done in {:.1} s. The page: {}",
        told.services_ready_seconds,
        told.seconds,
        page.display()
    );
    if keep {
        let _ = writeln!(out, "gRPC {}   ClickHouse {}", told.gateway, told.clickhouse);
        for step in &report.next {
            let _ = writeln!(out, "  {:<52} # {}", step.command, step.text);
        }
    } else {
        let _ = writeln!(out, "To look around while everything runs: muster demo --keep, then for example");
        for step in report.next.iter().take(2) {
            let _ = writeln!(out, "  {}", step.command);
        }
        let _ = writeln!(out, "(here it answered on gRPC {} and ClickHouse {})", told.gateway, told.clickhouse);
    }
    out
}

fn sites(report: &ReportData) -> Table {
    let mut table =
        table(["SITE", "SEEN", "KNOWN", "MANAGED", "ROGUE", "UNAPPROVED", "MISPLACED", "SILENT", "ANSWERED"]);
    for site in &report.sites {
        let answered =
            site.coverage.as_ref().map_or_else(String::new, |coverage| share_of(coverage.answered(), coverage.planned));
        table.add_row([
            site.site.clone(),
            site.hosts_seen.to_string(),
            site.known.to_string(),
            site.managed.to_string(),
            site.rogue.to_string(),
            site.unapproved_services.to_string(),
            site.misplaced.to_string(),
            site.silent_assets.to_string(),
            answered,
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn worst(report: &ReportData) -> Table {
    let mut table = table(["HOST", "REASON", "EVIDENCE"]);
    for finding in report.findings.iter().take(WORST) {
        let evidence: Vec<_> =
            finding.evidence.iter().map(|fact| format!("{} = {}", fact.path, fact.value)).take(2).collect();
        table.add_row([format!("{}/{}", finding.site, finding.address), finding.reason.clone(), evidence.join("; ")]);
    }
    table
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    table
}

/// The ledger in one line.
fn ledger_line(ledger: &Ledger) -> String {
    format!(
        "Ledger {}: {} orders issued = {} finished + {} failed + {} dead + {} in flight; {} rows in slices = {} stored; \
         no row twice in {} tables.",
        if ledger.balanced { "balances" } else { "DOES NOT BALANCE" },
        ledger.issued,
        ledger.finished,
        ledger.failed,
        ledger.dead,
        ledger.in_flight,
        ledger.slice_rows,
        ledger.stored_rows,
        ledger.tables.len()
    )
}
