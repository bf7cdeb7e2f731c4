//! What is deployed for Grafana reads the store: every statement of the dashboards, and every view that is the documented
//! interface, as the user that Grafana has, over tables that hold rows.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use clickhouse::Client;
use muster_engines::testing::{TEST_PASSWORD, TEST_USER, TestEngines, clickhouse_user, start};
use muster_store::permissions::{TABLES, VIEWS, users};
use muster_store::{Store, StoreOptions, TableEngine};
use serde::Deserialize;

/// Rows of every table: enough for each value of an enumeration to occur, and each flag both ways.
const ROWS: u32 = 256;
/// Of the random part of the rows.
const SEED: u32 = 20_261_123;

/// A store with the schema and rows, and a client as the user `grafana`.
async fn grafana() -> (TestEngines, Client) {
    let engines = start(|options| {
        options.clickhouse_users.push(clickhouse_user(TEST_USER));
        for user in users("muster").into_iter().filter(|user| user.service == "grafana") {
            let mut embedded = clickhouse_user(user.service);
            embedded.grants = user.grants;
            embedded.settings = user.settings.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<BTreeMap<_, _>>();
            options.clickhouse_users.push(embedded);
        }
    })
    .unwrap();
    let options = StoreOptions {
        url: engines.clickhouse_http_url(),
        user: TEST_USER.to_owned(),
        password: TEST_PASSWORD.to_owned(),
        ..StoreOptions::default()
    };
    Store::lazy(options.clone()).unwrap().migrate(&TableEngine::Local).await.unwrap();
    let client = Client::default().with_url(&options.url).with_password(TEST_PASSWORD).with_database("muster");
    fill(&client.clone().with_user(TEST_USER)).await;
    (engines, client.with_user("grafana"))
}

/// Fills every table: rows of the same number have the same ids, the site is `dublin`, it is all of now, and the rest is
/// random.
async fn fill(client: &Client) {
    println!("seed {SEED}");
    let columns = "SELECT table, name, type FROM system.columns WHERE database = 'muster' AND default_kind = '' \
                   ORDER BY table, position";
    let columns: Vec<(String, String, String)> = client.query(columns).fetch_all().await.unwrap();
    for table in TABLES {
        let own = || columns.iter().filter(|(of, ..)| of == table);
        let names: Vec<_> = own().map(|(_, name, _)| name.as_str()).collect();
        let structure: Vec<_> = own().map(|(_, name, kind)| format!("{name} {}", kind.replace('\'', "\\'"))).collect();
        let values: Vec<_> = own().map(|(_, name, kind)| value(name, kind)).collect();
        assert!(!names.is_empty(), "{table}");
        let insert = format!(
            "INSERT INTO {table} ({}) SELECT {} FROM generateRandom('{}', {SEED}, 12, 3) LIMIT {ROWS}",
            names.join(", "),
            values.join(", "),
            structure.join(", "),
        );
        client.query(&insert).execute().await.unwrap_or_else(|error| panic!("{insert}: {error}"));
    }
}

/// What stands in a column.
fn value(name: &str, kind: &str) -> String {
    match kind {
        "FixedString(16)" => "toFixedString(leftPad(toString(rowNumberInAllBlocks()), 16, '0'), 16)".to_owned(),
        _ if name == "site" => "'dublin'".to_owned(),
        _ if kind.starts_with("DateTime") => "now()".to_owned(),
        _ => name.to_owned(),
    }
}

/// Asks, and counts the rows of the answer.
async fn rows(client: &Client, sql: &str) -> Result<usize, clickhouse::error::Error> {
    // A question mark is where the client would bind a value.
    let mut cursor = client.query(&sql.replace('?', "??")).fetch_bytes("JSONCompactEachRow")?;
    Ok(String::from_utf8_lossy(&cursor.collect().await?).lines().count())
}

/// A line of `deploy/grafana/extract.py`.
#[derive(Deserialize)]
struct Statement {
    place: String,
    sql: String,
}

fn statements(dashboard: &Path, sites: &[&str]) -> Vec<Statement> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut extract = Command::new("python3");
    extract.args(["-B", "deploy/grafana/extract.py"]).arg(dashboard).current_dir(root);
    for site in sites {
        extract.args(["--site", site]);
    }
    let output = extract.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_of_a_dashboard_finds_rows() {
    let (_engines, client) = grafana().await;
    let dashboards = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/grafana/dashboards");
    let (mut asked, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(dashboards).unwrap() {
        let dashboard = entry.unwrap().path().canonicalize().unwrap();
        // The second is how somebody might call a site.
        for Statement { place, sql } in statements(&dashboard, &["dublin", "it's"]) {
            asked += 1;
            match rows(&client, &sql).await {
                Ok(0) => wrong.push(format!("{place}: found nothing\n{sql}")),
                Ok(_) => {}
                Err(error) => wrong.push(format!("{place}: {error}\n{sql}")),
            }
        }
    }
    assert!(asked > 0, "there is no dashboard");
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_can_be_read_by_grafana() {
    let (_engines, client) = grafana().await;
    for view in VIEWS {
        let found = rows(&client, &format!("SELECT * FROM {view} LIMIT 10")).await;
        assert!(found.is_ok_and(|found| found > 0), "{view}");
    }
    let there = "SELECT name FROM system.tables WHERE database = 'muster' AND name LIKE 'v\\_%' ORDER BY name";
    let there: Vec<String> = client.query(there).fetch_all().await.unwrap();
    let mut documented: Vec<_> = VIEWS.to_vec();
    documented.sort_unstable();
    assert_eq!(there, documented, "views of the schema, and those that are documented");
}

#[tokio::test(flavor = "multi_thread")]
async fn grafana_writes_nothing_and_sees_no_other_database() {
    let (_engines, client) = grafana().await;
    for refused in [
        "INSERT INTO hosts (site) VALUES ('dublin')",
        "ALTER TABLE hosts DELETE WHERE 1",
        "DROP VIEW v_hosts",
        "SELECT count() FROM system.query_log",
        "SELECT * FROM url('http://127.0.0.1:1/', LineAsString)",
        "SELECT * FROM file('/etc/passwd', LineAsString)",
        "SET readonly = 0",
    ] {
        assert!(client.query(refused).execute().await.is_err(), "{refused}");
    }
}
