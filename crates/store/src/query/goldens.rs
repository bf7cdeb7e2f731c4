//! The text of every question, for the goldens.

use super::{Column, Cut, Filter, FilterError, HostKey, List, ListedHost, Sql, groups, ledger, proven, told};
use crate::error::StoreError;
use crate::rows::{FindingRow, HostRow, VerdictRow};
use crate::snapshot;

fn list<K>(after: Option<K>, as_of: Option<i64>) -> List<K> {
    List {
        filter: None,
        sites: Some(vec!["dublin".to_owned()]),
        after,
        limit: 100,
        as_of,
        now: 1,
        ask: super::Ask::default(),
    }
}

fn text(sql: Result<Sql, StoreError>) -> String {
    sql.map(|sql| sql.text().to_owned()).unwrap_or_default()
}

pub(crate) fn filtered(filter: &Filter, columns: &[Column]) -> Result<String, FilterError> {
    let mut sql = Sql::new("");
    filter.write(columns, &mut sql)?;
    Ok(sql.text().to_owned())
}

pub(crate) fn every_question() -> Vec<(&'static str, String)> {
    let id = [1; 16];
    let site = || "dublin".to_owned();
    let host = ListedHost {
        site: site(),
        host_id: id,
        realm: String::new(),
        address: std::net::Ipv6Addr::LOCALHOST,
        zone: String::new(),
        asset_key: String::new(),
        name: String::new(),
        owner: String::new(),
        first_seen: 0,
        last_seen: 0,
        open_ports: 0,
        open_findings: 0,
    };
    let cut = Cut { events: 1, plans: 2, verdicts: 3 };
    let by_address = HostKey::Address { site: Some(site()), address: std::net::Ipv6Addr::LOCALHOST };
    let log = "verdict_log";
    let by = groups::Dimensions { subnet: true, fingerprint: true, owner: true };
    let grouping = groups::Grouping { sites: Some(vec![site()]), by, limit: 100, ..groups::Grouping::default() };
    vec![
        ("list_verdicts", text(proven::verdicts_sql(&list(Some((site(), id, "known".to_owned())), None)))),
        ("list_verdicts as of", text(proven::verdicts_sql(&list(None, Some(9))))),
        ("list_findings", text(proven::findings_sql(&list(Some((site(), id)), None)))),
        ("list_findings as of", text(proven::findings_sql(&list(None, Some(9))))),
        ("group_findings", text(groups::groups_sql(&grouping))),
        ("list_hosts", text(proven::hosts_sql(&list(Some((site(), id)), None)))),
        ("find_hosts by address", proven::find_sql(&by_address, None).text().to_owned()),
        ("find_hosts by id", proven::find_sql(&HostKey::Id(id), Some(&[site()])).text().to_owned()),
        ("get_host services", proven::services_sql(&host).text().to_owned()),
        (
            "list_services_of_sweep",
            proven::services_of_sweep_sql("dublin", std::net::Ipv6Addr::LOCALHOST, id).text().to_owned(),
        ),
        ("get_host verdicts", proven::host_verdicts_sql(&host, 1).text().to_owned()),
        ("list_assets", text(told::assets_sql(&list(Some((site(), "a".to_owned())), None)))),
        ("list_sweeps", text(told::sweeps_sql(&list(Some((7, id)), None)))),
        ("list_bulletins", text(told::bulletins_sql(&list(Some((7, "cisa-kev".to_owned(), "CVE".to_owned())), None)))),
        ("get_draw", told::draw_sql(id).0.text().to_owned()),
        ("get_draw items", told::draw_sql(id).1.text().to_owned()),
        ("site_summaries", told::summaries_sql(Some(&[site()])).text().to_owned()),
        ("ledger figures", ledger::figures_sql(cut, 1).text().to_owned()),
        ("ledger tables", ledger::tables_sql(cut).text().to_owned()),
        ("ledger without outcome", ledger::without_outcome_sql(cut, 1).text().to_owned()),
        ("snapshot services", snapshot::services_sql("dublin", 1, 0).text().to_owned()),
        ("snapshot slices", snapshot::slices_sql("dublin", id, 1).text().to_owned()),
        ("snapshot estate", snapshot::estate_sql("dublin", 1).text().to_owned()),
        ("snapshot inventory revision", snapshot::revision_sql("dublin", 1).text().to_owned()),
        ("snapshot inventory", told::assets_at_sql("dublin", 1).text().to_owned()),
        ("snapshot dispositions", snapshot::dispositions_sql("dublin", 1).text().to_owned()),
        ("snapshot sweeps", snapshot::sweeps_finished_sql("dublin", 1, 10).text().to_owned()),
        ("snapshot verdicts", snapshot::current_sql::<VerdictRow<'_>>("dublin").text().to_owned()),
        ("snapshot findings", snapshot::current_sql::<FindingRow<'_>>("dublin").text().to_owned()),
        ("snapshot hosts", snapshot::current_sql::<HostRow<'_>>("dublin").text().to_owned()),
        (
            "snapshot verdicts superseded",
            snapshot::superseded_sql::<VerdictRow<'_>>("dublin", log, "", "host_id, subject", 1).text().to_owned(),
        ),
    ]
}
