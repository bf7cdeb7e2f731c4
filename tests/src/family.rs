//! A process and everything that it started: who they are while they run, and when all of them are gone.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::wait::until;

/// One process. A pid alone may be somebody else's later; with the time of its start it is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Process id.
    pub pid: u32,
    /// Its command line, with blanks between the arguments.
    pub command: String,
    parent: u32,
    /// Ticks since the machine started (proc(5), field 22 of stat).
    started: u64,
}

impl Member {
    /// Reads one; `None`: there is none, or it has ended and waits to be looked at.
    fn read(pid: u32) -> Option<Self> {
        let place = Path::new("/proc").join(pid.to_string());
        let stat = std::fs::read_to_string(place.join("stat")).ok()?;
        // The name in parentheses may hold anything: what follows it are fields 3 and on.
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let (state, parent, started) = (fields.first()?, fields.get(1)?, fields.get(19)?);
        let command = std::fs::read(place.join("cmdline")).ok()?;
        let command = String::from_utf8_lossy(&command).replace('\0', " ").trim_end().to_owned();
        let (parent, started) = (parent.parse().ok()?, started.parse().ok()?);
        (!["Z", "X"].contains(state)).then_some(Self { pid, command, parent, started })
    }

    /// Whether this very process still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        Self::read(self.pid).is_some_and(|now| now.started == self.started)
    }
}

/// A process and its descendants at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Family {
    /// The first is the one that was asked for.
    pub members: Vec<Member>,
}

impl Family {
    /// Of a process that runs.
    ///
    /// # Errors
    /// When it does not.
    pub fn of(pid: u32) -> Result<Self> {
        let mut members = vec![Member::read(pid).with_context(|| format!("process {pid} does not run"))?];
        let all = everybody()?;
        let mut at = 0;
        while let Some(parent) = members.get(at).map(|member| member.pid) {
            members.extend(all.iter().filter(|member| member.parent == parent).cloned());
            at += 1;
        }
        Ok(Self { members })
    }

    /// Every process of the machine whose command line holds a text, whoever started it.
    ///
    /// # Errors
    /// When the processes cannot be listed.
    pub fn with(text: &str) -> Result<Self> {
        let mut members = everybody()?;
        members.retain(|member| member.command.contains(text));
        Ok(Self { members })
    }

    /// The one whose command line holds a text.
    ///
    /// # Errors
    /// When there is not exactly one.
    pub fn one(&self, text: &str) -> Result<&Member> {
        let found: Vec<&Member> = self.members.iter().filter(|member| member.command.contains(text)).collect();
        match found.as_slice() {
            [one] => Ok(one),
            others => bail!("{} processes with {text:?}: {others:?}", others.len()),
        }
    }

    /// Those that still run.
    #[must_use]
    pub fn alive(&self) -> Vec<&Member> {
        self.members.iter().filter(|member| member.is_alive()).collect()
    }

    /// Waits until all of them are gone.
    ///
    /// # Errors
    /// When some are not after two minutes.
    pub async fn gone(&self) -> Result<()> {
        let waited = until("every process to be gone", || async { Ok(self.alive().is_empty()) }).await;
        waited.with_context(|| format!("{:?} still run", self.alive()))
    }
}

fn everybody() -> Result<Vec<Member>> {
    let pids = std::fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(pids.filter_map(Member::read).collect())
}
