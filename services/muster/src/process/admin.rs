//! What an administrator asks of the engines themselves: `muster doctor`, `muster dead`, `muster store`, `muster
//! permissions`. These need no gateway.

mod dead;
mod doctor;
mod users;

use std::path::Path;

use clap::Subcommand;
use muster_bus::Bus;
use muster_bus::permissions::{BusUser, Role};
use muster_kit::config::{ConfigSources, load, parse_override};
use muster_kit::{Exit, Failure, OrExit as _};
use muster_store::{Store, TableEngine};
use serde_json::json;

use super::serve::ConfigArgs;
use super::stack::Addresses;
use crate::config::MusterConfig;
use crate::operator::{ADDRESSES_FILE, ConnectArgs, Format};

/// Where a stack's data may be when nothing is said.
const USUAL_DATA: [&str; 2] = [".muster/demo", ".muster/data"];

/// Commands for the engines.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Checks, one line each, whether everything that Muster needs is there
    #[command(after_help = doctor::EXAMPLES)]
    Doctor {
        /// Of which engines
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// What could not be read
    #[command(subcommand, after_help = DEAD_EXAMPLES)]
    Dead(dead::DeadCommand),
    /// The schema in ClickHouse
    #[command(subcommand, after_help = STORE_EXAMPLES)]
    Store(StoreCommand),
    /// Prints what each service may do, as users of an engine
    #[command(after_help = PERMISSIONS_EXAMPLES)]
    Permissions {
        /// Of which engine
        engine: PermissionsOf,
        /// Sites with a scanner of their own (NATS)
        #[arg(long = "site", value_name = "SITE")]
        sites: Vec<String>,
    },
}

const DEAD_EXAMPLES: &str = "\
Examples:
  muster dead list --config muster.toml
  muster dead list -o json | jq '.[].reason'
  muster dead replay 12 --config muster.toml";

const STORE_EXAMPLES: &str = "\
Examples:
  muster store check --config muster.toml
  muster store migrate --config muster.toml
  muster store grants --database muster > users.sql";

const PERMISSIONS_EXAMPLES: &str = "\
Examples:
  muster permissions nats-conf --site dublin --site redmond > users.conf
  muster permissions clickhouse-xml > users.d/muster.xml";

/// An engine with users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PermissionsOf {
    /// NATS: subjects that each user may publish on and subscribe to, as JSON
    Nats,
    /// NATS: the server's users, to be included in its configuration; passwords are variables
    NatsConf,
    /// ClickHouse: CREATE USER and GRANT statements
    Clickhouse,
    /// ClickHouse: the server's users as a file of users.d; hashes of passwords are included
    ClickhouseXml,
}

/// What can be done with the schema.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Brings the schema to this version's
    Migrate {
        #[command(flatten)]
        config: ConfigArgs,
        /// ClickHouse cluster that the tables were provisioned on, replicated
        #[arg(long)]
        cluster: Option<String>,
    },
    /// Compares the schema with this version's
    Check {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Prints the users and grants of every service as SQL
    Grants {
        /// Database
        #[arg(long, default_value = "muster")]
        database: String,
    },
}

/// Carries one out.
///
/// # Errors
/// In one line, with its exit code.
pub async fn admin(command: AdminCommand, connect: ConnectArgs, format: Format) -> Result<Exit, Failure> {
    let data = connect.data.as_deref();
    match command {
        AdminCommand::Doctor { config } => Box::pin(doctor::doctor(&config, &connect, format)).await,
        AdminCommand::Dead(command) => dead::dead(command, data, format).await,
        AdminCommand::Store(command) => store(command, data).await,
        AdminCommand::Permissions { engine, sites } => {
            permissions(engine, sites)?;
            Ok(Exit::Ok)
        }
    }
}

