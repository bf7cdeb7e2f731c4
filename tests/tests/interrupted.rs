//! Ctrl-C ends what runs until it is done, or for ever, with 130, and leaves no process behind; a second one does not
//! wait for the first.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use muster::process::ServiceName;
use muster_tests::{Family, Member, Rig, RigOptions, muster_program, until};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// An orderly end of everything takes a second or two.
const PATIENCE: Duration = Duration::from_secs(60);
/// An exit without an orderly end, on a busy machine. A service that does not stop is waited for 15 s.
const AT_ONCE: Duration = Duration::from_secs(5);
const INTERRUPTED: i32 = 130;

/// A program in a process group of its own, as a shell starts it, with a folder that nobody else names.
struct Program {
    child: Child,
    folder: tempfile::TempDir,
}

impl Program {
    /// Starts `muster` with a data directory in the folder.
    fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(muster_program());
        command.args(arguments).arg("--data").arg(folder.path().join("data")).process_group(0);
        command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).kill_on_drop(true);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, folder }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().unwrap().try_into().unwrap()).unwrap()
    }

    /// Waits until it has started so many others.
    async fn has_started(&self, others: usize) -> Family {
        let pid = self.child.id().unwrap();
        let counted = async || Ok(Family::of(pid)?.members.len() > others);
        until(&format!("{others} processes to be started"), counted).await.unwrap();
        Family::of(pid).unwrap()
    }

    /// Waits until both engines and all services are ready, which is when it says where they are.
    async fn is_up(&self) -> Family {
        let addresses = self.folder.path().join("data/addresses.json");
        until("everything to be ready", async || Ok(addresses.exists())).await.unwrap();
        self.has_started(2 + ServiceName::ALL.len()).await
    }

    /// What a terminal does: every process of the group hears it.
    fn interrupt(&self) {
        kill_process_group(self.pid(), Signal::INT).unwrap();
    }

    async fn ended(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.unwrap().unwrap()
    }

    /// Waits until nobody is left who was there, or who was told of the folder.
    async fn nobody_is_left(&self, family: &Family) {
        family.gone().await.unwrap();
        let folder = self.folder.path().display().to_string();
        Family::with(&folder).unwrap().gone().await.unwrap();
    }
}

/// As a shell has it.
fn shell_code(status: ExitStatus) -> Option<i32> {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal))
}

fn signal(member: &Member, signal: Signal) {
    kill_process(Pid::from_raw(member.pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demo_that_is_interrupted_leaves_nobody_behind() {
    // While it starts its engines, and in the middle of its story.
    for up in [false, true] {
        let mut demo = Program::start(&["demo"]);
        let family = if up { demo.is_up().await } else { demo.has_started(2).await };
        if up {
            for engine in [" engine clickhouse ", "nats-server --config"] {
                family.one(engine).unwrap();
            }
        }
        let began = Instant::now();
        demo.interrupt();
        assert_eq!(shell_code(demo.ended().await), Some(INTERRUPTED), "up: {up}");
        demo.nobody_is_left(&family).await;
        eprintln!("a demo of {} processes was gone after {:.1?}", family.members.len(), began.elapsed());
        assert!(!demo.folder.path().join("data/report.html").exists(), "it was done before");
    }
}

/// 10,240 units at 1,000 a second: ten seconds.
const BLOCK: &str = "127.54.0.0/24";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_try_that_is_interrupted_leaves_nobody_behind() {
    let mut attempt = Program::start(&["try", BLOCK]);
    let family = attempt.is_up().await;
    attempt.interrupt();
    assert_eq!(shell_code(attempt.ended().await), Some(INTERRUPTED));
    attempt.nobody_is_left(&family).await;
    assert!(!attempt.folder.path().join("data/report.html").exists(), "it was done before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_interrupt_does_not_wait_for_the_first() {
    let mut attempt = Program::start(&["try", BLOCK]);
    let family = attempt.is_up().await;
    // Services are stopped one by one, the recorder last. This one does not stop, and is waited for.
    let recorder = family.one(" serve recorder ").unwrap();
    signal(recorder, Signal::STOP);
    let scanner = family.one(" serve scanner ").unwrap();
    kill_process(attempt.pid(), Signal::INT).unwrap();
    until("the first signal to be heard", async || Ok(!scanner.is_alive())).await.unwrap();
    assert!(attempt.child.try_wait().unwrap().is_none(), "it waits for nobody");
    let began = Instant::now();
    kill_process(attempt.pid(), Signal::INT).unwrap();
    assert_eq!(shell_code(attempt.ended().await), Some(INTERRUPTED));
    assert!(began.elapsed() < AT_ONCE, "it took {:?}", began.elapsed());
    // Whoever slept finds its supervisor gone.
    signal(recorder, Signal::CONT);
    attempt.nobody_is_left(&family).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_ends_with_an_interrupt_alone() {
    let rig = Rig::start(RigOptions::gateway()).await.unwrap();
    let gateway = rig.stack.addresses().gateway.clone().unwrap();
    let mut command = Command::new(muster_program());
    command.args(["finding", "watch", "-o", "jsonl", "--address", &gateway]).process_group(0).kill_on_drop(true);
    let mut watch = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(watch.stdout.take().unwrap()).lines();
    let line = timeout(PATIENCE, said.next_line()).await.unwrap().unwrap().unwrap();
    assert!(line.contains("bookmark"), "{line}");
    assert!(watch.try_wait().unwrap().is_none(), "it goes on for ever");
    let pid = Pid::from_raw(watch.id().unwrap().try_into().unwrap()).unwrap();
    let began = Instant::now();
    kill_process_group(pid, Signal::INT).unwrap();
    let status = timeout(PATIENCE, watch.wait()).await.unwrap().unwrap();
    assert_eq!(shell_code(status), Some(INTERRUPTED));
    assert!(began.elapsed() < AT_ONCE, "it took {:?}", began.elapsed());
    assert_eq!(timeout(PATIENCE, said.next_line()).await.unwrap().unwrap(), None, "half a line was left");
    rig.stop().await.unwrap();
}
