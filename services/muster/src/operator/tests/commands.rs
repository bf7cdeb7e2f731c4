//! What commands ask of the gateway, and how they end.

use std::collections::VecDeque;

use muster_ids::FindingId;
use muster_proto::v1::*;
use tonic::Code;

use super::gateway::{Canned, refusal};
use super::{run, samples};

const ID: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn a_list_joins_its_conditions() {
    let line =
        ["finding", "list", "-s", "dublin", "-s", "redmond", "--reason", "rogue", "-f", "owner = \"x\" OR title:y"];
    let ran = run(Canned::default(), &line).await;
    let wanted = r#"(site = \"dublin\" OR site = \"redmond\") AND state = \"open\" AND reason = \"rogue\" AND (owner = \"x\" OR title:y)"#;
    assert!(ran.asked[0].contains(wanted), "{}", ran.asked[0]);
}

#[tokio::test]
async fn an_ambiguous_address_lists_the_candidates() {
    let text = "\"10.0.0.7\" is more than one host: dublin/10.0.0.7, redmond/10.0.0.7";
    let host = Err(refusal(Code::FailedPrecondition, "MUS-3002", text));
    let ran = run(Canned { host, ..Canned::default() }, &["host", "show", "10.0.0.7"]).await;
    insta::assert_snapshot!(ran.golden());
}

#[tokio::test]
async fn a_host_with_several_findings_asks_which() {
    let ran = run(Canned::default(), &["finding", "show", "dublin/127.20.0.7"]).await;
    insta::assert_snapshot!(ran.golden());
}

#[tokio::test]
async fn a_host_with_one_finding_is_enough_to_name_it() {
    let findings = vec![samples::finding(7, "known", "rogue", "")];
    let line =
        ["finding", "dispose", "127.20.0.7", "--as", "accepted", "--until", "2027-01-01T00:00:00Z", "--reason", "x"];
    let ran = run(Canned { findings, ..Canned::default() }, &line).await;
    assert_eq!(ran.exit, 0, "{}", ran.talk);
    let id = FindingId::of(samples::host_id(7), "known").to_vec();
    assert!(ran.asked.last().unwrap().contains(&format!("{id:?}")), "{:?}", ran.asked);
}

#[tokio::test]
async fn adopting_takes_the_record_along() {
    let line = ["host", "adopt", "dublin/127.20.0.7", "--owner", "Alice", "--reason", "CHG0042"];
    let ran = run(Canned::default(), &line).await;
    assert_eq!(ran.exit, 0, "{}", ran.talk);
    let asked = ran.asked.last().unwrap();
    for part in ["adopted-127.20.0.7", "Alice", "zone: \"web\"", "value: \"127.20.0.7\"", "disposition: Adopted"] {
        assert!(asked.contains(part), "{part}: {asked}");
    }
}

#[tokio::test]
async fn a_known_host_is_not_adopted_again() {
    let mut host = samples::host();
    host.host.as_mut().unwrap().asset_key = "web-03".to_owned();
    let line = ["host", "adopt", "dublin/127.20.0.7", "--reason", "CHG0042"];
    let ran = run(Canned { host: Ok(host), ..Canned::default() }, &line).await;
    assert_eq!((ran.exit, ran.asked.len()), (1, 1));
}

#[tokio::test]
async fn a_sweep_is_waited_for() {
    let not_yet = || Err(refusal(Code::NotFound, "MUS-3001", "no sweep"));
    let sweeps = VecDeque::from([not_yet(), Ok(samples::sweep(false, false)), Ok(samples::sweep(true, false))]);
    let line =
        ["sweep", "start", "dublin/127.20.0.0/28", "--ports", "tcp/22,tcp/8000-8100", "--wait", "--request-id", ID];
    let ran = run(Canned { sweeps, ..Canned::default() }, &line).await;
    assert_eq!(ran.asked.len(), 4, "one request, three looks");
    insta::assert_snapshot!(format!("{}\n{}", ran.asked[0], ran.golden()));
}

#[tokio::test]
async fn a_void_sweep_is_a_no() {
    let sweeps = VecDeque::from([Ok(samples::sweep(true, true))]);
    let ran = run(Canned { sweeps, ..Canned::default() }, &["sweep", "start", "dublin", "--wait"]).await;
    assert_eq!(ran.exit, 1);
    assert!(ran.data.contains("void: no scanner answered"), "{}", ran.data);
}

