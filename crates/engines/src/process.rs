//! A child process that cannot outlive us: started, awaited, stopped, killed.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, sys};

/// An engine is up in 0.1 to 1 s on an idle machine; one that recovers a large directory on a loaded one needs longer.
pub(crate) const UP_WITHIN: Duration = Duration::from_secs(60);
/// A clean end writes what is in memory; after this it is killed, which loses nothing that was acknowledged.
pub(crate) const STOPPED_WITHIN: Duration = Duration::from_secs(15);
/// Short beside the start of an engine, and a hundred looks a second cost nothing.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(10);
/// The engines rotate their own logs; what they print beside is a line or two a start.
const PRINTED_LIMIT_BYTES: u64 = 1 << 20;
/// What an error quotes of a log: its end, at most so many bytes and lines.
const TAIL_BYTES: u64 = 8 * 1024;
const TAIL_LINES: usize = 12;

/// A running engine.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) engine: &'static str,
    child: Child,
    logs: [Log; 2],
}

/// A log, and where in it this start begins.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    from: u64,
}

impl Log {
    fn now(path: PathBuf) -> Self {
        let from = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        Self { path, from }
    }
}

impl Process {
    /// Starts it in a process group of its own, so that Ctrl-C reaches us first and the engines are stopped in order.
    /// It works in `dir`, writes `<engine>.log` there itself, and what it prints is appended to `<engine>.out.log`.
    /// Errors quote both.
    pub(crate) fn spawn(engine: &'static str, mut command: Command, dir: &Path, lock: &File) -> Result<Self, Error> {
        let printed = dir.join(format!("{engine}.out.log"));
        rotate(&printed);
        let logs = [Log::now(printed.clone()), Log::now(dir.join(format!("{engine}.log")))];
        let opened = OpenOptions::new().create(true).append(true).open(&printed);
        let output = opened.map_err(Error::file("open", &printed))?;
        let errors = output.try_clone().map_err(Error::file("open", &printed))?;
        command.current_dir(dir).stdin(Stdio::piped()).stdout(output).stderr(errors).process_group(0);
        sys::tie(&mut command, lock.as_fd());
        let program = PathBuf::from(command.get_program());
        let child = spawn_on_lasting_thread(command).map_err(|source| Error::Spawn { engine, program, source })?;
        Ok(Self { engine, child, logs })
    }

    /// The writing end of its standard input. It is closed when this is dropped, or when we die.
    pub(crate) fn take_input(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready` gives something. The end of the process and the deadline are errors that quote the log.
    pub(crate) fn wait_until<T>(&mut self, mut ready: impl FnMut() -> Option<T>) -> Result<T, Error> {
        let deadline = Instant::now() + UP_WITHIN;
        loop {
            if let Some(status) = self.exited()? {
                return Err(self.not_up(format!("it ended ({status})")));
            }
            if let Some(value) = ready() {
                return Ok(value);
            }
            if Instant::now() > deadline {
                return Err(self.not_up(format!("it did not answer within {} s", UP_WITHIN.as_secs())));
            }
            thread::sleep(LOOK_AGAIN_AFTER);
        }
    }

    /// Asks it to end with SIGTERM, and kills it when it does not.
    pub(crate) fn terminate(self) -> Result<(), Error> {
        let pid = self.id();
        sys::terminate(pid).map_err(|source| Error::Stop { engine: self.engine, pid, source })?;
        self.wait_or_kill()
    }

    /// Waits for an end that was asked for, and kills it when it does not come.
    pub(crate) fn wait_or_kill(mut self) -> Result<(), Error> {
        let deadline = Instant::now() + STOPPED_WITHIN;
        while Instant::now() < deadline {
            if self.exited()?.is_some() {
                return Ok(());
            }
            thread::sleep(LOOK_AGAIN_AFTER);
        }
        tracing::warn!(engine = self.engine, pid = self.id(), "did not stop in time, killed");
        self.kill()
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(mut self) -> Result<(), Error> {
        self.kill_now()
    }

    fn kill_now(&mut self) -> Result<(), Error> {
        let (engine, pid) = (self.engine, self.id());
        let ended = self.child.kill().and_then(|()| self.child.wait());
        ended.map(|_| ()).map_err(|source| Error::Stop { engine, pid, source })
    }

    fn exited(&mut self) -> Result<Option<ExitStatus>, Error> {
        let (engine, pid) = (self.engine, self.id());
        self.child.try_wait().map_err(|source| Error::Stop { engine, pid, source })
    }

    fn not_up(&self, what: String) -> Error {
        let [printed, own] = &self.logs;
        let tails: Vec<String> = [printed, own].into_iter().map(tail).filter(|text| !text.is_empty()).collect();
        Error::NotUp { engine: self.engine, what, log: own.path.clone(), tail: tails.join("\n") }
    }
}

/// An engine that nobody stopped is killed: what it acknowledged is on the disk.
impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.kill_now();
        }
    }
}

/// The last lines that this start wrote; nothing when there is none.
fn tail(log: &Log) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(&log.path)?;
        let length = file.metadata()?.len();
        // A rotated log is shorter than where this start began in the one before.
        let from = if log.from > length { 0 } else { log.from };
        file.seek(SeekFrom::Start(from.max(length.saturating_sub(TAIL_BYTES))))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let text = String::from_utf8_lossy(&read().unwrap_or_default()).into_owned();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}

/// Begins what is printed anew when it has grown; what was before is kept under `.old`.
fn rotate(printed: &Path) {
    if fs::metadata(printed).is_ok_and(|metadata| metadata.len() > PRINTED_LIMIT_BYTES) {
        let _ = fs::rename(printed, printed.with_extension("log.old"));
    }
}

type Job = (Command, mpsc::SyncSender<std::io::Result<Child>>);

/// The kernel sends the death signal when the *thread* that forked ends. So one thread that never ends forks all.
fn spawn_on_lasting_thread(command: Command) -> std::io::Result<Child> {
    static JOBS: OnceLock<Mutex<mpsc::Sender<Job>>> = OnceLock::new();
    let jobs = JOBS.get_or_init(|| {
        let (sender, receiver) = mpsc::channel::<Job>();
        // When no thread can be made the receiver is dropped with the closure, and each send below says so.
        let _ = thread::Builder::new().name("engine-parent".to_owned()).spawn(move || {
            for (mut command, answer) in receiver {
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(sender)
    });
    let gone = || std::io::Error::other("the thread that starts engines is gone");
    let (answer, child) = mpsc::sync_channel(1);
    jobs.lock().unwrap_or_else(PoisonError::into_inner).send((command, answer)).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}
