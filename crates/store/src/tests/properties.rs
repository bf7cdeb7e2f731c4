//! What is encoded is what is read back.

use std::net::Ipv6Addr;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::{samples, store};
use crate::rows::*;

#[derive(Debug, Clone)]
struct Any {
    texts: Vec<String>,
    banner: Vec<u8>,
    certificate: Vec<u8>,
    address: u128,
    numbers: (u32, u16, u32, u64),
    tls: bool,
}

fn any_row() -> impl Strategy<Value = Any> {
    (
        proptest::collection::vec(".{0,200}", 7),
        proptest::collection::vec(any::<u8>(), 0..1025),
        proptest::collection::vec(any::<u8>(), 0..33),
        any::<u128>(),
        any::<(u32, u16, u32, u64)>(),
        any::<bool>(),
    )
        .prop_map(|(texts, banner, certificate, address, numbers, tls)| Any {
            texts,
            banner,
            certificate,
            address,
            numbers,
            tls,
        })
}

fn row(any: &Any, unit: u32) -> ObservationRow<'_> {
    ObservationRow {
        unit,
        slice_index: any.numbers.0,
        port: any.numbers.1,
        rtt_us: any.numbers.2,
        stream_sequence: any.numbers.3,
        site: &any.texts[0],
        realm: &any.texts[1],
        service: &any.texts[2],
        vendor: &any.texts[3],
        product: &any.texts[4],
        version: &any.texts[5],
        evidence: &any.texts[6],
        address: Ipv6Addr::from(any.address),
        banner: &any.banner,
        certificate_sha256: &any.certificate,
        os_product: &any.texts[3],
        os_version: &any.texts[4],
        tls_version: &any.texts[5],
        identifiers: vec![(&any.texts[2], &any.texts[6]); any.banner.len() % 3],
        tls: any.tls,
        ..samples::observation(0)
    }
}

#[test]
fn observations_survive_encoding() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let store = runtime.block_on(store());
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let case = std::cell::Cell::new(0);
    runner
        .run(&proptest::collection::vec(any_row(), 1..60), |values| {
            case.set(case.get() + 1);
            let rows: Vec<_> = values.iter().zip(0..).map(|(any, unit)| row(any, unit)).collect();
            runtime.block_on(async {
                store.execute("empty", "TRUNCATE TABLE observations").await.unwrap();
                store.insert(&rows, &format!("case-{}", case.get())).await.unwrap();
                let mut cursor = store
                    .client
                    .query_raw("SELECT * FROM observations ORDER BY unit")
                    .fetch::<ObservationRow<'_>>()
                    .unwrap();
                for expected in &rows {
                    assert_eq!(cursor.next().await.unwrap().as_ref(), Some(expected));
                }
                assert_eq!(cursor.next().await.unwrap(), None);
            });
            Ok(())
        })
        .unwrap();
}
