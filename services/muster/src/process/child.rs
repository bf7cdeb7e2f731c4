//! A service as a child process: started, watched, started again when it dies, stopped in order.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use muster_kit::{Backoff, Exit, Failure, OrExit as _};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// How a child is started.
#[derive(Debug, Clone)]
pub(crate) struct ChildSpec {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) log: PathBuf,
    /// Exit codes after which a new start would end the same way.
    pub(crate) final_codes: Vec<u8>,
}

/// A supervised child.
#[derive(Debug)]
pub(crate) struct Supervised {
    pub(crate) name: String,
    commands: mpsc::Sender<Order>,
    pid: watch::Receiver<Option<u32>>,
    task: JoinHandle<()>,
    failed: watch::Receiver<Option<String>>,
    ended: watch::Receiver<u64>,
}

enum Order {
    Kill(oneshot::Sender<()>),
    Stop(oneshot::Sender<()>),
    End(oneshot::Sender<()>),
}

impl Supervised {
    pub(crate) fn start(spec: ChildSpec) -> Result<Self, Failure> {
        let first = spawn(&spec)?;
        let (commands, orders) = mpsc::channel(4);
        let (pid_sender, pid) = watch::channel(first.process.id());
        let (failed_sender, failed) = watch::channel(None);
        let (ended_sender, ended) = watch::channel(0);
        let name = spec.name.clone();
        let report = Report { pid: pid_sender, failed: failed_sender, ended: ended_sender };
        let task = tokio::spawn(watch_over(spec, first, orders, report));
        Ok(Self { name, commands, pid, task, failed, ended })
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        *self.pid.borrow()
    }

    /// How often it has ended without having been asked to.
    pub(crate) fn ended(&self) -> u64 {
        *self.ended.borrow()
    }

    /// Waits until it ends without having been asked to.
    pub(crate) async fn next_end(&self) {
        let mut ended = self.ended.clone();
        let before = *ended.borrow_and_update();
        let _gone = ended.wait_for(|count| *count > before).await;
    }

    /// Why it is not started again, once it is not.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failed.borrow().clone()
    }

    /// `kill -9`; it is started again at once.
    pub(crate) async fn kill(&self) {
        let (done, waiting) = oneshot::channel();
        if self.commands.send(Order::Kill(done)).await.is_ok() {
            let _gone = waiting.await;
        }
    }

    /// `kill -9`, for good.
    pub(crate) async fn end(self) {
        let (done, waiting) = oneshot::channel();
        if self.commands.send(Order::End(done)).await.is_ok() {
            let _gone = waiting.await;
        }
        let _ended = self.task.await;
    }

    /// Asks it to stop, and waits for it.
    pub(crate) async fn stop(self) {
        let (done, waiting) = oneshot::channel();
        if self.commands.send(Order::Stop(done)).await.is_ok() {
            let _gone = waiting.await;
        }
        let _ended = self.task.await;
    }
}

struct Report {
    pid: watch::Sender<Option<u32>>,
    failed: watch::Sender<Option<String>>,
    ended: watch::Sender<u64>,
}

async fn watch_over(spec: ChildSpec, mut child: Running, mut orders: mpsc::Receiver<Order>, report: Report) {
    let Report { pid, failed, ended } = report;
    let mut failures = 0;
    loop {
        let started = tokio::time::Instant::now();
        let status = tokio::select! {
            status = child.process.wait() => status,
            order = orders.recv() => match order {
                Some(Order::Kill(done)) => {
                    let _sent = child.process.start_kill();
                    let status = child.process.wait().await;
                    let _told = done.send(());
                    failures = 0;
                    status
                }
                Some(Order::Stop(done)) => {
                    stop(&spec, child).await;
                    let _told = done.send(());
                    return;
                }
                Some(Order::End(done)) => {
                    let _sent = child.process.start_kill();
                    let _status = child.process.wait().await;
                    let _told = done.send(());
                    return;
                }
                None => {
                    stop(&spec, child).await;
                    return;
                }
            },
        };
        let _heard = pid.send(None);
        ended.send_modify(|count| *count += 1);
        if let Some(reason) = final_reason(&spec, status.as_ref().ok()) {
            tracing::error!(child = spec.name, reason, "not started again");
            let _heard = failed.send(Some(reason));
            return;
        }
        if started.elapsed() > Duration::from_secs(30) {
            failures = 0;
        }
        tracing::warn!(child = spec.name, status = ?status.ok(), "ended: starting it again");
        // The first time at once: whoever died by accident is missed least so.
        if failures > 0 && wait_or_ordered(&mut orders, Backoff::DEFAULT.delay(&spec.name, failures)).await {
            return;
        }
        failures += 1;
        match spawn(&spec) {
            Ok(again) => child = again,
            Err(error) => {
                let _heard = failed.send(Some(error.to_string()));
                return;
            }
        }
        let _heard = pid.send(child.process.id());
    }
}

/// Waits before the next start. Whoever orders an end meanwhile has it.
async fn wait_or_ordered(orders: &mut mpsc::Receiver<Order>, delay: Duration) -> bool {
    match tokio::time::timeout(delay, orders.recv()).await {
        Err(_) => false,
        Ok(Some(Order::Kill(done))) => {
            let _told = done.send(());
            false
        }
        Ok(Some(Order::Stop(done) | Order::End(done))) => {
            let _told = done.send(());
            true
        }
        Ok(None) => true,
    }
}

fn final_reason(spec: &ChildSpec, status: Option<&ExitStatus>) -> Option<String> {
    let code = u8::try_from(status?.code()?).ok()?;
    spec.final_codes.contains(&code).then(|| last_lines(&spec.log))
}

/// A process and its standard input: open for as long as it may run. Apart, since waiting for a `Child` closes its own.
struct Running {
    process: Child,
    stdin: Option<ChildStdin>,
}

/// Closing its standard input is the request to stop; what does not listen is killed.
async fn stop(spec: &ChildSpec, mut child: Running) {
    drop(child.stdin.take());
    if tokio::time::timeout(Duration::from_secs(15), child.process.wait()).await.is_err() {
        tracing::warn!(child = spec.name, "did not stop in time: killed");
        let _sent = child.process.start_kill();
        let _status = child.process.wait().await;
    }
}

fn spawn(spec: &ChildSpec) -> Result<Running, Failure> {
    let log = OpenOptions::new().create(true).append(true).open(&spec.log).or_exit(Exit::CannotCreate)?;
    let mut process = Command::new(&spec.program)
        .args(&spec.arguments)
        .envs(spec.environment.iter().cloned())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .or_exit(Exit::Unavailable)?;
    let stdin = process.stdin.take();
    Ok(Running { process, stdin })
}

/// The end of a log, for an error that tells why a child did not come up.
pub(crate) fn last_lines(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let line = text.lines().rev().find(|line| line.contains("ERROR") || line.starts_with("error"));
    let line = line.or_else(|| text.lines().next_back()).unwrap_or("it wrote nothing");
    let message = serde_json::from_str::<serde_json::Value>(line)
        .ok()
        .and_then(|json| json.pointer("/fields/message").and_then(serde_json::Value::as_str).map(str::to_owned));
    message.unwrap_or_else(|| line.to_owned())
}
