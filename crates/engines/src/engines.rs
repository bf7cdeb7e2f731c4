//! Both engines on one data directory.

use std::fs::{self, DirBuilder, File};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clickhouse::{self, ClickHouse, ClickHouseUser};
use crate::nats::{self, Nats, NatsUser};
use crate::password::{self, Passwords};
use crate::{EngineFiles, Error, Password, Ports, lock};

/// ClickHouse's share of the machine's memory; the rest is for the services, NATS and the page cache.
const MEMORY_SHARE: u64 = 2;
/// A query of ours takes tens of MiB and an idle server about 220 MiB; below this it would refuse work.
const MEMORY_FLOOR_BYTES: u64 = 1 << 30;
/// What one machine's data ever needs; above it a runaway query is the likelier cause.
const MEMORY_CEILING_BYTES: u64 = 8 << 30;

/// What the engines do before they acknowledge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// Both sync to disk, so that an acknowledged message or row survives the loss of power.
    #[default]
    EveryWrite,
    /// Neither syncs: it survives `kill -9`, not the loss of power. For benches that show what syncing costs, and tests.
    Relaxed,
}

/// How to start the engines.
#[derive(Debug, Clone)]
pub struct EnginesOptions {
    /// Where the engines are.
    pub files: EngineFiles,
    /// The program that is started as `PROGRAM engine clickhouse …` and calls [`crate::run_embedded`]: usually
    /// `std::env::current_exe()`.
    pub program: PathBuf,
    /// Where the data, the configuration, the logs and the passwords are; made when it is not there.
    pub data_dir: PathBuf,
    /// The users of NATS.
    pub nats_users: Vec<NatsUser>,
    /// The users of ClickHouse.
    pub clickhouse_users: Vec<ClickHouseUser>,
    /// What is synced before it is acknowledged.
    pub durability: Durability,
    /// Where they listen.
    pub ports: Ports,
    /// How much disk `JetStream` may take.
    pub nats_store_bytes: u64,
    /// How much memory ClickHouse may take; `None` is half of the machine's, between 1 and 8 GiB.
    pub clickhouse_memory_bytes: Option<u64>,
}

impl EnginesOptions {
    /// 16 GiB: the streams of one machine are declared at about 4 GiB, and NATS keeps up to as much again of messages
    /// that are deleted and not yet compacted; the rest is room to declare more.
    pub const NATS_STORE_BYTES: u64 = 16 << 30;

    /// No users, free ports, everything synced.
    #[must_use]
    pub fn new(files: EngineFiles, program: PathBuf, data_dir: PathBuf) -> Self {
        Self {
            files,
            program,
            data_dir,
            nats_users: Vec::new(),
            clickhouse_users: Vec::new(),
            durability: Durability::default(),
            ports: Ports::default(),
            nats_store_bytes: Self::NATS_STORE_BYTES,
            clickhouse_memory_bytes: None,
        }
    }
}

/// The running engines. Clones are the same engines; when the last one goes, so do they, by `kill -9`: what was
/// acknowledged is kept. [`Engines::stop`] is the orderly way.
#[derive(Debug, Clone)]
pub struct Engines {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    nats: Mutex<Nats>,
    clickhouse: Mutex<ClickHouse>,
    passwords: Passwords,
    nats_address: SocketAddr,
    http_address: SocketAddr,
    tcp_address: SocketAddr,
    data_dir: PathBuf,
    /// Let go last, after both processes.
    lock: File,
}

impl Engines {
    /// Starts both and waits until both answer.
    pub async fn start(options: EnginesOptions) -> Result<Self, Error> {
        tokio::task::spawn_blocking(move || Self::start_blocking(options)).await.map_err(Error::Task)?
    }

