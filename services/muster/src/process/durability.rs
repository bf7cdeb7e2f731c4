//! Whether what an engine acknowledges survives the loss of power: asked of engines that somebody else configures.

use std::time::Duration;

use muster_connect::store_failure;
use muster_kit::{Exit, Failure};
use muster_store::Store;
use serde_json::Value;

use crate::config::MusterConfig;

/// A page of a few kilobytes.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Asks both engines. A line for each thing that could not be asked or was accepted.
///
/// # Errors
/// When an engine acknowledges before it syncs, and that is not accepted.
pub(crate) async fn check(
    config: &MusterConfig,
    nats_monitoring: Option<&str>,
    accept_weak: bool,
) -> Result<Vec<String>, Failure> {
    let mut weak = Vec::new();
    let mut told = Vec::new();
    let store = Store::connect(config.store.options("admin")).await.map_err(store_failure)?;
    let off = store.weak_durability().await.map_err(store_failure)?;
    if !off.is_empty() {
        let names = off.join(", ");
        weak.push(format!(
            "ClickHouse at {} answers before it syncs: <merge_tree> sets {names} to 0",
            config.store.url
        ));
    }
    match nats_monitoring {
        None => told.push("? NATS was not asked whether it syncs every write; name its --nats-monitoring".to_owned()),
        Some(url) if !nats_syncs(url).await? => {
            weak.push(format!("NATS at {url} answers before it syncs: jetstream.sync_interval is not \"always\""));
        }
        Some(_) => {}
    }
    if weak.is_empty() {
        return Ok(told);
    }
    let weak = weak.join("; ");
    if accept_weak {
        told.push(format!("! accepted: {weak}"));
        return Ok(told);
    }
    let next = "correct the configuration, or accept it with --accept-weak-durability";
    Err(Failure::message(Exit::Usage, format!("failed to trust the engines: {weak}; {next}")))
}

/// The server says `sync_always` of its JetStream, and nothing where it does not.
async fn nats_syncs(url: &str) -> Result<bool, Failure> {
    let page = format!("{}/jsz", url.trim_end_matches('/'));
    let unreachable = |error: &dyn std::fmt::Display| {
        Failure::message(
            Exit::Unavailable,
            format!("failed to read {page}: {error}; is it the address of `http_port`?"),
        )
    };
    let client = reqwest::Client::builder().timeout(ANSWER_WITHIN).build().map_err(|error| unreachable(&error))?;
    let answer = client.get(&page).send().await.and_then(reqwest::Response::error_for_status);
    let body = answer.map_err(|error| unreachable(&error))?.bytes().await.map_err(|error| unreachable(&error))?;
    let config: Value = serde_json::from_slice(&body).map_err(|error| unreachable(&error))?;
    Ok(config.pointer("/config/sync_always").and_then(Value::as_bool).unwrap_or(false))
}
