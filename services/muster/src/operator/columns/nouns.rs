//! What each noun shows: one table a noun, in the order of its columns.

use super::{Noun, col, made};
use crate::operator::datum::Datum;
use crate::operator::text::{share, share_of};

/// `dublin/127.20.0.7`, which every command takes.
fn place(item: &Datum) -> String {
    match (item.at("site").cell(), item.at("address").cell()) {
        (site, address) if address.is_empty() => site,
        (site, address) => format!("{site}/{address}"),
    }
}

fn evidence(items: &Datum) -> String {
    let one = |item: &Datum| format!("{}={}", item.at("path").cell(), item.at("value").cell());
    items.items().iter().map(one).collect::<Vec<_>>().join("; ")
}

fn number(item: &Datum, path: &str) -> u64 {
    item.at(path).cell().parse().unwrap_or_default()
}

pub(in crate::operator) const FINDING: Noun = Noun {
    plural: "findings",
    columns: &[
        made("host", place).whole(),
        col("reason", "verdict.reason"),
        col("subject", "verdict.subject"),
        col("title", "title"),
        col("owner", "finding.owner"),
        col("state", "finding.state").toned().whole(),
        col("first_seen", "finding.first_seen").wide(),
        col("outcome", "verdict.outcome").toned().wide(),
        made("evidence", |item| evidence(item.at("verdict.evidence"))).wide(),
        col("last_seen", "finding.last_seen").wide(),
        col("due_at", "finding.due_at").wide(),
        col("resolved_at", "finding.resolved_at").wide(),
        col("disposition", "finding.disposition").wide(),
        col("disposition_reason", "finding.disposition_reason").wide(),
        col("disposition_until", "finding.disposition_until").wide(),
        col("reopened", "finding.reopened").wide(),
        col("finding_id", "finding.finding_id").wide().whole(),
        col("host_id", "verdict.host_id").wide().whole(),
    ],
};

pub(in crate::operator) const EVIDENCE: Noun = Noun {
    plural: "evidence",
    columns: &[col("evidence", "path"), col("value", "value"), col("source", "source"), col("at", "at")],
};

pub(in crate::operator) const HOST: Noun = Noun {
    plural: "hosts",
    columns: &[
        made("host", place).whole(),
        col("name", "name"),
        col("zone", "zone"),
        col("owner", "owner"),
        col("asset", "asset_key"),
        col("open_ports", "open_ports"),
        col("open_findings", "open_findings"),
        col("last_seen", "last_seen"),
        col("first_seen", "first_seen").wide(),
        col("realm", "realm").wide(),
        col("host_id", "host_id").wide().whole(),
    ],
};

