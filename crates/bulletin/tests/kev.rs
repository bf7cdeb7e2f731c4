//! The catalogue of exploited vulnerabilities: our own small documents, and the real ones where they are at hand.
#![allow(clippy::unwrap_used, reason = "tests")]

use muster_bulletin::kev::{KevError, parse};
use muster_bulletin::{Change, EditionError, Known};
use proptest::prelude::*;

fn document(ids: &[&str]) -> String {
    let entries: Vec<String> = ids
        .iter()
        .map(|id| {
            format!(
                r#"{{"cveID":"{id}","vendorProject":"Example","product":"Server","vulnerabilityName":"A hole",
                "dateAdded":"2025-01-02","shortDescription":"d","requiredAction":"patch","dueDate":"2025-01-23",
                "knownRansomwareCampaignUse":"Known","notes":"https://example.org/a ; see there","cwes":["CWE-78"]}}"#
            )
        })
        .collect();
    format!(
        r#"{{"title":"t","catalogVersion":"2025.01.02","dateReleased":"2025-01-02T15:00:00.5Z","count":{},
        "vulnerabilities":[{}]}}"#,
        ids.len(),
        entries.join(",")
    )
}

fn known(text: &str) -> Known {
    parse(text.as_bytes()).unwrap().bulletins.into_iter().map(|(id, b)| (id, b.content_hash())).collect()
}

#[test]
fn an_entry_is_normalised() {
    let edition = parse(document(&["CVE-2025-0001"]).as_bytes()).unwrap();
    let bulletin = &edition.bulletins["CVE-2025-0001"];
    assert!(bulletin.ransomware && bulletin.exploited);
    assert_eq!(bulletin.references, ["https://example.org/a"]);
    assert_eq!(bulletin.due_at.unwrap().to_string(), "2025-01-23T00:00:00Z");
}

#[test]
fn a_count_that_does_not_fit_is_refused() {
    let text = document(&["CVE-2025-0001"]).replace("\"count\":1", "\"count\":2");
    assert_eq!(parse(text.as_bytes()), Err(KevError::Count { declared: 2, found: 1 }));
}

#[test]
fn an_entry_listed_twice_is_refused() {
    let error = parse(document(&["CVE-2025-0001", "CVE-2025-0001"]).as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "entry 1 (CVE-2025-0001): listed twice");
}

#[test]
fn a_page_of_html_is_named() {
    let error = parse(b"  <!doctype html><html>").unwrap_err();
    assert!(error.to_string().contains("HTML"), "{error}");
}

#[test]
fn every_truncation_is_refused() {
    let text = document(&["CVE-2025-0001", "CVE-2025-0002"]);
    for end in 0..text.len() {
        assert!(parse(&text.as_bytes()[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_feed_that_lost_more_than_a_tenth_is_refused() {
    let ids: Vec<String> = (1000..1060).map(|n| format!("CVE-2025-{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let before = known(&document(&ids));
    let after = parse(document(&ids[..50]).as_bytes()).unwrap();
    assert_eq!(after.changes(&before, None), Err(EditionError::Shrunk { missing: 10, known: 60 }));
    let after = parse(document(&ids[..58]).as_bytes()).unwrap();
    assert_eq!(
        after.changes(&before, None).unwrap(),
        [Change::Withdrawn("CVE-2025-1058"), Change::Withdrawn("CVE-2025-1059")]
    );
}

#[test]
fn a_republished_document_changes_nothing() {
    let text = document(&["CVE-2025-0001"]);
    let laid_out_anew = text.replace(",\n", ",   \n\n").replace("2025-01-02T15", "2025-01-03T15");
    let edition = parse(laid_out_anew.as_bytes()).unwrap();
    assert_eq!(edition.changes(&known(&text), None).unwrap(), []);
}

/// Real revisions: the differences were counted by hand with another tool.
#[test]
fn data_real_revisions_differ_as_counted() {
    let Some(directory) = std::env::var_os("MUSTER_TEST_DATA") else { return };
    let mut files: Vec<_> = std::fs::read_dir(std::path::Path::new(&directory).join("kev"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut standing = Known::new();
    let mut last = None;
    let mut counts = Vec::new();
    for file in files {
        let edition = parse(&std::fs::read(&file).unwrap()).unwrap();
        let changes = edition.changes(&standing, last).unwrap();
        counts.push((edition.bulletins.len(), changes.len()));
        last = Some(edition.released_at);
        standing = edition.bulletins.iter().map(|(id, b)| (id.clone(), b.content_hash())).collect();
    }
    assert_eq!(counts, [(1252, 1252), (1253, 1), (1258, 6), (1271, 13), (1278, 9)]);
}

proptest! {
    #[test]
    fn any_bytes_are_a_catalogue_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _either = parse(&bytes);
    }

    #[test]
    fn a_changed_byte_never_panics(at in 0_usize..600, to: u8) {
        let mut bytes = document(&["CVE-2025-0001"]).into_bytes();
        let at = at % bytes.len();
        bytes[at] = to;
        let _either = parse(&bytes);
    }
}
