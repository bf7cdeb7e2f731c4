//! What was declared and planned: assets, sweeps, draws, bulletins; and the figures of each site.

use std::net::Ipv6Addr;

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use super::filter::{Column, Kind};
use super::list::{List, Shape, Source};
use super::sql::{Ask, Param, Sql};
use crate::error::StoreError;
use crate::rows::{Id, Millis};
use crate::store::Store;

/// Kind, value, valid from, valid until.
pub type Identifier = (String, String, Millis, Millis);

/// An asset as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
#[allow(missing_docs, reason = "a field is the column of its name; proto/muster/v1 says what it means")]
pub struct ListedAsset {
    pub site: String,
    pub key: String,
    pub name: String,
    pub owner: String,
    pub support_group: String,
    pub role: String,
    pub zone: String,
    pub base_image: String,
    pub criticality: String,
    pub identifiers: Vec<Identifier>,
    #[serde(with = "serde_bytes")]
    pub claims: Vec<u8>,
    pub revision: u64,
    pub changed_at: Millis,
}

/// A sweep or an audit of one site; while it runs the figures are those of its slices so far.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
#[allow(missing_docs, reason = "a field is the column of its name; proto/muster/v1 says what it means")]
pub struct ListedSweep {
    pub sweep_id: Id,
    pub kind: i8,
    pub site: String,
    pub schedule: String,
    pub due_at: Millis,
    pub started_at: Millis,
    /// 0 while it runs.
    pub finished_at: Millis,
    pub planned: u64,
    pub open: u64,
    pub closed: u64,
    pub silent: u64,
    pub skipped: u64,
    pub lost: u64,
    pub void: bool,
    pub void_reason: String,
    pub leases: u32,
    pub leases_finished: u32,
    pub leases_failed: u32,
    pub draw_id: Id,
    pub missed_share_max: f64,
    pub missed_pairs_max: u64,
    pub missed_unstated: String,
    pub missed_loss: f64,
    pub attempts_sent: Vec<u64>,
    pub attempts_answered: Vec<u64>,
    pub answers_dropped: u64,
}

/// A draw.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
#[allow(missing_docs, reason = "a field is the column of its name; proto/muster/v1 says what it means")]
pub struct ListedDraw {
    pub draw_id: Id,
    pub site: String,
    pub schedule: String,
    pub due_at: Millis,
    pub method: String,
    #[serde(with = "serde_bytes")]
    pub seed: Vec<u8>,
    #[serde(with = "serde_bytes")]
    pub frame_root: Vec<u8>,
    pub frame_size: u64,
    pub inventory_revision: u64,
}

/// One drawn item.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
#[allow(missing_docs, reason = "a field is the column of its name; proto/muster/v1 says what it means")]
pub struct DrawnItem {
    pub position: u32,
    pub item: String,
    pub address: Ipv6Addr,
    #[serde(with = "serde_bytes")]
    pub ticket: Vec<u8>,
}

/// A draw with its items in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawDetail {
    /// The draw.
    pub draw: ListedDraw,
    /// What it drew.
    pub items: Vec<DrawnItem>,
}

/// A bulletin at its latest revision.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
#[allow(missing_docs, reason = "a field is the column of its name; proto/muster/v1 says what it means")]
pub struct ListedBulletin {
    pub feed: String,
    pub publisher: String,
    pub bulletin_id: String,
    pub feed_version: String,
    #[serde(with = "serde_bytes")]
    pub content_sha256: Vec<u8>,
    pub title: String,
    pub description: String,
    pub vendor: String,
    pub product: String,
    pub published_at: Millis,
    pub due_at: Millis,
    pub exploited: bool,
    pub ransomware: bool,
    pub required_action: String,
    pub aliases: Vec<String>,
    pub weaknesses: Vec<String>,
    pub references: Vec<String>,
    pub withdrawn: bool,
    #[serde(with = "serde_bytes")]
    pub source_sha256: Vec<u8>,
    pub occurred_at: Millis,
}

