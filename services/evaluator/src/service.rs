//! The process: one desk, and a keeper for every site of the estate.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use muster_bus::{Bucket, Bus, KvChange, Publisher, SiteName, Stream};
use muster_connect::producer;
use muster_kit::{Context, Failure, OnError};
use muster_store::Store;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::config::{Config, EvaluatorConfig};
use crate::desk::{Desk, Verdicts};
use crate::error::EvaluatorError;
use crate::import::Source;
use crate::keeper::Keeper;
use crate::restore::Origin;

/// Pause before the estate is watched again.
const RETRY: Duration = Duration::from_millis(500);
/// Sites that are restored at once: the store answers two questions side by side about as fast as one.
const RESTORES_AT_ONCE: usize = 4;
/// Sites that wait to be seated.
const ARRIVALS: usize = 64;

/// The evaluator.
#[derive(Debug)]
pub struct Service {
    bus: Bus,
    store: Store,
    publisher: Publisher,
    config: EvaluatorConfig,
}

impl Service {
    /// Connects to both engines and compares what is there with what is declared.
    ///
    /// # Errors
    /// When an engine cannot be reached, refuses the credentials, or is not as declared.
    pub async fn new(config: Config, context: &Context) -> Result<Self, Failure> {
        let bus = config.bus.connect_checked(context, &Stream::RECORDED).await?;
        let store = config.store.connect(context.name).await?;
        let publisher = bus.publisher(producer(context));
        Ok(Self { bus, store, publisher, config: config.evaluator })
    }

    /// Judges until the stop.
    ///
    /// # Errors
    /// When a part of it panicked.
    pub async fn run(self, context: Context) -> Result<(), Failure> {
        let Self { bus, store, publisher, config } = self;
        let (desk, arrivals) = mpsc::channel(ARRIVALS);
        let keeper = Keeper {
            origin: Origin { bus: bus.clone(), store: store.clone(), generation: config.generation },
            desk,
            restores: Arc::new(Semaphore::new(RESTORES_AT_ONCE)),
            instance: context.instance.clone(),
            shutdown: context.shutdown.clone(),
        };
        let source =
            Source { bus: bus.clone(), store, generation: config.generation, shutdown: context.shutdown.clone() };
        let verdicts = Verdicts::new(bus.clone(), publisher, &context.instance);
        let wanted: BTreeSet<String> = config.sites.iter().cloned().collect();
        let judging = Desk::new(bus.clone(), verdicts, source, config, context.shutdown.clone());
        let mut tasks = context.supervisor();
        tasks.spawn_once("desk", OnError::ShutDown, async move {
            Box::pin(judging.run(arrivals)).await;
            Ok::<_, EvaluatorError>(())
        });
        tasks.spawn_once("sites", OnError::ShutDown, Box::pin(keep_sites(keeper, wanted)));
        context.readiness.condition("evaluator").met();
        tasks.finish().await?;
        bus.close().await;
        Ok(())
    }
}

/// Keeps every site that the estate names. A site that is taken out is kept on: that it is no longer part of the estate
/// is a verdict too, and its position must not stand still while a stream waits to be relieved.
async fn keep_sites(keeper: Keeper, wanted: BTreeSet<String>) -> Result<(), tokio::task::JoinError> {
    let mut keepers = JoinSet::new();
    let mut known = BTreeSet::new();
    while !keeper.shutdown.is_requested() {
        let watching = Box::pin(watch(&keeper, &wanted, &mut known, &mut keepers));
        if let Some(Err(error)) = keeper.shutdown.or(watching).await {
            tracing::warn!(%error, "watching the estate again");
            keeper.shutdown.or(tokio::time::sleep(RETRY)).await;
        }
    }
    // The desk ends its seats, and each keeper gives its role back.
    while let Some(ended) = keepers.join_next().await {
        ended?;
    }
    Ok(())
}

async fn watch(
    keeper: &Keeper,
    wanted: &BTreeSet<String>,
    known: &mut BTreeSet<String>,
    keepers: &mut JoinSet<()>,
) -> Result<(), EvaluatorError> {
    let estate = keeper.origin.bus.kv(Bucket::Estate).await?;
    let mut changes = std::pin::pin!(estate.watch().await?);
    while let Some(change) = changes.next().await {
        let KvChange::Put(entry) = change? else { continue };
        if !(wanted.is_empty() || wanted.contains(&entry.key)) || !known.insert(entry.key.clone()) {
            continue;
        }
        match SiteName::new(&entry.key) {
            Ok(site) => {
                keepers.spawn(keeper.clone().keep(site));
            }
            Err(error) => tracing::error!(%error, "the estate has a site that cannot be judged"),
        }
    }
    Ok(())
}
