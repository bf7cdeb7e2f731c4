//! Where the gateway is, and who asks.

use std::path::{Path, PathBuf};

use clap::Args;
use muster_kit::{Exit, Failure, OrExit};
use serde::{Deserialize, Serialize};

use super::names;

/// Where a gateway listens when nothing else is said: its own default.
pub const DEFAULT_ADDRESS: &str = "http://127.0.0.1:7420";
/// What `muster up` and `muster demo` leave in their data directory.
pub const ADDRESSES_FILE: &str = "addresses.json";
/// Data directories that are looked at when none is named: of the demo, then of `muster up`.
const USUAL_DATA: [&str; 2] = [".muster/demo", ".muster/data"];
/// Longest address or token file: a JWT with many claims has a few KiB.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The addresses of a running stack, as its data directory tells them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// Where gRPC is served, for example `http://127.0.0.1:7420`; `None`: not yet.
    pub gateway: Option<String>,
}

/// How to reach the gateway.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectArgs {
    /// Where the gateway is [default: what the data directory says, else http://127.0.0.1:7420]
    #[arg(long, global = true, env = "MUSTER_ADDRESS", hide_env_values = true, value_name = "URL")]
    pub address: Option<String>,
    /// Data directory of a running stack, which tells the address [default: .muster/demo, .muster/data]
    #[arg(long, global = true, env = "MUSTER_DATA", hide_env_values = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// File with a bearer token
    #[arg(long, global = true, env = "MUSTER_TOKEN_FILE", hide_env_values = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// PEM: the authority of the gateway's certificate [default: those of the system]
    #[arg(long, global = true, env = "MUSTER_CA", hide_env_values = true, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// PEM: the certificate to show
    #[arg(long, global = true, env = "MUSTER_CERT", hide_env_values = true, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// PEM: the key of --cert
    #[arg(long, global = true, env = "MUSTER_KEY", hide_env_values = true, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// How long a call may take
    #[arg(long, global = true, value_name = "SPAN", value_parser = names::span, default_value = "30s")]
    pub timeout: Option<jiff::SignedDuration>,
}

impl ConnectArgs {
    /// The address that counts.
    ///
    /// # Errors
    /// When the named data directory does not tell it.
    pub fn address(&self) -> Result<String, Failure> {
        if let Some(address) = &self.address {
            return Ok(with_scheme(address));
        }
        if let Some(data) = &self.data {
            return read_addresses(&data.join(ADDRESSES_FILE));
        }
        let left = USUAL_DATA.iter().map(|data| Path::new(data).join(ADDRESSES_FILE)).find(|file| file.exists());
        left.map_or_else(|| Ok(DEFAULT_ADDRESS.to_owned()), |file| read_addresses(&file))
    }

    /// The bearer token, if one is named.
    ///
    /// # Errors
    /// When its file cannot be read or holds none.
    pub(super) fn token(&self) -> Result<Option<String>, Failure> {
        let Some(file) = &self.token_file else { return Ok(None) };
        let text = read_small(file, Exit::NoInput)?;
        let token = text.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = format!("failed to read a token from {}: it holds no single printable word", file.display());
            return Err(Failure::message(Exit::Data, message));
        }
        Ok(Some(token.to_owned()))
    }
}

fn with_scheme(address: &str) -> String {
    if address.contains("://") { address.to_owned() } else { format!("http://{address}") }
}

fn read_addresses(file: &Path) -> Result<String, Failure> {
    let text = read_small(file, Exit::NoInput)
        .map_err(|failure| Failure::message(failure.exit(), format!("{failure}; is `muster up` running there?")))?;
    let addresses: Addresses = serde_json::from_str(&text)
        .map_err(|error| anyhow::anyhow!("failed to read the gateway's address from {}: {error}", file.display()))
        .or_exit(Exit::Data)?;
    addresses.gateway.ok_or_else(|| {
        let text = format!("failed to reach the gateway of {}: it is not up yet; run it again", file.display());
        Failure::message(Exit::Unavailable, text)
    })
}

fn read_small(file: &Path, missing: Exit) -> Result<String, Failure> {
    let fail = |exit, what: String| Failure::message(exit, format!("failed to read {}: {what}", file.display()));
    let length = std::fs::metadata(file).map_err(|error| fail(missing, error.to_string()))?.len();
    if length > FILE_BYTES_MAX {
        return Err(fail(Exit::Data, format!("{length} bytes, at most {FILE_BYTES_MAX}")));
    }
    std::fs::read_to_string(file).map_err(|error| fail(missing, error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_data_directory_tells_the_address() {
        let data = tempfile::tempdir().unwrap();
        let args = ConnectArgs { data: Some(data.path().to_owned()), ..ConnectArgs::default() };
        let missing = args.address().unwrap_err();
        assert_eq!(missing.exit(), Exit::NoInput);
        assert!(missing.to_string().contains("muster up"), "{missing}");
        let addresses = Addresses { gateway: Some("http://127.0.0.1:4711".to_owned()) };
        std::fs::write(data.path().join(ADDRESSES_FILE), serde_json::to_string(&addresses).unwrap()).unwrap();
        assert_eq!(args.address().unwrap(), "http://127.0.0.1:4711");
    }

    #[test]
    fn what_is_said_counts_more() {
        let args = ConnectArgs {
            address: Some("10.0.0.1:7420".to_owned()),
            data: Some("/nowhere".into()),
            ..ConnectArgs::default()
        };
        assert_eq!(args.address().unwrap(), "http://10.0.0.1:7420");
    }

    #[test]
    fn a_token_is_one_word() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let args = ConnectArgs { token_file: Some(file.path().to_owned()), ..ConnectArgs::default() };
        assert_eq!(args.token().unwrap_err().exit(), Exit::Data);
        std::fs::write(file.path(), "secret\n").unwrap();
        assert_eq!(args.token().unwrap().unwrap(), "secret");
        std::fs::write(file.path(), "two words").unwrap();
        assert_eq!(args.token().unwrap_err().exit(), Exit::Data);
    }
}
