//! Behind a broken network.

use std::time::Duration;

use muster_engines::faults::{Fault, Proxy, Request};
use muster_engines::testing::test_engines;

use super::{number, samples, store};
use crate::{InsertError, Store, StoreError, StoreOptions};

async fn behind_proxy(options: &StoreOptions) -> (Proxy, Store) {
    let proxy = Proxy::start(test_engines().clickhouse_http_address()).await.unwrap();
    let url = format!("http://{}", proxy.address());
    (proxy, Store::lazy(StoreOptions { url, insert_timeout_ms: 1_500, ..options.clone() }).unwrap())
}

fn insert() -> Request {
    Request::with("INSERT+INTO")
}

#[tokio::test]
async fn a_cut_after_the_body_is_indefinite_and_its_repeat_counts_once() {
    let direct = store().await;
    let (proxy, store) = behind_proxy(direct.options()).await;
    proxy.set(Fault::CutAnswer(insert())).await.unwrap();
    let rows = [samples::observation(1), samples::observation(2)];
    let error = store.insert(&rows, "cut").await.unwrap_err();
    assert!(!error.is_definite() && error.is_worth_repeating(), "{error}");
    assert_eq!(proxy.counts().answers_cut, 1);
    store.insert(&rows, "cut").await.unwrap();
    assert_eq!(number(&direct, "SELECT count() FROM observations").await, 2);
}

#[tokio::test]
async fn a_request_cut_before_it_arrives_inserts_nothing() {
    let direct = store().await;
    let (proxy, store) = behind_proxy(direct.options()).await;
    proxy.set(Fault::CutRequest(insert())).await.unwrap();
    let error = store.insert(&[samples::observation(1)], "cut").await.unwrap_err();
    assert!(error.is_worth_repeating(), "{error}");
    assert_eq!(number(&direct, "SELECT count() FROM observations").await, 0);
}

#[tokio::test]
async fn a_held_answer_ends_at_the_deadline_and_its_repeat_counts_once() {
    let direct = store().await;
    let (proxy, store) = behind_proxy(direct.options()).await;
    proxy.set(Fault::HoldAnswer(insert())).await.unwrap();
    let block = crate::EncodedBlock::of(&[samples::observation(1)]);
    let error = store.insert_block(&block, "held").await.unwrap_err();
    assert!(matches!(error, InsertError::Indefinite { .. }), "{error}");
    store.insert_until_definite(&block, "held", Duration::from_secs(20)).await.unwrap();
    assert_eq!(number(&direct, "SELECT count() FROM observations").await, 1);
}

#[tokio::test]
async fn a_half_open_connection_ends_at_the_deadline() {
    let direct = store().await;
    let (proxy, store) = behind_proxy(direct.options()).await;
    proxy.set(Fault::HalfOpen).await.unwrap();
    let error = store.insert(&[samples::observation(1)], "half").await.unwrap_err();
    assert!(matches!(error, InsertError::Indefinite { .. }), "{error}");
    proxy.set(Fault::None).await.unwrap();
    store.insert(&[samples::observation(1)], "half").await.unwrap();
    assert_eq!(number(&direct, "SELECT count() FROM observations").await, 1);
}

#[tokio::test]
async fn an_unreachable_engine_is_definite_and_named() {
    let direct = store().await;
    let (proxy, store) = behind_proxy(direct.options()).await;
    proxy.set(Fault::Refuse).await.unwrap();
    let error = store.insert(&[samples::observation(1)], "refused").await.unwrap_err();
    assert!(matches!(error, InsertError::Unreachable { .. }) && error.is_definite(), "{error}");
    let error = store.check_version().await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&proxy.address().to_string()), "{error}");
}
