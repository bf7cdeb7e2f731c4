//! Verdicts, findings and hosts.

use std::net::Ipv6Addr;

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use super::filter::{Column, Kind};
use super::list::{List, Shape, Source};
use super::sql::{Ask, Param, Sql, Statement};
use crate::error::StoreError;
use crate::rows::{Id, Millis};
use crate::store::Store;

const OUTCOMES: Kind = Kind::Names(&["pass", "fail", "not-applicable", "unknown"]);
const STATES: Kind = Kind::Names(&["open", "resolved", "suppressed"]);
const DISPOSITIONS: Kind = Kind::Names(&["unspecified", "adopted", "accepted", "decommissioned", "none"]);

/// Path, value, source, time.
pub type Evidence = (String, String, String, Millis);

/// A verdict in a list; the fields are those of `muster.v1.Verdict`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
#[allow(missing_docs, reason = "a field is the column of its name; proto/muster/v1 says what it means")]
pub struct ListedVerdict {
    pub site: String,
    pub host_id: Id,
    pub subject: String,
    pub outcome: i8,
    pub reason: String,
    pub evidence: Vec<Evidence>,
    pub rule: String,
    pub rule_version: u32,
    pub decided_at: Millis,
    pub valid_until: Millis,
    pub estate_revision: u64,
    pub inventory_revision: u64,
    pub address: Ipv6Addr,
    pub title: String,
    pub stream_sequence: u64,
}

/// A finding in a list, with its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
#[allow(missing_docs, reason = "a field is the column of its name; proto/muster/v1 says what it means")]
pub struct ListedFinding {
    pub site: String,
    pub finding_id: Id,
    pub finding_state: i8,
    pub first_seen: Millis,
    pub last_seen: Millis,
    pub resolved_at: Millis,
    pub owner: String,
    pub due_at: Millis,
    pub disposition: i8,
    pub disposition_reason: String,
    pub disposition_until: Millis,
    pub reopened: u32,
    pub host_id: Id,
    pub subject: String,
    pub outcome: i8,
    pub reason: String,
    pub evidence: Vec<Evidence>,
    pub rule: String,
    pub rule_version: u32,
    pub decided_at: Millis,
    pub valid_until: Millis,
    pub estate_revision: u64,
    pub inventory_revision: u64,
    pub address: Ipv6Addr,
    pub title: String,
    pub stream_sequence: u64,
}

/// A host in a list.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
#[allow(missing_docs, reason = "a field is the column of its name; proto/muster/v1 says what it means")]
pub struct ListedHost {
    pub site: String,
    pub host_id: Id,
    pub realm: String,
    pub address: Ipv6Addr,
    pub zone: String,
    pub asset_key: String,
    pub name: String,
    pub owner: String,
    pub first_seen: Millis,
    pub last_seen: Millis,
    pub open_ports: u64,
    pub open_findings: u64,
}

/// A service as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
#[allow(missing_docs, reason = "a field is the column of its name; proto/muster/v1 says what it means")]
pub struct ListedService {
    pub transport: i8,
    pub port: u16,
    pub service: String,
    pub vendor: String,
    pub product: String,
    pub version: String,
    pub evidence: String,
    pub tls: bool,
    #[serde(with = "serde_bytes")]
    pub banner: Vec<u8>,
    #[serde(with = "serde_bytes")]
    pub certificate_sha256: Vec<u8>,
    pub os_product: String,
    pub os_version: String,
    pub tls_version: String,
    pub observed_at: Millis,
    pub sweep_id: Id,
}

/// A host with all that stands about it.
#[derive(Debug, Clone, PartialEq)]
pub struct HostDetail {
    /// The host.
    pub host: ListedHost,
    /// Its services, each as last seen.
    pub services: Vec<ListedService>,
    /// Its verdicts.
    pub verdicts: Vec<ListedVerdict>,
}

