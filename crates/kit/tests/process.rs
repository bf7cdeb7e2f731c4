//! A whole process: signals, exit codes, crash points. The tests start this very binary again as the process.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "tests")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

use muster_kit::settings::{LogConfig, LogFormat};
use muster_kit::{Exit, Failure, KitConfig, crash, launch};

/// Says to [`child`] what to do.
const SCENARIO: &str = "KIT_TEST_SCENARIO";

/// The process. `stuck` never stops, `drain` stops when asked, `crash` passes a point twice.
#[test]
#[ignore = "not a test: the process that the tests start"]
fn child() {
    let scenario = std::env::var(SCENARIO).unwrap();
    let log = LogConfig { filter: "info".to_owned(), format: LogFormat::Json };
    let config = KitConfig { log, grace_s: 600, ..KitConfig::default() };
    let service = async |context: launch::Context| {
        match scenario.as_str() {
            "stuck" => std::future::pending::<()>().await,
            "crash" => {
                crash::point("recorder.before-insert");
                tracing::info!("passed once");
                crash::point("recorder.before-insert");
                tracing::info!("passed twice");
            }
            "panic" => {
                let empty: Vec<u8> = Vec::new();
                let _ = tokio::spawn(async move { empty[std::hint::black_box(3)] }).await;
            }
            _ => context.shutdown.requested().await,
        }
        Ok::<_, Failure>(())
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let exit = runtime.block_on(launch::run("test", "1", &config, service));
    std::process::exit(i32::from(exit.code()));
}

struct Process {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Process {
    fn start(scenario: &str, crash_at: Option<&str>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["child", "--exact", "--ignored", "--nocapture"]).env(SCENARIO, scenario).env_remove("RUST_LOG");
        if let Some(crash_at) = crash_at {
            command.env(crash::VARIABLE, crash_at);
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log }
    }

    /// Reads the log up to a line with this text.
    fn wait_for(&mut self, text: &str) -> String {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "the log ended without {text:?}");
        }
        line
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status().unwrap();
        assert!(sent.success());
    }

    fn finish(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap(), rest)
    }
}

#[test]
fn sigterm_drains_and_ends_well() {
    let mut process = Process::start("drain", None);
    let line = process.wait_for("listening");
    assert!(line.contains("\"what\":\"admin\"") && line.contains("127.0.0.1:"), "{line}");
    process.wait_for("starting");
    process.signal("TERM");
    let (status, log) = process.finish();
    assert_eq!(status.code(), Some(i32::from(Exit::Ok.code())), "{log}");
    assert!(log.contains("SIGTERM") && log.contains("\"message\":\"stopped\""), "{log}");
}

#[test]
fn a_second_signal_exits_at_once() {
    let mut process = Process::start("stuck", None);
    process.wait_for("starting");
    process.signal("INT");
    process.wait_for("a second signal exits at once");
    process.signal("TERM");
    let (status, log) = process.finish();
    assert_eq!(status.code(), Some(128 + 15), "{log}");
}

#[test]
fn an_armed_point_aborts_at_its_passing() {
    let (status, log) = Process::start("crash", Some("recorder.before-insert:2")).finish();
    assert_eq!(status.signal(), Some(6), "SIGABRT: {status:?} {log}");
    assert!(log.contains("passed once") && !log.contains("passed twice"), "{log}");
    let (status, log) = Process::start("crash", None).finish();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn a_misspelled_point_ends_the_start() {
    let (status, log) = Process::start("drain", Some("recorder.before-insrt")).finish();
    assert_eq!(status.code(), Some(i32::from(Exit::Usage.code())));
    assert!(log.contains("the nearest is \"recorder.before-insert\""), "{log}");
}

#[test]
fn a_panic_is_in_the_log_with_its_place() {
    let (status, log) = Process::start("panic", None).finish();
    assert_eq!(status.code(), Some(0), "{log}");
    let line = log.lines().find(|line| line.contains("panicked")).unwrap();
    assert!(line.contains("process.rs") && line.contains("index out of bounds"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_does_not_hold_the_service() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let config = KitConfig { otlp_endpoint: Some(format!("http://{gone}")), grace_s: 2, ..KitConfig::default() };
    let started = std::time::Instant::now();
    let exit = launch::run("otlp-test", "1", &config, |_| async { Ok::<_, Failure>(()) }).await;
    assert_eq!(exit, Exit::Ok);
    assert!(started.elapsed() < std::time::Duration::from_secs(10), "{:?}", started.elapsed());
}
