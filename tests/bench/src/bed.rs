//! What a figure is measured on: the embedded engines with everything synced, the release binary's services, and an
//! administrator's connections.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use muster::config::MusterConfig;
use muster::process::{ServiceName, Stack, StackOptions};
use muster_bus::topology::Sizing;
use muster_bus::{Bus, BusOptions, Publisher};
use muster_proto::v1::Producer;
use muster_store::StoreOptions;
use muster_tests::Books;
use tempfile::TempDir;

/// Streams large enough that none is relieved while it is measured: a run of 40 rounds at 110 MB is 4.4 GB.
const SIZING: Sizing = Sizing { replicas: 1, events_bytes: 8 << 30 };
/// A round of a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A running stack.
#[derive(Debug)]
pub(crate) struct Bed {
    pub(crate) stack: Stack,
    pub(crate) bus: Bus,
    pub(crate) books: Books,
    config: MusterConfig,
    directory: TempDir,
}

impl Bed {
    /// Starts the engines and some services. `Stack` asks for `sync_interval: always`.
    pub(crate) async fn start(services: &[ServiceName]) -> anyhow::Result<Self> {
        let mut directory = tempfile::tempdir()?;
        directory.disable_cleanup(std::env::var_os("MUSTER_KEEP").is_some());
        let stack = Stack::start(StackOptions {
            services: services.iter().map(|service| (*service, 1)).collect(),
            sizing: SIZING,
            ..StackOptions::new(directory.path().join("stack"), program()?)
        })
        .await
        .map_err(|failure| anyhow::anyhow!("{failure}"))?;
        let config = stack.admin_config().map_err(|failure| anyhow::anyhow!("{failure}"))?;
        let bus = Bus::connect(config.bus.options("admin", "bench")).await?;
        let books = Books::new(&config.store.options("admin"));
        Ok(Self { stack, bus, books, config, directory })
    }

    /// Publishes as a scanner would.
    pub(crate) fn publisher(&self) -> Publisher {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        self.bus.publisher(Producer { service: "scanner".to_owned(), instance: "bench".to_owned(), version })
    }

    /// How to reach the bus as administrator.
    pub(crate) fn bus_options(&self) -> BusOptions {
        self.config.bus.options("admin", "bench")
    }

    /// How to reach the store as administrator.
    pub(crate) fn store_options(&self) -> StoreOptions {
        self.config.store.options("admin")
    }

    /// The directory of the engines' data: the disk that is measured.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Waits until all that the streams hold of a site is judged and recorded.
    pub(crate) async fn settled(&self, site: &str) -> anyhow::Result<()> {
        muster::process::settled(&self.bus, &[site], 1, PATIENCE).await
    }

    /// Stops everything.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stack.stop().await.map_err(|failure| anyhow::anyhow!("{failure}")).context("stopping")
    }
}

/// The `muster` beside this program: built with the same profile.
pub(crate) fn program() -> anyhow::Result<PathBuf> {
    if let Some(program) = std::env::var_os("MUSTER_PROGRAM") {
        return Ok(program.into());
    }
    let program = std::env::current_exe()?.with_file_name("muster");
    ensure!(
        program.is_file(),
        "failed to find {}: build both, cargo build --release -p muster -p muster-bench",
        program.display()
    );
    Ok(program)
}