/// The figures of a site; the fields are those of `muster.v1.SiteSummary`.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
#[allow(missing_docs, reason = "a field is the column of its name; proto/muster/v1 says what it means")]
pub struct SiteSummary {
    pub site: String,
    pub hosts_seen: u64,
    pub known: u64,
    pub managed: u64,
    pub rogue: u64,
    pub unapproved_services: u64,
    pub misplaced: u64,
    pub silent_assets: u64,
    pub assets: u64,
    pub units_planned: u64,
    pub units_answered: u64,
    pub last_sweep_at: Millis,
    pub last_counted_sweep_at: Millis,
    pub last_counted_audit_at: Millis,
    pub findings_open: u64,
}

/// The key of an asset: site, key.
pub type AssetKey = (String, String);
/// The key of a sweep: when it started, its id; the latest come first.
pub type SweepKey = (Millis, Id);
/// The key of a bulletin: when it was published, feed, id; the latest come first.
pub type BulletinKey = (Millis, String, String);

/// The inventory as it stands: the last import that took effect and the deltas after it.
macro_rules! assets {
    ($bound:literal) => {
        concat!(
            "(SELECT c.*, b.base_revision AS base_revision FROM inventory_changes AS c LEFT JOIN (SELECT site, ",
            "argMax(import_id, stream_sequence) AS base_import, max(stream_sequence) AS base_sequence, ",
            "argMax(revision, stream_sequence) AS base_revision FROM inventory_manifests WHERE 1",
            $bound,
            " GROUP BY site) AS b ON c.site = b.site WHERE if(c.import_id = toFixedString('', 16), ",
            "c.stream_sequence > b.base_sequence, c.import_id = b.base_import)",
            $bound,
            " ORDER BY c.site, c.key, c.stream_sequence DESC, c.position DESC LIMIT 1 BY c.site, c.key) AS t"
        )
    };
}

const ASSET_SELECT: &str = "t.site AS site, t.key AS key, t.name AS name, t.owner AS owner, t.support_group AS support_group, \
     t.role AS role, t.zone AS zone, t.base_image AS base_image, t.criticality AS criticality, \
     t.identifiers AS identifiers, t.claims AS claims, greatest(t.revision, t.base_revision) AS revision, t.occurred_at AS changed_at";

/// Fields of an asset that a filter may name.
pub const ASSET_COLUMNS: &[Column] = &[
    Column { name: "site", sql: "t.site", kind: Kind::Text },
    Column { name: "key", sql: "t.key", kind: Kind::Text },
    Column { name: "name", sql: "t.name", kind: Kind::Text },
    Column { name: "owner", sql: "t.owner", kind: Kind::Text },
    Column { name: "support_group", sql: "t.support_group", kind: Kind::Text },
    Column { name: "role", sql: "t.role", kind: Kind::Text },
    Column { name: "zone", sql: "t.zone", kind: Kind::Text },
    Column { name: "base_image", sql: "t.base_image", kind: Kind::Text },
    Column { name: "criticality", sql: "t.criticality", kind: Kind::Text },
    Column { name: "identifier", sql: "tupleElement(t.identifiers, 2)", kind: Kind::Texts },
    Column { name: "source", sql: "tupleElement(t.sources, 1)", kind: Kind::Texts },
    Column { name: "changed_at", sql: "t.occurred_at", kind: Kind::Time },
];

/// Fields of a sweep that a filter may name.
pub const SWEEP_COLUMNS: &[Column] = &[
    Column { name: "site", sql: "t.site", kind: Kind::Text },
    Column { name: "sweep_id", sql: "t.sweep_id", kind: Kind::Id },
    Column { name: "kind", sql: "t.kind", kind: Kind::Names(&["sweep", "audit"]) },
    Column { name: "schedule", sql: "t.schedule", kind: Kind::Text },
    Column { name: "draw_id", sql: "t.draw_id", kind: Kind::Id },
    Column { name: "void", sql: "t.void", kind: Kind::Bool },
    Column { name: "running", sql: "(t.finished_at = toDateTime64(0, 3, 'UTC'))", kind: Kind::Bool },
    Column { name: "due_at", sql: "t.due_at", kind: Kind::Time },
    Column { name: "started_at", sql: "t.started_at", kind: Kind::Time },
    Column { name: "finished_at", sql: "t.finished_at", kind: Kind::Time },
];

