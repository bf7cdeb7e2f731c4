//! `muster demo` finds exactly what was planted, survives its scanner's death, and its books balance.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

use muster_tests::muster_program;
use serde_json::Value;

/// What was planted on each site: seen, known, managed, rogue, unapproved, misplaced, silent (crates/lab/data/truth.toml).
const TRUTH: [(&str, [u64; 7]); 3] =
    [("dublin", [15, 13, 13, 2, 1, 1, 1]), ("redmond", [14, 13, 12, 1, 1, 0, 1]), ("here", [1, 1, 1, 0, 0, 0, 0])];

#[test]
fn the_demo_finds_what_was_planted() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("demo");
    let output = Command::new(muster_program())
        .args(["demo", "-o", "json", "--data"])
        .arg(&data)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let report = &told["report"];
    for (site, expected) in TRUTH {
        let found = report["sites"].as_array().unwrap().iter().find(|found| found["site"] == site).unwrap();
        let keys = ["hosts_seen", "known", "managed", "rogue", "unapproved_services", "misplaced", "silent_assets"];
        let figures = keys.map(|key| found[key].as_u64().unwrap());
        assert_eq!(figures, expected, "{site}: {keys:?}");
        let coverage = &found["coverage"];
        assert_eq!(coverage["void"], false, "{site}");
        assert_eq!((&coverage["skipped"], &coverage["lost"]), (&Value::from(0), &Value::from(0)), "{site}");
    }
    assert_eq!(told["scanner_killed"], true);
    assert_eq!(told["adopted"]["after"], "resolved", "{}", told["adopted"]);
    assert_eq!(told["fallen_silent"]["after"], "open", "{}", told["fallen_silent"]);
    let ledger = &report["ledger"];
    assert_eq!(ledger["balanced"], true, "{ledger}");
    assert_eq!(ledger["in_flight"], 0, "{ledger}");
    assert_eq!(ledger["slice_rows"], ledger["stored_rows"], "{ledger}");
    assert!(!report["audit"]["items"].as_array().unwrap().is_empty());
    let page = std::fs::read_to_string(data.join("report.html")).unwrap();
    assert!(page.contains("127.20.0.7") && !page.contains("<script"));
}

#[test]
fn a_directory_that_is_no_demo_is_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("precious"), "x").unwrap();
    let output = Command::new(muster_program()).args(["demo", "--data"]).arg(directory.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("it holds something else"));
    assert!(directory.path().join("precious").exists());
}
