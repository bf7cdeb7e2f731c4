#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use metrics::{Counter, Gauge, Histogram};

#[test]
fn every_instrument_reaches_prometheus() {
    static ROWS: Counter = Counter::new("muster.test.rows", "Rows");
    static LAG: Gauge = Gauge::new("muster.test.lag", "Lag");
    static TIME: Histogram = Histogram::seconds("muster.test.time", "Time");
    static SIZE: Histogram = Histogram::bytes("muster.test.size", "Size");
    ROWS.add(2, &[KeyValue::new("table", "a")]);
    ROWS.add(3, &[KeyValue::new("table", "a")]);
    LAG.set(-4, &[]);
    TIME.record(0.03, &[]);
    SIZE.record(5000.0, &[]);
    let text = metrics::render();
    for line in [
        "muster_test_rows_total{table=\"a\"} 5",
        "muster_test_lag -4",
        "muster_test_time_seconds_bucket{le=\"0.05\"} 1",
        "muster_test_time_seconds_bucket{le=\"0.02\"} 0",
        "muster_test_size_bytes_bucket{le=\"16384\"} 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn an_event_logs_and_counts() {
    event::DrainForced { what: "test-drain", deadline: Duration::from_millis(5) }.emit();
    assert!(metrics::render().contains("muster_kit_drains_forced_total{what=\"test-drain\"} 1"));
}

#[test]
fn a_wrong_filter_names_its_key() {
    let log = LogConfig { filter: "muster=loud".to_owned(), ..LogConfig::default() };
    let error = filter(&log).unwrap_err().to_string();
    assert!(error.contains("\"muster=loud\" (from kit.log.filter)"), "{error}");
}

#[test]
fn a_panic_payload_is_text() {
    assert_eq!(panic::text(&"plain"), "plain");
    assert_eq!(panic::text(&"owned".to_owned()), "owned");
    assert_eq!(panic::text(&7_u8), "(a payload that is no text)");
}

#[tokio::test]
async fn an_otlp_ca_that_is_missing_is_named() {
    let config = KitConfig { otlp_ca: Some("/nowhere/ca.pem".into()), ..KitConfig::default() };
    let resource = Resource::builder_empty().build();
    let error = otlp::Pipelines::build("https://collector:4317", &config, &resource).unwrap_err().to_string();
    assert!(error.contains("/nowhere/ca.pem (kit.otlp_ca)"), "{error}");
}
