//! What the users of the two engines may and may not do.

use std::collections::BTreeMap;

use async_nats::jetstream;
use muster_engines::testing::{self, TEST_PASSWORD, TEST_USER};
use muster_engines::{ClickHouseUser, NatsUser, RowFilter};

use crate::support::{clickhouse, nats, stream};

fn reader() -> ClickHouseUser {
    ClickHouseUser {
        name: "reader".to_owned(),
        password: None,
        settings: BTreeMap::from([
            ("readonly".to_owned(), "2".to_owned()),
            ("max_execution_time".to_owned(), "5".to_owned()),
        ]),
        grants: vec!["GRANT SELECT ON d.*".to_owned()],
        row_filters: vec![RowFilter {
            database: "d".to_owned(),
            table: "t".to_owned(),
            condition: "a < 3 AND a >= 1".to_owned(),
        }],
    }
}

#[tokio::test]
async fn clickhouse_enforces_grants_profiles_and_row_filters() {
    let engines = testing::start(|options| {
        options.clickhouse_users.push(testing::clickhouse_user(TEST_USER));
        options.clickhouse_users.push(reader());
        options.clickhouse_users.push(ClickHouseUser { name: "nobody".to_owned(), grants: Vec::new(), ..reader() });
    })
    .unwrap();
    let owner = clickhouse(&engines, TEST_USER);
    owner.query("CREATE DATABASE d").execute().await.unwrap();
    owner.query("CREATE TABLE d.t (a UInt64) ENGINE = MergeTree ORDER BY a").execute().await.unwrap();
    owner.query("INSERT INTO d.t SELECT number FROM numbers(10)").execute().await.unwrap();
    let all: u64 = owner.query("SELECT count() FROM d.t").fetch_one().await.unwrap();
    assert_eq!(all, 10);

    let reader = clickhouse(&engines, "reader");
    let seen: u64 = reader.query("SELECT count() FROM d.t").fetch_one().await.unwrap();
    assert_eq!(seen, 2);
    let limit: u64 = reader.query("SELECT toUInt64(getSetting('max_execution_time'))").fetch_one().await.unwrap();
    assert_eq!(limit, 5);
    for refused in ["INSERT INTO d.t VALUES (1)", "DROP TABLE d.t", "SELECT * FROM file('/etc/passwd', LineAsString)"] {
        let error = reader.query(refused).execute().await.unwrap_err().to_string();
        assert!(error.contains("ACCESS_DENIED") || error.contains("READONLY"), "{refused}: {error}");
    }
    let error = clickhouse(&engines, "nobody").query("SELECT * FROM d.t").execute().await.unwrap_err().to_string();
    assert!(error.contains("ACCESS_DENIED"), "{error}");
}

#[tokio::test]
async fn clickhouse_gives_the_user_without_a_password_nothing() {
    let engines = testing::test_engines();
    let anonymous = ::clickhouse::Client::default().with_url(engines.clickhouse_http_url());
    for refused in
        ["CREATE DATABASE stolen", "CREATE TABLE default.stolen (a UInt8) ENGINE = Memory", "SYSTEM SHUTDOWN"]
    {
        let error = anonymous.query(refused).execute().await.unwrap_err().to_string();
        assert!(error.contains("ACCESS_DENIED"), "{refused}: {error}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_by_both() {
    let engines = testing::test_engines();
    let wrong = clickhouse(engines, TEST_USER).with_password("wrong");
    let error = wrong.query("SELECT 1").execute().await.unwrap_err().to_string();
    assert!(error.contains("AUTHENTICATION_FAILED"), "{error}");
    let options = async_nats::ConnectOptions::with_user_and_password(TEST_USER.to_owned(), "wrong".to_owned());
    let error = options.connect(engines.nats_url()).await.unwrap_err().to_string();
    assert!(error.contains("authorization"), "{error}");
}

/// May publish on t.mine and read its answers, and nothing else.
fn scanner() -> NatsUser {
    NatsUser {
        name: "scanner".to_owned(),
        password: Some(TEST_PASSWORD.to_owned().into()),
        publish: vec!["t.mine".to_owned()],
        subscribe: vec!["_INBOX_scanner.>".to_owned()],
    }
}

#[tokio::test]
async fn nats_lets_a_user_publish_and_read_only_what_is_its_own() {
    let engines = testing::start(|options| {
        options.nats_users.push(testing::nats_user(TEST_USER));
        options.nats_users.push(scanner());
    })
    .unwrap();
    let owner = jetstream::new(nats(&engines, TEST_USER).await.unwrap());
    let mut kept = stream(&owner).await;
    let (sender, mut refusals) = tokio::sync::mpsc::unbounded_channel();
    let options = async_nats::ConnectOptions::with_user_and_password("scanner".to_owned(), TEST_PASSWORD.to_owned())
        .custom_inbox_prefix("_INBOX_scanner")
        .event_callback(move |event| {
            let sender = sender.clone();
            async move {
                if let async_nats::Event::ServerError(error) = event {
                    let _ = sender.send(error.to_string());
                }
            }
        });
    let client = options.connect(engines.nats_url()).await.unwrap();
    let own = jetstream::new(client.clone());
    own.publish("t.mine", "x".into()).await.unwrap().await.unwrap();
    client.publish("t.other", "x".into()).await.unwrap();
    assert!(refusals.recv().await.unwrap().contains("t.other"));
    let _foreign = client.subscribe("_INBOX_muster.>").await.unwrap();
    assert!(refusals.recv().await.unwrap().contains("_INBOX_muster"));
    assert_eq!(kept.info().await.unwrap().state.messages, 1);
}