/// How a host is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostKey {
    /// By its id.
    Id(Id),
    /// By its address, in one site or in any.
    Address {
        /// The site; `None` is any.
        site: Option<String>,
        /// The address; IPv4 is mapped.
        address: Ipv6Addr,
    },
}

/// The key of a verdict: site, host, subject.
pub type VerdictKey = (String, Id, String);
/// The key of a finding: site, finding.
pub type FindingKey = (String, Id);
/// The key of a host: site, host.
pub type HostListKey = (String, Id);

/// A verdict past its time is unknown.
macro_rules! stale {
    () => {
        "t.valid_until > toDateTime64(0, 3, 'UTC') AND t.valid_until <= now"
    };
}
macro_rules! outcome {
    () => {
        concat!("if(", stale!(), ", CAST('unknown', toTypeName(t.outcome)), t.outcome)")
    };
}
macro_rules! reason {
    () => {
        concat!("if(", stale!(), ", 'stale', toString(t.reason))")
    };
}
macro_rules! verdict_columns {
    ($outcome:expr, $reason:expr) => {
        concat!(
            "t.host_id AS host_id, t.subject AS subject, ",
            $outcome,
            " AS outcome, ",
            $reason,
            " AS reason, ",
            "t.evidence AS evidence, t.rule AS rule, t.rule_version AS rule_version, t.decided_at AS decided_at, ",
            "t.valid_until AS valid_until, t.estate_revision AS estate_revision, ",
            "t.inventory_revision AS inventory_revision, t.address AS address, t.title AS title, ",
            "t.stream_sequence AS stream_sequence"
        )
    };
}
macro_rules! verdict_names {
    () => {
        "host_id, subject, outcome, reason, evidence, rule, rule_version, decided_at, valid_until, estate_revision, \
         inventory_revision, address, title, version, stream_sequence, broker_at"
    };
}
macro_rules! finding_names {
    () => {
        "finding_id, finding_state, first_seen, last_seen, resolved_at, owner, due_at, disposition, disposition_reason, \
         disposition_until, reopened"
    };
}

/// Fields of a verdict that a filter may name.
pub const VERDICT_COLUMNS: &[Column] = &[
    Column { name: "site", sql: "t.site", kind: Kind::Text },
    Column { name: "host_id", sql: "t.host_id", kind: Kind::Id },
    Column { name: "subject", sql: "t.subject", kind: Kind::Text },
    Column { name: "outcome", sql: outcome!(), kind: OUTCOMES },
    Column { name: "reason", sql: reason!(), kind: Kind::Text },
    Column { name: "rule", sql: "t.rule", kind: Kind::Text },
    Column { name: "address", sql: "t.address", kind: Kind::Address },
    Column { name: "title", sql: "t.title", kind: Kind::Text },
    Column { name: "as_of", sql: "t.decided_at", kind: Kind::Time },
    Column { name: "valid_until", sql: "t.valid_until", kind: Kind::Time },
    Column { name: "inventory_revision", sql: "t.inventory_revision", kind: Kind::Number },
    Column { name: "estate_revision", sql: "t.estate_revision", kind: Kind::Number },
];

/// Fields of a finding that a filter may name.
pub const FINDING_COLUMNS: &[Column] = &[
    Column { name: "site", sql: "t.site", kind: Kind::Text },
    Column { name: "finding_id", sql: "t.finding_id", kind: Kind::Id },
    Column { name: "state", sql: "t.finding_state", kind: STATES },
    Column { name: "reason", sql: "t.reason", kind: Kind::Text },
    Column { name: "subject", sql: "t.subject", kind: Kind::Text },
    Column { name: "outcome", sql: "t.outcome", kind: OUTCOMES },
    Column { name: "owner", sql: "t.owner", kind: Kind::Text },
    Column { name: "host_id", sql: "t.host_id", kind: Kind::Id },
    Column { name: "address", sql: "t.address", kind: Kind::Address },
    Column { name: "title", sql: "t.title", kind: Kind::Text },
    Column { name: "disposition", sql: "t.disposition", kind: DISPOSITIONS },
    Column { name: "first_seen", sql: "t.first_seen", kind: Kind::Time },
    Column { name: "last_seen", sql: "t.last_seen", kind: Kind::Time },
    Column { name: "resolved_at", sql: "t.resolved_at", kind: Kind::Time },
    Column { name: "due_at", sql: "t.due_at", kind: Kind::Time },
    Column { name: "reopened", sql: "t.reopened", kind: Kind::Number },
];

