//! The page of sample data: its golden, and that hostile values stay values.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn coverage(planned: u64, open: u64, closed: u64, silent: u64, skipped: u64) -> Option<Coverage> {
    let finished_at = "2026-03-01T08:00:40Z".to_owned();
    Some(Coverage { planned, open, closed, silent, skipped, finished_at, ..Coverage::default() })
}

fn fact(path: &str, value: &str, source: &str) -> EvidenceItem {
    EvidenceItem {
        path: path.to_owned(),
        value: value.to_owned(),
        source: source.to_owned(),
        at: "2026-03-01T08:00:31Z".to_owned(),
    }
}

fn finding(address: &str, subject: &str, reason: &str, title: &str, evidence: Vec<EvidenceItem>) -> FindingItem {
    FindingItem {
        finding_id: "00".repeat(16),
        site: "dublin".to_owned(),
        address: address.to_owned(),
        title: title.to_owned(),
        subject: subject.to_owned(),
        outcome: "fail".to_owned(),
        reason: reason.to_owned(),
        state: "open".to_owned(),
        owner: String::new(),
        first_seen: "2026-03-01T08:00:31Z".to_owned(),
        evidence,
    }
}

fn sites() -> Vec<SiteFigures> {
    let site = |site: &str, hosts_seen, known, managed, rogue| SiteFigures {
        site: site.to_owned(),
        hosts_seen,
        known,
        managed,
        rogue,
        assets: known + 1,
        ..SiteFigures::default()
    };
    vec![
        SiteFigures {
            note: "a host counts as seen when a port is open (alive_by = open-port)".to_owned(),
            unapproved_services: 2,
            misplaced: 1,
            silent_assets: 2,
            findings_open: 8,
            coverage: coverage(2_298_880, 61, 2_298_239, 560, 20),
            ..site("dublin", 30, 28, 26, 2)
        },
        SiteFigures { coverage: coverage(2_298_880, 34, 2_298_846, 0, 0), ..site("redmond", 27, 26, 26, 1) },
        site("here", 1, 1, 1, 0),
    ]
}

/// Everything a page can hold.
fn sample() -> ReportData {
    let sweep = "order:3f6c0d0a9b8e4c1f8a7d6e5f4a3b2c1d";
    ReportData {
        title: "Muster demo".to_owned(),
        generated_at: "2026-03-01T08:00:44Z".to_owned(),
        version: "0.1.0".to_owned(),
        sites: sites(),
        findings: vec![
            finding(
                "127.20.0.7",
                "known",
                "rogue",
                "",
                vec![fact("inventory.asset", "none", "inventory:3"), fact("service.tcp/8080", "open", sweep)],
            ),
            finding(
                "127.20.0.21",
                "approved-service:tcp/2121",
                "unapproved-service",
                "<img src=x onerror=alert(1)> \u{202e}ftp",
                vec![fact("service.tcp/2121", "open", sweep), fact("zone.name", "web", "estate:2")],
            ),
            FindingItem { outcome: "unknown".to_owned(), ..finding("127.20.0.9", "seen", "silent", "", Vec::new()) },
        ],
        findings_open: 8,
        silent: vec![SilentAsset {
            site: "dublin".to_owned(),
            address: "127.20.0.40".to_owned(),
            key: "db-02".to_owned(),
            name: "db-02.example.com".to_owned(),
            owner: "Brian Walsh".to_owned(),
            last_seen: String::new(),
            reason: "never-seen".to_owned(),
        }],
        audit: Some(Audit {
            draw_id: "ab".repeat(16),
            method: "sha256-ticket-v1".to_owned(),
            seed: "5e".repeat(32),
            frame_root: "f0".repeat(32),
            frame_size: 57,
            inventory_revision: 3,
            sites: vec!["dublin".to_owned(), "redmond".to_owned()],
            items: ["dublin/127.20.0.3", "redmond/127.30.0.14", "dublin/127.20.0.30"]
                .map(|item| DrawnHost { item: item.to_owned(), ticket: "00c1".repeat(16) })
                .to_vec(),
        }),
        ledger: Some(Ledger {
            balanced: true,
            issued: 12,
            finished: 12,
            slice_rows: 190,
            stored_rows: 190,
            slice_units: 4_597_760,
            outcome_units: 4_597_760,
            tables: vec![TableCount { table: "observations".to_owned(), rows: 190, distinct_rows: 190 }],
            ..Ledger::default()
        }),
        story: vec![StoryItem { at: "9.8 s".to_owned(), text: "killed the scanner of dublin (SIGKILL)".to_owned() }],
        next: vec![NextStep {
            text: "see what is open".to_owned(),
            command: "muster finding list --site dublin".to_owned(),
        }],
    }
}

#[test]
fn the_page_of_the_sample() {
    insta::assert_snapshot!(render(&sample()));
}

#[test]
fn an_empty_report_is_a_page_too() {
    let page = render(&ReportData::default());
    assert!(page.contains("No site is declared") && page.contains("Nothing is open"), "{page}");
}

#[test]
fn data_reads_back() {
    let text = serde_json::to_string(&sample()).unwrap();
    assert_eq!(serde_json::from_str::<ReportData>(&text).unwrap(), sample());
}

#[test]
fn the_page_asks_nobody_for_anything() {
    let page = render(&sample());
    for wrong in ["http://", "https://", "src=\"", "href=", "@import", "url(", "<script"] {
        assert!(!page.contains(wrong), "{wrong}");
    }
}

proptest! {
    #[test]
    fn a_value_never_becomes_markup(value in "\\PC{0,40}|[<>&\"'\u{0}-\u{1f}]{0,20}") {
        let hostile = format!("<{value}");
        let mut data = sample();
        let fields = [&mut data.title, &mut data.version];
        for field in fields {
            hostile.clone_into(field);
        }
        hostile.clone_into(&mut data.sites[0].note);
        hostile.clone_into(&mut data.findings[0].title);
        hostile.clone_into(&mut data.findings[0].evidence[0].value);
        hostile.clone_into(&mut data.silent[0].name);
        let tags = |page: &str| page.matches('<').count();
        let mut tame = data.clone();
        for field in [&mut tame.title, &mut tame.version] {
            "x".clone_into(field);
        }
        "x".clone_into(&mut tame.sites[0].note);
        "x".clone_into(&mut tame.findings[0].title);
        "x".clone_into(&mut tame.findings[0].evidence[0].value);
        "x".clone_into(&mut tame.silent[0].name);
        prop_assert_eq!(tags(&render(&data)), tags(&render(&tame)));
    }
}