/// Fields of a bulletin that a filter may name.
pub const BULLETIN_COLUMNS: &[Column] = &[
    Column { name: "feed", sql: "t.feed", kind: Kind::Text },
    Column { name: "bulletin_id", sql: "t.bulletin_id", kind: Kind::Text },
    Column { name: "title", sql: "t.title", kind: Kind::Text },
    Column { name: "description", sql: "t.description", kind: Kind::Text },
    Column { name: "vendor", sql: "t.vendor", kind: Kind::Text },
    Column { name: "product", sql: "t.product", kind: Kind::Text },
    Column { name: "exploited", sql: "t.exploited", kind: Kind::Bool },
    Column { name: "ransomware", sql: "t.ransomware", kind: Kind::Bool },
    Column { name: "withdrawn", sql: "t.withdrawn", kind: Kind::Bool },
    Column { name: "published_at", sql: "t.published_at", kind: Kind::Time },
    Column { name: "due_at", sql: "t.due_at", kind: Kind::Time },
    Column { name: "received_at", sql: "t.occurred_at", kind: Kind::Time },
    Column { name: "alias", sql: "t.aliases", kind: Kind::Texts },
    Column { name: "weakness", sql: "t.weaknesses", kind: Kind::Texts },
];

pub(crate) const ASSETS: Shape = Shape {
    select: ASSET_SELECT,
    // The latest change of a removed asset says so and has no row in the list.
    source: Source::Plain(concat!("(SELECT * FROM ", assets!(""), " WHERE NOT removed) AS t")),
    columns: ASSET_COLUMNS,
    site: "t.site",
    key: "t.site, t.key",
    order: "t.site, t.key",
};

pub(crate) const SWEEPS: Shape = Shape {
    select: "t.*",
    source: Source::Plain(
        "(SELECT s.sweep_id AS sweep_id, s.kind AS kind, s.site AS site, s.schedule AS schedule, s.due_at AS due_at, \
         s.started_at AS started_at, f.finished_at AS finished_at, s.units AS planned, f.open AS open, \
         f.closed AS closed, f.silent AS silent, f.skipped AS skipped, f.lost AS lost, f.void AS void, \
         f.void_reason AS void_reason, s.leases AS leases, f.leases_finished AS leases_finished, \
         f.leases_failed AS leases_failed, s.draw_id AS draw_id, f.missed_share_max AS missed_share_max, \
         f.missed_pairs_max AS missed_pairs_max, f.missed_unstated AS missed_unstated, \
         f.missed_loss AS missed_loss, f.attempts_sent AS attempts_sent, \
         f.attempts_answered AS attempts_answered, f.answers_dropped AS answers_dropped FROM sweeps_started AS s \
         LEFT JOIN sweeps_finished AS f ON f.sweep_id = s.sweep_id) AS t",
    ),
    columns: SWEEP_COLUMNS,
    site: "t.site",
    key: "negate(toUnixTimestamp64Milli(t.started_at)), t.sweep_id",
    order: "t.started_at DESC, t.sweep_id",
};

