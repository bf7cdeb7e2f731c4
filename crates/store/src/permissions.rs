//! Who may do what in ClickHouse, as data: the users of an embedded engine and the SQL of a deployment come from here.

use std::fmt::Write as _;

/// A user of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUser {
    /// The service, which is the user's name after `muster_`.
    pub service: &'static str,
    /// Its rights: `GRANT SELECT ON muster.*`.
    pub grants: Vec<String>,
    /// Its limits, which a query may tighten and, under `readonly = 1`, not even change.
    pub settings: Vec<(&'static str, String)>,
}

/// The tables that the recorder writes.
pub const TABLES: &[&str] = &[
    "observations",
    "slices",
    "certificates",
    "order_outcomes",
    "sweeps_started",
    "orders_issued",
    "sweeps_finished",
    "draws",
    "draw_items",
    "inventory_changes",
    "inventory_manifests",
    "estate_revisions",
    "dispositions",
    "bulletins",
    "commands",
    "verdict_log",
    "host_log",
    "verdicts",
    "findings",
    "hosts",
];

/// The views that are the documented read interface.
pub const VIEWS: &[&str] = &[
    "v_hosts",
    "v_services",
    "v_observations",
    "v_verdicts",
    "v_findings",
    "v_verdict_history",
    "v_assets",
    "v_sweeps",
    "v_bulletins",
    "v_draws",
    "v_commands",
    "v_ledger",
    "v_sites",
];

/// A reader's memory: a quarter of the smallest machine that runs everything (4 GiB).
const READER_MEMORY_BYTES: u64 = 1 << 30;
/// A reader's time; a call has its own shorter deadline.
const READER_TIME_MAX_S: u64 = 60;
/// Rows of an answer: a page has at most 1,000, a snapshot of the largest site a few million.
const READER_ROWS_MAX: u64 = 10_000_000;

/// Every user for a database. The migrating user is the only one that can change the schema.
#[must_use]
pub fn users(database: &str) -> Vec<ServiceUser> {
    let select = format!("GRANT SELECT ON {database}.*");
    // To end its own query a user must see it; of system.processes it sees no other.
    let own_queries = "GRANT SELECT ON system.processes".to_owned();
    let mut recorder = vec![select.clone()];
    recorder.extend(TABLES.iter().map(|table| format!("GRANT INSERT ON {database}.{table}")));
    vec![
        ServiceUser { service: "recorder", grants: recorder, settings: Vec::new() },
        ServiceUser { service: "gateway", grants: vec![select.clone(), own_queries.clone()], settings: reader(2) },
        ServiceUser { service: "evaluator", grants: vec![select.clone(), own_queries.clone()], settings: reader(2) },
        // A view reads with the rights of who asks, so its tables have to be granted too.
        ServiceUser { service: "grafana", grants: vec![select.clone()], settings: reader(2) },
        ServiceUser {
            service: "admin",
            grants: vec![
                format!("GRANT SELECT, INSERT, ALTER, CREATE, DROP, TRUNCATE, OPTIMIZE, SHOW ON {database}.*"),
                "GRANT TABLE ENGINE ON MergeTree".to_owned(),
                "GRANT TABLE ENGINE ON ReplacingMergeTree".to_owned(),
                "GRANT TABLE ENGINE ON ReplicatedMergeTree".to_owned(),
                "GRANT TABLE ENGINE ON ReplicatedReplacingMergeTree".to_owned(),
                "GRANT CLUSTER, KILL QUERY ON *.*".to_owned(),
                // To see whether what is answered has been synced.
                "GRANT SELECT ON system.merge_tree_settings".to_owned(),
            ],
            settings: Vec::new(),
        },
    ]
}

/// `readonly` 2 leaves the settings of a single query to it (its deadline, its id), and no write.
fn reader(readonly: u8) -> Vec<(&'static str, String)> {
    vec![
        ("readonly", readonly.to_string()),
        ("max_execution_time", READER_TIME_MAX_S.to_string()),
        ("max_memory_usage", READER_MEMORY_BYTES.to_string()),
        ("max_result_rows", READER_ROWS_MAX.to_string()),
        // A caller that hangs up ends its query.
        ("cancel_http_readonly_queries_on_client_close", "1".to_owned()),
    ]
}

/// The users as SQL; the passwords are to be filled in.
#[must_use]
pub fn sql(database: &str) -> String {
    let mut out = String::new();
    for user in users(database) {
        let name = format!("muster_{}", user.service);
        let _ =
            write!(out, "CREATE USER IF NOT EXISTS {name} IDENTIFIED WITH sha256_password BY '<password of {name}>'");
        let settings: Vec<_> = user.settings.iter().map(|(setting, value)| format!("{setting} = {value}")).collect();
        if !settings.is_empty() {
            let _ = write!(out, " SETTINGS {}", settings.join(", "));
        }
        out.push_str(";\n");
        for grant in &user.grants {
            let _ = writeln!(out, "{grant} TO {name};");
        }
    }
    out
}
