//! Engines for tests: one pair a test process, in a temporary folder, gone when the process exits.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{OnceLock, PoisonError};
use std::time::SystemTime;

use crate::{ClickHouseUser, Durability, EngineFiles, Engines, EnginesOptions, Error, NatsUser, Password, sys};

/// The user of [`test_engines`], in both engines, who may do everything.
pub const TEST_USER: &str = "muster";
/// Its password, in both engines.
pub const TEST_PASSWORD: &str = "muster-test";

/// Engines in a temporary folder that goes with them.
#[derive(Debug)]
pub struct TestEngines {
    engines: Engines,
    dir: PathBuf,
}

impl Deref for TestEngines {
    type Target = Engines;

    fn deref(&self) -> &Engines {
        &self.engines
    }
}

impl Drop for TestEngines {
    fn drop(&mut self) {
        self.engines.kill_blocking();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// The engines of this test process, started at the first call, with the one user [`TEST_USER`] who may do everything,
/// and nothing synced (tests do not cut the power). Fails, and does not skip, where the engines are not fetched.
///
/// # Panics
/// When the engines do not start; the message says why.
pub fn test_engines() -> &'static Engines {
    static SHARED: OnceLock<Engines> = OnceLock::new();
    SHARED.get_or_init(|| {
        let started = start(|options| {
            options.nats_users.push(nats_user(TEST_USER));
            options.clickhouse_users.push(clickhouse_user(TEST_USER));
        });
        let started = started.unwrap_or_else(|error| panic!("failed to {error}"));
        let engines = started.engines.clone();
        *AT_EXIT.lock().unwrap_or_else(PoisonError::into_inner) = Some(started);
        sys::at_exit(stop_at_exit);
        engines
    })
}

/// A pair of one's own, for tests that kill, restart or need other users. `change` starts from no users, free ports and
/// nothing synced.
pub fn start(change: impl FnOnce(&mut EnginesOptions)) -> Result<TestEngines, Error> {
    let dir = fresh_dir()?;
    let mut options = EnginesOptions::new(EngineFiles::locate(None)?, engine_program()?, dir.join("engines"));
    options.durability = Durability::Relaxed;
    // Several test processes run at once on small machines.
    options.clickhouse_memory_bytes = Some(1 << 30);
    change(&mut options);
    let started = Engines::start_blocking(options);
    if started.is_err() {
        let _ = fs::remove_dir_all(&dir);
    }
    Ok(TestEngines { engines: started?, dir })
}

/// A user of NATS who may do everything, with [`TEST_PASSWORD`].
#[must_use]
pub fn nats_user(name: &str) -> NatsUser {
    NatsUser {
        name: name.to_owned(),
        password: Some(Password::from(TEST_PASSWORD.to_owned())),
        publish: vec![">".to_owned()],
        subscribe: vec![">".to_owned()],
    }
}

/// A user of ClickHouse who may do everything, with [`TEST_PASSWORD`].
#[must_use]
pub fn clickhouse_user(name: &str) -> ClickHouseUser {
    ClickHouseUser {
        name: name.to_owned(),
        password: Some(Password::from(TEST_PASSWORD.to_owned())),
        settings: BTreeMap::new(),
        grants: vec!["GRANT ALL ON *.*".to_owned()],
        row_filters: Vec::new(),
    }
}

/// The program that becomes the ClickHouse process: `MUSTER_ENGINE_PROGRAM`, else `muster-engine` beside the tests,
/// built when it is missing or older than its sources.
pub fn engine_program() -> Result<PathBuf, Error> {
    if let Some(named) = std::env::var_os("MUSTER_ENGINE_PROGRAM") {
        return Ok(PathBuf::from(named));
    }
    let test = std::env::current_exe().map_err(Error::file("find", Path::new("the running test")))?;
    // target/debug/deps/test-0123 or target/debug/muster
    let profile_dir = test.ancestors().skip(1).find(|dir| !dir.ends_with("deps"));
    let profile_dir = profile_dir.ok_or_else(|| Error::Program("the test has no folder".to_owned()))?;
    let program = profile_dir.join("muster-engine");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let needed = ["sys.rs", "embedded.rs", "bin/muster-engine.rs"].map(|file| modified(&sources.join(file)));
    let built = modified(&program);
    if built.is_none() || needed.into_iter().max().flatten() > built {
        build(profile_dir)?;
    }
    Ok(program)
}

fn build(profile_dir: &Path) -> Result<(), Error> {
    let (Some(target), Some(profile)) = (profile_dir.parent(), profile_dir.file_name()) else {
        return Err(Error::Program(format!("{} is not a folder of cargo's", profile_dir.display())));
    };
    let profile = if profile == "debug" { "dev".as_ref() } else { profile };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--quiet", "-p", "muster-engines", "--bin", "muster-engine", "--profile"])
        .arg(profile)
        .arg("--target-dir")
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .map_err(|error| Error::Program(format!("cargo does not run: {error}")))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(Error::Program(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// A folder named after this process; those of processes that were killed are removed.
fn fresh_dir() -> Result<PathBuf, Error> {
    let above = std::env::temp_dir();
    for entry in fs::read_dir(&above).map_err(Error::file("read", &above))?.flatten() {
        let name = entry.file_name();
        let owner =
            name.to_str().and_then(|name| name.strip_prefix("muster-test-")).and_then(|rest| rest.split('-').next());
        if owner.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let unique = getrandom::u32().map_err(Error::Random)?;
    let dir = above.join(format!("muster-test-{}-{unique:08x}", std::process::id()));
    fs::create_dir(&dir).map_err(Error::file("make", &dir))?;
    Ok(dir)
}

static AT_EXIT: std::sync::Mutex<Option<TestEngines>> = std::sync::Mutex::new(None);

extern "C" fn stop_at_exit() {
    drop(AT_EXIT.lock().unwrap_or_else(PoisonError::into_inner).take());
}