pub(crate) const BULLETINS: Shape = Shape {
    select: "t.feed AS feed, t.publisher AS publisher, t.bulletin_id AS bulletin_id, t.feed_version AS feed_version, \
             t.content_sha256 AS content_sha256, t.title AS title, t.description AS description, t.vendor AS vendor, \
             t.product AS product, t.published_at AS published_at, t.due_at AS due_at, t.exploited AS exploited, \
             t.ransomware AS ransomware, t.required_action AS required_action, t.aliases AS aliases, \
             t.weaknesses AS weaknesses, t.references AS references, t.withdrawn AS withdrawn, \
             t.source_sha256 AS source_sha256, t.occurred_at AS occurred_at",
    source: Source::Plain(
        "(SELECT * FROM bulletins ORDER BY feed, bulletin_id, stream_sequence DESC LIMIT 1 BY feed, bulletin_id) AS t",
    ),
    columns: BULLETIN_COLUMNS,
    site: "",
    key: "negate(toUnixTimestamp64Milli(t.published_at)), t.feed, t.bulletin_id",
    order: "t.published_at DESC, t.feed, t.bulletin_id",
};

/// A page of sweeps; those that run get the figures of their slices so far.
fn with_progress(page: &Sql) -> Sql {
    let mut sql = page.clone();
    let text = format!(
        "WITH page AS ({}) SELECT p.sweep_id AS sweep_id, p.kind AS kind, p.site AS site, p.schedule AS schedule, \
         p.due_at AS due_at, p.started_at AS started_at, p.finished_at AS finished_at, p.planned AS planned, \
         p.open + l.open AS open, p.closed + l.closed AS closed, p.silent + l.silent AS silent, \
         p.skipped + l.skipped AS skipped, p.lost AS lost, p.void AS void, p.void_reason AS void_reason, \
         p.leases AS leases, p.leases_finished AS leases_finished, p.leases_failed AS leases_failed, \
         p.draw_id AS draw_id, p.missed_share_max AS missed_share_max, p.missed_pairs_max AS missed_pairs_max, \
         p.missed_unstated AS missed_unstated, p.missed_loss AS missed_loss, p.attempts_sent AS attempts_sent, \
         p.attempts_answered AS attempts_answered, p.answers_dropped AS answers_dropped FROM page AS p LEFT JOIN (SELECT sweep_id, sum(open) AS open, sum(closed) AS closed, \
         sum(silent) AS silent, sum(skipped) AS skipped FROM slices WHERE (site, sweep_id) IN (SELECT site, sweep_id \
         FROM page WHERE finished_at = toDateTime64(0, 3, 'UTC')) GROUP BY sweep_id) AS l ON l.sweep_id = p.sweep_id \
         ORDER BY p.started_at DESC, p.sweep_id",
        page.text()
    );
    sql.replace_text(text);
    sql
}

pub(crate) fn assets_sql(list: &List<AssetKey>) -> Result<Sql, StoreError> {
    list.sql(&ASSETS, |(site, key), sql| {
        sql.bind(Param::Text(site.clone())).push(", ").bind(Param::Text(key.clone()));
    })
}

pub(crate) fn sweeps_sql(list: &List<SweepKey>) -> Result<Sql, StoreError> {
    let page = list.sql(&SWEEPS, |(started, id), sql| {
        sql.bind(Param::Number(-started)).push(", ").bind(Param::Id(*id));
    })?;
    Ok(with_progress(&page))
}

pub(crate) fn bulletins_sql(list: &List<BulletinKey>) -> Result<Sql, StoreError> {
    list.sql(&BULLETINS, |(published, feed, id), sql| {
        sql.bind(Param::Number(-published)).push(", ").bind(Param::Text(feed.clone())).push(", ");
        sql.bind(Param::Text(id.clone()));
    })
}

/// The inventory of one site up to a position of EVENTS.
pub(crate) fn assets_at_sql(site: &str, cut: u64) -> Sql {
    let mut sql = Sql::new("WITH ");
    sql.bind(Param::Count(cut)).push(" AS cut, ").bind(Param::Text(site.to_owned())).push(" AS only SELECT ");
    sql.push(ASSET_SELECT).push(" FROM ").push(assets!(" AND stream_sequence <= cut AND site = only"));
    sql.push(" WHERE NOT t.removed ORDER BY t.key");
    sql
}

