//! Numbered migrations, and the check that the schema is the one this program knows.
//!
//! A migration is a file of idempotent statements, embedded in the program; what was applied is recorded with its
//! SHA-256. An applied migration is never edited: a change is a new file.

use std::collections::HashMap;
use std::sync::LazyLock;

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::store::Store;

/// The kind of tables: one server's, or replicated ones.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum TableEngine {
    /// MergeTree: one server.
    #[default]
    Local,
    /// ReplicatedMergeTree on every server of a cluster.
    Replicated {
        /// Name of the cluster in the server's configuration.
        cluster: String,
    },
}

/// One numbered step of the schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its number; they count from 1 without a gap.
    pub version: u32,
    /// Its name.
    pub name: &'static str,
    template: &'static str,
}

macro_rules! migrations {
    ($($version:literal $name:literal $file:literal;)+) => {
        &[$(Migration { version: $version, name: $name, template: include_str!(concat!("../migrations/", $file)) }),+]
    };
}

/// Every migration in order.
pub const MIGRATIONS: &[Migration] = migrations![
    1 "observed" "0001-observed.sql";
    2 "planned" "0002-planned.sql";
    3 "declared" "0003-declared.sql";
    4 "proven" "0004-proven.sql";
    5 "views" "0005-views.sql";
    6 "overdue" "0006-overdue.sql";
    7 "sources" "0007-sources.sql";
    8 "missed" "0008-missed.sql";
    9 "identified" "0009-identified.sql";
];

/// The schema version that this program reads and writes.
#[expect(clippy::cast_possible_truncation, reason = "a handful of files")]
pub const SCHEMA_VERSION: u32 = MIGRATIONS.len() as u32;

/// Inserts of a table whose tokens are remembered. A repeat comes within the next few inserts; a takeover repeats one
/// declared range. 100,000 inserts at one a second are more than a day.
const DEDUPLICATION_WINDOW: u32 = 100_000;

/// IPv4 is mapped into IPv6 in the tables and reads as IPv4.
pub(crate) const ADDRESS_TEXT: &str =
    "if(isIPv4String(substring(toString(address), 8)), substring(toString(address), 8), toString(address))";

/// The tables' tuples have no names, the views' have.
const EVIDENCE: &str =
    "CAST(evidence, 'Array(Tuple(path String, value String, source String, at DateTime64(3, \\'UTC\\')))')";

/// The type of a column as a migration declares it; empty for a column that none declares.
pub(crate) fn declared_type(table: &str, column: &str) -> &'static str {
    static TYPES: LazyLock<HashMap<(&str, &str), &str>> = LazyLock::new(|| {
        let (mut table, mut types) = ("", HashMap::new());
        for line in MIGRATIONS.iter().flat_map(|migration| migration.template.lines()) {
            let begins = ["CREATE TABLE IF NOT EXISTS ", "ALTER TABLE "].into_iter();
            if let Some(rest) = begins.filter_map(|begin| line.strip_prefix(begin)).next() {
                table = rest.split(' ').next().unwrap_or_default();
            } else if let Some(added) = line.strip_prefix("    ADD COLUMN IF NOT EXISTS ") {
                let added = added.trim_end_matches([',', ';']);
                let ends = [" AFTER ", " DEFAULT "].into_iter().filter_map(|word| added.find(word)).min();
                if let Some((name, kind)) = added[..ends.unwrap_or(added.len())].split_once(' ') {
                    types.insert((table, name), kind);
                }
            } else if let Some((name, kind)) = line.strip_prefix("    ").and_then(|line| line.split_once(' ')) {
                types.insert((table, name), kind.trim_end_matches(','));
            }
        }
        types
    });
    TYPES.get(&(table, column)).copied().unwrap_or_default()
}

impl TableEngine {
    /// The statements of a migration for this kind of tables.
    #[must_use]
    pub fn statements(&self, migration: &Migration) -> Vec<String> {
        let text = migration.template.lines().filter(|line| !line.trim_start().starts_with("--"));
        let text = self.expand(&text.collect::<Vec<_>>().join("\n"));
        text.split(";\n").map(|s| s.trim().trim_end_matches(';').to_owned()).filter(|s| !s.is_empty()).collect()
    }

    fn expand(&self, template: &str) -> String {
        let (merge_tree, replacing, settings) = match self {
            Self::Local => (
                "MergeTree".to_owned(),
                "ReplacingMergeTree(version)".to_owned(),
                format!("non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}"),
            ),
            Self::Replicated { .. } => (
                "ReplicatedMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')".to_owned(),
                "ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)"
                    .to_owned(),
                // A week: longer than any outage after which a range is repeated.
                format!(
                    "replicated_deduplication_window = {DEDUPLICATION_WINDOW}, replicated_deduplication_window_seconds = 604800"
                ),
            ),
        };
        template
            .replace("{settings}", &settings)
            .replace(" {on_cluster}", &self.on_cluster())
            .replace("{address_text}", ADDRESS_TEXT)
            .replace("{evidence}", EVIDENCE)
            .replace("{stale}", "valid_until > {unset} AND valid_until <= now64(3)")
            .replace("{unset}", "toDateTime64(0, 3, 'UTC')")
            .replace("{no_id}", "toFixedString('', 16)")
            .replace("{replacing_merge_tree}", &replacing)
            .replace("{merge_tree}", &merge_tree)
    }

