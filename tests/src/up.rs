//! `muster up` on a folder, and an operator beside it.
#![allow(clippy::print_stderr, reason = "tests")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::{Family, Member, muster_program, until};

/// A start of everything takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);

const CONFIG: &str = "
[up]
data_dir = \"FOLDER/data\"
nats_port = NATS

[gateway]
listen = \"127.0.0.1:0\"
page_key_file = \"FOLDER/page.key\"

[scheduler]
tick_ms = 100
clock_interval_ms = 500
";

/// Part of the command line of each engine.
pub const ENGINES: [&str; 2] = [" engine clickhouse ", "nats-server --config"];

/// `muster up` while it runs.
#[derive(Debug)]
pub struct Up {
    child: Child,
    /// Whom it started.
    pub family: Family,
}

impl Up {
    /// Starts it in a folder, with data and configuration there, and waits until it says that it is up.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(folder: &Path) -> Result<Self> {
        let began = Instant::now();
        let config = folder.join("muster.toml");
        if !config.exists() {
            let nats = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            let text = CONFIG.replace("FOLDER", &folder.display().to_string());
            std::fs::write(&config, text.replace("NATS", &nats.to_string()))?;
        }
        let mut command = Command::new(muster_program());
        command.args(["up", "--config"]).arg(config).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
        let mut talk = BufReader::new(child.stderr.take().context("standard error is piped")?);
        let mut said = String::new();
        while !said.contains("Muster is up") {
            let read = timeout(PATIENCE, talk.read_line(&mut said)).await.context("it does not come up")??;
            ensure!(read > 0, "it ended before it was up: {said}");
        }
        // Whoever talks on is read, or it would wait for us.
        tokio::spawn(async move { talk.read_to_string(&mut String::new()).await });
        let family = Family::of(child.id().context("it has ended")?)?;
        eprintln!("up after {:.1?}", began.elapsed());
        Ok(Self { child, family })
    }

    /// Sends it a signal, and gives its exit code and whom it started.
    async fn end(mut self, signal: Signal) -> Result<(Option<i32>, Family)> {
        let pid = self.child.id().context("it has ended")?;
        kill_process(Pid::from_raw(pid.try_into()?).context("a pid is not 0")?, signal)?;
        let status = timeout(PATIENCE, self.child.wait()).await.context("it does not end")??;
        Ok((status.code(), self.family))
    }

    /// Asks it to stop, and waits until it and everyone whom it started is gone.
    ///
    /// # Errors
    /// When it does not end well, or leaves somebody behind.
    pub async fn stop(self) -> Result<()> {
        let began = Instant::now();
        let (code, family) = self.end(Signal::TERM).await?;
        ensure!(code == Some(0), "it ended with {code:?}");
        let left = family.alive();
        ensure!(left.is_empty(), "it left {left:?} behind");
        eprintln!("all {} were gone {:.1?} after the signal", family.members.len(), began.elapsed());
        Ok(())
    }

    /// Kills it, and waits until the engines are gone: the kernel kills them. Its services find that it is gone and may
    /// take half of `kit.grace_s`, 10 s, to drain into engines that are no more; they are given back.
    ///
    /// # Errors
    /// When an engine stays.
    pub async fn kill(self) -> Result<Family> {
        let (code, mut family) = self.end(Signal::KILL).await?;
        ensure!(code.is_none(), "it ended with {code:?}");
        for engine in ENGINES {
            let engine = family.one(engine)?;
            until("an engine to be gone", async || Ok(!engine.is_alive())).await?;
        }
        family.members.retain(Member::is_alive);
        Ok(family)
    }
}

/// An operator at the machine.
#[derive(Debug, Clone)]
pub struct Operator {
    folder: PathBuf,
}

impl Operator {
    /// In the folder of an [`Up`].
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Runs a command, which has to succeed, and gives its standard output.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub async fn run(&self, arguments: &[&str]) -> Result<String> {
        let (code, data, talk) = self.end(arguments).await?;
        ensure!(code == Some(0), "{arguments:?} ended with {code:?}: {talk}");
        Ok(data)
    }

    /// Runs a command, and gives its exit code, its standard output and its standard error.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn end(&self, arguments: &[&str]) -> Result<(Option<i32>, String, String)> {
        let mut command = Command::new(muster_program());
        command.args(arguments).arg("--data").arg(self.folder.join("data")).current_dir(&self.folder);
        let output = timeout(PATIENCE, command.stdin(Stdio::null()).kill_on_drop(true).output()).await??;
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok((output.status.code(), String::from_utf8(output.stdout)?, talk))
    }

    /// The same as data.
    ///
    /// # Errors
    /// When it fails, or is no JSON.
    pub async fn data(&self, arguments: &[&str]) -> Result<Value> {
        Ok(serde_json::from_str(&self.run(&[arguments, &["-o", "json"]].concat()).await?)?)
    }
}