/// Fields of a host that a filter may name.
pub const HOST_COLUMNS: &[Column] = &[
    Column { name: "site", sql: "t.site", kind: Kind::Text },
    Column { name: "host_id", sql: "t.host_id", kind: Kind::Id },
    Column { name: "realm", sql: "t.realm", kind: Kind::Text },
    Column { name: "address", sql: "t.address", kind: Kind::Address },
    Column { name: "zone", sql: "t.zone", kind: Kind::Text },
    Column { name: "asset_key", sql: "t.asset_key", kind: Kind::Text },
    Column { name: "name", sql: "t.name", kind: Kind::Text },
    Column { name: "owner", sql: "t.owner", kind: Kind::Text },
    Column { name: "first_seen", sql: "t.first_seen", kind: Kind::Time },
];

pub(crate) const VERDICTS: Shape = Shape {
    select: concat!("t.site AS site, ", verdict_columns!(outcome!(), reason!())),
    source: Source::State {
        current: "verdicts",
        log: "verdict_log",
        log_condition: "",
        key: "site, host_id, subject",
        columns: concat!("site, ", verdict_names!()),
    },
    columns: VERDICT_COLUMNS,
    site: "t.site",
    key: "t.site, t.host_id, t.subject",
    order: "t.site, t.host_id, t.subject",
};

pub(crate) const FINDINGS: Shape = Shape {
    select: concat!(
        "t.site AS site, t.finding_id AS finding_id, t.finding_state AS finding_state, t.first_seen AS first_seen, ",
        "t.last_seen AS last_seen, t.resolved_at AS resolved_at, t.owner AS owner, t.due_at AS due_at, ",
        "t.disposition AS disposition, t.disposition_reason AS disposition_reason, ",
        "t.disposition_until AS disposition_until, t.reopened AS reopened, ",
        verdict_columns!("t.outcome", "t.reason")
    ),
    source: Source::State {
        current: "findings",
        log: "verdict_log",
        log_condition: "finding_state != 'none' AND ",
        key: "site, finding_id",
        columns: concat!("site, ", finding_names!(), ", ", verdict_names!()),
    },
    columns: FINDING_COLUMNS,
    site: "t.site",
    key: "t.site, t.finding_id",
    order: "t.site, t.finding_id",
};

pub(crate) const HOSTS: Shape = Shape {
    select: "t.site AS site, t.host_id AS host_id, t.realm AS realm, t.address AS address, t.zone AS zone, \
             t.asset_key AS asset_key, t.name AS name, t.owner AS owner, t.first_seen AS first_seen",
    source: Source::State {
        current: "hosts",
        log: "host_log",
        log_condition: "",
        key: "site, host_id",
        columns: "site, host_id, realm, address, zone, asset_key, name, owner, first_seen, version, broker_at",
    },
    columns: HOST_COLUMNS,
    site: "t.site",
    key: "t.site, t.host_id",
    order: "t.site, t.host_id",
};

