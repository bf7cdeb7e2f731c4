//! The configuration of the NATS server. Its language is a superset of JSON, so JSON is what we write.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::{ENGINE, Settings};
use crate::Error;
use crate::engines::Durability;

/// One event is at most 256 KiB and a dead letter with its headers 768 KiB.
const MAX_PAYLOAD_BYTES: u32 = 1 << 20;
/// Nothing of ours is kept in memory: every stream and bucket is on disk. Ephemeral consumers need a little.
const MAX_MEMORY_STORE_BYTES: u32 = 64 << 20;
/// A dozen services of one machine with a few connections each; the rest is room for command lines.
const MAX_CONNECTIONS: u32 = 1024;
/// The server's own default: what may wait for one slow reader.
const MAX_PENDING_BYTES: u32 = 64 << 20;
/// Three logs of 16 MiB are months of warnings.
const LOG_LIMIT_BYTES: u32 = 16 << 20;
const LOGS: u32 = 3;
/// The server's own default, for benches that measure what durability costs.
const RELAXED_SYNC: &str = "2m";

pub(super) fn render(dir: &Path, port: u16, settings: Settings<'_>) -> Result<String, Error> {
    let sync_interval = match settings.durability {
        Durability::EveryWrite => "always",
        Durability::Relaxed => RELAXED_SYNC,
    };
    let mut config = json!({
        "server_name": "muster",
        "listen": format!("127.0.0.1:{port}"),
        "ports_file_dir": dir,
        "log_file": dir.join("nats-server.log"),
        "logfile_size_limit": LOG_LIMIT_BYTES,
        "logfile_max_num": LOGS,
        "max_payload": MAX_PAYLOAD_BYTES,
        "max_connections": MAX_CONNECTIONS,
        "max_pending": MAX_PENDING_BYTES,
        "jetstream": {
            "store_dir": dir.join("data"),
            "max_file_store": settings.max_file_store_bytes,
            "max_memory_store": MAX_MEMORY_STORE_BYTES,
            "sync_interval": sync_interval,
        },
        "authorization": { "users": users(settings)? },
    });
    if let (Some(port), Some(map)) = (settings.monitoring_port, config.as_object_mut()) {
        map.insert("http".to_owned(), json!(format!("127.0.0.1:{port}")));
    }
    Ok(format!("{config:#}\n"))
}

fn users(settings: Settings<'_>) -> Result<Vec<Value>, Error> {
    let mut seen = BTreeSet::new();
    let mut rendered = Vec::new();
    for user in settings.users {
        let name = &user.name;
        if !seen.insert(name) {
            return Err(Error::DuplicateUser { engine: ENGINE, name: name.clone() });
        }
        if !is_name(name) {
            return Err(Error::Name { engine: ENGINE, what: "the user", name: name.clone() });
        }
        rendered.push(json!({
            "user": name,
            "password": user.password.as_ref().map_or("", |password| password.expose()),
            "permissions": { "publish": subjects(&user.publish), "subscribe": subjects(&user.subscribe) },
        }));
    }
    Ok(rendered)
}

/// An empty list of allowed subjects means everything to the server, so nothing is spelled as a denial.
fn subjects(allowed: &[String]) -> Value {
    if allowed.is_empty() { json!({ "deny": [">"] }) } else { json!({ "allow": allowed }) }
}

/// A letter, then letters, digits, `_` or `-`: the same as for ClickHouse, where a name is an XML element.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;
    use crate::NatsUser;

    fn settings(users: &[NatsUser], durability: Durability) -> Settings<'_> {
        Settings { users, durability, max_file_store_bytes: 1, monitoring_port: None }
    }

    fn user(name: &str) -> NatsUser {
        NatsUser { name: name.to_owned(), password: None, publish: Vec::new(), subscribe: Vec::new() }
    }

    #[test]
    fn a_user_without_subjects_may_do_nothing() {
        let users = [user("scanner")];
        let text = render(Path::new("/data"), 1, settings(&users, Durability::EveryWrite)).unwrap();
        let config: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(config["authorization"]["users"][0]["permissions"]["publish"]["deny"][0], ">");
        assert_eq!(config["jetstream"]["sync_interval"], "always");
    }

    #[test]
    fn two_users_of_one_name_are_refused() {
        let users = [user("scanner"), user("scanner")];
        let error = render(Path::new("/data"), 1, settings(&users, Durability::Relaxed)).unwrap_err();
        assert!(matches!(error, Error::DuplicateUser { .. }), "{error}");
    }

    #[test]
    fn a_name_that_would_break_a_configuration_is_refused() {
        for name in ["", "1a", "a b", "a>", "a\"b", "ä"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
