//! Addresses of engines hold no credentials: an address is printed, in `--print-config` and in every error that names it.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Reads `bus.url`.
pub(crate) fn of_bus<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    without_credentials(from, "bus")
}

/// Reads `store.url`.
pub(crate) fn of_store<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    without_credentials(from, "store")
}

/// The refusal does not repeat the address.
fn without_credentials<'de, D: Deserializer<'de>>(from: D, section: &str) -> Result<String, D::Error> {
    let url = String::deserialize(from)?;
    if has_credentials(&url) {
        return Err(D::Error::custom(format!(
            "a user or a password must not stand in an address, which is printed: set {section}.user and \
             {section}.password"
        )));
    }
    Ok(url)
}

/// Whether something stands before an `@` of the authority (RFC 3986, 3.2.1), or is given as ClickHouse's parameters.
fn has_credentials(urls: &str) -> bool {
    urls.split(',').any(|url| {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let query = rest.split_once('?').map_or("", |(_, query)| query);
        let names = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
        authority.contains('@') || names.into_iter().any(|name| matches!(name, "user" | "password"))
    })
}