/// Vendor, product and version of what was found.
fn product(item: &Datum) -> String {
    ["vendor", "product", "version"]
        .map(|part| item.at("fingerprint").at(part).cell())
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

pub(in crate::operator) const SERVICE: Noun = Noun {
    plural: "services",
    columns: &[
        made("port", |item| format!("{}/{}", item.at("transport").cell(), item.at("port").cell())).whole(),
        made("service", |item| {
            let tls = if matches!(item.at("fingerprint.tls"), Datum::Bool(true)) { " over tls" } else { "" };
            format!("{}{tls}", item.at("fingerprint.service").cell())
        }),
        made("product", product),
        col("evidence", "fingerprint.evidence"),
        col("observed_at", "observed_at"),
        col("banner", "banner").wide(),
        col("certificate_sha256", "certificate_sha256").wide(),
        col("sweep_id", "sweep_id").wide().whole(),
    ],
};

pub(in crate::operator) const FINDING_GROUP: Noun = Noun {
    plural: "groups",
    columns: &[
        col("site", "site"),
        col("reason", "reason"),
        col("hosts", "hosts"),
        col("findings", "findings"),
        col("subnet", "subnet").whole(),
        col("fingerprint", "fingerprint"),
        made("owner", |item| match item.at("owner_source").cell().as_str() {
            "subnet" => format!("probably {}", item.at("owner").cell()),
            _ => item.at("owner").cell(),
        }),
        col("first_seen", "first_seen"),
        made("examples", |item| item.at("examples").items().iter().map(Datum::cell).collect::<Vec<_>>().join(", ")),
        col("last_seen", "last_seen").wide(),
    ],
};

pub(in crate::operator) const DECIDED: Noun = Noun {
    plural: "hosts",
    columns: &[
        col("site", "site"),
        col("address", "address").whole(),
        col("sequence", "sequence"),
        col("problem", "problem"),
        col("host_id", "host_id").wide().whole(),
    ],
};

pub(in crate::operator) const GATE: Noun = Noun {
    plural: "gates",
    columns: &[
        col("address", "address"),
        col("role", "role"),
        col("zone", "zone"),
        col("outcome", "outcome").toned(),
        col("reason", "reason"),
    ],
};

pub(in crate::operator) const GATE_LINE: Noun = Noun {
    plural: "ports",
    columns: &[
        made("port", |item| format!("{}/{}", item.at("transport").cell(), item.at("port").cell())).whole(),
        made("outcome", |item| {
            if matches!(item.at("deviates"), Datum::Bool(true)) { "fail".to_owned() } else { "pass".to_owned() }
        })
        .toned(),
        made("state", |item| if matches!(item.at("open"), Datum::Bool(true)) { "open" } else { "not open" }.to_owned()),
        made("declared", |item| {
            if matches!(item.at("approved"), Datum::Bool(true)) {
                item.at("approval_reason").cell()
            } else {
                "not approved".to_owned()
            }
        }),
        made("product", product),
        col("evidence", "fingerprint.evidence"),
    ],
};

pub(in crate::operator) const VERDICT: Noun = Noun {
    plural: "verdicts",
    columns: &[
        made("host", place).whole(),
        col("subject", "verdict.subject"),
        col("outcome", "verdict.outcome").toned(),
        col("reason", "verdict.reason"),
        made("evidence", |item| evidence(item.at("verdict.evidence"))),
        col("valid_until", "verdict.valid_until"),
        col("as_of", "verdict.as_of").wide(),
        made("rule", |item| format!("{} v{}", item.at("verdict.rule").cell(), item.at("verdict.rule_version").cell()))
            .wide(),
        col("estate_revision", "verdict.estate_revision").wide(),
        col("inventory_revision", "verdict.inventory_revision").wide(),
        col("host_id", "verdict.host_id").wide().whole(),
    ],
};

/// How a sweep stands: a void one must not be read as "nothing there".
fn stand(item: &Datum) -> String {
    if item.at("finished_at") == &Datum::Null {
        "running".to_owned()
    } else if matches!(item.at("void"), Datum::Bool(true)) {
        format!("void: {}", item.at("void_reason").cell())
    } else {
        "finished".to_owned()
    }
}

/// Of the pairs that would have answered, the share that may have been missed; silence is not among them.
fn missed_at_most(item: &Datum) -> String {
    match (item.at("missed.unstated"), item.at("missed.share_max")) {
        (Datum::Text(reason), _) if !reason.is_empty() => "not known".to_owned(),
        (_, Datum::Float(share)) => crate::report::percent_up(*share),
        _ => String::new(),
    }
}

pub(in crate::operator) const SWEEP: Noun = Noun {
    plural: "sweeps",
    columns: &[
        col("site", "site"),
        col("schedule", "schedule"),
        made("state", stand),
        col("started_at", "started_at"),
        made("answered", |item| {
            let planned = number(item, "coverage.planned");
            share(number(item, "coverage.open") + number(item, "coverage.closed"), planned)
        }),
        col("open", "coverage.open"),
        col("sweep_id", "sweep_id").whole(),
        col("kind", "kind").wide(),
        col("finished_at", "finished_at").wide(),
        col("planned", "coverage.planned").wide(),
        col("closed", "coverage.closed").wide(),
        col("silent", "coverage.silent").wide(),
        col("skipped", "coverage.skipped").wide(),
        col("lost", "coverage.lost").wide(),
        made("missed_at_most", missed_at_most).wide(),
        col("leases", "leases").wide(),
        col("leases_finished", "leases_finished").wide(),
        col("leases_failed", "leases_failed").wide(),
        col("draw_id", "draw_id").wide().whole(),
    ],
};

pub(in crate::operator) const DRAW: Noun = Noun {
    plural: "draws",
    columns: &[
        col("draw_id", "draw_id").whole(),
        col("schedule", "schedule"),
        col("due_at", "due_at"),
        col("method", "method"),
        col("seed", "seed").whole(),
        col("frame_root", "frame_root").whole(),
        col("frame_size", "frame_size"),
        col("inventory_revision", "inventory_revision"),
        col("sites", "sites"),
        col("ports", "ports"),
    ],
};

pub(in crate::operator) const DRAWN: Noun =
    Noun { plural: "drawn hosts", columns: &[col("drawn", "item").whole(), col("ticket", "ticket").whole()] };

pub(in crate::operator) const SITE: Noun = Noun {
    plural: "sites",
    columns: &[
        col("site", "site").whole(),
        col("realm", "realm"),
        made("ranges", |item| {
            item.at("ranges").items().iter().map(|range| range.at("block").cell()).collect::<Vec<_>>().join(", ")
        }),
        made("zones", |item| {
            item.at("zones").items().iter().map(|zone| zone.at("name").cell()).collect::<Vec<_>>().join(", ")
        }),
        made("schedules", |item| {
            let one = |schedule: &Datum| {
                let paused = if matches!(schedule.at("paused"), Datum::Bool(true)) { " (paused)" } else { "" };
                format!("{} every {}{paused}", schedule.at("name").cell(), schedule.at("every").cell())
            };
            item.at("schedules").items().iter().map(one).collect::<Vec<_>>().join(", ")
        }),
        col("revision", "revision"),
        col("alive_by", "alive_by").wide(),
        col("time_zone", "time_zone").wide(),
        col("seen_within", "seen_within").wide(),
        col("absent_after_sweeps", "absent_after_sweeps").wide(),
        col("managed_requires", "managed_requires").wide(),
        col("rate_site_pps", "scope.rate_site_pps").wide(),
        col("rate_host_pps", "scope.rate_host_pps").wide(),
        col("rate_build_pps", "scope.rate_build_pps").wide(),
    ],
};

pub(in crate::operator) const OVERDUE: Noun = Noun {
    plural: "overdue sites",
    columns: &[
        col("site", "site"),
        made("last_sweep", |item| or_never(item.at("last_counted_sweep_at"))),
        made("last_audit", |item| or_never(item.at("last_counted_audit_at"))),
    ],
};

fn or_never(at: &Datum) -> String {
    if at == &Datum::Null { "never".to_owned() } else { at.cell() }
}

pub(in crate::operator) const SUMMARY: Noun = Noun {
    plural: "sites",
    columns: &[
        col("site", "site").whole(),
        col("seen", "hosts_seen"),
        col("known", "known"),
        col("managed", "managed"),
        col("rogue", "rogue"),
        col("unapproved", "unapproved_services"),
        col("misplaced", "misplaced"),
        col("silent", "silent_assets"),
        col("assets", "assets"),
        made("answered", |item| share_of(number(item, "units_answered"), number(item, "units_planned"))),
        col("open", "findings_open"),
        col("last_sweep_at", "last_sweep_at"),
    ],
};

pub(in crate::operator) const ASSET: Noun = Noun {
    plural: "assets",
    columns: &[
        col("site", "site"),
        col("key", "asset.key").whole(),
        col("name", "asset.name"),
        col("owner", "asset.owner"),
        col("support_group", "asset.support_group"),
        col("role", "asset.role"),
        col("zone", "asset.zone"),
        made("identifiers", |item| {
            let one = |id: &Datum| format!("{}={}", id.at("kind").cell(), id.at("value").cell());
            item.at("asset.identifiers").items().iter().map(one).collect::<Vec<_>>().join("; ")
        }),
        made("sources", |item| {
            let claims = item.at("asset.claims").items().iter();
            claims.map(|claim| claim.at("source").cell()).collect::<Vec<_>>().join(", ")
        })
        .wide(),
        col("base_image", "asset.base_image").wide(),
        col("criticality", "asset.criticality").wide(),
        col("revision", "revision").wide(),
        col("changed_at", "changed_at").wide(),
    ],
};

pub(in crate::operator) const SIGHTING: Noun = Noun {
    plural: "sightings",
    columns: &[
        col("asset", "asset"),
        col("address", "address").whole(),
        col("mac", "mac").whole(),
        col("name", "name"),
        col("service", "service"),
        col("port", "port"),
        col("at", "at"),
        col("site", "site").wide(),
        col("client_id", "client_id").wide(),
        col("certificate", "certificate").wide(),
        col("place", "place").wide(),
    ],
};

pub(in crate::operator) const BULLETIN: Noun = Noun {
    plural: "bulletins",
    columns: &[
        col("bulletin_id", "bulletin.bulletin_id").whole(),
        col("vendor", "bulletin.vendor"),
        col("product", "bulletin.product"),
        col("title", "bulletin.title"),
        col("ransomware", "bulletin.ransomware"),
        col("due_at", "bulletin.due_at"),
        col("feed", "bulletin.feed").wide(),
        col("feed_version", "bulletin.feed_version").wide(),
        col("published_at", "bulletin.published_at").wide(),
        col("received_at", "received_at").wide(),
        col("exploited", "bulletin.exploited").wide(),
        col("withdrawn", "bulletin.withdrawn").wide(),
        col("required_action", "bulletin.required_action").wide(),
        col("weaknesses", "bulletin.weaknesses").wide(),
        col("references", "bulletin.references").wide(),
    ],
};

pub(in crate::operator) const CHANGE: Noun = Noun {
    plural: "changes",
    columns: &[
        col("site", "site").whole(),
        col("action", "action"),
        col("revision", "revision"),
        col("differences", "differences"),
    ],
};

pub(in crate::operator) const IMPORTED: Noun = Noun {
    plural: "imports",
    columns: &[
        col("revision", "revision"),
        col("added", "added"),
        col("changed", "changed"),
        col("removed", "removed"),
        col("unchanged", "unchanged"),
        col("examples", "examples"),
        col("sequence", "mutation.sequence"),
    ],
};

/// What a command led to.
pub(in crate::operator) const MUTATION: Noun = Noun {
    plural: "commands",
    columns: &[
        col("sweep_id", "sweep_id").whole(),
        col("draw_id", "draw_id").whole(),
        col("sequence", "mutation.sequence"),
        col("event_id", "mutation.event_id").wide().whole(),
    ],
};

pub(in crate::operator) const LEDGER: Noun = Noun {
    plural: "ledgers",
    columns: &[
        col("balanced", "balanced"),
        col("issued", "issued"),
        col("finished", "finished"),
        col("failed", "failed"),
        col("dead", "dead"),
        col("in_flight", "in_flight"),
        col("missing", "missing"),
        col("slice_rows", "slice_rows"),
        col("stored_rows", "stored_rows"),
        col("slice_units", "slice_units"),
        col("outcome_units", "outcome_units"),
        col("dead_letters", "dead_letters"),
        col("at", "at"),
    ],
};

pub(in crate::operator) const TABLE: Noun = Noun {
    plural: "tables",
    columns: &[col("table", "table").whole(), col("rows", "rows"), col("distinct", "distinct_rows")],
};

pub(in crate::operator) const LISTENER: Noun = Noun {
    plural: "listeners",
    columns: &[col("address", "address").whole(), col("port", "port"), col("persona", "persona"), col("tls", "tls")],
};

pub(in crate::operator) const LETTER: Noun = Noun {
    plural: "dead letters",
    columns: &[
        col("sequence", "sequence"),
        col("at", "at"),
        col("stream", "stream"),
        col("stream_sequence", "stream_sequence"),
        col("reader", "reader"),
        col("reason", "reason"),
        col("subject", "subject").wide(),
        col("size_bytes", "size_bytes").wide(),
    ],
};

pub(in crate::operator) const CHECK: Noun =
    Noun { plural: "checks", columns: &[col("check", "check"), col("well", "well"), col("detail", "detail")] };
