//! The NATS server as a child process.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::engines::Durability;
use crate::password::write_private;
use crate::ports::{self, Reserved};
use crate::process::Process;
use crate::{Error, Password};

mod config;

pub(crate) use config::is_name;

/// The name in messages.
pub(crate) const ENGINE: &str = "nats-server";

/// A user of the NATS server and what it may do. Whoever uses `JetStream` needs its API subjects among `publish`
/// (`$JS.API.…`, `$JS.ACK.…`) and its own inbox, `_INBOX_<name>.>`, among `subscribe`, and sets that prefix in its
/// client, so that no user can read another's answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsUser {
    /// The name to log in with.
    pub name: String,
    /// The password; `None` takes the one kept in the data directory, made at the first start.
    pub password: Option<Password>,
    /// Subjects it may publish on; none means nothing.
    pub publish: Vec<String>,
    /// Subjects it may subscribe to; none means nothing.
    pub subscribe: Vec<String>,
}

/// All that a start needs, kept for restarts.
#[derive(Debug)]
pub(crate) struct Nats {
    program: PathBuf,
    dir: PathBuf,
    port: Reserved,
    process: Option<Process>,
}

/// What the configuration is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings<'a> {
    pub(crate) users: &'a [NatsUser],
    pub(crate) durability: Durability,
    pub(crate) max_file_store_bytes: u64,
    pub(crate) monitoring_port: Option<u16>,
}

impl Nats {
    /// Writes the configuration into `dir` and starts the server; [`Self::wait_ready`] comes next.
    pub(crate) fn start(
        program: &Path,
        dir: &Path,
        port: Option<u16>,
        settings: Settings<'_>,
        lock: &File,
    ) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(Error::file("make", dir))?;
        let port = ports::reserve(ENGINE, port)?;
        if let Some(monitoring) = settings.monitoring_port {
            ports::check_free(ENGINE, monitoring)?;
        }
        let text = config::render(dir, port.port, settings)?;
        write_private(&dir.join("nats-server.conf"), text.as_bytes())?;
        let mut nats = Self { program: program.to_owned(), dir: dir.to_owned(), port, process: None };
        nats.launch(lock)?;
        Ok(nats)
    }

    fn launch(&mut self, lock: &File) -> Result<(), Error> {
        ports::check_free(ENGINE, self.port.port)?;
        // A killed server leaves its ports file; by the process id in the name it could be taken for the new one's.
        for old in fs::read_dir(&self.dir).map_err(Error::file("read", &self.dir))?.flatten() {
            if old.path().extension().is_some_and(|extension| extension == "ports") {
                let _ = fs::remove_file(old.path());
            }
        }
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(self.dir.join("nats-server.conf"));
        self.process = Some(Process::spawn(ENGINE, command, &self.dir, lock)?);
        Ok(())
    }

    /// Waits for the ports file, which the server writes when it listens and `JetStream` has recovered.
    pub(crate) fn wait_ready(&mut self) -> Result<(), Error> {
        let Some(process) = &mut self.process else {
            return Err(Error::State { action: "wait for", engine: ENGINE, state: "stopped" });
        };
        let file = self.dir.join(format!("nats-server_{}.ports", process.id()));
        process.wait_until(|| {
            // Half a file does not parse, and is looked at again.
            let listening: Listening = serde_json::from_slice(&fs::read(&file).ok()?).ok()?;
            (!listening.nats.is_empty()).then_some(())
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.port))
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// Stops it in order. Stopped already is fine.
    pub(crate) fn stop(&mut self) -> Result<(), Error> {
        self.process.take().map_or(Ok(()), Process::terminate)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) -> Result<(), Error> {
        let process = self.process.take();
        process.ok_or(Error::State { action: "kill", engine: ENGINE, state: "stopped" })?.kill()
    }

    /// Starts it again with the same configuration, directory and ports.
    pub(crate) fn restart(&mut self, lock: &File) -> Result<(), Error> {
        self.stop()?;
        self.launch(lock)?;
        self.wait_ready()
    }
}

/// The ports file, as far as we read it.
#[derive(Debug, Deserialize)]
struct Listening {
    nats: Vec<String>,
}
