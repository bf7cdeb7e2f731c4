//! Findings put together: what a person can work through where there are thousands.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use super::filter::Filter;
use super::proven::{FINDING_COLUMNS, FINDINGS};
use super::sql::{Ask, Param, Sql};
use crate::error::StoreError;
use crate::rows::Millis;
use crate::schema::ADDRESS_TEXT;
use crate::store::Store;

/// By what findings are put together, beside their site and reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dimensions {
    /// The /24 or /64 of the address.
    pub subnet: bool,
    /// What a finding is about.
    pub fingerprint: bool,
    /// Who owns the host, or probably does.
    pub owner: bool,
}

/// Which findings, and how.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Grouping {
    /// Which findings.
    pub filter: Option<Filter>,
    /// Which sites the caller may see; `None` is all.
    pub sites: Option<Vec<String>>,
    /// How.
    pub by: Dimensions,
    /// At most so many groups.
    pub limit: u32,
    /// Limits.
    pub ask: Ask,
}

/// A group; the fields are those of `muster.v1.FindingGroup`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
#[allow(missing_docs, reason = "proto/muster/v1 says what a field means")]
pub struct FindingGroup {
    pub site: String,
    pub reason: String,
    pub subnet: String,
    pub fingerprint: String,
    pub owner: String,
    pub owner_source: String,
    pub findings: u64,
    pub hosts: u64,
    pub first_seen: Millis,
    pub last_seen: Millis,
    pub examples: Vec<String>,
    /// Of all groups.
    pub findings_total: u64,
    pub groups_total: u64,
}

/// The /24 or /64 of an address.
const SUBNET: &str = concat!(
    "if(isIPv4String(substring(toString(address), 8)), concat(IPv4NumToString(bitAnd(",
    "IPv4StringToNumOrDefault(substring(toString(address), 8)), 4294967040)), '/24'), ",
    "concat(toString(tupleElement(IPv6CIDRToRange(address, 64), 1)), '/64'))"
);

/// Longest fingerprint of a whole host: so many distinct products.
const PRODUCTS_MAX: u32 = 12;

pub(crate) fn groups_sql(grouping: &Grouping) -> Result<Sql, StoreError> {
    let by = grouping.by;
    let mut sql = Sql::new("WITH ");
    sql.push("f AS (SELECT t.site AS site, t.reason AS reason, ");
    sql.push("t.finding_id AS finding_id, t.host_id AS host_id, t.address AS address, t.subject AS subject, ");
    sql.push("t.title AS title, t.owner AS owner, t.first_seen AS first_seen, t.last_seen AS last_seen ");
    sql.push("FROM findings AS t FINAL WHERE 1");
    if let Some(sites) = &grouping.sites {
        sql.push(" AND ").push(FINDINGS.site).push(" IN ").bind(Param::Texts(sites.clone()));
    }
    if let Some(filter) = &grouping.filter {
        sql.push(" AND ");
        filter.write(FINDING_COLUMNS, &mut sql)?;
    }
    sql.push("), g AS (SELECT f.site AS site, f.reason AS reason, ");
    sql.push(if by.subnet { "f.subnet" } else { "''" }).push(" AS subnet, ");
    sql.push(if by.fingerprint { "if(f.title != '', f.title, p.print)" } else { "''" }).push(" AS fingerprint, ");
    if by.owner {
        sql.push("if(f.owner != '', f.owner, o.owner) AS owner, ");
        sql.push("multiIf(f.owner != '', 'inventory', o.owner != '', 'subnet', '') AS owner_source, ");
    } else {
        sql.push("'' AS owner, '' AS owner_source, ");
    }
    sql.push("count() AS findings, uniqExact(f.host_id) AS hosts, min(f.first_seen) AS first_seen, ");
    sql.push("max(f.last_seen) AS last_seen, arraySort(groupUniqArray(5)(f.text)) AS examples FROM (SELECT *, ");
    sql.push(SUBNET).push(" AS subnet, ").push(ADDRESS_TEXT).push(" AS text FROM f) AS f");
    if by.fingerprint {
        sql.push(" LEFT JOIN (SELECT site, address, arrayStringConcat(arraySort(groupUniqArray(");
        sql.bind(Param::Count(u64::from(PRODUCTS_MAX)));
        sql.push(")(what)), ', ') AS print FROM (SELECT site, address, if(product != '', trim(concat(vendor, ' ', ");
        sql.push("product)), toString(service)) AS what FROM observations WHERE (site, address) IN ");
        sql.push("(SELECT site, address FROM f) ORDER BY site, address, transport, port, stream_sequence DESC, ");
        sql.push("unit DESC LIMIT 1 BY site, address, transport, port) WHERE what != '' GROUP BY site, address) AS p ");
        sql.push("ON p.site = f.site AND p.address = f.address");
    }
    if by.owner {
        sql.push(
            " LEFT JOIN (SELECT site, subnet, tupleElement(argMax(tuple(owner, hosts), (hosts, owner)), 1) AS owner ",
        );
        sql.push("FROM (SELECT site, ").push(SUBNET);
        sql.push(" AS subnet, toString(owner) AS owner, count() AS hosts FROM hosts FINAL WHERE owner != '' ");
        sql.push("AND site IN (SELECT site FROM f) GROUP BY site, subnet, owner) GROUP BY site, subnet) AS o ");
        sql.push("ON o.site = f.site AND o.subnet = f.subnet");
    }
    sql.push(" GROUP BY ALL) SELECT toString(site) AS site, ");
    sql.push("toString(reason) AS reason, subnet, fingerprint, owner, owner_source, findings, hosts, first_seen, ");
    sql.push("last_seen, examples, sum(findings) OVER () AS findings_total, count() OVER () AS groups_total FROM g ");
    sql.push("ORDER BY hosts DESC, findings DESC, site, reason, subnet, fingerprint, owner LIMIT ");
    sql.bind(Param::Count(u64::from(grouping.limit)));
    Ok(sql)
}

impl Store {
    /// Findings put together, the largest groups first.
    ///
    /// # Errors
    /// A filter that does not fit, a deadline, a limit.
    pub async fn group_findings(&self, grouping: &Grouping) -> Result<Vec<FindingGroup>, StoreError> {
        self.rows("group findings", &groups_sql(grouping)?, &grouping.ask).await
    }
}
