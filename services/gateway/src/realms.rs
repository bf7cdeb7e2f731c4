//! The sites that are declared and the realm of each, followed from the estate: rows of verdicts and findings do not
//! carry it, and a wait for the evaluator is a wait for every site.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use muster_bus::{Kv, KvChange, KvError};
use muster_kit::Shutdown;
use muster_proto::v1::EstateDocument;
use prost::Message;
use tokio::sync::watch;

/// After a broken watch; the bus itself reconnects with growing delays.
const AGAIN: Duration = Duration::from_millis(500);

/// Site → what is declared of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RealmMap(Arc<BTreeMap<String, Declared>>);

#[derive(Debug, Clone)]
struct Declared {
    realm: String,
    removed: bool,
}

impl RealmMap {
    /// Empty for a site that was never declared.
    pub(crate) fn of(&self, site: &str) -> String {
        self.0.get(site).map(|declared| declared.realm.clone()).unwrap_or_default()
    }

    /// The sites that stand.
    pub(crate) fn standing(&self) -> impl Iterator<Item = &str> + '_ {
        self.0.iter().filter(|(_, declared)| !declared.removed).map(|(site, _)| site.as_str())
    }
}

/// The realms as they stand now.
#[derive(Debug, Clone)]
pub(crate) struct Realms(watch::Receiver<RealmMap>);

impl Realms {
    /// No realms, and the sender that [`follow`] fills.
    pub(crate) fn new() -> (Self, watch::Sender<RealmMap>) {
        let (sender, receiver) = watch::channel(RealmMap::default());
        (Self(receiver), sender)
    }

    /// What is known now.
    pub(crate) fn current(&self) -> RealmMap {
        self.0.borrow().clone()
    }
}

/// Follows the estate until the stop; a broken watch is made again.
pub(crate) async fn follow(estate: Kv, realms: watch::Sender<RealmMap>, stop: Shutdown) {
    loop {
        match stop.or(follow_once(&estate, &realms)).await {
            None => return,
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::warn!(%error, "cannot follow the estate, trying again"),
        }
        if stop.or(tokio::time::sleep(AGAIN)).await.is_none() {
            return;
        }
    }
}

async fn follow_once(estate: &Kv, realms: &watch::Sender<RealmMap>) -> Result<(), KvError> {
    let mut changes = pin!(estate.watch().await?);
    while let Some(change) = changes.next().await {
        match change? {
            KvChange::Put(entry) => match EstateDocument::decode(entry.value) {
                Ok(document) => realms.send_modify(|map| {
                    Arc::make_mut(&mut map.0)
                        .insert(document.site, Declared { realm: document.realm, removed: document.removed });
                }),
                Err(error) => tracing::warn!(site = entry.key, %error, "the estate of a site cannot be read"),
            },
            KvChange::Gone { key } => realms.send_modify(|map| {
                Arc::make_mut(&mut map.0).remove(&key);
            }),
        }
    }
    Ok(())
}
