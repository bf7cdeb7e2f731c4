//! The parts of the page, in their order.

use super::data::{Audit, Coverage, FindingItem, ReportData, SiteFigures};
use super::draw::{Part, bar};
use super::escape::Html;
use super::words::grouped;
use crate::operator::share;

pub(super) fn head(page: &mut Html, data: &ReportData) {
    page.raw("<header>\n");
    page.element("h1", "", &data.title);
    page.raw("<p class=\"meta\">");
    page.text(&format!("Muster {} · {}", data.version, data.generated_at));
    page.raw("</p>\n<div class=\"tiles\">");
    let sum = |figure: fn(&SiteFigures) -> u64| data.sites.iter().map(figure).sum::<u64>();
    for (class, value, what) in [
        ("", sum(|site| site.hosts_seen), "hosts seen"),
        ("", sum(|site| site.managed), "managed"),
        ("bad", sum(|site| site.rogue), "rogue"),
        ("bad", sum(|site| site.unapproved_services), "unapproved services"),
        ("bad", sum(|site| site.misplaced), "misplaced"),
        ("open", sum(|site| site.silent_assets), "silent assets"),
    ] {
        let class = if value == 0 { "tile" } else { &format!("tile {class}") };
        page.raw(&format!("<div class=\"{class}\">"));
        page.element("b", "", &grouped(value));
        page.element("span", "", what);
        page.raw("</div>");
    }
    page.raw("</div>\n</header>\n");
}

pub(super) fn sites(page: &mut Html, data: &ReportData) {
    page.raw("<section>\n<h2>Sites</h2>\n");
    if data.sites.is_empty() {
        page.raw("<p>No site is declared.</p></section>\n");
        return;
    }
    page.raw("<div class=\"scroll\"><table><thead><tr><th>site</th><th class=\"picture\">hosts seen</th>");
    for name in ["seen", "known", "managed", "rogue", "unapproved services", "misplaced", "silent assets", "assets"] {
        page.element("th", "number", name);
    }
    page.raw("</tr></thead><tbody>\n");
    for site in &data.sites {
        page.raw("<tr>");
        page.element("th", "", &site.site);
        page.raw("<td class=\"picture\">");
        let unmanaged = site.known.saturating_sub(site.managed);
        let other = site.hosts_seen.saturating_sub(site.known + site.rogue);
        bar(
            page,
            &[
                Part("good", site.managed, "managed"),
                Part("open", unmanaged, "known, not managed"),
                Part("bad", site.rogue, "rogue"),
                Part("rest", other, "not judged yet"),
            ],
        );
        page.raw("</td>");
        for (value, class) in [
            (site.hosts_seen, ""),
            (site.known, ""),
            (site.managed, ""),
            (site.rogue, "bad"),
            (site.unapproved_services, "bad"),
            (site.misplaced, "bad"),
            (site.silent_assets, "open"),
            (site.assets, ""),
        ] {
            let class = if value == 0 { "number" } else { &format!("number {class}") };
            page.element("td", class, &grouped(value));
        }
        page.raw("</tr>\n");
    }
    page.raw("</tbody></table></div>\n");
    key(page, &[("good", "managed"), ("open", "known, not managed"), ("bad", "rogue"), ("rest", "not judged yet")]);
    for site in data.sites.iter().filter(|site| !site.note.is_empty()) {
        page.raw("<p class=\"note\">");
        page.element("b", "", &site.site);
        page.text(&format!(": {}", site.note));
        page.raw("</p>\n");
    }
    page.raw("</section>\n");
}

/// What the colours of a bar mean.
fn key(page: &mut Html, entries: &[(&str, &str)]) {
    page.raw("<p class=\"key\">");
    for (class, what) in entries {
        page.raw(&format!("<span><i class=\"{class}\"></i>{what}</span>"));
    }
    page.raw("</p>\n");
}

