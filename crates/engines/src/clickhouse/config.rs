//! The two files of the embedded ClickHouse: the server's and the users'.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use super::{ClickHouseUser, ENGINE, Settings};
use crate::engines::Durability;
use crate::nats::is_name;
use crate::{Error, Password};

/// Marks are the index into columns; 64 MiB hold those of some billions of rows of our narrow tables.
const MARK_CACHE_BYTES: u64 = 64 << 20;
const INDEX_MARK_CACHE_BYTES: u64 = 16 << 20;
/// Merges may take a quarter of the memory, so that queries keep the rest.
const MERGE_MEMORY_SHARE: u64 = 4;
/// Merging yields to inserts and queries: at this nice value (sched(7)) a thread gets a thirtieth of what another one
/// gets while both want to run. Where it falls behind for long, the server delays inserts.
const MERGES_NICE: u8 = 15;
/// Sizes are to be so many times the largest of them before parts are merged; the server's default is 5. Each of the
/// small parts of a flow is rewritten less often, a query reads some more of them.
const MERGE_BASE: u8 = 12;
/// Smaller parts keep all columns in one file: a part of thirty columns is then synced as three files and not as sixty.
const WIDE_PART_BYTES: u64 = 64 << 20;
/// Settings of every user; no default of the server decides durability. Inserts are synchronous (26.x defaults to
/// asynchronous ones), and the metadata of a new table is synced.
const EVERY_PROFILE: [(&str, &str); 3] =
    [("async_insert", "0"), ("wait_for_async_insert", "1"), ("fsync_metadata", "1")];

/// Serves until standard input, a pipe, has no writer any more. The listeners have to be asked for in clickhouse-local.
/// A named pipe would do as well, but `file` reads `*` and `{}` in its path as a pattern.
pub(super) const SERVE: &str =
    "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; SELECT count() FROM file('/dev/stdin', LineAsString)";

/// The server's file: memory, small pools (a thread costs little, an idle server should cost little), durability.
pub(super) fn server(dir: &Path, settings: Settings<'_>) -> String {
    let sync = match settings.durability {
        Durability::EveryWrite => 1,
        Durability::Relaxed => 0,
    };
    let users = escape(&dir.join("users.xml").display().to_string());
    let log = escape(&dir.join("clickhouse.log").display().to_string());
    let memory = settings.memory_bytes;
    let merge_memory = memory / MERGE_MEMORY_SHARE;
    format!(
        "<clickhouse>
  <users_config>{users}</users_config>
  <logger><log>{log}</log><size>16M</size><count>3</count></logger>
  <max_server_memory_usage>{memory}</max_server_memory_usage>
  <merges_mutations_memory_usage_soft_limit>{merge_memory}</merges_mutations_memory_usage_soft_limit>
  <mark_cache_size>{MARK_CACHE_BYTES}</mark_cache_size>
  <index_mark_cache_size>{INDEX_MARK_CACHE_BYTES}</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <max_connections>256</max_connections>
  <max_concurrent_queries>64</max_concurrent_queries>
  <max_thread_pool_free_size>8</max_thread_pool_free_size>
  <os_threads_nice_value_merge_mutate>{MERGES_NICE}</os_threads_nice_value_merge_mutate>
  <background_pool_size>2</background_pool_size>
  <background_merges_mutations_concurrency_ratio>2</background_merges_mutations_concurrency_ratio>
  <background_common_pool_size>2</background_common_pool_size>
  <background_move_pool_size>1</background_move_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <tables_loader_foreground_pool_size>2</tables_loader_foreground_pool_size>
  <tables_loader_background_pool_size>1</tables_loader_background_pool_size>
  <merge_tree>
    <merge_selector_base>{MERGE_BASE}</merge_selector_base>
    <min_bytes_for_wide_part>{WIDE_PART_BYTES}</min_bytes_for_wide_part>
    <!-- An answered insert is on the disk: the files of the part, its folder after the rename, and the merged part
         before the parts that it replaces go. -->
    <fsync_after_insert>{sync}</fsync_after_insert>
    <fsync_part_directory>{sync}</fsync_part_directory>
    <min_rows_to_fsync_after_merge>{sync}</min_rows_to_fsync_after_merge>
    <!-- These must be below background_pool_size times the ratio, 4. -->
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
</clickhouse>
"
    )
}

/// The users' file. `default` runs the query that keeps the process up; it must have no password, and may do no more.
pub(super) fn users(users: &[ClickHouseUser]) -> Result<String, Error> {
    let mut seen = BTreeSet::from(["default"]);
    let mut profiles = String::new();
    let mut accounts = String::new();
    for user in users {
        if !seen.insert(&user.name) {
            return Err(Error::DuplicateUser { engine: ENGINE, name: user.name.clone() });
        }
        let name = checked("the user", &user.name)?;
        let _ = writeln!(profiles, "    <{name}>{}</{name}>", profile(user)?);
        let _ = write!(accounts, "{}", account(name, user)?);
    }
    Ok(format!(
        "<clickhouse>
  <profiles>
    <default/>
{profiles}  </profiles>
  <users>
    <default>
      <password></password>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants><query>GRANT SYSTEM LISTEN, FILE, CREATE TEMPORARY TABLE ON *.*</query></grants>
    </default>
{accounts}  </users>
  <quotas><default/></quotas>
</clickhouse>
"
    ))
}

fn profile(user: &ClickHouseUser) -> Result<String, Error> {
    let mut text = String::new();
    let given = user.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let defaults = EVERY_PROFILE.into_iter().filter(|(name, _)| !user.settings.contains_key(*name));
    for (name, value) in defaults.chain(given) {
        let name = checked("the setting", name)?;
        let _ = write!(text, "<{name}>{}</{name}>", escape(value));
    }
    Ok(text)
}

fn account(name: &str, user: &ClickHouseUser) -> Result<String, Error> {
    // A user whose password is not settled gets one that nobody has.
    let hash = match &user.password {
        Some(password) => password.sha256_hex(),
        None => Password::random()?.sha256_hex(),
    };
    let mut grants: String = user.grants.iter().map(|grant| format!("<query>{}</query>", escape(grant))).collect();
    if grants.is_empty() {
        // Without the element a user has every right.
        grants.push_str("<query>GRANT USAGE ON *.*</query>");
    }
    let mut filters = String::new();
    for filter in &user.row_filters {
        let (database, table) = (checked("the database", &filter.database)?, checked("the table", &filter.table)?);
        let condition = escape(&filter.condition);
        let _ = write!(filters, "<{database}><{table}><filter>{condition}</filter></{table}></{database}>");
    }
    if !filters.is_empty() {
        filters = format!("\n      <databases>{filters}</databases>");
    }
    Ok(format!(
        "    <{name}>
      <password_sha256_hex>{hash}</password_sha256_hex>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>{name}</profile>
      <quota>default</quota>
      <grants>{grants}</grants>{filters}
    </{name}>
"
    ))
}

fn checked<'a>(what: &'static str, name: &'a str) -> Result<&'a str, Error> {
    if is_name(name) { Ok(name) } else { Err(Error::Name { engine: ENGINE, what, name: name.to_owned() }) }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
