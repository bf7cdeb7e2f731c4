//! Lists: a filter, the sites a caller may see, and a key to go on from. No offset: a page costs the same however far.

use super::filter::{Column, Filter};
use super::sql::{Ask, Param, Sql};
use crate::error::StoreError;
use crate::rows::Millis;

/// What to list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct List<K> {
    /// Which rows.
    pub filter: Option<Filter>,
    /// Which sites the caller may see; `None` is all.
    pub sites: Option<Vec<String>>,
    /// The key of the last row of the previous page.
    pub after: Option<K>,
    /// Rows of a page.
    pub limit: u32,
    /// As it stood then, by the broker's time; `None` is now.
    pub as_of: Option<Millis>,
    /// The present, at which verdicts past their `valid_until` are unknown.
    pub now: Millis,
    /// Limits and the name for a cancel.
    pub ask: Ask,
}

/// A list's shape; the texts are constants of this crate.
pub(crate) struct Shape {
    pub(crate) select: &'static str,
    pub(crate) source: Source,
    pub(crate) columns: &'static [Column],
    /// The column that holds the site; empty where there is none.
    pub(crate) site: &'static str,
    pub(crate) key: &'static str,
    pub(crate) order: &'static str,
}

pub(crate) enum Source {
    /// A table or subquery without a past.
    Plain(&'static str),
    /// A current-state table; its past is in a log.
    State {
        current: &'static str,
        log: &'static str,
        log_condition: &'static str,
        key: &'static str,
        columns: &'static str,
    },
}

impl<K> List<K> {
    /// The page's statement. `{now}` in the shape's texts is the caller's present.
    pub(crate) fn sql(&self, shape: &Shape, after: impl FnOnce(&K, &mut Sql)) -> Result<Sql, StoreError> {
        let mut sql = Sql::new("WITH ");
        sql.bind(Param::Time(self.as_of.unwrap_or(self.now))).push(" AS now SELECT ").push(shape.select).push(" FROM ");
        match (&shape.source, self.as_of) {
            (Source::Plain(text), _) => {
                sql.push(text);
            }
            (Source::State { current, .. }, None) => {
                sql.push(current).push(" AS t FINAL");
            }
            (Source::State { current, log, log_condition, key, columns }, Some(_)) => {
                // The log holds every change of its retention; the current row stands for what is older.
                sql.push("(SELECT ").push(columns).push(" FROM (SELECT ").push(columns).push(" FROM ").push(log);
                sql.push(" WHERE ").push(log_condition).push("broker_at <= now UNION ALL SELECT ").push(columns);
                sql.push(" FROM ").push(current).push(" WHERE broker_at <= now) ORDER BY ").push(key);
                sql.push(", version DESC LIMIT 1 BY ").push(key).push(") AS t");
            }
        }
        sql.push(" WHERE 1");
        if let Some(sites) = self.sites.as_ref().filter(|_| !shape.site.is_empty()) {
            sql.push(" AND ").push(shape.site).push(" IN ").bind(Param::Texts(sites.clone()));
        }
        if let Some(filter) = &self.filter {
            sql.push(" AND ");
            filter.write(shape.columns, &mut sql)?;
        }
        if let Some(key) = &self.after {
            sql.push(" AND (").push(shape.key).push(") > (");
            after(key, &mut sql);
            sql.push(")");
        }
        sql.push(" ORDER BY ").push(shape.order).push(" LIMIT ").bind(Param::Count(u64::from(self.limit)));
        Ok(sql)
    }
}
