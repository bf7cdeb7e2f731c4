//! The process: one recording a stream, one that watches the streams' fill.

use std::sync::Arc;
use std::time::Duration;

use muster_bus::{Bucket, Bus, Leadership, Publisher, Relief, Stream, relieve};
use muster_connect::{producer, store_failure};
use muster_kit::supervise::TaskFailure;
use muster_kit::{Context, Exit, Failure, OnError};
use muster_store::Store;

use crate::config::{Config, RecorderConfig};
use crate::error::RecorderError;
use crate::stream::{InsertTime, Recording};
use crate::telemetry::{Blocked, Relieved};

/// Pause after a failure that may pass.
const RETRY: Duration = Duration::from_millis(500);

/// The recorder.
#[derive(Debug)]
pub struct Service {
    bus: Bus,
    store: Store,
    publisher: Publisher,
    config: Arc<RecorderConfig>,
}

impl Service {
    /// Connects to both engines and compares what is there with what is declared.
    ///
    /// # Errors
    /// When an engine cannot be reached, refuses the credentials, or is not as declared.
    pub async fn new(config: Config, context: &Context) -> Result<Self, Failure> {
        let bus = config.bus.connect_checked(context, &Stream::RECORDED).await?;
        let store = config.store.connect(context.name).await?;
        store.check_may_insert().await.map_err(store_failure)?;
        let publisher = bus.publisher(producer(context));
        Ok(Self { bus, store, publisher, config: Arc::new(config.recorder) })
    }

    /// Records until the stop.
    ///
    /// # Errors
    /// When a stream cannot be recorded any further.
    pub async fn run(self, context: Context) -> Result<(), Failure> {
        let mut tasks = context.supervisor();
        for stream in Stream::RECORDED {
            let recording = Recording {
                bus: self.bus.clone(),
                store: self.store.clone(),
                publisher: self.publisher.clone(),
                stream,
                config: self.config.clone(),
                deduplicate: !muster_kit::crash::is_without("deduplication"),
                insert_time: InsertTime::default(),
            };
            let context = context.clone();
            tasks.spawn_once(stream.name(), OnError::ShutDown, Box::pin(record(recording, context)));
        }
        let (bus, config, shutdown) = (self.bus.clone(), self.config.clone(), context.shutdown.clone());
        tasks.spawn_once("pressure", OnError::ShutDown, async move {
            shutdown.or(Box::pin(watch_pressure(bus, config))).await;
            Ok::<_, RecorderError>(())
        });
        context.readiness.condition("recorder").met();
        tasks.finish().await.map_err(failure)?;
        self.bus.close().await;
        Ok(())
    }
}

/// With the exit code of the recorder's own error, where that is the cause.
fn failure(failed: TaskFailure) -> Failure {
    let failed = anyhow::Error::from(failed);
    let exit = failed.chain().find_map(|cause| cause.downcast_ref::<RecorderError>().map(RecorderError::exit));
    Failure::new(exit.unwrap_or(Exit::Internal), failed)
}

/// Stands by, acts, and stands by again.
async fn record(recording: Recording, context: Context) -> Result<(), RecorderError> {
    let role = format!("recorder.{}.{}", recording.stream.name(), recording.config.generation);
    let shutdown = context.shutdown.clone();
    loop {
        let leaders = match recording.bus.kv(Bucket::Leaders).await {
            Ok(leaders) => leaders,
            Err(error) if !shutdown.is_requested() => {
                tracing::warn!(%error, "trying again");
                tokio::time::sleep(RETRY).await;
                continue;
            }
            Err(_) => return Ok(()),
        };
        let acquiring = Box::pin(Leadership::acquire(leaders, &role, &context.instance));
        let Some(leadership) = shutdown.or(acquiring).await else {
            return Ok(());
        };
        let mut leadership = leadership?;
        let result = tokio::select! {
            () = shutdown.requested() => None,
            lost = leadership.lost() => Some(Err(RecorderError::from(lost))),
            result = Box::pin(recording.run()) => Some(result),
        };
        match result {
            None => {
                leadership.resign().await;
                return Ok(());
            }
            Some(Ok(())) => {}
            Some(Err(error)) if error.is_taken_over() => tracing::warn!(%error, "standing by"),
            Some(Err(error)) if error.is_passing() => {
                tracing::warn!(%error, "beginning again from the record");
                tokio::time::sleep(RETRY).await;
            }
            Some(Err(error)) => {
                leadership.resign().await;
                return Err(error);
            }
        }
    }
}

async fn watch_pressure(bus: Bus, config: Arc<RecorderConfig>) {
    let mut tick = tokio::time::interval(config.pressure_interval());
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        for stream in Stream::RECORDED {
            match relieve(&bus, stream).await {
                Ok(Relief::NotNeeded) => {}
                Ok(Relief::Purged { below, messages }) => {
                    Relieved { stream: stream.name(), below, messages }.emit();
                }
                Ok(Relief::Blocked { passed }) => Blocked { stream: stream.name(), passed }.emit(),
                Err(error) => tracing::debug!(stream = stream.name(), %error, "cannot look at the stream's fill"),
            }
        }
    }
}