/// A page of hosts, joined with what the page's addresses and ids have elsewhere.
fn with_activity(page: &Sql) -> Sql {
    let mut sql = page.clone();
    let text = format!(
        "WITH page AS ({}) SELECT p.site AS site, p.host_id AS host_id, p.realm AS realm, p.address AS address, \
         p.zone AS zone, p.asset_key AS asset_key, p.name AS name, p.owner AS owner, p.first_seen AS first_seen, \
         o.last_seen AS last_seen, o.open_ports AS open_ports, f.open_findings AS open_findings FROM page AS p \
         LEFT JOIN (SELECT site, address, max(observed_at) AS last_seen, uniqExact(transport, port) AS open_ports \
         FROM observations WHERE (site, address) IN (SELECT site, address FROM page) GROUP BY site, address) AS o \
         ON o.site = p.site AND o.address = p.address \
         LEFT JOIN (SELECT site, host_id, countIf(finding_state = 'open') AS open_findings FROM findings FINAL \
         WHERE (site, host_id) IN (SELECT site, host_id FROM page) GROUP BY site, host_id) AS f \
         ON f.site = p.site AND f.host_id = p.host_id ORDER BY p.site, p.host_id",
        page.text()
    );
    sql.replace_text(text);
    sql
}

impl List<FindingKey> {
    /// The statement of [`Store::list_findings`].
    ///
    /// # Errors
    /// A filter that does not fit.
    pub fn statement(&self) -> Result<Statement, StoreError> {
        Ok(Statement::new(&findings_sql(self)?, &self.ask))
    }
}

impl Store {
    /// Verdicts in the order of (site, host, subject).
    ///
    /// # Errors
    /// A filter that does not fit, a deadline, a limit.
    pub async fn list_verdicts(&self, list: &List<VerdictKey>) -> Result<Vec<ListedVerdict>, StoreError> {
        self.rows("list verdicts", &verdicts_sql(list)?, &list.ask).await
    }

    /// Findings in the order of (site, finding).
    ///
    /// # Errors
    /// A filter that does not fit, a deadline, a limit.
    pub async fn list_findings(&self, list: &List<FindingKey>) -> Result<Vec<ListedFinding>, StoreError> {
        self.rows("list findings", &findings_sql(list)?, &list.ask).await
    }

    /// One finding, of any site that the caller may see.
    ///
    /// # Errors
    /// A deadline, a limit.
    pub async fn get_finding(
        &self,
        finding_id: Id,
        sites: Option<&[String]>,
        ask: &Ask,
    ) -> Result<Option<ListedFinding>, StoreError> {
        let sql = one(&FINDINGS, sites, |sql| {
            sql.push("t.finding_id = ").bind(Param::Id(finding_id));
        });
        Ok(self.rows("get a finding", &sql, ask).await?.into_iter().next())
    }

    /// Hosts in the order of (site, host).
    ///
    /// # Errors
    /// A filter that does not fit, a deadline, a limit.
    pub async fn list_hosts(&self, list: &List<HostListKey>) -> Result<Vec<ListedHost>, StoreError> {
        self.rows("list hosts", &hosts_sql(list)?, &list.ask).await
    }

    /// The hosts that a key means: an address may mean one in each site.
    ///
    /// # Errors
    /// A deadline, a limit.
    pub async fn find_hosts(
        &self,
        key: &HostKey,
        sites: Option<&[String]>,
        ask: &Ask,
    ) -> Result<Vec<ListedHost>, StoreError> {
        self.rows("find a host", &find_sql(key, sites), ask).await
    }

    /// The services that one sweep found on one address, by transport and port.
    ///
    /// # Errors
    /// A deadline, a limit.
    pub async fn list_services_of_sweep(
        &self,
        site: &str,
        address: Ipv6Addr,
        sweep_id: Id,
        ask: &Ask,
    ) -> Result<Vec<ListedService>, StoreError> {
        self.rows("list a sweep's services", &services_of_sweep_sql(site, address, sweep_id), ask).await
    }

    /// A host's services and verdicts.
    ///
    /// # Errors
    /// A deadline, a limit.
    pub async fn get_host(&self, host: ListedHost, now: Millis, ask: &Ask) -> Result<HostDetail, StoreError> {
        let (services, verdicts) = (services_sql(&host), host_verdicts_sql(&host, now));
        let (services, verdicts) = tokio::try_join!(
            self.rows("list a host's services", &services, ask),
            self.rows("list a host's verdicts", &verdicts, ask)
        )?;
        Ok(HostDetail { host, services, verdicts })
    }
}