pub(crate) fn draw_sql(draw_id: Id) -> (Sql, Sql) {
    let mut draw = Sql::new(
        "SELECT draw_id, site, schedule, due_at, method, seed, frame_root, frame_size, inventory_revision FROM draws \
         WHERE draw_id = ",
    );
    draw.bind(Param::Id(draw_id)).push(" ORDER BY stream_sequence LIMIT 1");
    let mut items = Sql::new("SELECT position, item, address, ticket FROM draw_items WHERE draw_id = ");
    items.bind(Param::Id(draw_id)).push(" ORDER BY position");
    (draw, items)
}

pub(crate) fn summaries_sql(sites: Option<&[String]>) -> Sql {
    let mut sql = Sql::new(
        "SELECT site, hosts_seen, known, managed, rogue, unapproved_services, misplaced, silent_assets, assets, \
         units_planned, units_answered, ifNull(last_sweep_at, toDateTime64(0, 3, 'UTC')) AS last_sweep_at, \
         ifNull(last_counted_sweep_at, toDateTime64(0, 3, 'UTC')) AS last_counted_sweep_at, \
         ifNull(last_counted_audit_at, toDateTime64(0, 3, 'UTC')) AS last_counted_audit_at, findings_open FROM v_sites",
    );
    if let Some(sites) = sites {
        sql.push(" WHERE site IN ").bind(Param::Texts(sites.to_vec()));
    }
    sql.push(" ORDER BY site");
    sql
}

impl Store {
    /// Assets in the order of (site, key).
    ///
    /// # Errors
    /// A filter that does not fit, a deadline, a limit.
    pub async fn list_assets(&self, list: &List<AssetKey>) -> Result<Vec<ListedAsset>, StoreError> {
        self.rows("list assets", &assets_sql(list)?, &list.ask).await
    }

    /// Sweeps and audits, the latest first.
    ///
    /// # Errors
    /// A filter that does not fit, a deadline, a limit.
    pub async fn list_sweeps(&self, list: &List<SweepKey>) -> Result<Vec<ListedSweep>, StoreError> {
        self.rows("list sweeps", &sweeps_sql(list)?, &list.ask).await
    }

    /// One sweep, of any site that the caller may see.
    ///
    /// # Errors
    /// A deadline, a limit.
    pub async fn get_sweep(
        &self,
        id: Id,
        sites: Option<&[String]>,
        ask: &Ask,
    ) -> Result<Option<ListedSweep>, StoreError> {
        let list = List {
            filter: Some(super::Filter::Compare {
                column: "sweep_id",
                op: super::Compare::Equal,
                value: super::Value::Id(id),
            }),
            sites: sites.map(<[String]>::to_vec),
            limit: 1,
            ask: ask.clone(),
            ..List::default()
        };
        Ok(self.list_sweeps(&list).await?.into_iter().next())
    }

    /// A draw with its items.
    ///
    /// # Errors
    /// A deadline, a limit.
    pub async fn get_draw(&self, draw_id: Id, ask: &Ask) -> Result<Option<DrawDetail>, StoreError> {
        let (draw, items) = draw_sql(draw_id);
        let (draws, items) = tokio::try_join!(
            self.rows::<ListedDraw>("get a draw", &draw, ask),
            self.rows::<DrawnItem>("list a draw's items", &items, ask)
        )?;
        Ok(draws.into_iter().next().map(|draw| DrawDetail { draw, items }))
    }

    /// Bulletins at their latest revision, the latest published first.
    ///
    /// # Errors
    /// A filter that does not fit, a deadline, a limit.
    pub async fn list_bulletins(&self, list: &List<BulletinKey>) -> Result<Vec<ListedBulletin>, StoreError> {
        self.rows("list bulletins", &bulletins_sql(list)?, &list.ask).await
    }

    /// The figures of each site that stands in the estate.
    ///
    /// # Errors
    /// A deadline, a limit.
    pub async fn site_summaries(&self, sites: Option<&[String]>, ask: &Ask) -> Result<Vec<SiteSummary>, StoreError> {
        self.rows("summarize sites", &summaries_sql(sites), ask).await
    }
}
