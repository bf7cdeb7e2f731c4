//! `muster up --config FILE` is stopped, and killed (-9), and started again on the same data: what was found is what
//! stands, the books balance, and it goes on. Whoever it started ends with it.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use muster_lab::Lab;
use muster_tests::{Family, Member, muster_program, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

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

/// Sixteen addresses and three ports.
const ESTATE: &str = "
site: cellar
realm: corp
time_zone: Europe/Dublin
alive_by: open-port
ranges: [127.53.0.0/28]
zones:
  - name: all
    blocks: [127.53.0.0/28]
    class: production
    approvals:
      - {ports: tcp/8080, reason: The shop}
schedules:
  - {name: sweep, kind: sweep, every: 24h, anchor: 2099-01-01T02:00:00Z, ports: 'tcp/8080-8081, tcp/8888'}
scope: {rate_site_pps: 20000, rate_host_pps: 1000}
";

/// The second has no owner, the fourth does not answer.
const INVENTORY: &str = "key,name,owner,support_group,role,zone,base_image,criticality,address
A1,a1,aoife.byrne,web-operations,web,all,debian-12-web,high,127.53.0.1
A2,a2,,web-operations,web,all,debian-12-web,high,127.53.0.2
A3,a3,aoife.byrne,web-operations,web,all,debian-12-web,high,127.53.0.3
A4,a4,aoife.byrne,web-operations,web,all,debian-12-web,high,127.53.0.4
";

/// The third shares a folder, and the ninth is nobody's.
const LISTENERS: &str = "address,port,persona,tls
127.53.0.1,8080,nginx,false
127.53.0.2,8080,nginx,false
127.53.0.3,8080,apache,false
127.53.0.3,8888,python-http,false
127.53.0.9,8080,iis-6.0,false
";

/// Part of the command line of each engine.
const ENGINES: [&str; 2] = [" engine clickhouse ", "nats-server --config"];

/// What the sweep has to have led to.
const FIGURES: [(&str, u64); 6] =
    [("hosts_seen", 4), ("known", 3), ("managed", 2), ("rogue", 1), ("unapproved_services", 1), ("silent_assets", 1)];

/// `muster up` while it runs.
struct Up {
    child: Child,
    family: Family,
}

impl Up {
    /// Starts it, and waits until it says that it is up.
    async fn start(config: &Path) -> Result<Self> {
        let began = Instant::now();
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
    async fn stop(self) -> Result<()> {
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
    async fn kill(self) -> Result<Family> {
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
struct Operator {
    folder: PathBuf,
}

impl Operator {
    /// Runs a command, which has to succeed, and gives its standard output.
    async fn run(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(muster_program());
        command.args(arguments).arg("--data").arg(self.folder.join("data")).current_dir(&self.folder);
        let output = timeout(PATIENCE, command.stdin(Stdio::null()).kill_on_drop(true).output()).await??;
        let talk = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{arguments:?} ended with {:?}: {talk}", output.status.code());
        Ok(String::from_utf8(output.stdout)?)
    }

    async fn data(&self, arguments: &[&str]) -> Result<Value> {
        Ok(serde_json::from_str(&self.run(&[arguments, &["-o", "json"]].concat()).await?)?)
    }

    async fn sweep(&self) -> Result<()> {
        self.run(&["sweep", "start", "cellar", "--wait"]).await?;
        let judged = async || {
            let summary = self.data(&["site", "summary"]).await?;
            Ok(FIGURES.iter().all(|(figure, wanted)| {
                let found = &summary[0][figure];
                found == wanted || found == &wanted.to_string()
            }))
        };
        until("the sweep to be judged", judged).await?;
        until("the books to be closed", async || Ok(self.books().await?["in_flight"] == 0)).await
    }

    async fn books(&self) -> Result<Value> {
        self.data(&["verify"]).await
    }

    /// Everything that has to be there after a restart as it was before. Of the books not where they were cut: time is
    /// told in PLANS, and goes on.
    async fn stands(&self) -> Result<Vec<(&'static str, Value)>> {
        let mut books = self.books().await?;
        for passing in ["at", "cut"] {
            books.as_object_mut().and_then(|books| books.remove(passing)).with_context(|| format!("no {passing}"))?;
        }
        Ok(vec![
            ("hosts", self.data(&["host", "list"]).await?),
            ("findings", self.data(&["finding", "list", "--state", "any"]).await?),
            ("assets", self.data(&["inventory", "list", "--site", "cellar"]).await?),
            ("site", self.data(&["site", "show", "cellar"]).await?),
            ("sweeps", self.data(&["sweep", "list"]).await?),
            ("books", books),
        ])
    }
}

fn assert_same(what: &str, before: &[(&'static str, Value)], after: &[(&'static str, Value)]) {
    for ((of, before), (_, after)) in before.iter().zip(after) {
        assert_eq!(before, after, "{of} are not the same after {what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_found_stands_after_a_stop_and_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("muster.toml");
    let nats = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let text = CONFIG.replace("FOLDER", &folder.path().display().to_string()).replace("NATS", &nats.to_string());
    std::fs::write(&config, text).unwrap();
    std::fs::write(folder.path().join("cellar.yaml"), ESTATE).unwrap();
    std::fs::write(folder.path().join("cellar.csv"), INVENTORY).unwrap();
    let _lab = Lab::start(&muster_lab::read_listeners(LISTENERS).unwrap()).await.unwrap();
    let operator = Operator { folder: folder.path().to_owned() };

    let up = Up::start(&config).await.unwrap();
    for service in ["recorder", "scheduler", "evaluator", "watcher", "gateway", "scanner"] {
        up.family.one(&format!(" serve {service} ")).unwrap();
    }
    for engine in ENGINES {
        up.family.one(engine).unwrap();
    }
    operator.run(&["apply", "-f", "cellar.yaml", "--yes"]).await.unwrap();
    operator.run(&["inventory", "import", "cellar.csv", "--site", "cellar"]).await.unwrap();
    operator.sweep().await.unwrap();
    let before = operator.stands().await.unwrap();
    assert_eq!(before[0].1.as_array().unwrap().len(), 4, "hosts: {}", before[0].1);
    let open = before[1].1.as_array().unwrap().iter().filter(|finding| finding["finding"]["state"] == "open").count();
    assert_eq!(open, 4, "findings: {}", before[1].1);

    up.stop().await.unwrap();
    assert!(!folder.path().join("data/addresses.json").exists(), "it says where it is no more");
    let up = Up::start(&config).await.unwrap();
    assert_same("a stop", &before, &operator.stands().await.unwrap());

    // Started again at once, while services of the dead one still run and reach the new engine on its port.
    let orphans = up.kill().await.unwrap();
    let up = Up::start(&config).await.unwrap();
    eprintln!("{} of the dead one's are still there", orphans.alive().len());
    assert_same("a kill", &before, &operator.stands().await.unwrap());

    // And it goes on: what is looked at again leads to the same, and the books know one sweep more.
    operator.sweep().await.unwrap();
    let sweeps = operator.data(&["sweep", "list"]).await.unwrap();
    assert_eq!(sweeps.as_array().unwrap().len(), 2, "{sweeps}");
    assert_eq!(operator.books().await.unwrap()["balanced"], true);
    orphans.gone().await.unwrap();
    assert_eq!(operator.books().await.unwrap()["balanced"], true);
    up.stop().await.unwrap();
}