#[tokio::test]
async fn an_audit_is_waited_for() {
    let ran = run(Canned::default(), &["audit", "start", "--sample", "2", "--wait", "-o", "jsonl"]).await;
    assert_eq!(ran.exit, 0, "{}", ran.talk);
    assert!(ran.talk.contains("2 hosts of 3 are drawn"), "{}", ran.talk);
}

#[tokio::test]
async fn a_draw_with_another_ticket_does_not_hold() {
    let mut draw = samples::draw();
    draw.items[1].ticket[0] ^= 1;
    let ran = run(Canned { draw, ..Canned::default() }, &["audit", "show", ID, "--check"]).await;
    assert_eq!(ran.exit, 1);
    assert!(ran.talk.contains("the draw does not hold"), "{}", ran.talk);
}

#[tokio::test]
async fn books_that_do_not_balance_are_a_no() {
    let ran = run(Canned { books: samples::books(false), ..Canned::default() }, &["verify"]).await;
    insta::assert_snapshot!(ran.golden());
}

fn change(action: &str) -> EstateChange {
    EstateChange {
        site: "dublin".to_owned(),
        action: action.to_owned(),
        differences: vec!["+ zone web 127.20.0.0/26 production".to_owned(), "~ site realm a -> b".to_owned()],
        revision: 4,
    }
}

fn estate(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sites")).unwrap();
    std::fs::write(folder.path().join("sites/dublin.yaml"), text).unwrap();
    std::fs::write(folder.path().join("README.md"), "not an estate file").unwrap();
    let path = folder.path().display().to_string();
    (folder, path)
}

const DUBLIN: &str =
    "site: dublin\nrealm: corp\ntime_zone: Europe/Dublin\nranges:\n  - block: 127.20.0.0/24\n    kind: static\n";

#[tokio::test]
async fn an_estate_is_compared_then_applied() {
    let (_folder, path) = estate(DUBLIN);
    let canned = Canned { changes: vec![change("update")], ..Canned::default() };
    let ran = run(canned, &["apply", "-f", &path, "--yes"]).await;
    assert!(ran.asked[0].contains("validate_only: true") && ran.asked[2].contains("validate_only: false"));
    insta::assert_snapshot!(ran.golden());
}

#[tokio::test]
async fn an_estate_that_changed_since_it_was_shown_is_left_alone() {
    let (_folder, path) = estate(DUBLIN);
    let later = vec![EstateChange { revision: 9, ..change("update") }];
    let canned = Canned { changes: vec![change("update")], later: Some(later), ..Canned::default() };
    let ran = run(canned, &["apply", "-f", &path, "--yes"]).await;
    assert_eq!(ran.exit, 75, "{}", ran.talk);
    assert!(ran.talk.contains("has changed since") && ran.talk.contains("update site dublin"), "{}", ran.talk);
    assert!(ran.asked.iter().all(|asked| asked.contains("validate_only: true")), "{:?}", ran.asked);
}

#[tokio::test]
async fn what_overlaps_a_site_that_stands_names_file_and_line() {
    let cork = DUBLIN.replace("dublin", "cork").replace("127.20.0.0/24", "127.20.0.0/28");
    let (_folder, path) = estate(&cork);
    let unsound = refusal(Code::InvalidArgument, "MUS-1005", "ranges overlap");
    let canned = Canned { unsound: Some(unsound), ..Canned::default() };
    let ran = run(canned, &["apply", "-f", &path, "--yes"]).await;
    assert_eq!(ran.exit, 65, "{}", ran.talk);
    assert!(ran.talk.contains("dublin.yaml:5:") && ran.talk.contains("overlaps"), "{}", ran.talk);
}

#[tokio::test]
async fn a_dry_run_applies_nothing() {
    let (_folder, path) = estate(DUBLIN);
    let canned = Canned { changes: vec![change("update")], ..Canned::default() };
    let ran = run(canned, &["apply", "-f", &path, "--dry-run", "-o", "json"]).await;
    assert_eq!((ran.exit, ran.asked.len()), (0, 1));
    assert!(ran.talk.contains("dry run"), "{}", ran.talk);
}

#[tokio::test]
async fn a_wrong_estate_names_file_and_line() {
    let (_folder, path) = estate(&DUBLIN.replace("realm", "relm"));
    let ran = run(Canned::default(), &["apply", "-f", &path, "--yes"]).await;
    assert_eq!((ran.exit, ran.asked.len()), (65, 0));
    assert!(ran.talk.contains("dublin.yaml:2:1: "), "{}", ran.talk);
}

