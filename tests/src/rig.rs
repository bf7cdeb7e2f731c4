//! A stack for a test: real engines, real processes, a directory of its own that is gone afterwards.

use std::time::Duration;

use anyhow::{Context as _, bail};
use muster::process::{ServiceName, Stack, StackOptions};
use muster_bus::topology::Sizing;
use muster_bus::{Bucket, Bus, RecorderRecord, Stream};
use muster_engines::{Durability, Ports};
use tempfile::TempDir;

use crate::books::Books;
use crate::program::muster_program;

/// How a rig differs from a plain stack.
#[derive(Debug, Clone, Default)]
pub struct RigOptions {
    /// Services, each with the number of its processes.
    pub services: Vec<(ServiceName, u32)>,
    /// Settings for every service.
    pub set: Vec<String>,
    /// Environment of one service's processes.
    pub environment: Vec<(ServiceName, Vec<(String, String)>)>,
    /// Sync every write, as in production. Off: what survives `kill -9` is the same, and rounds are quicker.
    pub durable: bool,
    /// Sizes of the streams; none: those of one machine.
    pub sizing: Option<Sizing>,
    /// Port of NATS's monitoring pages.
    pub nats_monitoring: Option<u16>,
}

impl RigOptions {
    /// A gateway alone, on whatever port is free.
    #[must_use]
    pub fn gateway() -> Self {
        let set = vec!["gateway.listen=127.0.0.1:0".to_owned()];
        Self { services: vec![(ServiceName::Gateway, 1)], set, ..Self::default() }
    }
}

/// A running stack and an administrator's connections to its engines.
#[derive(Debug)]
pub struct Rig {
    /// The processes.
    pub stack: Stack,
    /// The bus, as administrator.
    pub bus: Bus,
    /// The books, as administrator.
    pub books: Books,
    directory: TempDir,
}

impl Rig {
    /// Starts.
    ///
    /// # Errors
    /// What did not come up.
    pub async fn start(options: RigOptions) -> anyhow::Result<Self> {
        muster_kit::tls::install_provider();
        let mut directory = tempfile::tempdir()?;
        directory.disable_cleanup(std::env::var_os("MUSTER_KEEP").is_some());
        let stack = Stack::start(StackOptions {
            services: options.services,
            set: options.set,
            environment: options.environment,
            ports: Ports { nats_monitoring: options.nats_monitoring, ..Ports::default() },
            sizing: options.sizing.unwrap_or(Sizing::EMBEDDED),
            durability: if options.durable { Durability::EveryWrite } else { Durability::Relaxed },
            ..StackOptions::new(directory.path().join("stack"), muster_program().to_owned())
        })
        .await
        .map_err(|failure| anyhow::anyhow!("{failure}"))?;
        let config = stack.admin_config().map_err(|failure| anyhow::anyhow!("{failure}"))?;
        let bus = Bus::connect(config.bus.options("admin", "test")).await?;
        let books = Books::new(&config.store.options("admin"));
        Ok(Self { stack, bus, books, directory })
    }

    /// The directory of the rig's data.
    #[must_use]
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Waits until the recorder has committed everything that the streams hold.
    ///
    /// # Errors
    /// When it has not after a minute.
    pub async fn recorded(&self) -> anyhow::Result<()> {
        let kv = self.bus.kv(Bucket::Recorder).await?;
        let mut tick = tokio::time::interval(Duration::from_millis(25));
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        for stream in Stream::RECORDED {
            let last = self.bus.stream_info(stream).await?.last_sequence;
            loop {
                tick.tick().await;
                let entry = kv.get(&RecorderRecord::key(stream, 1)).await?;
                let record: Option<RecorderRecord> = entry.and_then(|entry| serde_json::from_slice(&entry.value).ok());
                let committed = record.as_ref().map_or(0, |record| record.committed);
                if committed >= last {
                    break;
                }
                if tokio::time::Instant::now() > deadline {
                    bail!("{} is recorded up to {committed} of {last}: {record:?}", stream.name());
                }
                if let Some((name, reason)) = self.stack.failure() {
                    bail!("{name} ended for good: {reason}");
                }
            }
        }
        Ok(())
    }

    /// The log of a process.
    ///
    /// # Errors
    /// When it has none.
    pub fn log_of(&self, process: &str) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(self.directory().join("stack/log").join(format!("{process}.log")))?)
    }

    /// Who acts in a role now.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn leader(&self, role: &str) -> anyhow::Result<Option<String>> {
        let entry = self.bus.kv(Bucket::Leaders).await?.get(role).await?;
        Ok(entry.map(|entry| String::from_utf8_lossy(&entry.value).into_owned()))
    }

    /// Stops everything.
    ///
    /// # Errors
    /// When an engine does not stop.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stack.stop().await.map_err(|failure| anyhow::anyhow!("{failure}")).context("stopping")
    }
}
