//! One machine's whole stack: the engines and every service as child processes, all on loopback.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use muster_bus::permissions::Role;
use muster_bus::topology::Sizing;
use muster_engines::{ClickHouseUser, Durability, EngineFiles, Engines, EnginesOptions, NatsUser, Password, Ports};
use muster_kit::config::{ConfigSources, load};
use muster_kit::{Exit, Failure, OrExit as _};
use muster_store::TableEngine;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::task::AbortOnDropHandle;

use super::child::{ChildSpec, Supervised, last_lines};
use super::provision::provision_with;
use super::serve::ServiceName;
use crate::config::MusterConfig;

/// How long a service may take until it is ready.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How to start a stack.
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// Directory of everything that survives a restart.
    pub data_dir: PathBuf,
    /// Directory of the engines; `None`: looked for.
    pub engines: Option<PathBuf>,
    /// The program that is every service: this very one, except in tests.
    pub program: PathBuf,
    /// Services, each with the number of its processes.
    pub services: Vec<(ServiceName, u32)>,
    /// Configuration file that every service reads.
    pub config: Option<PathBuf>,
    /// Settings for every service, `key=value`.
    pub set: Vec<String>,
    /// What is synced before it is acknowledged.
    pub durability: Durability,
    /// Ports of the engines.
    pub ports: Ports,
    /// Sizes of the streams.
    pub sizing: Sizing,
    /// Environment of one service's processes: name and variables.
    pub environment: Vec<(ServiceName, Vec<(String, String)>)>,
    /// Services that are started otherwise than the rest.
    pub otherwise: BTreeMap<ServiceName, Otherwise>,
}

/// How one service is started otherwise than the rest.
#[derive(Debug, Clone, Default)]
pub struct Otherwise {
    /// Another program, for example another version's.
    pub program: Option<PathBuf>,
    /// Settings, `key=value`, that win over those of every service.
    pub set: Vec<String>,
}

impl StackOptions {
    /// Every service once, durable, on free ports.
    #[must_use]
    pub fn new(data_dir: PathBuf, program: PathBuf) -> Self {
        Self {
            data_dir,
            engines: None,
            program,
            services: ServiceName::ALL.iter().map(|service| (*service, 1)).collect(),
            config: None,
            set: Vec::new(),
            durability: Durability::EveryWrite,
            ports: Ports::default(),
            sizing: Sizing::EMBEDDED,
            environment: Vec::new(),
            otherwise: BTreeMap::new(),
        }
    }
}

/// Where the parts of a stack are: `addresses.json` in its directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    /// URL of the gateway.
    pub gateway: Option<String>,
    /// URL of NATS.
    pub nats: String,
    /// URL of ClickHouse.
    pub clickhouse: String,
    /// Health addresses, by process.
    pub admin: BTreeMap<String, SocketAddr>,
}

/// A running stack.
#[derive(Debug)]
pub struct Stack {
    options: StackOptions,
    engines: Engines,
    children: Vec<Supervised>,
    addresses: Addresses,
    watch: AbortOnDropHandle<()>,
    /// How long the services took to be ready after the engines were.
    pub services_ready_after: Duration,
}

impl Stack {
    /// Starts the engines, provisions them, starts the services and waits until all are ready.
    ///
    /// # Errors
    /// One line that names what did not come up, and why.
    pub async fn start(options: StackOptions) -> Result<Self, Failure> {
        let files = EngineFiles::locate(options.engines.as_deref()).map_err(failed(Exit::NoInput))?;
        for directory in ["log", "run", "secrets"] {
            std::fs::create_dir_all(options.data_dir.join(directory)).or_exit(Exit::CannotCreate)?;
        }
        let engines = Engines::start(EnginesOptions {
            nats_users: nats_users(),
            clickhouse_users: clickhouse_users(),
            durability: options.durability,
            ports: options.ports,
            ..EnginesOptions::new(files, options.program.clone(), options.data_dir.join("engines"))
        })
        .await
        .map_err(not_started)?;
        let mut stack = Self {
            watch: AbortOnDropHandle::new(tokio::spawn(keep_running(engines.clone()))),
            addresses: Addresses {
                gateway: None,
                nats: engines.nats_url(),
                clickhouse: engines.clickhouse_http_url(),
                admin: BTreeMap::new(),
            },
            options,
            engines,
            children: Vec::new(),
            services_ready_after: Duration::ZERO,
        };
        stack.provision().await?;
        let started = Instant::now();
        for (service, count) in stack.options.services.clone() {
            for replica in 1..=count {
                stack.start_service(service, replica)?;
            }
        }
        stack.wait_until_ready().await?;
        stack.services_ready_after = started.elapsed();
        stack.write_addresses()?;
        Ok(stack)
    }