/// The services that one sweep found on one address.
pub(crate) fn services_of_sweep_sql(site: &str, address: Ipv6Addr, sweep_id: Id) -> Sql {
    let mut sql = Sql::new(SERVICES_SELECT);
    sql.bind(Param::Text(site.to_owned())).push(" AND address = ").bind(Param::Address(address));
    sql.push(" AND sweep_id = ").bind(Param::Id(sweep_id));
    sql.push(" ORDER BY transport, port, stream_sequence DESC, unit DESC LIMIT 1 BY transport, port");
    sql
}

pub(crate) fn verdicts_sql(list: &List<VerdictKey>) -> Result<Sql, StoreError> {
    list.sql(&VERDICTS, |(site, host, subject), sql| {
        sql.bind(Param::Text(site.clone()))
            .push(", ")
            .bind(Param::Id(*host))
            .push(", ")
            .bind(Param::Text(subject.clone()));
    })
}

pub(crate) fn findings_sql(list: &List<FindingKey>) -> Result<Sql, StoreError> {
    list.sql(&FINDINGS, |(site, id), sql| {
        sql.bind(Param::Text(site.clone())).push(", ").bind(Param::Id(*id));
    })
}

pub(crate) fn hosts_sql(list: &List<HostListKey>) -> Result<Sql, StoreError> {
    let page = list.sql(&HOSTS, |(site, id), sql| {
        sql.bind(Param::Text(site.clone())).push(", ").bind(Param::Id(*id));
    })?;
    Ok(with_activity(&page))
}

pub(crate) fn find_sql(key: &HostKey, sites: Option<&[String]>) -> Sql {
    let page = one(&HOSTS, sites, |sql| match key {
        HostKey::Id(id) => {
            sql.push("t.host_id = ").bind(Param::Id(*id));
        }
        HostKey::Address { site, address } => {
            sql.push("t.address = ").bind(Param::Address(*address));
            if let Some(site) = site {
                sql.push(" AND t.site = ").bind(Param::Text(site.clone()));
            }
        }
    });
    with_activity(&page)
}

/// A host id of a former site may stand in more than one: the caller decides among at most 100.
fn one(shape: &Shape, sites: Option<&[String]>, condition: impl FnOnce(&mut Sql)) -> Sql {
    let current = match &shape.source {
        Source::Plain(text) => text,
        Source::State { current, .. } => current,
    };
    let mut sql = Sql::new("SELECT ");
    sql.push(shape.select).push(" FROM ").push(current).push(" AS t FINAL WHERE ");
    condition(&mut sql);
    if let Some(sites) = sites {
        sql.push(" AND ").push(shape.site).push(" IN ").bind(Param::Texts(sites.to_vec()));
    }
    sql.push(" ORDER BY ").push(shape.order).push(" LIMIT 100");
    sql
}

const SERVICES_SELECT: &str = "SELECT transport, port, service, vendor, product, version, evidence, tls, banner, certificate_sha256, \
     os_product, os_version, tls_version, observed_at, sweep_id FROM observations WHERE site = ";

pub(crate) fn services_sql(host: &ListedHost) -> Sql {
    let mut sql = Sql::new(SERVICES_SELECT);
    sql.bind(Param::Text(host.site.clone())).push(" AND address = ").bind(Param::Address(host.address));
    sql.push(" ORDER BY transport, port, stream_sequence DESC, unit DESC LIMIT 1 BY transport, port");
    sql
}

pub(crate) fn host_verdicts_sql(host: &ListedHost, now: Millis) -> Sql {
    let mut sql = Sql::new("WITH ");
    sql.bind(Param::Time(now))
        .push(" AS now SELECT ")
        .push(VERDICTS.select)
        .push(" FROM verdicts AS t FINAL WHERE t.site = ");
    sql.bind(Param::Text(host.site.clone())).push(" AND t.host_id = ").bind(Param::Id(host.host_id));
    sql.push(" ORDER BY t.subject");
    sql
}
