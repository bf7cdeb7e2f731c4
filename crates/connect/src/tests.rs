#![allow(clippy::unwrap_used, reason = "tests")]

use muster_kit::config::{ConfigSources, load_with};
use serde::{Deserialize, Serialize};

use crate::{BusConfig, StoreConfig};

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Both {
    bus: BusConfig,
    store: StoreConfig,
}

fn set(key: &str, value: &str) -> Result<Both, String> {
    let overrides = vec![(key.to_owned(), value.to_owned())];
    load_with(ConfigSources { file: None, overrides }, []).map_err(|error| error.to_string())
}

#[test]
fn an_address_with_credentials_is_refused_and_not_repeated() {
    for (section, url) in [
        ("bus", "nats://recorder:hunter2@nats:4222"),
        ("bus", "recorder:hunter2@nats:4222"),
        ("bus", "nats://one:4222,nats://hunter2@two:4222"),
        ("store", "https://muster:hunter2@clickhouse:8443"),
        ("store", "https://clickhouse:8443/?user=muster&password=hunter2"),
    ] {
        let refused = set(&format!("{section}.url"), url).unwrap_err();
        assert!(refused.contains(&format!("{section}.user and {section}.password")), "{refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
    }
    for (section, url) in [("bus", "tls://nats:4222"), ("store", "https://clickhouse:8443/at@home?database=muster")] {
        set(&format!("{section}.url"), url).unwrap();
    }
}
