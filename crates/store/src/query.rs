//! Typed questions with bound parameters.

mod filter;
#[cfg(test)]
pub(crate) mod goldens;
mod groups;
mod ledger;
mod list;
mod proven;
mod sql;
mod told;

pub use filter::{Column, Compare, Filter, FilterError, Kind, Value};
pub use groups::{Dimensions, FindingGroup, Grouping};
pub use ledger::{Cut, Ledger, TableCheck};
pub use list::List;
pub use proven::{
    Evidence, FINDING_COLUMNS, FindingKey, HOST_COLUMNS, HostDetail, HostKey, HostListKey, ListedFinding, ListedHost,
    ListedService, ListedVerdict, VERDICT_COLUMNS, VerdictKey,
};
pub use sql::{Ask, Statement};
pub(crate) use sql::{Param, Sql};
pub(crate) use told::assets_at_sql;
pub use told::{
    ASSET_COLUMNS, AssetKey, BULLETIN_COLUMNS, BulletinKey, DrawDetail, DrawnItem, Identifier, ListedAsset,
    ListedBulletin, ListedDraw, ListedSweep, SWEEP_COLUMNS, SiteSummary, SweepKey,
};