    fn on_cluster(&self) -> String {
        match self {
            Self::Local => String::new(),
            Self::Replicated { cluster } => format!(" ON CLUSTER `{}`", cluster.replace('`', "")),
        }
    }
}

impl Migration {
    /// SHA-256 of the file, in hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> String {
        Sha256::digest(self.template.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[derive(Row, Deserialize)]
struct Applied {
    version: u32,
    name: String,
    sha256: String,
}

const RECORD: &str = "CREATE TABLE IF NOT EXISTS schema_migrations {on_cluster}
(version UInt32, name String, sha256 String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3))
ENGINE = {merge_tree} ORDER BY version SETTINGS {settings}";

impl Store {
    /// Makes the database and applies the migrations that are not applied; says which.
    ///
    /// # Errors
    /// When the user may not, when the schema is newer than this program or of the other kind of tables, or when an
    /// applied migration has changed.
    pub async fn migrate(&self, engine: &TableEngine) -> Result<Vec<&'static Migration>, StoreError> {
        self.check_engine(engine).await?;
        let database = self.options.database.replace('`', "");
        let create = format!("CREATE DATABASE IF NOT EXISTS `{database}`{}", engine.on_cluster());
        let outside = self.client.clone().with_database("default");
        self.within("create the database", self.options.insert_timeout(), outside.query_raw(&create).execute()).await?;
        self.execute("record migrations", &engine.expand(RECORD)).await?;
        let applied = self.applied().await?;
        self.compare(&applied)?;
        let mut done = Vec::new();
        for migration in MIGRATIONS.iter().skip(applied.len()) {
            for statement in engine.statements(migration) {
                self.execute(&format!("apply migration {:04}-{}", migration.version, migration.name), &statement)
                    .await?;
            }
            self.record(migration).await?;
            done.push(migration);
        }
        Ok(done)
    }

    /// Whether the schema is exactly the one that this program knows.
    ///
    /// # Errors
    /// When it is missing, older, newer or was made by other texts.
    pub async fn check_schema(&self) -> Result<(), StoreError> {
        let applied = self.applied().await?;
        self.compare(&applied)?;
        let database = self.options.database.clone();
        match applied.last() {
            None => Err(StoreError::SchemaMissing { url: self.options.url.clone(), database }),
            Some(last) if last.version < SCHEMA_VERSION => {
                Err(StoreError::SchemaTooOld { database, found: last.version, required: SCHEMA_VERSION })
            }
            Some(_) => Ok(()),
        }
    }

    /// Tables of one kind beside tables of the other would be a store that is replicated in part.
    async fn check_engine(&self, engine: &TableEngine) -> Result<(), StoreError> {
        let query = "SELECT engine FROM system.tables WHERE database = ? AND name = 'schema_migrations'";
        let asked = self.client.clone().with_database("default").query(query).bind(&self.options.database);
        let deadline = self.options.connect_timeout();
        let found = self.within("which kind of tables there are", deadline, asked.fetch_optional::<String>()).await?;
        let wanted = match engine {
            TableEngine::Local => "MergeTree",
            TableEngine::Replicated { .. } => "ReplicatedMergeTree",
        };
        match found {
            Some(found) if found != wanted => {
                Err(StoreError::OtherEngine { database: self.options.database.clone(), found, wanted })
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn applied(&self) -> Result<Vec<Applied>, StoreError> {
        let query = self
            .client
            .query_raw("SELECT version, name, sha256 FROM schema_migrations ORDER BY version LIMIT 1 BY version");
        self.within("read the schema's version", self.options.connect_timeout(), query.fetch_all::<Applied>()).await
    }

    fn compare(&self, applied: &[Applied]) -> Result<(), StoreError> {
        let database = &self.options.database;
        if let Some(last) = applied.last().filter(|last| last.version > SCHEMA_VERSION) {
            return Err(StoreError::SchemaTooNew {
                database: database.clone(),
                found: last.version,
                required: SCHEMA_VERSION,
            });
        }
        let changed = applied
            .iter()
            .zip(MIGRATIONS)
            .find(|(there, here)| there.version != here.version || there.sha256 != here.sha256());
        match changed {
            None => Ok(()),
            Some((there, _)) => Err(StoreError::MigrationChanged {
                database: database.clone(),
                version: there.version,
                name: there.name.clone(),
            }),
        }
    }

    async fn record(&self, migration: &Migration) -> Result<(), StoreError> {
        let insert = self
            .client
            .query_raw("INSERT INTO schema_migrations (version, name, sha256) SELECT {version:UInt32}, {name:String}, {sha256:String}")
            .param("version", migration.version)
            .param("name", migration.name)
            .param("sha256", migration.sha256())
            .with_setting("async_insert", "0")
            .with_setting("insert_deduplication_token", format!("migration-{}", migration.version));
        self.within("record a migration", self.options.insert_timeout(), insert.execute()).await
    }

    pub(crate) async fn execute(&self, what: &str, statement: &str) -> Result<(), StoreError> {
        let query = self.client.query_raw(statement).with_setting("wait_end_of_query", "1");
        self.within(what, self.options.insert_timeout(), query.execute()).await
    }
}
