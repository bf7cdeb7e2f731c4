//! Figures, not tests: `cargo test --release -p muster-store -- --ignored --nocapture measure`.

use std::time::{Duration, Instant};

use super::{options, samples};
use crate::rows::ObservationRow;
use crate::{EncodedBlock, Store, StoreOptions, TableEngine};

/// Rows of a batch and batches of a round.
const ROWS: u32 = 100_000;
const BATCHES: u32 = 5;

async fn with_crate(store: &Store, rows: &[ObservationRow<'_>], token: &str) {
    let client =
        store.client.clone().with_setting("async_insert", "0").with_setting("insert_deduplication_token", token);
    let mut insert = client.insert::<ObservationRow<'_>>("observations").await.unwrap();
    for row in rows {
        insert.write(row).await.unwrap();
    }
    insert.end().await.unwrap();
}

fn rate(rows: u32, taken: Duration) -> f64 {
    f64::from(rows) / taken.as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn measure_inserts() {
    let plain = Store::connect(options()).await.unwrap();
    plain.migrate(&TableEngine::Local).await.unwrap();
    let packed = Store::lazy(StoreOptions { compression: true, ..plain.options().clone() }).unwrap();
    // 200 B of text and numbers a row, and distinct (address, port).
    let text = "x".repeat(64);
    let rows: Vec<_> =
        (0..ROWS).map(|n| ObservationRow { banner: text.as_bytes(), ..samples::observation(n) }).collect();
    let started = Instant::now();
    let block = EncodedBlock::of(&rows);
    println!(
        "row {} B; encode {:.0} rows/s",
        block.chunks().iter().map(bytes::Bytes::len).sum::<usize>() / rows.len(),
        rate(ROWS, started.elapsed())
    );
    let mut rates: [Vec<f64>; 4] = Default::default();
    for round in 0..BATCHES {
        for (k, rates) in rates.iter_mut().enumerate() {
            let token = format!("{round}-{k}");
            let started = Instant::now();
            match k {
                0 => with_crate(&plain, &rows, &token).await,
                1 => plain.insert(&rows, &token).await.unwrap(),
                2 => with_crate(&packed, &rows, &token).await,
                _ => packed.insert(&rows, &token).await.unwrap(),
            }
            rates.push(rate(ROWS, started.elapsed()));
        }
    }
    for (name, rates) in ["crate", "encoded", "crate lz4", "encoded lz4"].iter().zip(rates) {
        println!("{name}: {:.0} rows/s", median(rates));
    }
    for (k, name) in ["crate", "encoded"].iter().enumerate() {
        let started = Instant::now();
        let tasks: Vec<_> = (0..BATCHES)
            .map(|n| {
                let (store, rows, token) = (plain.clone(), rows.clone(), format!("p{k}-{n}"));
                async move {
                    if k == 0 {
                        with_crate(&store, &rows, &token).await
                    } else {
                        store.insert(&rows, &token).await.unwrap()
                    }
                }
            })
            .collect();
        let mut tasks = tasks.into_iter();
        while let (Some(a), b) = (tasks.next(), tasks.next()) {
            match b {
                Some(b) => {
                    tokio::join!(a, b);
                }
                None => a.await,
            }
        }
        println!("{name}, two at a time: {:.0} rows/s", rate(ROWS * BATCHES, started.elapsed()));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn measure_lists() {
    use crate::query::{Compare, Filter, List, Value};
    let store = Store::connect(options()).await.unwrap();
    store.migrate(&TableEngine::Local).await.unwrap();
    for batch in 0..4_u64 {
        let rows: Vec<_> = (0..50_000_u64)
            .map(|n| {
                let mut row = samples::finding(&samples::change(
                    1,
                    "known",
                    if n % 3 == 0 { "rogue" } else { "silent" },
                    70 + batch,
                ));
                row.finding_id[..8].copy_from_slice(&(n * 4 + batch).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
                row.version += batch;
                row
            })
            .collect();
        store.insert(&rows, &format!("f{batch}")).await.unwrap();
    }
    let is = |column, value: &str| Filter::Compare { column, op: Compare::Equal, value: Value::Text(value.to_owned()) };
    let filter = Filter::And(vec![is("site", "dublin"), is("reason", "rogue"), is("state", "open")]);
    let list = List { filter: Some(filter), limit: 100, ..List::default() };
    let mut taken = Vec::new();
    for _ in 0..300 {
        let started = Instant::now();
        assert_eq!(store.list_findings(&list).await.unwrap().len(), 100);
        taken.push(started.elapsed().as_secs_f64() * 1e3);
    }
    taken.sort_by(f64::total_cmp);
    println!("list_findings of 200,000: p50 {:.2} ms, p99 {:.2} ms", taken[150], taken[297]);
}
