//! Migrations.

use super::{number, options, store};
use crate::schema::{MIGRATIONS, SCHEMA_VERSION, declared_type};
use crate::{Store, StoreError, TableEngine};

#[tokio::test]
async fn migrating_twice_is_migrating_once() {
    let store = Store::connect(options()).await.unwrap();
    assert!(matches!(store.check_schema().await, Err(StoreError::SchemaMissing { .. })));
    let first = store.migrate(&TableEngine::Local).await.unwrap();
    assert_eq!(first.len(), MIGRATIONS.len());
    assert!(store.migrate(&TableEngine::Local).await.unwrap().is_empty());
    store.check_schema().await.unwrap();
}

#[tokio::test]
async fn tables_of_one_server_get_no_replicated_ones_beside_them() {
    let store = store().await;
    let replicated = TableEngine::Replicated { cluster: "prod".to_owned() };
    let error = store.migrate(&replicated).await.unwrap_err();
    assert!(matches!(error, StoreError::OtherEngine { .. }) && error.to_string().contains("--cluster"), "{error}");
}

#[tokio::test]
async fn a_statement_may_run_again() {
    let store = store().await;
    for migration in MIGRATIONS {
        for statement in TableEngine::Local.statements(migration) {
            store.execute("repeat a migration", &statement).await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_schema_is_the_golden_one() {
    #[derive(clickhouse::Row, serde::Deserialize)]
    struct Table {
        text: String,
    }
    let store = store().await;
    let sql = "SELECT replaceAll(create_table_query, concat(database, '.'), '') AS text FROM system.tables \
               WHERE database = currentDatabase() ORDER BY name";
    let tables = store.client.query_raw(sql).fetch_all::<Table>().await.unwrap();
    let text = tables.iter().map(|table| format!("{}\n", table.text)).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!("schema", text);
}

#[tokio::test]
async fn columns_are_declared_as_they_stand() {
    #[derive(clickhouse::Row, serde::Deserialize)]
    struct Stands {
        table: String,
        name: String,
        kind: String,
    }
    let store = store().await;
    let sql = "SELECT table, name, type AS kind FROM system.columns WHERE database = currentDatabase() \
               AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%Tree') \
               AND table != 'schema_migrations'";
    let columns = store.client.query_raw(sql).fetch_all::<Stands>().await.unwrap();
    assert!(columns.len() > 300, "{}", columns.len());
    for column in columns {
        assert_eq!(declared_type(&column.table, &column.name), column.kind, "{}.{}", column.table, column.name);
    }
}

#[tokio::test]
async fn an_older_a_newer_and_a_changed_schema_are_told_apart() {
    let store = store().await;
    let newer =
        format!("INSERT INTO schema_migrations (version, name, sha256) VALUES ({}, 'later', '')", SCHEMA_VERSION + 1);
    let remove = "TRUNCATE TABLE schema_migrations";
    store.execute("test", &newer).await.unwrap();
    let error = store.check_schema().await.unwrap_err();
    assert!(matches!(error, StoreError::SchemaTooNew { .. }) && error.to_string().contains("upgrade"), "{error}");
    assert!(matches!(store.migrate(&TableEngine::Local).await, Err(StoreError::SchemaTooNew { .. })));
    store.execute("test", remove).await.unwrap();
    let first = format!(
        "INSERT INTO schema_migrations (version, name, sha256) VALUES (1, 'observed', '{}')",
        MIGRATIONS[0].sha256()
    );
    store.execute("test", &first).await.unwrap();
    let error = store.check_schema().await.unwrap_err();
    assert!(matches!(error, StoreError::SchemaTooOld { found: 1, .. }), "{error}");
    assert!(error.to_string().contains("muster store migrate"), "{error}");
    store.execute("test", remove).await.unwrap();
    store
        .execute("test", "INSERT INTO schema_migrations (version, name, sha256) VALUES (1, 'observed', 'x')")
        .await
        .unwrap();
    assert!(matches!(store.check_schema().await, Err(StoreError::MigrationChanged { version: 1, .. })));
    assert_eq!(number(&store, "SELECT count() FROM schema_migrations").await, 1);
}

#[test]
fn replicated_statements_name_the_cluster_and_the_window() {
    let engine = TableEngine::Replicated { cluster: "prod".to_owned() };
    let statements: Vec<_> = MIGRATIONS.iter().flat_map(|m| engine.statements(m)).collect();
    assert!(statements.iter().all(|s| s.contains("ON CLUSTER `prod`") && !s.contains("{on_cluster}")));
    insta::assert_snapshot!("replicated", statements.join("\n\n"));
}
