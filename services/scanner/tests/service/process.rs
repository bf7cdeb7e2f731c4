//! A scanner as a process: this very test program, told to be one.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use muster_connect::BusConfig;
use muster_kit::{KitConfig, Secret, launch};
use muster_scanner::{Config, FingerprintsConfig, ScannerConfig, Service};

const ROLE: &str = "MUSTER_TEST_SCANNER";

/// What a scanner is told.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) url: String,
    pub(super) user: String,
    pub(super) instance: String,
    pub(super) sites: Vec<String>,
    /// Leases at a time.
    pub(super) leases: usize,
    /// Name of a crash point, with its count.
    pub(super) crash_at: Option<String>,
    pub(super) folder: PathBuf,
}

/// A running one. Killed when dropped.
#[derive(Debug)]
pub(super) struct Scanner {
    child: Child,
    log: PathBuf,
}

impl Scanner {
    pub(super) fn start(told: &Told) -> Self {
        let log = told.folder.join(format!("{}.log", told.instance));
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "process::be_a_scanner", "--nocapture"]);
        let Told { url, user, instance, leases, .. } = told;
        command.env(ROLE, format!("{url}\n{user}\n{instance}\n{}\n{leases}", told.sites.join(",")));
        command.env("MUSTER_TEST_PASSWORD_FILE", password_file(&told.folder)).env_remove("MUSTER_CRASH_AT");
        if let Some(point) = &told.crash_at {
            command.env("MUSTER_CRASH_AT", point);
        }
        let file = std::fs::OpenOptions::new().append(true).create(true).open(&log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        Self { child: command.spawn().unwrap(), log }
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }

    /// SIGTERM.
    pub(super) fn terminate(&self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits until it has ended, and says with which code.
    pub(super) async fn ended(&mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < Duration::from_secs(60), "it did not end: {}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Scanner {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}:\n{}", self.log.display(), self.log());
        }
    }
}

fn password_file(folder: &Path) -> PathBuf {
    let file = folder.join("password");
    std::fs::write(&file, muster_engines::testing::TEST_PASSWORD).unwrap();
    file
}

/// No test: what [`Scanner::start`] runs.
#[test]
fn be_a_scanner() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let [url, user, instance, sites, leases] = role.split('\n').collect::<Vec<_>>().try_into().unwrap();
    let password = Secret::from_file(std::env::var("MUSTER_TEST_PASSWORD_FILE").unwrap()).unwrap();
    let config = Config {
        kit: KitConfig { instance: Some(instance.to_owned()), ..KitConfig::default() },
        bus: BusConfig {
            url: url.to_owned(),
            user: Some(user.to_owned()),
            password: Some(password),
            ..BusConfig::default()
        },
        fingerprints: FingerprintsConfig::default(),
        scanner: ScannerConfig {
            sites: sites.split(',').filter(|site| !site.is_empty()).map(str::to_owned).collect(),
            leases_per_site: leases.parse().unwrap(),
            connect_timeout_ms: 500,
            greeting_wait_ms: 200,
            reply_wait_ms: 500,
            service_timeout_ms: 2_000,
            ..ScannerConfig::default()
        },
    };
    let kit = config.kit.clone();
    let exit = launch("scanner", "0.0.0", &kit, move |context| async move {
        Service::new(config, &context).await?.run(context).await
    });
    std::process::exit(i32::from(format!("{exit:?}") != format!("{:?}", std::process::ExitCode::SUCCESS)));
}
