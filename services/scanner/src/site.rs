//! One site: its scope, its halts, its rates, and the workers that share them.

use std::sync::Arc;
use std::time::Duration;

use muster_bus::{Bus, Kv, Publisher, SiteName};
use muster_estate::scope::TrustedKeys;
use muster_identify::recog::Database;
use muster_kit::Shutdown;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::config::ScannerConfig;
use crate::error::ScannerError;
use crate::gate::Gate;
use crate::hold::Halts;
use crate::probe::Prober;
use crate::scope::{Lock, Scope};
use crate::worker;

/// A change of the scope takes effect within it.
const SCOPE_EVERY: Duration = Duration::from_secs(1);

/// What every site of a process shares.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) bus: Bus,
    pub(crate) publisher: Publisher,
    pub(crate) estate: Kv,
    pub(crate) halt: Kv,
    pub(crate) config: Arc<ScannerConfig>,
    pub(crate) trusted: TrustedKeys,
    pub(crate) database: Option<Arc<Database>>,
    pub(crate) instance: String,
    pub(crate) shutdown: Shutdown,
}

/// A site that is scanned.
pub(crate) struct Site {
    pub(crate) name: SiteName,
    pub(crate) bus: Bus,
    pub(crate) publisher: Publisher,
    pub(crate) config: Arc<ScannerConfig>,
    pub(crate) instance: String,
    pub(crate) shutdown: Shutdown,
    pub(crate) scope: watch::Sender<Scope>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) halts: Halts,
    pub(crate) prober: Arc<Prober>,
    estate: Kv,
    halt: Kv,
    trusted: TrustedKeys,
}

impl Site {
    /// Halted and without a scope, until both are known.
    pub(crate) fn new(name: SiteName, shared: &Shared) -> Self {
        let Shared { bus, publisher, estate, halt, config, trusted, database, instance, shutdown } = shared.clone();
        let scope = watch::Sender::new(Scope::Unread);
        let gate = Arc::new(Gate::new(Lock(scope.subscribe()), Scope::Unread.rates()));
        let halts = Halts::new(name.clone(), Arc::clone(&gate));
        let prober = Prober::new(Arc::clone(&gate), config.probe_options()).with_database(database);
        let prober = Arc::new(prober);
        Self { name, bus, publisher, config, instance, shutdown, scope, gate, halts, prober, estate, halt, trusted }
    }

    /// Until the stop.
    pub(crate) async fn run(self: Arc<Self>) -> Result<(), ScannerError> {
        let mut keepers = JoinSet::new();
        let site = Arc::clone(&self);
        keepers.spawn(async move { site.halts.keep(&site.bus, &site.halt).await });
        let site = Arc::clone(&self);
        keepers.spawn(async move { site.follow_scope().await });
        let mut workers = JoinSet::new();
        for _ in 0..self.config.leases() {
            let site = Arc::clone(&self);
            workers.spawn(async move { worker::work(&site).await });
        }
        loop {
            tokio::select! {
                // A keeper has no end: whatever happened to it, nothing may be sent without.
                Some(_) = keepers.join_next() => {
                    self.gate.set_halted(true);
                    return Err(ScannerError::Panicked);
                }
                worker = workers.join_next() => match worker {
                    Some(Ok(())) => {}
                    Some(Err(_)) => return Err(ScannerError::Panicked),
                    None => return Ok(()),
                },
            }
        }
    }

    /// Waits until orders may be taken: nothing holds the site, and its record was read. One with a scope that does not
    /// count takes orders too, to say so in their outcome.
    pub(crate) async fn may_work(&self) {
        let (mut hold, mut scope) = (self.halts.subscribe(), self.scope.subscribe());
        // The senders are in `self`: neither channel can close.
        let _ = scope.wait_for(|scope| scope.revision().is_some()).await;
        let _ = hold.wait_for(Option::is_none).await;
    }

    /// Keeps the scope as the estate's record says, for ever. It is asked for rather than watched: to make a watch takes a
    /// right that would show the scopes of other sites.
    async fn follow_scope(&self) {
        let mut tick = interval(SCOPE_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut read = None;
        loop {
            tick.tick().await;
            // No answer: the halts watch over that.
            let Ok(Ok(entry)) = timeout(SCOPE_EVERY, self.estate.get(self.name.as_str())).await else { continue };
            let revision = entry.as_ref().map(|entry| entry.revision);
            if revision == read {
                continue;
            }
            read = revision;
            self.set_scope(match entry {
                Some(entry) => Scope::read(self.name.as_str(), &entry.value, &self.trusted),
                None => Scope::Refused { revision: 0, reason: format!("site {} has no record any more", self.name) },
            });
        }
    }

    fn set_scope(&self, scope: Scope) {
        let (rates, apart) = (scope.rates(), scope.hosts_apart());
        match &scope {
            Scope::Refused { reason, .. } => tracing::error!(site = %self.name, reason, "nothing is sent to this site"),
            Scope::Unread | Scope::Accepted(_) => {
                let revision = scope.revision();
                tracing::info!(site = %self.name, revision, site_pps = rates.site_pps, "the scope counts");
            }
        }
        // The lock before the rates: a new rate is of no use to an old scope.
        self.scope.send_replace(scope);
        self.gate.pace.set_rates(rates);
        self.gate.pace.set_apart(apart);
    }
}
