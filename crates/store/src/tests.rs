//! Against a real ClickHouse, a database a test.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod faults;
mod goldens;
mod inserts;
mod measure;
mod properties;
mod questions;
mod rights;
mod samples;
mod schema;
mod tls;

use std::sync::atomic::{AtomicU32, Ordering};

use muster_engines::testing::{TEST_PASSWORD, TEST_USER, test_engines};

use crate::{Store, StoreOptions, TableEngine};

/// Options for a database of its own.
fn options() -> StoreOptions {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    StoreOptions {
        url: test_engines().clickhouse_http_url(),
        database: format!("muster_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)),
        user: TEST_USER.to_owned(),
        password: TEST_PASSWORD.to_owned(),
        ..StoreOptions::default()
    }
}

/// A migrated store of its own.
async fn store() -> Store {
    let store = Store::connect(options()).await.unwrap();
    store.migrate(&TableEngine::Local).await.unwrap();
    store
}

/// One number.
async fn number(store: &Store, sql: &str) -> u64 {
    store.client.query_raw(sql).fetch_one::<u64>().await.unwrap()
}