fn csv() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dublin.csv");
    std::fs::write(&file, "key,owner,address\nweb-03,Alice,127.20.0.3\nweb-04,Bob,127.20.0.4\n").unwrap();
    let path = file.display().to_string();
    (folder, path)
}

#[tokio::test]
async fn an_import_is_compared_then_sent() {
    let (_folder, path) = csv();
    let import = ImportInventoryResponse { revision: 4, added: 1, changed: 1, unchanged: 40, ..Default::default() };
    let ran = run(Canned { import, ..Canned::default() }, &["inventory", "import", &path, "--site", "dublin"]).await;
    assert_eq!(ran.asked.len(), 4, "header and chunk, twice");
    assert!(ran.asked[0].contains("validate_only: true") && ran.asked[2].contains("validate_only: false"));
    assert!(ran.asked[1].contains("web-03") && ran.asked[1].contains("127.20.0.4"), "{}", ran.asked[1]);
    insta::assert_snapshot!(ran.golden());
}

fn shrunk() -> Canned {
    let import = ImportInventoryResponse {
        revision: 4,
        removed: 40,
        unchanged: 20,
        examples: vec!["+ web-99".to_owned(), "- db-01".to_owned(), "- db-02".to_owned()],
        ..Default::default()
    };
    Canned { import, ..Canned::default() }
}

#[tokio::test]
async fn a_shrunk_inventory_needs_force_and_says_what_would_vanish() {
    let (_folder, path) = csv();
    let ran = run(shrunk(), &["inventory", "import", &path, "--site", "dublin"]).await;
    assert_eq!(ran.exit, 1);
    assert!(
        ran.talk.contains("40 of 60 assets would vanish, more than a tenth (for example db-01, db-02)"),
        "{}",
        ran.talk
    );
    let forced = run(shrunk(), &["inventory", "import", &path, "--site", "dublin", "--force"]).await;
    assert_eq!(forced.exit, 0, "{}", forced.talk);
}

#[tokio::test]
async fn a_wrong_inventory_names_the_line() {
    let (folder, path) = csv();
    std::fs::write(folder.path().join("dublin.csv"), "key,address\nweb-03,127.20.0.300\n").unwrap();
    let ran = run(Canned::default(), &["inventory", "import", &path, "--site", "dublin"]).await;
    assert_eq!((ran.exit, ran.asked.len()), (65, 0));
    assert!(ran.talk.contains("dublin.csv:2: "), "{}", ran.talk);
}

#[tokio::test]
async fn an_export_is_recognised_and_says_what_it_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("servers.json");
    let rows = r#"{"result": [
        {"sys_id": "a1", "name": "web-03", "ip_address": "127.20.0.4", "u_team": "web", "last_discovered": "2026-01-02 03:04:05"},
        {"sys_id": "a2", "install_status": "7"}]}"#;
    std::fs::write(&file, rows).unwrap();
    let of_source = SourceDifference {
        source: "servicenow".to_owned(),
        added: 1,
        shared: 1,
        precedence: vec!["csv".to_owned(), "servicenow".to_owned()],
        ..Default::default()
    };
    let import = ImportInventoryResponse { revision: 4, added: 1, of_source: Some(of_source), ..Default::default() };
    let line = [
        "inventory",
        "import",
        file.to_str().unwrap(),
        "--site",
        "dublin",
        "--map",
        "support_group=u_team",
        "--dry-run",
    ];
    let ran = run(Canned { import, ..Canned::default() }, &line).await;
    assert_eq!((ran.exit, ran.asked.len()), (0, 2), "{}", ran.talk);
    assert!(ran.asked[0].contains("origin: \"servicenow\""), "{}", ran.asked[0]);
    assert!(
        ran.asked[1].contains("support_group: \"web\"") && ran.asked[1].contains("seconds: 1767323045"),
        "{}",
        ran.asked[1]
    );
    assert!(ran.talk.contains("result[1]: \"a2\" is retired"), "{}", ran.talk);
    assert!(
        ran.talk.contains("of servicenow: 1 added, 0 changed, 0 removed, 0 unchanged; other sources know 1"),
        "{}",
        ran.talk
    );
    assert!(ran.talk.contains("csv, servicenow"), "{}", ran.talk);
}

