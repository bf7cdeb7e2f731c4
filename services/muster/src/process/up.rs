//! `muster up`: one machine's stack for real use, until it is told to stop.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use muster_engines::Ports;
use muster_kit::{Exit, Failure, OrExit as _, Shutdown};
use serde::{Deserialize, Serialize};

use super::serve::ConfigArgs;
use super::stack::{Stack, StackOptions};

/// Section `up`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpConfig {
    /// Directory of everything that survives a restart.
    pub data_dir: PathBuf,
    /// Directory of the engines. None: `MUSTER_ENGINES`, or `.muster/engines` here or above.
    pub engines: Option<PathBuf>,
    /// Port of NATS. None: a free one.
    pub nats_port: Option<u16>,
    /// Port of ClickHouse over HTTP. None: a free one.
    pub clickhouse_http_port: Option<u16>,
    /// Port of ClickHouse's native protocol. None: a free one.
    pub clickhouse_tcp_port: Option<u16>,
}

impl Default for UpConfig {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from(".muster/data"),
            engines: None,
            nats_port: None,
            clickhouse_http_port: None,
            clickhouse_tcp_port: None,
        }
    }
}

/// Arguments of `muster up`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  muster up\n  muster up --config muster.toml\n  muster up --data /var/lib/muster")]
pub struct UpArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Directory of the engines
    #[arg(long, value_name = "DIR")]
    engines: Option<PathBuf>,
    /// Checks the configuration and starts nothing
    #[arg(long)]
    check_config: bool,
}

/// Runs the stack until SIGTERM or SIGINT.
///
/// # Errors
/// When something does not come up, or a service ends for good.
pub async fn up(args: &UpArgs, data: Option<PathBuf>) -> Result<(), Failure> {
    let config = args.config.load()?;
    let data = data.unwrap_or_else(|| config.up.data_dir.clone());
    config.check()?;
    if args.check_config {
        super::say(super::serve::GOOD);
        return Ok(());
    }
    let shutdown = Shutdown::new();
    shutdown.listen_for_signals()?;
    let program = std::env::current_exe().or_exit(Exit::Internal)?;
    let options = StackOptions {
        engines: args.engines.clone().or_else(|| config.up.engines.clone()),
        config: args.config.config.clone(),
        set: args.config.set.clone(),
        ports: Ports {
            nats: config.up.nats_port,
            clickhouse_http: config.up.clickhouse_http_port,
            clickhouse_tcp: config.up.clickhouse_tcp_port,
            nats_monitoring: None,
        },
        ..StackOptions::new(data.clone(), program)
    };
    let Some(stack) = shutdown.or(Box::pin(Stack::start(options))).await else { return Ok(()) };
    let stack = stack?;
    let addresses = stack.addresses();
    let gateway = addresses.gateway.as_deref().unwrap_or("none");
    super::talk(&format!(
        "Muster is up. Data: {}\n  gRPC       {gateway}\n  ClickHouse {}\n  NATS       {}\nStop it with Ctrl-C.",
        data.display(),
        addresses.clickhouse,
        addresses.nats
    ));
    let mut look = tokio::time::interval(Duration::from_millis(500));
    let failure = loop {
        tokio::select! {
            () = shutdown.requested() => break None,
            _ = look.tick() => if let Some(failure) = stack.failure() { break Some(failure) },
        }
    };
    stack.stop().await?;
    match failure {
        Some((name, reason)) => Err(Failure::message(Exit::Unavailable, format!("{name} ended for good: {reason}"))),
        None => Ok(()),
    }
}