    /// [`Self::start`] for callers without a runtime.
    pub fn start_blocking(mut options: EnginesOptions) -> Result<Self, Error> {
        let named = &options.data_dir;
        // Not for other users of the machine: what the engines keep is where every weakness is.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(named);
        made.map_err(Error::file("make", named))?;
        let dir = named.canonicalize().map_err(Error::file("find", named))?;
        if dir.to_str().is_none() {
            return Err(Error::DataName { path: dir });
        }
        let lock = lock::take(&dir)?;
        let passwords = settle_passwords(&dir, &mut options)?;
        let nats_settings = nats::Settings {
            users: &options.nats_users,
            durability: options.durability,
            max_file_store_bytes: options.nats_store_bytes,
            monitoring_port: options.ports.nats_monitoring,
        };
        let nats_dir = dir.join("nats");
        let mut nats = Nats::start(&options.files.nats_server, &nats_dir, options.ports.nats, nats_settings, &lock)?;
        let clickhouse_dir = dir.join("clickhouse");
        let place = clickhouse::Place {
            program: &options.program,
            library: &options.files.libchdb,
            dir: &clickhouse_dir,
            http_port: options.ports.clickhouse_http,
            tcp_port: options.ports.clickhouse_tcp,
        };
        let clickhouse_settings = clickhouse::Settings {
            users: &options.clickhouse_users,
            durability: options.durability,
            memory_bytes: options.clickhouse_memory_bytes.unwrap_or_else(default_memory_bytes),
        };
        let mut clickhouse = ClickHouse::start(place, clickhouse_settings, &lock)?;
        nats.wait_ready()?;
        clickhouse.wait_ready()?;
        let (nats_address, http_address, tcp_address) =
            (nats.address(), clickhouse.http_address(), clickhouse.tcp_address());
        tracing::info!(nats = %nats_address, clickhouse_http = %http_address, data = %dir.display(), "engines are up");
        let (nats, clickhouse) = (Mutex::new(nats), Mutex::new(clickhouse));
        let inner = Inner { nats, clickhouse, passwords, nats_address, http_address, tcp_address, data_dir: dir, lock };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// `nats://127.0.0.1:PORT`.
    #[must_use]
    pub fn nats_url(&self) -> String {
        format!("nats://{}", self.inner.nats_address)
    }

    /// Where NATS listens.
    #[must_use]
    pub fn nats_address(&self) -> SocketAddr {
        self.inner.nats_address
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn clickhouse_http_url(&self) -> String {
        format!("http://{}", self.inner.http_address)
    }

    /// Where ClickHouse listens for HTTP.
    #[must_use]
    pub fn clickhouse_http_address(&self) -> SocketAddr {
        self.inner.http_address
    }

    /// Where ClickHouse listens for its native protocol.
    #[must_use]
    pub fn clickhouse_tcp(&self) -> SocketAddr {
        self.inner.tcp_address
    }

    /// The password of a user of NATS.
    #[must_use]
    pub fn nats_password(&self, user: &str) -> Option<&Password> {
        self.inner.passwords.nats.get(user)
    }

    /// The password of a user of ClickHouse.
    #[must_use]
    pub fn clickhouse_password(&self, user: &str) -> Option<&Password> {
        self.inner.passwords.clickhouse.get(user)
    }

    /// The data directory, absolute. The logs are `nats/nats-server.log` and `clickhouse/clickhouse.log` in it.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.inner.data_dir
    }

    /// The process id of NATS, while it runs.
    #[must_use]
    pub fn nats_pid(&self) -> Option<u32> {
        self.inner.nats().pid()
    }

    /// The process id of ClickHouse, while it runs.
    #[must_use]
    pub fn clickhouse_pid(&self) -> Option<u32> {
        self.inner.clickhouse().pid()
    }

    /// Stops both in order. They can be restarted.
    pub async fn stop(&self) -> Result<(), Error> {
        self.blocking(|inner| {
            let stopped = inner.clickhouse().stop();
            inner.nats().stop().and(stopped)
        })
        .await
    }

    /// `kill -9` of NATS.
    pub async fn kill_nats(&self) -> Result<(), Error> {
        self.blocking(|inner| inner.nats().kill()).await
    }

    /// Starts NATS again on its port and data, stopping it first when it runs.
    pub async fn restart_nats(&self) -> Result<(), Error> {
        self.blocking(|inner| inner.nats().restart(&inner.lock)).await
    }

    /// `kill -9` of ClickHouse.
    pub async fn kill_clickhouse(&self) -> Result<(), Error> {
        self.blocking(|inner| inner.clickhouse().kill()).await
    }

    /// Starts ClickHouse again on its ports and data, stopping it first when it runs.
    pub async fn restart_clickhouse(&self) -> Result<(), Error> {
        self.blocking(|inner| inner.clickhouse().restart(&inner.lock)).await
    }

    /// `kill -9` of both, for the end of a test.
    pub(crate) fn kill_blocking(&self) {
        let _ = self.inner.clickhouse().kill();
        let _ = self.inner.nats().kill();
    }

    async fn blocking(&self, action: impl FnOnce(&Inner) -> Result<(), Error> + Send + 'static) -> Result<(), Error> {
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || action(&inner)).await.map_err(Error::Task)?
    }
}

impl Inner {
    fn nats(&self) -> MutexGuard<'_, Nats> {
        self.nats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clickhouse(&self) -> MutexGuard<'_, ClickHouse> {
        self.clickhouse.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn settle_passwords(dir: &Path, options: &mut EnginesOptions) -> Result<Passwords, Error> {
    let path = dir.join("passwords.json");
    let mut kept = Passwords::load(&path)?;
    password::settle(
        &mut kept.nats,
        options.nats_users.iter_mut().map(|user| (user.name.as_str(), &mut user.password)),
    )?;
    let users = options.clickhouse_users.iter_mut().map(|user| (user.name.as_str(), &mut user.password));
    password::settle(&mut kept.clickhouse, users)?;
    kept.save(&path)?;
    Ok(kept)
}

/// Half of what the machine, or the container, has.
fn default_memory_bytes() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_bytes(&text));
    let container = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    let available = [machine, container].into_iter().flatten().min().unwrap_or(MEMORY_FLOOR_BYTES);
    (available / MEMORY_SHARE).clamp(MEMORY_FLOOR_BYTES, MEMORY_CEILING_BYTES)
}

/// The `MemTotal` of /proc/meminfo (proc(5)), which is in KiB.
fn total_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_memory_of_the_machine_is_read_in_bytes() {
        assert_eq!(total_bytes("MemTotal:       24596332 kB\nMemFree: 1 kB\n"), Some(24_596_332 * 1024));
        assert_eq!(total_bytes("MemFree: 1 kB\n"), None);
        assert_eq!(total_bytes("MemTotal: 18446744073709551615 kB"), None);
    }
}