/// The configuration of an administrator: a file, or what a running stack left in its data directory.
fn admin_config(args: &ConfigArgs, data: Option<&Path>) -> Result<MusterConfig, Failure> {
    if args.config.is_some() {
        return args.load();
    }
    let Some(data) = running(data) else { return args.load() };
    let addresses = addresses(data)?;
    let mut overrides = vec![
        ("bus.url".to_owned(), addresses.nats),
        ("bus.user".to_owned(), "admin".to_owned()),
        ("bus.password.file".to_owned(), data.join("secrets/admin.bus").display().to_string()),
        ("store.url".to_owned(), addresses.clickhouse),
        ("store.user".to_owned(), "admin".to_owned()),
        ("store.password.file".to_owned(), data.join("secrets/admin.store").display().to_string()),
    ];
    for text in &args.set {
        overrides.push(parse_override(text)?);
    }
    Ok(load(ConfigSources { file: None, overrides })?)
}

/// Where the parts of a running stack are.
fn addresses(data: &Path) -> Result<Addresses, Failure> {
    let file = data.join(ADDRESSES_FILE);
    let text = std::fs::read(&file).map_err(|error| {
        let what = format!("failed to read {}: {error}; is `muster up` running there?", file.display());
        Failure::message(Exit::NoInput, what)
    })?;
    serde_json::from_slice(&text).or_exit(Exit::Data)
}

/// The data directory that is named, or the usual one of a stack that runs.
fn running(data: Option<&Path>) -> Option<&Path> {
    data.or_else(|| USUAL_DATA.iter().map(Path::new).find(|data| data.join(ADDRESSES_FILE).exists()))
}

async fn connect_bus(config: &MusterConfig) -> Result<Bus, Failure> {
    Bus::connect(config.bus.options("admin", "muster admin")).await.or_exit(Exit::Unavailable)
}

async fn connect_store(config: &MusterConfig) -> Result<Store, Failure> {
    Store::connect(config.store.options("admin")).await.map_err(store_failure)
}

fn store_failure(error: muster_store::StoreError) -> Failure {
    Failure::message(Exit::Unavailable, format!("failed to {error}"))
}

async fn store(command: StoreCommand, data: Option<&Path>) -> Result<Exit, Failure> {
    match command {
        StoreCommand::Migrate { config, cluster } => {
            let store = connect_store(&admin_config(&config, data)?).await?;
            let engine = cluster.map_or(TableEngine::Local, |cluster| TableEngine::Replicated { cluster });
            for migration in store.migrate(&engine).await.map_err(store_failure)? {
                super::talk(&format!("+ schema {:04} {}", migration.version, migration.name));
            }
        }
        StoreCommand::Check { config } => {
            let store = connect_store(&admin_config(&config, data)?).await?;
            store
                .check_schema()
                .await
                .map_err(|error| Failure::message(Exit::Negative, format!("failed to {error}")))?;
            super::say(&format!("schema {} is what this version needs\n", muster_store::SCHEMA_VERSION));
        }
        StoreCommand::Grants { database } => {
            super::say(&muster_store::permissions::sql(&database));
        }
    }
    Ok(Exit::Ok)
}

fn permissions(engine: PermissionsOf, sites: Vec<String>) -> Result<(), Failure> {
    let mut roles = Role::on_one_machine();
    if !sites.is_empty() {
        roles.retain(|role| *role != Role::ScannerOfAll);
        roles.extend(sites.into_iter().map(|site| Role::Scanner { site }));
    }
    let bus_users: Vec<_> = roles.iter().map(Role::user).collect();
    let text = match engine {
        PermissionsOf::Nats => {
            let as_json =
                |user: &BusUser| json!({ "user": user.name, "publish": user.publish, "subscribe": user.subscribe });
            let users: Vec<_> = bus_users.iter().map(as_json).collect();
            format!("{}\n", serde_json::to_string_pretty(&users)?)
        }
        PermissionsOf::NatsConf => users::nats_conf(&bus_users),
        PermissionsOf::Clickhouse => muster_store::permissions::sql("muster"),
        PermissionsOf::ClickhouseXml => users::clickhouse_xml(&muster_store::permissions::users("muster")),
    };
    super::say(&text);
    Ok(())
}
