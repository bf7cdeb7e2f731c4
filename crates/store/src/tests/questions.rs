//! Questions, asked of a small world.

use std::time::Duration;

use super::samples::{self, NOON, address, id};
use super::store;
use crate::query::{Ask, Compare, Cut, Dimensions, Filter, Grouping, HostKey, List, Value};
use crate::rows::*;
use crate::{Store, StoreError};

/// Publishes verdict changes as the recorder does: the log, and how it stands.
async fn publish(store: &Store, changes: &[VerdictChangeRow<'_>]) {
    let token = format!("c{}", changes[0].stream_sequence);
    store.insert(changes, &token).await.unwrap();
    let verdicts: Vec<_> = changes.iter().map(samples::verdict).collect();
    let findings: Vec<_> = changes.iter().filter(|c| c.finding_state != 0).map(samples::finding).collect();
    store.insert(&verdicts, &token).await.unwrap();
    store.insert(&findings, &token).await.unwrap();
}

fn is(column: &'static str, value: &str) -> Filter {
    Filter::Compare { column, op: Compare::Equal, value: Value::Text(value.to_owned()) }
}

fn list<K>(filter: Option<Filter>, limit: u32) -> List<K> {
    List { filter, sites: None, after: None, limit, as_of: None, now: NOON, ask: Ask::default() }
}

#[tokio::test]
async fn findings_are_listed_filtered_paged_and_as_of() {
    let store = store().await;
    let first: Vec<_> = (1..=5).map(|n| samples::change(n, "known", "rogue", 70)).collect();
    publish(&store, &first).await;
    let mut second = samples::change(3, "known", "", 80);
    (second.outcome, second.finding_state) = (1, 2);
    publish(&store, &[second]).await;

    let open = || Some(Filter::And(vec![is("site", "dublin"), is("reason", "rogue"), is("state", "open")]));
    let all = store.list_findings(&list(open(), 100)).await.unwrap();
    assert_eq!(all.iter().map(|f| f.finding_id).collect::<Vec<_>>(), [id(1), id(2), id(4), id(5)]);
    assert_eq!(all[0].evidence.len(), 2);
    let page = store.list_findings(&list(open(), 2)).await.unwrap();
    let next = List { after: page.last().map(|f| (f.site.clone(), f.finding_id)), ..list(open(), 2) };
    assert_eq!([page, store.list_findings(&next).await.unwrap()].concat(), all);
    let then = List { as_of: Some(NOON + 75), ..list(open(), 100) };
    assert_eq!(store.list_findings(&then).await.unwrap().len(), 5);
    let before = List { as_of: Some(NOON + 60), ..list(open(), 100) };
    assert!(store.list_findings(&before).await.unwrap().is_empty());
    let elsewhere = List { sites: Some(vec!["redmond".to_owned()]), ..list(None, 100) };
    assert!(store.list_findings(&elsewhere).await.unwrap().is_empty());
    let one = store.get_finding(id(3), None, &Ask::default()).await.unwrap().unwrap();
    assert_eq!((one.finding_state, one.outcome, one.stream_sequence), (2, 1, 80));
    assert_eq!(store.get_finding(id(3), Some(&["redmond".to_owned()]), &Ask::default()).await.unwrap(), None);
}

#[tokio::test]
async fn a_verdict_past_its_time_is_unknown() {
    let store = store().await;
    let mut change = samples::change(1, "seen", "", 70);
    (change.outcome, change.valid_until) = (1, NOON + 1000);
    publish(&store, &[change]).await;
    let unknown = || Some(is("outcome", "unknown"));
    assert!(store.list_verdicts(&list(unknown(), 10)).await.unwrap().is_empty());
    let later = List { now: NOON + 1000, ..list(unknown(), 10) };
    let verdicts = store.list_verdicts(&later).await.unwrap();
    assert_eq!((verdicts[0].outcome, verdicts[0].reason.as_str()), (4, "stale"));
}

#[tokio::test]
async fn a_host_has_its_services_and_verdicts() {
    let store = store().await;
    store
        .insert(&[samples::host(&samples::host_change(1, 70)), samples::host(&samples::host_change(2, 70))], "h")
        .await
        .unwrap();
    publish(&store, &[samples::change(1, "known", "rogue", 70), samples::change(1, "zone", "misplaced", 71)]).await;
    let seen = |port, stream_sequence, version| ObservationRow {
        address: address(1),
        port,
        stream_sequence,
        version,
        unit: u32::try_from(stream_sequence).unwrap(),
        ..samples::observation(0)
    };
    store.insert(&[seen(80, 40, "5.0"), seen(80, 41, "6.0"), seen(22, 40, "9")], "o").await.unwrap();
    let ask = Ask::default();
    let by_address = HostKey::Address { site: Some("dublin".to_owned()), address: address(1) };
    let hosts = store.find_hosts(&by_address, None, &ask).await.unwrap();
    assert_eq!(hosts, store.find_hosts(&HostKey::Id(id(1)), None, &ask).await.unwrap());
    assert_eq!((hosts[0].open_ports, hosts[0].open_findings, hosts[0].last_seen), (2, 1, NOON));
    let host = store.get_host(hosts[0].clone(), NOON, &ask).await.unwrap();
    let services: Vec<_> = host.services.iter().map(|s| (s.port, s.version.as_str())).collect();
    assert_eq!(services, [(22, "9"), (80, "6.0")]);
    assert_eq!(host.verdicts.len(), 2);
    let all = store.list_hosts(&list(Some(is("zone", "dmz")), 10)).await.unwrap();
    assert_eq!(all.iter().map(|h| h.open_ports).collect::<Vec<_>>(), [2, 0]);
}

#[tokio::test]
async fn findings_are_put_together_by_subnet_fingerprint_and_owner() {
    let store = store().await;
    let v6: std::net::Ipv6Addr = "2001:db8:0:7::1:2".parse().unwrap();
    let place = |n: u8, at: std::net::Ipv6Addr| {
        let mut change = samples::change(n, "known", "rogue", 70 + u64::from(n));
        (change.address, change.title, change.owner) = (at, "", "");
        change
    };
    let mapped = |text: &str| text.parse::<std::net::Ipv4Addr>().unwrap().to_ipv6_mapped();
    let rogues =
        [place(1, mapped("10.1.0.1")), place(2, mapped("10.1.0.250")), place(3, mapped("10.1.1.1")), place(4, v6)];
    publish(&store, &rogues).await;
    // One of them is somebody's by its record, and the first subnet is Ada's for the most part.
    let mut owned = place(5, mapped("10.1.1.9"));
    owned.owner = "bob";
    publish(&store, &[owned]).await;
    let neighbour = |n: u8, at: &str, owner: &'static str| {
        let mut host = samples::host(&samples::host_change(n, 60));
        (host.address, host.owner, host.host_id) = (mapped(at), owner, id(n));
        host
    };
    let hosts = [neighbour(11, "10.1.0.7", "ada"), neighbour(12, "10.1.0.8", "ada"), neighbour(13, "10.1.0.9", "bob")];
    store.insert(&hosts, "h").await.unwrap();
    let seen = |at: &str, port, product, unit| ObservationRow {
        address: mapped(at),
        port,
        product,
        unit,
        vendor: "",
        ..samples::observation(0)
    };
    let observed = [
        seen("10.1.0.1", 80, "IIS", 1),
        seen("10.1.0.1", 22, "OpenSSH", 2),
        seen("10.1.0.250", 22, "OpenSSH", 3),
        seen("10.1.0.250", 8080, "IIS", 4),
    ];
    store.insert(&observed, "o").await.unwrap();

    let by = Dimensions { subnet: true, fingerprint: true, owner: true };
    let grouping = Grouping { by, limit: 10, filter: Some(is("reason", "rogue")), ..Grouping::default() };
    let groups = store.group_findings(&grouping).await.unwrap();
    let told: Vec<_> = groups
        .iter()
        .map(|g| (g.hosts, g.subnet.as_str(), g.fingerprint.as_str(), g.owner.as_str(), g.owner_source.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (2, "10.1.0.0/24", "IIS, OpenSSH", "ada", "subnet"),
            (1, "10.1.1.0/24", "", "", ""),
            (1, "10.1.1.0/24", "", "bob", "inventory"),
            (1, "2001:db8:0:7::/64", "", "", ""),
        ]
    );
    assert_eq!(groups[0].examples, ["10.1.0.1", "10.1.0.250"]);
    assert!(groups.iter().all(|group| (group.findings_total, group.groups_total) == (5, 4)));

    // By site and reason alone; of one site only; the largest alone, with the figures of all.
    let all =
        store.group_findings(&Grouping { by: Dimensions::default(), limit: 10, ..Grouping::default() }).await.unwrap();
    assert_eq!((all.len(), all[0].findings, all[0].reason.as_str()), (1, 5, "rogue"));
    let none = Grouping { sites: Some(vec!["cork".to_owned()]), ..grouping.clone() };
    assert!(store.group_findings(&none).await.unwrap().is_empty());
    let largest = store.group_findings(&Grouping { limit: 1, ..grouping }).await.unwrap();
    assert_eq!((largest.len(), largest[0].groups_total), (1, 4));
}