#[tokio::test]
async fn an_export_of_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("servers.json");
    for (text, what) in [
        (r#"{"result": []}"#, "it holds no asset in the format servicenow"),
        (r#"{"result": [{"sys_id": "#, "line 1, column"),
        (r#"{"error": "User Not Authenticated"}"#, "_meta.hostvars"),
    ] {
        std::fs::write(&file, text).unwrap();
        let ran = run(Canned::default(), &["inventory", "import", file.to_str().unwrap(), "--site", "dublin"]).await;
        assert_eq!((ran.exit, ran.asked.len()), (65, 0), "{text}");
        assert!(ran.talk.contains(what) && ran.talk.contains("servers.json"), "{}", ran.talk);
    }
}

#[tokio::test]
async fn what_was_seen_stands_beside_the_inventory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("neighbours");
    // The sample asset has 127.20.0.3.
    let table = "127.20.0.3 dev eth0 lladdr 00:1a:2b:00:00:03 REACHABLE\n127.20.0.9 dev eth0 FAILED\n\
                 127.20.0.66 dev eth0 lladdr 00:1a:2b:00:00:66 STALE\n";
    std::fs::write(&file, table).unwrap();
    let file = file.to_str().unwrap();
    let all = run(Canned::default(), &["seen", "import", file, "--site", "dublin", "-o", "csv"]).await;
    assert_eq!(all.exit, 0, "{}", all.talk);
    let rows: Vec<&str> = all.data.lines().skip(1).collect();
    assert_eq!(rows.len(), 2, "{}", all.data);
    assert!(rows[0].starts_with("web-03,127.20.0.3,00:1a:2b:00:00:03"), "{}", rows[0]);
    assert!(rows[1].starts_with(",127.20.0.66,00:1a:2b:00:00:66"), "{}", rows[1]);
    assert!(all.talk.contains("line 2: nobody answered for 127.20.0.9"), "{}", all.talk);
    assert!(all.talk.contains("2 sightings, 1 of them unknown"), "{}", all.talk);
    let unknown =
        run(Canned::default(), &["seen", "import", file, "--site", "dublin", "--unknown", "-o", "json"]).await;
    assert_eq!(unknown.exit, 1, "an answer that is no");
    assert!(unknown.data.contains("127.20.0.66") && !unknown.data.contains("127.20.0.3\""), "{}", unknown.data);
}

fn seen(last: u8, token: &str) -> Result<WatchFindingsResponse, tonic::Status> {
    let event = watch_findings_response::Event::Finding(samples::finding(last, "known", "rogue", ""));
    Ok(WatchFindingsResponse { event: Some(event), resume_token: token.to_owned() })
}

#[tokio::test]
async fn a_watch_goes_on_where_it_broke() {
    let bookmark = Bookmark { at: samples::at(9), snapshot_complete: true };
    let complete = WatchFindingsResponse {
        event: Some(watch_findings_response::Event::Bookmark(bookmark)),
        resume_token: "token-3".to_owned(),
    };
    let watches = VecDeque::from([
        vec![seen(7, "token-1"), seen(9, "token-2"), Err(tonic::Status::unavailable("gone"))],
        vec![seen(11, "token-3"), Ok(complete)],
    ]);
    let ran = run(Canned { watches, ..Canned::default() }, &["finding", "watch", "--once", "-o", "jsonl"]).await;
    assert_eq!(ran.exit, 0, "{}", ran.talk);
    assert_eq!(ran.data.lines().count(), 4);
    assert!(ran.asked[1].contains("resume_token: \"token-2\""), "{:?}", ran.asked);
}

#[tokio::test]
async fn a_report_is_gathered() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    let ran = run(Canned::default(), &["report", "--file", file.to_str().unwrap()]).await;
    assert_eq!(ran.exit, 0, "{}", ran.talk);
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(page.contains("dublin/127.20.0.7") && page.contains("&lt;b&gt;Microsoft-IIS/5.0&lt;/b&gt;"), "{page}");
    let data = run(Canned::default(), &["report", "-o", "json"]).await;
    let data: crate::report::ReportData = serde_json::from_str(&data.data).unwrap();
    assert_eq!((data.sites[0].rogue, data.findings.len(), data.silent.len()), (3, 2, 1));
}

