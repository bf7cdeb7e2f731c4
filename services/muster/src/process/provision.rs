//! `muster provision`: streams, buckets and tables as declared, on engines that somebody else runs.

use clap::Args;
use muster_bus::topology::Sizing;
use muster_bus::{Bus, Provisioning};
use muster_connect::{bus_failure, store_failure};
use muster_kit::{Exit, Failure, OrExit as _};
use muster_store::{Store, TableEngine};

use super::durability;
use super::serve::ConfigArgs;
use crate::config::MusterConfig;

/// Arguments of `muster provision`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  muster provision --config muster.toml\n  muster provision --config muster.toml --replicas 3 --events-gib 64 --nats-monitoring http://nats:8222"
)]
pub struct ProvisionArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Copies of every stream and bucket
    #[arg(long, default_value_t = 1)]
    replicas: usize,
    /// Size of EVENTS, GiB; the other streams follow from it
    #[arg(long, default_value_t = 2)]
    events_gib: u32,
    /// ClickHouse cluster whose servers all get the tables, replicated
    #[arg(long)]
    cluster: Option<String>,
    /// Monitoring address of NATS, to see that it syncs every write, for example http://127.0.0.1:8222
    #[arg(long, value_name = "URL")]
    nats_monitoring: Option<String>,
    /// Goes on where an engine acknowledges before it syncs: what was acknowledged may be lost with the power
    #[arg(long)]
    accept_weak_durability: bool,
}

/// Provisions; one line for each thing done.
///
/// # Errors
/// When an engine cannot be reached or refuses.
pub async fn provision(args: &ProvisionArgs) -> Result<Vec<String>, Failure> {
    let config = args.config.load()?;
    let sizing = Sizing { replicas: args.replicas, events_bytes: i64::from(args.events_gib) << 30 };
    let engine = match &args.cluster {
        None => TableEngine::Local,
        Some(cluster) => TableEngine::Replicated { cluster: cluster.clone() },
    };
    let checked = durability::check(&config, args.nats_monitoring.as_deref(), args.accept_weak_durability).await?;
    let mut done = provision_with(&config, sizing, &engine).await?;
    done.extend(checked);
    Ok(done)
}

/// Provisions engines as an administrator.
pub(crate) async fn provision_with(
    config: &MusterConfig,
    sizing: Sizing,
    engine: &TableEngine,
) -> Result<Vec<String>, Failure> {
    let bus = Bus::connect(config.bus.options("admin", "muster provision")).await.map_err(bus_failure)?;
    bus.check_api_level().await.or_exit(Exit::Unavailable)?;
    let mut done = Provisioning::new(&bus, sizing).apply().await.or_exit(Exit::Permission)?;
    let store = Store::connect(config.store.options("admin")).await.map_err(store_failure)?;
    for migration in store.migrate(engine).await.map_err(store_failure)? {
        done.push(format!("+ schema {:04} {}", migration.version, migration.name));
    }
    Ok(done)
}