#[tokio::test]
async fn the_inventory_is_the_last_completed_import_and_what_followed() {
    let store = store().await;
    let chunk = |key, import: u8, at| samples::asset(key, [import; 16], at);
    // A first import; a delta; a second import without its manifest; its manifest; a removal.
    store.insert(&[chunk("a", 1, 10), chunk("b", 1, 10)], "1").await.unwrap();
    store.insert(&[samples::manifest([1; 16], 1, 11)], "1").await.unwrap();
    let delta = InventoryChange { revision: 2, ..chunk("c", 0, 12) };
    store.insert(&[delta, chunk("b", 2, 13), chunk("d", 2, 13)], "2").await.unwrap();
    let keys = |assets: &[crate::query::ListedAsset]| assets.iter().map(|a| a.key.clone()).collect::<Vec<_>>();
    let ask = Ask::default();
    assert_eq!(keys(&store.list_assets(&list(None, 10)).await.unwrap()), ["a", "b", "c"]);
    store.insert(&[samples::manifest([2; 16], 3, 14)], "2").await.unwrap();
    store.insert(&[InventoryChange { revision: 4, removed: true, ..chunk("d", 0, 15) }], "3").await.unwrap();
    assert_eq!(keys(&store.list_assets(&list(None, 10)).await.unwrap()), ["b"]);
    for (cut, revision, expected) in [
        (10, 0, vec![]),
        (11, 1, vec!["a", "b"]),
        (13, 2, vec!["a", "b", "c"]),
        (14, 3, vec!["b", "d"]),
        (15, 4, vec!["b"]),
    ] {
        let then = store.snapshot_inventory("dublin", cut, &ask).await.unwrap();
        assert_eq!(
            (then.revision, keys(&then.assets)),
            (revision, expected.iter().map(ToString::to_string).collect()),
            "cut {cut}"
        );
    }
    let by_identifier =
        Filter::Compare { column: "identifier", op: Compare::Has, value: Value::Text("127.20.0.7".into()) };
    assert_eq!(store.list_assets(&list(Some(by_identifier), 10)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn sweeps_draws_bulletins_and_sites_read_as_written() {
    let store = store().await;
    let ask = Ask::default();
    let running = SweepStartedRow { sweep_id: id(30), started_at: NOON + 5, ..samples::sweep_started() };
    store.insert(&[samples::sweep_started(), running], "s").await.unwrap();
    store.insert(&[samples::sweep_finished()], "s").await.unwrap();
    store
        .insert(&[samples::slice(), SliceRow { sweep_id: id(30), order_id: id(31), ..samples::slice() }], "s")
        .await
        .unwrap();
    let sweeps = store.list_sweeps(&list(None, 10)).await.unwrap();
    let figures: Vec<_> = sweeps.iter().map(|s| (s.sweep_id, s.finished_at, s.open, s.silent)).collect();
    assert_eq!(figures, [(id(30), 0, 4, 989), (id(2), NOON + 10_000, 4, 6000)]);
    let next = List { after: Some((NOON + 5, id(30))), ..list(None, 10) };
    assert_eq!(store.list_sweeps(&next).await.unwrap(), sweeps[1..]);
    assert_eq!(store.get_sweep(id(2), None, &ask).await.unwrap().as_ref(), sweeps.get(1));

    store.insert(&[samples::draw()], "d").await.unwrap();
    store.insert(&[samples::drawn(1), samples::drawn(0)], "d").await.unwrap();
    let draw = store.get_draw(id(9), &ask).await.unwrap().unwrap();
    assert_eq!(draw.items.iter().map(|item| item.position).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(store.get_draw(id(8), &ask).await.unwrap(), None);

    let newer = BulletinRow { title: "newer", ..samples::bulletin(&[2; 32], 54) };
    store.insert(&[samples::bulletin(&[1; 32], 53), newer], "b").await.unwrap();
    let bulletins = store.list_bulletins(&list(Some(is("vendor", "Apple")), 10)).await.unwrap();
    assert_eq!(bulletins.iter().map(|b| b.title.as_str()).collect::<Vec<_>>(), ["newer"]);

    store.insert(&[samples::estate(8, 52)], "e").await.unwrap();
    publish(
        &store,
        &[
            samples::change(1, "known", "rogue", 70),
            samples::change(2, "approved-service:tcp/80", "unapproved-service", 70),
        ],
    )
    .await;
    let sites = store.site_summaries(None, &ask).await.unwrap();
    let site = &sites[0];
    assert_eq!((site.rogue, site.unapproved_services, site.findings_open, site.units_planned), (1, 1, 2, 7000));
}

#[tokio::test]
async fn what_counts_as_the_last_sweep_of_a_site_is_whole_and_not_void() {
    let store = store().await;
    store.insert(&[samples::estate(8, 52)], "e").await.unwrap();
    // Whole; void; of one host; an audit; each later than the one before.
    let sweeps = [(31, 1, false, false), (32, 1, true, false), (33, 1, false, true), (34, 2, false, false)];
    for (hour, (n, kind, void, partial)) in (1_i64..).zip(sweeps) {
        let (sweep_id, finished_at) = (id(n), NOON + hour * 3_600_000);
        let started = SweepStartedRow { sweep_id, kind, partial, ..samples::sweep_started() };
        let planned = u64::from(n);
        let finished = SweepFinishedRow { sweep_id, kind, void, finished_at, planned, ..samples::sweep_finished() };
        store.insert(&[started], &format!("s{n}")).await.unwrap();
        store.insert(&[finished], &format!("f{n}")).await.unwrap();
    }
    let sites = store.site_summaries(None, &Ask::default()).await.unwrap();
    let hours = |at: i64| (at - NOON) / 3_600_000;
    let told = &sites[0];
    assert_eq!((hours(told.last_sweep_at), told.units_planned), (2, 32), "the void one is the last of the whole scope");
    assert_eq!((hours(told.last_counted_sweep_at), hours(told.last_counted_audit_at)), (1, 4));
}

#[tokio::test]
async fn a_snapshot_is_what_stood_at_the_cut() {
    let store = store().await;
    let ask = Ask::default();
    publish(&store, &[samples::change(1, "known", "rogue", 70), samples::change(2, "known", "rogue", 70)]).await;
    publish(&store, &[samples::change(2, "known", "no-owner", 80), samples::change(3, "known", "rogue", 80)]).await;
    for (cut, expected) in
        [(69, vec![]), (70, vec![(1, "rogue"), (2, "rogue")]), (80, vec![(1, "rogue"), (2, "no-owner"), (3, "rogue")])]
    {
        let mut got = Vec::new();
        store.snapshot_verdicts("dublin", cut, &ask, |v| got.push((v.host_id[15], v.reason.to_owned()))).await.unwrap();
        got.sort();
        assert_eq!(got, expected.iter().map(|(n, r)| (*n, (*r).to_owned())).collect::<Vec<_>>(), "cut {cut}");
        let mut findings = 0;
        store.snapshot_findings("dublin", cut, &ask, |_| findings += 1).await.unwrap();
        assert_eq!(findings, expected.len());
    }
    for at in [70, 80] {
        let change = samples::host_change(1, at);
        store.insert(&[samples::host(&change)], &format!("h{at}")).await.unwrap();
        store.insert(&[change], &format!("h{at}")).await.unwrap();
    }
    let mut hosts = Vec::new();
    store.snapshot_hosts("dublin", 75, &ask, |h| hosts.push(h.stream_sequence)).await.unwrap();
    assert_eq!(hosts, [70]);

    let seen = |sequence, unit| ObservationRow {
        stream_sequence: sequence,
        unit,
        address: address(1),
        ..samples::observation(0)
    };
    store.insert(&[seen(41, 1), seen(42, 2), seen(43, 3)], "o").await.unwrap();
    let mut services = Vec::new();
    store.snapshot_services("dublin", 42, 0, &ask, |o| services.push(o.unit)).await.unwrap();
    assert_eq!(services, [2]);
    store.insert(&[samples::estate(8, 52), samples::estate(9, 55)], "e").await.unwrap();
    assert_eq!(store.snapshot_estate("dublin", 54, &ask).await.unwrap().unwrap().revision, 8);
    assert_eq!(store.snapshot_estate("dublin", 51, &ask).await.unwrap(), None);
    store.insert(&[samples::sweep_finished()], "s").await.unwrap();
    store.insert(&[samples::disposition()], "s").await.unwrap();
    store.insert(&[samples::slice()], "s").await.unwrap();
    let mut counts = (0, 0, 0);
    store.snapshot_sweeps_finished("dublin", 9, 5, &ask, |_| counts.0 += 1).await.unwrap();
    store.snapshot_dispositions("dublin", 60, &ask, |_| counts.1 += 1).await.unwrap();
    store.snapshot_slices("dublin", id(2), 41, &ask, |_| counts.2 += 1).await.unwrap();
    assert_eq!(counts, (1, 1, 1));
}

#[tokio::test]
async fn the_ledger_balances_and_shows_what_does_not() {
    let store = store().await;
    let other = OrderIssuedRow { order_id: id(40), ..samples::order_issued() };
    store.insert(&[samples::order_issued(), other], "l").await.unwrap();
    store.insert(&[samples::outcome()], "l").await.unwrap();
    store.insert(&[samples::slice()], "l").await.unwrap();
    let rows: Vec<_> = (0..4).map(samples::observation).collect();
    store.insert(&rows, "l").await.unwrap();
    let cut = Cut { events: 100, plans: 100, verdicts: 100 };
    let ledger = store.ledger_since(cut, NOON, &Ask::default()).await.unwrap();
    assert_eq!((ledger.issued, ledger.finished, ledger.failed, ledger.dead), (2, 0, 1, 0));
    assert_eq!(ledger.without_outcome, [id(40)]);
    assert_eq!((ledger.slice_rows, ledger.stored_rows, ledger.outcomes_without_issue), (4, 4, 0));
    assert_eq!((ledger.slice_units, ledger.outcome_units), (1000, 3500));
    assert!(ledger.tables.iter().all(|table| table.rows == table.distinct_rows));
    store.insert(&rows[..1], "twice").await.unwrap();
    let ledger = store.ledger_since(cut, NOON, &Ask::default()).await.unwrap();
    let observations = ledger.tables.iter().find(|t| t.table == "observations").unwrap();
    assert_eq!((observations.rows, observations.distinct_rows), (5, 4));
    let early = store.ledger_since(Cut { events: 0, plans: 0, verdicts: 0 }, NOON, &Ask::default()).await.unwrap();
    assert_eq!((early.issued, early.stored_rows), (0, 0));
}

/// What is older goes table by table and row by row: whatever of it is still there counts on neither side.
#[tokio::test]
async fn the_ledger_begins_where_nothing_has_begun_to_go() {
    let store = store().await;
    let (cut, since) = (Cut { events: 100, plans: 100, verdicts: 100 }, NOON);
    // Of an order from before the beginning there is this slice, with fewer rows than it says, and an outcome.
    let before = OrderIssuedRow { broker_at: NOON - 2, ..samples::order_issued() };
    store.insert(&[before], "l").await.unwrap();
    store.insert(&[SliceRow { broker_at: NOON - 1, ..samples::slice() }], "l").await.unwrap();
    store.insert(&[ObservationRow { broker_at: NOON - 1, ..samples::observation(0) }], "l").await.unwrap();
    store.insert(&[samples::outcome()], "l").await.unwrap();
    // And one from after it, all of which stands.
    let after = OrderIssuedRow { order_id: id(40), ..samples::order_issued() };
    store.insert(&[after], "m").await.unwrap();
    store.insert(&[SliceRow { order_id: id(40), ..samples::slice() }], "m").await.unwrap();
    let rows: Vec<_> =
        (0..4).map(|n| ObservationRow { order_id: id(40), broker_at: NOON + 1, ..samples::observation(n) }).collect();
    store.insert(&rows, "m").await.unwrap();
    store.insert(&[OrderOutcomeRow { order_id: id(40), ..samples::outcome() }], "m").await.unwrap();

    let ledger = store.ledger_since(cut, since, &Ask::default()).await.unwrap();
    assert_eq!((ledger.issued, ledger.finished, ledger.failed, ledger.dead), (1, 0, 1, 0));
    assert_eq!((ledger.slice_rows, ledger.stored_rows, ledger.outcomes_without_issue), (4, 4, 0));
    assert_eq!((ledger.slice_units, ledger.outcome_units), (1000, 3500));
    assert!(ledger.without_outcome.is_empty());
}

#[tokio::test]
async fn limits_deadlines_and_cancels_reach_the_server() {
    let store = store().await;
    publish(&store, &(1..=9).map(|n| samples::change(n, "known", "rogue", 70)).collect::<Vec<_>>()).await;
    let narrow = List { ask: Ask { rows_max: 3, ..Ask::default() }, ..list(None, 9) };
    assert!(matches!(store.list_findings(&narrow).await, Err(StoreError::Limit { .. })));
    let endless = crate::query::Sql::new("SELECT count() AS n FROM system.numbers WHERE sipHash64(number) = 1");
    let hurried = Ask::within(Duration::from_millis(300));
    assert!(matches!(store.rows::<u64>("count", &endless, &hurried).await, Err(StoreError::Deadline { .. })));
    let named =
        Ask { query_id: Some(format!("endless-{}", std::process::id())), ..Ask::within(Duration::from_secs(60)) };
    let asked = tokio::spawn({
        let (store, named) = (store.clone(), named.clone());
        async move { store.rows::<u64>("count", &endless, &named).await }
    });
    let id = named.query_id.unwrap();
    while super::number(&store, &format!("SELECT count() FROM system.processes WHERE query_id = '{id}'")).await == 0 {}
    store.cancel(&id).await.unwrap();
    assert!(matches!(asked.await.unwrap(), Err(StoreError::Cancelled { .. })));
}

#[tokio::test]
async fn every_view_answers() {
    let store = store().await;
    for view in crate::permissions::VIEWS {
        super::number(&store, &format!("SELECT count() FROM (SELECT * FROM {view})")).await;
    }
}