#[tokio::test]
async fn the_worst_are_asked_for_and_not_the_first() {
    let ran = run(Canned { findings: Vec::new(), ..Canned::default() }, &["report", "-o", "json"]).await;
    let asked: Vec<_> = ran.asked.iter().filter(|asked| asked.starts_with("ListFindingsRequest")).collect();
    assert!(asked[0].contains(r#"outcome != \"unknown\" AND reason = \"rogue\""#), "{}", asked[0]);
    assert!(asked[1].contains(r#"reason = \"unapproved-service\""#), "{}", asked[1]);
    assert!(asked.last().is_some_and(|last| last.contains(r#"outcome = \"unknown\""#)), "{asked:?}");
    // As soon as there are enough, no more is asked for.
    let mut many = vec![samples::findings()[0].clone(); 25];
    for (number, listed) in (0..).zip(&mut many) {
        listed.finding.as_mut().unwrap().finding_id = vec![number; 16];
    }
    let ran = run(Canned { findings: many, ..Canned::default() }, &["report", "-o", "json"]).await;
    assert_eq!(ran.asked.iter().filter(|asked| asked.starts_with("ListFindingsRequest")).count(), 1);
}

#[tokio::test]
async fn nobody_there_is_said_with_the_next_step() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let args = super::ConnectArgs { address: Some(address), ..Default::default() };
    let failure = super::Client::connect(&args).await.unwrap_err();
    assert_eq!(failure.exit().code(), 69);
    assert!(failure.to_string().contains("muster up"), "{failure}");
}

#[tokio::test]
async fn a_token_is_not_sent_in_the_clear() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret").unwrap();
    let args = super::ConnectArgs {
        address: Some("http://192.0.2.1:7420".to_owned()),
        token_file: Some(file.path().to_owned()),
        ..Default::default()
    };
    let failure = super::Client::connect(&args).await.unwrap_err();
    assert_eq!(failure.exit().code(), 64);
    assert!(failure.to_string().contains("https://"), "{failure}");
}

#[tokio::test]
async fn findings_are_put_together() {
    let line = ["finding", "group", "--reason", "rogue", "-s", "dublin", "--by", "subnet,owner", "-n", "1"];
    let ran = run(Canned::default(), &line).await;
    assert!(ran.asked[0].contains("groups_max: 1") && ran.asked[0].contains("by: [Subnet, Owner]"), "{}", ran.asked[0]);
    insta::assert_snapshot!(ran.golden());
}

#[tokio::test]
async fn many_hosts_are_looked_at_before_they_are_decided_about() {
    let line = ["host", "ignore", "--filter", "address:127.20.0.0/24", "--until", "30d", "--reason", "x"];
    let dry = run(Canned::default(), &[&line[..], &["--dry-run"]].concat()).await;
    assert_eq!((dry.exit, dry.asked.len()), (0, 1), "{}", dry.talk);
    assert!(dry.data.contains("127.20.0.7") && dry.talk.contains("nothing was changed"), "{} {}", dry.data, dry.talk);
    let ran = run(Canned::default(), &[&line[..], &["--yes"]].concat()).await;
    assert_eq!(ran.exit, 0, "{}", ran.talk);
    assert!(ran.asked[1].contains("disposition: Accepted"), "{}", ran.asked[1]);
    insta::assert_snapshot!(ran.golden());
}

#[tokio::test]
async fn of_many_hosts_each_says_what_became_of_it() {
    // No finding of its own is open: nothing can be said about it.
    let line = ["host", "decommission", "--filter", "address:127.20.0.0/24", "--reason", "closed", "--yes"];
    let ran = run(Canned { findings: Vec::new(), ..Canned::default() }, &line).await;
    assert_eq!(ran.exit, 1, "{}", ran.talk);
    insta::assert_snapshot!(ran.golden());
    let ran = run(Canned::default(), &["host", "decommission", "dublin/127.20.0.7", "--reason", "closed"]).await;
    assert_eq!(ran.exit, 0, "{}", ran.talk);
    assert!(ran.asked.last().unwrap().contains("disposition: Decommissioned"));
}

#[tokio::test]
async fn sites_that_nobody_looked_at_are_named() {
    // The sample was swept in March and never audited.
    let ran = run(Canned::default(), &["site", "overdue", "--swept", "1d", "--audited", "1d"]).await;
    insta::assert_snapshot!(ran.golden());
    let ran = run(Canned::default(), &["site", "overdue", "-s", "cork"]).await;
    assert_eq!(ran.exit, 0, "{}", ran.talk);
}
