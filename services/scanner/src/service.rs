//! The process: a task for each site that is scanned.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use muster_bus::{Bucket, KvChange, KvError, SiteName, Stream};
use muster_connect::producer;
use muster_kit::{Context, Exit, Failure, OrExit};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use crate::config::Config;
use crate::error::ScannerError;
use crate::fingerprints;
use crate::site::{Shared, Site};

const RETRY: Duration = Duration::from_millis(500);
/// Sites of one process: each has two workers and asks the bus five times a second.
const SITES_MAX: usize = 256;

/// The scanner.
#[derive(Debug)]
pub struct Service {
    shared: Shared,
    sites: Vec<SiteName>,
}

impl Service {
    /// Connects.
    ///
    /// # Errors
    /// When a setting is wrong, or the bus cannot be reached, refuses the credentials, or is not as declared.
    pub async fn new(config: Config, context: &Context) -> Result<Self, Failure> {
        let sites = config.scanner.sites().or_exit(Exit::Usage)?;
        let trusted = config.scanner.keys().or_exit(Exit::Usage)?;
        // Before anything is scanned: a database is whole, or there is none.
        let database = config.fingerprints.recog_dir.as_deref().map(fingerprints::load).transpose();
        let database = database.or_exit(Exit::Usage)?.map(Arc::new);
        let bus = config.bus.connect_checked(context, &[Stream::Orders]).await?;
        let (estate, halt) = (bus.kv(Bucket::Estate).await?, bus.kv(Bucket::Halt).await?);
        let shared = Shared {
            publisher: bus.publisher(producer(context)),
            bus,
            estate,
            halt,
            config: Arc::new(config.scanner),
            trusted,
            database,
            instance: context.instance.clone(),
            shutdown: context.shutdown.clone(),
        };
        Ok(Self { shared, sites })
    }

    /// Scans until the stop.
    ///
    /// # Errors
    /// When a site cannot be scanned any further.
    pub async fn run(self, context: Context) -> Result<(), Failure> {
        let (send, mut names) = mpsc::channel(SITES_MAX);
        let mut tasks = JoinSet::new();
        let mut known = BTreeSet::new();
        for site in &self.sites {
            known.insert(site.clone());
            tasks.spawn(Arc::new(Site::new(site.clone(), &self.shared)).run());
        }
        // Dropped with this function.
        let mut discovering = JoinSet::new();
        if self.sites.is_empty() {
            discovering.spawn(discover(self.shared.clone(), send));
        }
        context.readiness.condition("scanner").met();
        let mut result = Ok(());
        while result.is_ok() && !context.shutdown.is_requested() {
            tokio::select! {
                () = context.shutdown.requested() => {}
                Some(name) = names.recv() => {
                    if known.len() >= SITES_MAX {
                        tracing::error!(site = %name, "not scanned: one scanner scans at most {SITES_MAX} sites");
                    } else if known.insert(name.clone()) {
                        tasks.spawn(Arc::new(Site::new(name, &self.shared)).run());
                    }
                }
                Some(ended) = tasks.join_next() => result = ended_early(ended),
            }
        }
        if let Err(error) = &result {
            context.shutdown.request(error.to_string());
        }
        while let Some(ended) = tasks.join_next().await {
            result = result.and(ended.unwrap_or(Err(ScannerError::Panicked)));
        }
        self.shared.bus.close().await;
        Ok(result?)
    }
}

fn ended_early(ended: Result<Result<(), ScannerError>, JoinError>) -> Result<(), ScannerError> {
    // Without an error it ends only with the stop.
    ended.unwrap_or(Err(ScannerError::Panicked))
}

/// Names the sites of the estate as they come, for ever.
async fn discover(shared: Shared, names: mpsc::Sender<SiteName>) {
    loop {
        if let Err(error) = watch_names(&shared, &names).await {
            tracing::debug!(%error, "watching the estate again");
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn watch_names(shared: &Shared, names: &mpsc::Sender<SiteName>) -> Result<(), KvError> {
    let mut changes = Box::pin(shared.estate.watch().await?);
    while let Some(change) = changes.next().await {
        let KvChange::Put(entry) = change? else { continue };
        match SiteName::new(&entry.key) {
            Ok(name) if name != SiteName::all() => {
                if names.send(name).await.is_err() {
                    return Ok(());
                }
            }
            Ok(_) | Err(_) => tracing::error!(key = entry.key, "a record of the estate is of no site"),
        }
    }
    Ok(())
}
