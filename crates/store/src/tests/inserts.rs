//! Every row type goes in and comes back; a token counts once.

use std::time::Duration;

use super::samples::{self, NOON};
use super::{number, store};
use crate::rows::*;
use crate::{BlockBuilder, EncodedBlock};

macro_rules! round_trip {
    ($store:expr, $row:ident, $value:expr) => {{
        let value = $value;
        $store.insert(std::slice::from_ref(&value), concat!("round-trip-", stringify!($row))).await.unwrap();
        let sql = format!("SELECT {} FROM {}", columns::<$row<'_>>(), <$row<'_> as TableRow>::TABLE);
        let mut cursor = $store.client.query_raw(&sql).fetch::<$row<'_>>().unwrap();
        assert_eq!(cursor.next().await.unwrap().as_ref(), Some(&value));
        assert_eq!(cursor.next().await.unwrap(), None);
    }};
}

fn columns<R: TableRow>() -> String {
    R::COLUMNS.iter().map(|column| format!("`{column}`")).collect::<Vec<_>>().join(",")
}

#[tokio::test]
async fn every_row_comes_back_as_it_went_in() {
    let store = store().await;
    let change = samples::change(5, "known", "rogue", 70);
    let host = samples::host_change(5, 70);
    round_trip!(store, ObservationRow, samples::observation(7));
    round_trip!(store, SliceRow, samples::slice());
    round_trip!(store, CertificateRow, samples::certificate());
    round_trip!(store, OrderOutcomeRow, samples::outcome());
    round_trip!(store, SweepStartedRow, samples::sweep_started());
    round_trip!(store, OrderIssuedRow, samples::order_issued());
    round_trip!(store, SweepFinishedRow, samples::sweep_finished());
    round_trip!(store, DrawRow, samples::draw());
    round_trip!(store, DrawnItemRow, samples::drawn(1));
    round_trip!(store, InventoryChange, samples::asset("a-1", [0; 16], 50));
    round_trip!(store, InventoryManifest, samples::manifest([1; 16], 12, 51));
    round_trip!(store, EstateRevision, samples::estate(8, 52));
    round_trip!(store, DispositionRow, samples::disposition());
    round_trip!(store, BulletinRow, samples::bulletin(&[1; 32], 53));
    round_trip!(store, Command, samples::command());
    round_trip!(store, VerdictRow, samples::verdict(&change));
    round_trip!(store, FindingRow, samples::finding(&change));
    round_trip!(store, VerdictChangeRow, change);
    round_trip!(store, HostRow, samples::host(&host));
    round_trip!(store, HostChangeRow, host);
}

#[tokio::test]
async fn a_token_counts_once_and_no_token_counts_twice() {
    let store = store().await;
    let rows: Vec<_> = (0..500).map(samples::observation).collect();
    let block = EncodedBlock::of(&rows);
    for _ in 0..3 {
        store.insert_block(&block, "1:1:41-41:observations").await.unwrap();
    }
    assert_eq!(number(&store, "SELECT count() FROM observations").await, 500);
    // Positive control: without deduplication the same repeat doubles the rows.
    for _ in 0..2 {
        store.insert_with(&block, None).await.unwrap();
    }
    assert_eq!(number(&store, "SELECT count() FROM observations").await, 1500);
    // Another token is another insert, even of the same bytes.
    store.insert_block(&block, "1:2:41-41:observations").await.unwrap();
    assert_eq!(number(&store, "SELECT count() FROM observations").await, 2000);
    assert_eq!(number(&store, "SELECT uniqExact(order_id, unit) FROM observations").await, 500);
}

#[tokio::test]
async fn a_token_counts_once_in_a_current_state_table() {
    let store = store().await;
    let rows = [samples::host(&samples::host_change(5, 70)), samples::host(&samples::host_change(6, 70))];
    for _ in 0..3 {
        store.insert(&rows, "1:1:70-70:hosts").await.unwrap();
    }
    assert_eq!(number(&store, "SELECT count() FROM hosts").await, 2);
}

#[tokio::test]
async fn a_large_insert_is_one_part() {
    let store = store().await;
    // Above ClickHouse's block (65,409), insert block (1,048,449 rows) and its 256 MiB.
    let rows = 1_300_000;
    let mut block = BlockBuilder::default();
    for n in 0..rows {
        block.push(&samples::observation(n));
    }
    assert!(block.size_bytes() > 256 << 20);
    store.insert_until_definite(&block.finish(), "large", Duration::from_secs(120)).await.unwrap();
    assert_eq!(number(&store, "SELECT count() FROM observations").await, u64::from(rows));
    let parts = "SELECT count() FROM system.parts WHERE database = currentDatabase() AND table = 'observations'";
    assert_eq!(number(&store, parts).await, 1);
}

#[tokio::test]
async fn an_insert_over_two_months_is_refused_and_leaves_nothing() {
    let store = store().await;
    let mut rows = [samples::observation(1), samples::observation(2)];
    rows[1].broker_at = NOON + 40 * 86_400_000;
    let error = store.insert(&rows, "two-months").await.unwrap_err();
    assert!(error.is_definite() && !error.is_worth_repeating(), "{error}");
    assert_eq!(number(&store, "SELECT count() FROM observations").await, 0);
}

#[tokio::test]
async fn an_insert_into_a_missing_table_is_refused() {
    let store = super::Store::connect(super::options()).await.unwrap();
    let error = store.insert(&[samples::observation(1)], "t").await.unwrap_err();
    assert!(error.is_definite() && !error.is_worth_repeating(), "{error}");
}