pub(super) fn coverage(page: &mut Html, data: &ReportData) {
    page.raw("<section>\n<h2>What the sweeps saw, and what they may have missed</h2>\n");
    key(page, &[("good", "open"), ("closed", "closed"), ("open", "silent"), ("bad", "not looked at")]);
    for site in &data.sites {
        page.raw("<div class=\"row\">");
        page.element("h3", "", &site.site);
        match &site.coverage {
            None => page.raw("<p>No sweep is over yet, so nothing here is proven.</p>"),
            Some(coverage) => one_coverage(page, coverage),
        }
        page.raw("</div>\n");
    }
    page.raw("</section>\n");
}

fn one_coverage(page: &mut Html, coverage: &Coverage) {
    let answered = share(coverage.answered(), coverage.planned);
    let planned = grouped(coverage.planned);
    let text = format!("{answered} of the last sweep's {planned} address-port pairs answered");
    page.element("p", if coverage.void { "share bad" } else { "share" }, &text);
    bar(
        page,
        &[
            Part("good", coverage.open, "open"),
            Part("closed", coverage.closed, "closed"),
            Part("open", coverage.silent, "silent"),
            Part("bad", coverage.skipped + coverage.lost, "not looked at"),
        ],
    );
    page.element("p", "", &coverage.in_words());
}

pub(super) fn findings(page: &mut Html, data: &ReportData) {
    page.raw("<section>\n<h2>Findings</h2>\n");
    let shown = data.findings.len() as u64;
    let count = match (data.findings_open, shown) {
        (0, 0) => "Nothing is open.".to_owned(),
        (open, shown) if shown < open => format!("{} are open; the {shown} worst:", grouped(open)),
        (open, _) => format!("{} are open.", grouped(open)),
    };
    page.element("p", "", &count);
    for finding in &data.findings {
        one_finding(page, finding);
    }
    page.raw("</section>\n");
}

fn one_finding(page: &mut Html, finding: &FindingItem) {
    let class = if finding.outcome == "unknown" { "open" } else { "bad" };
    page.raw(&format!("<article class=\"{class}\"><h3><span class=\"tag\">"));
    page.text(if finding.reason.is_empty() { &finding.outcome } else { &finding.reason });
    page.raw("</span> <code>");
    page.text(&format!("{}/{}", finding.site, finding.address));
    page.raw("</code> ");
    page.text(&finding.title);
    page.raw("</h3>\n<p class=\"meta\">");
    let owner = if finding.owner.is_empty() { "no owner" } else { &finding.owner };
    page.text(&format!("subject {} · {} · {owner} · since {}", finding.subject, finding.state, finding.first_seen));
    page.raw("</p>\n");
    if !finding.evidence.is_empty() {
        page.raw("<table class=\"evidence\"><tbody>");
        for fact in &finding.evidence {
            page.raw("<tr>");
            page.element("th", "", &fact.path);
            page.raw("<td><code>");
            page.text(&fact.value);
            page.raw("</code></td>");
            page.element("td", "meta", &format!("{} {}", fact.source, fact.at));
            page.raw("</tr>");
        }
        page.raw("</tbody></table>");
    }
    page.raw("</article>\n");
}

pub(super) fn silent(page: &mut Html, data: &ReportData) {
    if data.silent.is_empty() {
        return;
    }
    page.raw(
        "<section>\n<h2>Silent assets: unknown, not absent</h2>\n<p>They stand in the inventory and no sweep saw ",
    );
    page.raw(
        "them. That proves nothing: a machine may be off, moved, or behind a filter. An observation, or a record ",
    );
    page.raw("that it was taken out of service, would decide it.</p>\n<div class=\"scroll\"><table><thead><tr>");
    for name in ["where", "asset", "name", "owner", "last seen", "verdict"] {
        page.element("th", "", name);
    }
    page.raw("</tr></thead><tbody>\n");
    for asset in &data.silent {
        let place =
            if asset.address.is_empty() { asset.site.clone() } else { format!("{}/{}", asset.site, asset.address) };
        page.raw("<tr><td><code>");
        page.text(&place);
        page.raw("</code></td>");
        let seen = if asset.last_seen.is_empty() { "never" } else { &asset.last_seen };
        let verdict = format!("unknown: {}", asset.reason);
        for value in [&asset.key, &asset.name, &asset.owner, seen, &verdict] {
            page.element("td", "", value);
        }
        page.raw("</tr>\n");
    }
    page.raw("</tbody></table></div>\n</section>\n");
}

