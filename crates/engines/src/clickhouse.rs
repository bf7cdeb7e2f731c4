//! ClickHouse as a child process: the program of this process again, as `engine clickhouse`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command};
use std::time::Duration;

use crate::engines::Durability;
use crate::password::write_private;
use crate::ports::{self, Reserved};
use crate::process::Process;
use crate::{Error, Password};

mod config;

/// The name in messages.
pub(crate) const ENGINE: &str = "clickhouse";
/// A loopback answer to a ping takes a millisecond once it listens.
const PING_WITHIN: Duration = Duration::from_secs(2);

/// A user of ClickHouse and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClickHouseUser {
    /// The name to log in with. `default` is reserved.
    pub name: String,
    /// The password; `None` takes the one kept in the data directory, made at the first start.
    pub password: Option<Password>,
    /// Settings of its profile, such as `readonly` = `2`, `max_execution_time`, `max_memory_usage`.
    pub settings: BTreeMap<String, String>,
    /// `GRANT …` statements; without one it may do nothing.
    pub grants: Vec<String>,
    /// What it sees of a table.
    pub row_filters: Vec<RowFilter>,
}

/// The rows of a table that a user sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFilter {
    /// The database.
    pub database: String,
    /// The table.
    pub table: String,
    /// A condition in SQL.
    pub condition: String,
}

/// All that a start needs, kept for restarts.
#[derive(Debug)]
pub(crate) struct ClickHouse {
    program: PathBuf,
    library: PathBuf,
    dir: PathBuf,
    http_port: Reserved,
    tcp_port: Reserved,
    running: Option<Running>,
}

/// The process, and the end of the pipe whose closing stops it.
#[derive(Debug)]
struct Running {
    process: Process,
    pipe: Option<ChildStdin>,
}

/// What the configuration is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings<'a> {
    pub(crate) users: &'a [ClickHouseUser],
    pub(crate) durability: Durability,
    pub(crate) memory_bytes: u64,
}

/// Where and with what it runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) program: &'a Path,
    pub(crate) library: &'a Path,
    pub(crate) dir: &'a Path,
    pub(crate) http_port: Option<u16>,
    pub(crate) tcp_port: Option<u16>,
}

impl ClickHouse {
    /// Writes the configuration and starts it; [`Self::wait_ready`] comes next.
    pub(crate) fn start(place: Place<'_>, settings: Settings<'_>, lock: &File) -> Result<Self, Error> {
        let dir = place.dir;
        fs::create_dir_all(dir).map_err(Error::file("make", dir))?;
        let http_port = ports::reserve(ENGINE, place.http_port)?;
        let tcp_port = ports::reserve(ENGINE, place.tcp_port)?;
        write_private(&dir.join("users.xml"), config::users(settings.users)?.as_bytes())?;
        write_private(&dir.join("config.xml"), config::server(dir, settings).as_bytes())?;
        let mut clickhouse = Self {
            program: place.program.to_owned(),
            library: place.library.to_owned(),
            dir: dir.to_owned(),
            http_port,
            tcp_port,
            running: None,
        };
        clickhouse.launch(lock)?;
        Ok(clickhouse)
    }

    fn launch(&mut self, lock: &File) -> Result<(), Error> {
        ports::check_free(ENGINE, self.http_port.port)?;
        ports::check_free(ENGINE, self.tcp_port.port)?;
        let mut process = Process::spawn(ENGINE, self.command(), &self.dir, lock)?;
        let pipe = process.take_input();
        self.running = Some(Running { process, pipe });
        Ok(())
    }

    /// The arguments of clickhouse-local. The path has to be absolute: with a relative one it looks for the directory
    /// of a new part in the wrong place when it syncs it.
    fn command(&self) -> Command {
        let option = |name: &str, value: &dyn std::fmt::Display| format!("--{name}={value}");
        let mut command = Command::new(&self.program);
        command.args(["engine", "clickhouse"]).arg(&self.library).args([
            "--multiquery".to_owned(),
            option("log-level", &"warning"),
            option("config-file", &self.dir.join("config.xml").display()),
            option("path", &self.dir.join("data").display()),
            option("listen_host", &"127.0.0.1"),
            option("http_port", &self.http_port.port),
            option("tcp_port", &self.tcp_port.port),
            option("query", &config::SERVE),
        ]);
        command
    }

    /// Waits until it answers a ping over HTTP, which it does after its tables are loaded.
    pub(crate) fn wait_ready(&mut self) -> Result<(), Error> {
        let (http, tcp) = (self.http_address(), self.tcp_address());
        let Some(running) = &mut self.running else {
            return Err(Error::State { action: "wait for", engine: ENGINE, state: "stopped" });
        };
        running
            .process
            .wait_until(|| (ping(http) && TcpStream::connect_timeout(&tcp, PING_WITHIN).is_ok()).then_some(()))
    }

    pub(crate) fn http_address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.http_port.port))
    }

    pub(crate) fn tcp_address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.tcp_port.port))
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.process.id())
    }

    /// Stops it in order. Stopped already is fine.
    pub(crate) fn stop(&mut self) -> Result<(), Error> {
        let Some(Running { process, pipe }) = self.running.take() else { return Ok(()) };
        drop(pipe);
        process.wait_or_kill()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) -> Result<(), Error> {
        let running = self.running.take().ok_or(Error::State { action: "kill", engine: ENGINE, state: "stopped" })?;
        running.process.kill()
    }

    /// Starts it again with the same configuration, directory and ports.
    pub(crate) fn restart(&mut self, lock: &File) -> Result<(), Error> {
        self.stop()?;
        self.launch(lock)?;
        self.wait_ready()
    }
}

/// Whether a ClickHouse answers there.
fn ping(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&address, PING_WITHIN)?;
        stream.set_read_timeout(Some(PING_WITHIN))?;
        stream.write_all(b"GET /ping HTTP/1.0\r\n\r\n")?;
        let mut answer = Vec::new();
        // "HTTP/1.0 200 OK", a few headers and "Ok.\n".
        stream.take(4096).read_to_end(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.ends_with(b"Ok.\n"))
}
