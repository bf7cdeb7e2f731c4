//! Each service may do what it has to, and no more.

use std::collections::BTreeMap;

use muster_engines::testing::{TEST_PASSWORD, TEST_USER, clickhouse_user, start};

use super::samples;
use crate::permissions::{self, users};
use crate::query::{Ask, List};
use crate::{Store, StoreError, StoreOptions, TableEngine};

#[tokio::test(flavor = "multi_thread")]
async fn every_service_has_its_rights_and_no_more() {
    let engines = start(|options| {
        options.clickhouse_users.push(clickhouse_user(TEST_USER));
        for user in users("muster") {
            let mut embedded = clickhouse_user(user.service);
            embedded.grants = user.grants;
            embedded.settings = user.settings.into_iter().map(|(k, v)| (k.to_owned(), v)).collect::<BTreeMap<_, _>>();
            options.clickhouse_users.push(embedded);
        }
    })
    .unwrap();
    let options = StoreOptions {
        url: engines.clickhouse_http_url(),
        password: TEST_PASSWORD.to_owned(),
        ..StoreOptions::default()
    };
    let as_user = |user: &str| Store::lazy(StoreOptions { user: user.to_owned(), ..options.clone() }).unwrap();
    let wrong =
        Store::connect(StoreOptions { password: "wrong".to_owned(), user: "gateway".to_owned(), ..options.clone() });
    assert!(matches!(wrong.await, Err(StoreError::WrongPassword { .. })));

    as_user("admin").migrate(&TableEngine::Local).await.unwrap();
    let row = [samples::observation(1)];
    as_user("recorder").insert(&row, "t").await.unwrap();
    as_user("recorder").check_schema().await.unwrap();
    let error = as_user("recorder").execute("drop", "DROP TABLE observations").await.unwrap_err();
    assert!(matches!(error, StoreError::MissingPermission { .. }), "{error}");
    for reader in ["gateway", "evaluator", "grafana"] {
        let store = as_user(reader);
        store.check_schema().await.unwrap();
        store.list_findings(&List { limit: 1, ..List::default() }).await.unwrap();
        store.site_summaries(None, &Ask::default()).await.unwrap();
        if reader != "grafana" {
            store.cancel("nobody's").await.unwrap();
        }
        let error = store.insert(&row, "u").await.unwrap_err();
        assert!(error.is_definite() && !error.is_worth_repeating(), "{reader}: {error}");
        assert!(store.migrate(&TableEngine::Local).await.is_err(), "{reader}");
    }
}

#[test]
fn the_sql_of_a_deployment_is_the_golden_one() {
    insta::assert_snapshot!("permissions", permissions::sql("muster"));
}