pub(super) fn audit(page: &mut Html, data: &ReportData) {
    let Some(audit) = &data.audit else { return };
    page.raw("<section>\n<h2>Random audit</h2>\n");
    let text = format!(
        "{} of {} hosts were drawn by lot across {}.",
        audit.items.len(),
        grouped(audit.frame_size),
        if audit.sites.is_empty() { "all sites".to_owned() } else { audit.sites.join(", ") }
    );
    page.element("p", "", &text);
    page.raw("<ul class=\"drawn\">");
    for drawn in &audit.items {
        page.raw("<li><code>");
        page.text(&drawn.item);
        page.raw("</code> <span class=\"meta\">ticket ");
        page.text(&drawn.ticket.chars().take(16).collect::<String>());
        page.raw("…</span></li>");
    }
    page.raw("</ul>\n");
    repeat(page, audit);
    page.raw("</section>\n");
}

fn repeat(page: &mut Html, audit: &Audit) {
    page.raw("<details open><summary>How to repeat the draw</summary>\n<p>Each host of the frame gets a ticket, a ");
    page.raw(
        "SHA-256 over the seed and its name; the lowest are drawn. The same seed and the same frame give the same ",
    );
    page.raw("hosts, whoever computes it.</p>\n<dl>");
    for (name, value) in [
        ("method", &audit.method),
        ("seed", &audit.seed),
        ("frame root", &audit.frame_root),
        ("inventory revision", &audit.inventory_revision.to_string()),
        ("check", &format!("muster audit show {} --check", audit.draw_id)),
    ] {
        page.element("dt", "", name);
        page.raw("<dd><code>");
        page.text(value);
        page.raw("</code></dd>");
    }
    page.raw("</dl></details>\n");
}

pub(super) fn ledger(page: &mut Html, data: &ReportData) {
    let Some(ledger) = &data.ledger else { return };
    page.raw("<section>\n<h2>The books</h2>\n");
    let (class, text) = if ledger.balanced {
        ("good", "They balance: work done twice is counted once, and nothing is lost.")
    } else {
        ("bad", "They do not balance. Please keep the data directory and report it.")
    };
    page.element("p", class, text);
    page.raw("<pre>");
    page.text_lines(&ledger.lines());
    for table in &ledger.tables {
        let sign = if table.rows == table.distinct_rows { "=" } else { "≠" };
        page.text(&format!("{}: {} rows {sign} {} distinct", table.table, table.rows, table.distinct_rows));
        page.raw("\n");
    }
    page.raw("</pre>\n");
    for problem in &ledger.problems {
        page.element("p", "bad", problem);
    }
    page.raw("</section>\n");
}

pub(super) fn story(page: &mut Html, data: &ReportData) {
    if data.story.is_empty() {
        return;
    }
    page.raw("<section>\n<h2>What happened</h2>\n<dl class=\"story\">");
    for item in &data.story {
        page.element("dt", "", &item.at);
        page.element("dd", "", &item.text);
    }
    page.raw("</dl>\n</section>\n");
}

pub(super) fn next(page: &mut Html, data: &ReportData) {
    if data.next.is_empty() {
        return;
    }
    page.raw("<section>\n<h2>What to type next</h2>\n<dl class=\"next\">");
    for step in &data.next {
        page.element("dt", "", &step.text);
        page.raw("<dd><code>");
        page.text(&step.command);
        page.raw("</code></dd>");
    }
    page.raw("</dl>\n</section>\n");
}