    /// The engines.
    #[must_use]
    pub const fn engines(&self) -> &Engines {
        &self.engines
    }

    /// Where the parts are.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Process ids of the services.
    #[must_use]
    pub fn pids(&self) -> Vec<(String, u32)> {
        self.children.iter().filter_map(|child| Some((child.name.clone(), child.pid()?))).collect()
    }

    /// `kill -9` of one process, which is then started again.
    pub async fn kill(&self, service: ServiceName, replica: u32) {
        let name = process_name(service, replica);
        if let Some(child) = self.children.iter().find(|child| child.name == name) {
            child.kill().await;
        }
    }

    /// Kills one process and starts it anew, with other variables.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn replace(
        &mut self,
        service: ServiceName,
        replica: u32,
        environment: Vec<(String, String)>,
    ) -> Result<(), Failure> {
        self.end(service, replica).await;
        self.options.environment.retain(|(of, _)| *of != service);
        self.options.environment.push((service, environment));
        self.start_service(service, replica)
    }

    /// How the processes of a service are started from now on.
    pub fn otherwise(&mut self, service: ServiceName, otherwise: Otherwise) {
        self.options.otherwise.insert(service, otherwise);
    }

    /// What a process of a service is told so that it reaches the engines, as `key=value`: for one that somebody else
    /// starts.
    ///
    /// # Errors
    /// When its secrets cannot be written.
    pub fn settings_of(&self, service: ServiceName) -> Result<Vec<String>, Failure> {
        let settings = self.connection_settings(service.name())?;
        Ok(settings.into_iter().map(|(key, value)| format!("{key}={value}")).collect())
    }

    /// The same for an administrator's command.
    ///
    /// # Errors
    /// When its secrets cannot be written.
    pub fn admin_settings(&self) -> Result<Vec<String>, Failure> {
        let settings = self.connection_settings("admin")?;
        Ok(settings.into_iter().map(|(key, value)| format!("{key}={value}")).collect())
    }

    /// Waits until every process is ready.
    ///
    /// # Errors
    /// The first one that is not, and why.
    pub async fn ready(&mut self) -> Result<(), Failure> {
        self.wait_until_ready().await
    }

    /// Kills one process for good.
    pub async fn end(&mut self, service: ServiceName, replica: u32) {
        let name = process_name(service, replica);
        if let Some(at) = self.children.iter().position(|child| child.name == name) {
            self.children.remove(at).end().await;
        }
    }

    /// How often a process has ended without having been asked to.
    #[must_use]
    pub fn ended(&self, service: ServiceName, replica: u32) -> u64 {
        let name = process_name(service, replica);
        self.children.iter().find(|child| child.name == name).map_or(0, Supervised::ended)
    }

    /// Waits until a process ends without having been asked to; for ever, where there is none of that name.
    pub async fn next_end(&self, service: ServiceName, replica: u32) {
        let name = process_name(service, replica);
        match self.children.iter().find(|child| child.name == name) {
            Some(child) => child.next_end().await,
            None => std::future::pending().await,
        }
    }

    /// The first service that is not started again, and why.
    #[must_use]
    pub fn failure(&self) -> Option<(String, String)> {
        self.children.iter().find_map(|child| Some((child.name.clone(), child.failure()?)))
    }

    /// The configuration with which an administrator reaches the engines.
    ///
    /// # Errors
    /// When its secrets cannot be written.
    pub fn admin_config(&self) -> Result<MusterConfig, Failure> {
        let overrides = self.connection_settings("admin")?;
        Ok(load(ConfigSources { file: None, overrides })?)
    }

    /// Stops the services, last started first, then the engines.
    ///
    /// # Errors
    /// When an engine does not stop.
    pub async fn stop(mut self) -> Result<(), Failure> {
        self.watch.abort();
        while let Some(child) = self.children.pop() {
            child.stop().await;
        }
        let _gone = std::fs::remove_file(self.options.data_dir.join("addresses.json"));
        self.engines.stop().await.map_err(failed(Exit::Internal))
    }

    async fn provision(&self) -> Result<(), Failure> {
        let config = self.admin_config()?;
        for line in provision_with(&config, self.options.sizing, &TableEngine::Local).await? {
            tracing::info!(line, "provisioned");
        }
        Ok(())
    }

    fn start_service(&mut self, service: ServiceName, replica: u32) -> Result<(), Failure> {
        let name = process_name(service, replica);
        let run = self.options.data_dir.join("run").join(format!("{name}.json"));
        let _old = std::fs::remove_file(&run);
        let mut arguments: Vec<OsString> = vec!["serve".into(), service.name().into(), "--stop-with-stdin".into()];
        if let Some(config) = &self.options.config {
            arguments.extend(["--config".into(), config.into()]);
        }
        let mut settings = self.connection_settings(service.name())?;
        settings.push(("kit.instance".to_owned(), name.clone()));
        settings.push(("kit.addresses_file".to_owned(), run.display().to_string()));
        let own = settings.into_iter().map(|(key, value)| format!("{key}={value}"));
        let otherwise = self.options.otherwise.get(&service).cloned().unwrap_or_default();
        for setting in own.chain(self.options.set.iter().cloned()).chain(otherwise.set) {
            arguments.extend(["--set".into(), setting.into()]);
        }
        let environment = self.options.environment.iter().filter(|(of, _)| *of == service);
        self.children.push(Supervised::start(ChildSpec {
            log: self.options.data_dir.join("log").join(format!("{name}.log")),
            program: otherwise.program.unwrap_or_else(|| self.options.program.clone()),
            arguments,
            environment: environment.flat_map(|(_, variables)| variables.clone()).collect(),
            final_codes: [Exit::Usage, Exit::Data, Exit::Permission, Exit::CannotCreate].map(Exit::code).to_vec(),
            name,
        })?);
        Ok(())
    }

    /// What every process needs to reach the engines as a user of its own.
    fn connection_settings(&self, user: &str) -> Result<Vec<(String, String)>, Failure> {
        let mut settings = vec![("bus.url".to_owned(), self.engines.nats_url())];
        settings.push(("store.url".to_owned(), self.engines.clickhouse_http_url()));
        for (section, password) in
            [("bus", self.engines.nats_password(user)), ("store", self.engines.clickhouse_password(user))]
        {
            if let Some(password) = password {
                let file = self.secret(&format!("{user}.{section}"), password)?;
                settings.push((format!("{section}.user"), user.to_owned()));
                settings.push((format!("{section}.password.file"), file.display().to_string()));
            }
        }
        Ok(settings)
    }

    fn secret(&self, name: &str, password: &Password) -> Result<PathBuf, Failure> {
        let file = self.options.data_dir.join("secrets").join(name);
        // Written beside it and moved: a process of the same service that was started before may be reading it.
        let next = file.with_added_extension("next");
        let mut open = std::fs::OpenOptions::new();
        let mut handle =
            open.create(true).write(true).truncate(true).mode(0o600).open(&next).or_exit(Exit::CannotCreate)?;
        handle.write_all(password.expose().as_bytes()).or_exit(Exit::CannotCreate)?;
        std::fs::rename(&next, &file).or_exit(Exit::CannotCreate)?;
        Ok(file)
    }

    /// Every process says its health address in a file, and then that it is ready.
    async fn wait_until_ready(&mut self) -> Result<(), Failure> {
        let deadline = tokio::time::Instant::now() + READY_WITHIN;
        let names: Vec<String> = self.children.iter().map(|child| child.name.clone()).collect();
        for name in names {
            let run = self.options.data_dir.join("run").join(format!("{name}.json"));
            loop {
                if let Some((name, reason)) = self.failure() {
                    return Err(Failure::message(Exit::Unavailable, format!("failed to start {name}: {reason}")));
                }
                if let Some(bound) = read_addresses(&run)
                    && let Some(admin) = bound.get("admin")
                    && is_ready(*admin).await
                {
                    self.addresses.admin.insert(name.clone(), *admin);
                    if let Some(grpc) = bound.get("grpc") {
                        self.addresses.gateway = Some(format!("http://{grpc}"));
                    }
                    break;
                }
                if tokio::time::Instant::now() > deadline {
                    let log = self.options.data_dir.join("log").join(format!("{name}.log"));
                    let reason = last_lines(&log);
                    let what = format!("failed to start {name}: not ready within {READY_WITHIN:?}: {reason}");
                    return Err(Failure::message(Exit::Unavailable, what));
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }

    fn write_addresses(&self) -> Result<(), Failure> {
        let text = serde_json::to_vec_pretty(&self.addresses)?;
        std::fs::write(self.options.data_dir.join("addresses.json"), text).or_exit(Exit::CannotCreate)
    }
}

/// Starts an engine again that ended by itself; one that was stopped on purpose has no process id.
async fn keep_running(engines: Engines) {
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if engines.clickhouse_pid().is_some_and(has_ended) {
            tracing::error!("ClickHouse ended by itself: starting it again");
            if let Err(error) = engines.restart_clickhouse().await {
                tracing::error!(%error, "ClickHouse cannot be started");
            }
        }
        if engines.nats_pid().is_some_and(has_ended) {
            tracing::error!("NATS ended by itself: starting it again");
            if let Err(error) = engines.restart_nats().await {
                tracing::error!(%error, "NATS cannot be started");
            }
        }
    }
}

/// Gone, or a zombie that waits to be looked at (proc(5), field 3 of stat).
fn has_ended(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_or(true, |stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}

fn process_name(service: ServiceName, replica: u32) -> String {
    format!("{}-{replica}", service.name())
}

fn read_addresses(run: &Path) -> Option<BTreeMap<String, SocketAddr>> {
    serde_json::from_slice(&std::fs::read(run).ok()?).ok()
}

/// One request over HTTP/1.0: not worth a client.
async fn is_ready(admin: SocketAddr) -> bool {
    let asked = async {
        let mut stream = tokio::net::TcpStream::connect(admin).await?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await?;
        let mut answer = [0; 16];
        let read = stream.read(&mut answer).await?;
        Ok::<_, std::io::Error>(answer[..read].windows(4).any(|word| word == b" 200"))
    };
    matches!(tokio::time::timeout(Duration::from_secs(2), asked).await, Ok(Ok(true)))
}

fn nats_users() -> Vec<NatsUser> {
    Role::on_one_machine()
        .iter()
        .map(Role::user)
        .map(|user| NatsUser { name: user.name, password: None, publish: user.publish, subscribe: user.subscribe })
        .collect()
}

fn clickhouse_users() -> Vec<ClickHouseUser> {
    muster_store::permissions::users("muster")
        .into_iter()
        .map(|user| ClickHouseUser {
            name: user.service.to_owned(),
            password: None,
            settings: user.settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            grants: user.grants,
            row_filters: Vec::new(),
        })
        .collect()
}

fn not_started(error: muster_engines::Error) -> Failure {
    let taken = matches!(error, muster_engines::Error::PortTaken { .. });
    failed(if taken { Exit::CannotCreate } else { Exit::Unavailable })(error)
}

fn failed<E: std::fmt::Display>(exit: Exit) -> impl Fn(E) -> Failure {
    move |error| Failure::message(exit, format!("failed to {error}"))
}
