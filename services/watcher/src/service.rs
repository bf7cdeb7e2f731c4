//! The process: stand by, then watch every feed.

use std::time::Duration;

use muster_bulletin::kev::DOCUMENT_BYTES_MAX;
use muster_bus::{Bucket, Bus, Kv, Leadership, Publisher, Stream};
use muster_connect::producer;
use muster_kit::{Context, Exit, Failure};
use tokio::task::JoinSet;

use crate::announce::Announcer;
use crate::config::{Config, FeedConfig};
use crate::error::WatcherError;
use crate::feed::Feed;
use crate::source::Source;

/// Pause before standing by again.
const RETRY: Duration = Duration::from_millis(300);

/// The watcher.
#[derive(Debug)]
pub struct Service {
    bus: Bus,
    cursors: Kv,
    leaders: Kv,
    publisher: Publisher,
    feeds: Vec<(FeedConfig, Source)>,
}

impl Service {
    /// Checks the feeds and connects.
    ///
    /// # Errors
    /// When a feed is not as it should be, or the bus cannot be reached, refuses the credentials, or is not as declared.
    pub async fn new(config: Config, context: &Context) -> Result<Self, Failure> {
        let wrong = |reason| Failure::message(Exit::Usage, format!("failed to check the configuration: {reason}"));
        config.watcher.check().map_err(wrong)?;
        let mut feeds = Vec::new();
        for feed in config.watcher.feed {
            let source = Source::new(&feed, DOCUMENT_BYTES_MAX)?;
            feeds.push((feed, source));
        }
        let bus = config.bus.connect_checked(context, &[Stream::Events]).await?;
        let (cursors, leaders) = (bus.kv(Bucket::Cursors).await?, bus.kv(Bucket::Leaders).await?);
        let publisher = bus.publisher(producer(context));
        Ok(Self { bus, cursors, leaders, publisher, feeds })
    }

    /// Watches until the stop.
    ///
    /// # Errors
    /// When it cannot go on.
    pub async fn run(self, context: Context) -> Result<(), Failure> {
        let shutdown = context.shutdown.clone();
        context.readiness.condition("watcher").met();
        loop {
            let acquiring = Box::pin(Leadership::acquire(self.leaders.clone(), "watcher", &context.instance));
            let Some(leadership) = shutdown.or(acquiring).await else { break };
            let mut leadership = leadership?;
            let result = tokio::select! {
                () = shutdown.requested() => None,
                lost = leadership.lost() => Some(WatcherError::from(lost)),
                error = self.act(&context.instance) => Some(error),
            };
            match result {
                None => {
                    leadership.resign().await;
                    break;
                }
                Some(WatcherError::Leadership(lost)) => {
                    tracing::warn!(%lost, "standing by");
                    tokio::time::sleep(RETRY).await;
                }
                Some(error) => {
                    leadership.resign().await;
                    return Err(error.into());
                }
            }
        }
        self.bus.close().await;
        Ok(())
    }

    /// Watches every feed, each in a task of its own, so that one that fails keeps no other from being read. Dropping the
    /// future stops them all.
    async fn act(&self, instance: &str) -> WatcherError {
        let mut tasks = JoinSet::new();
        for (feed, source) in &self.feeds {
            let (bus, publisher, cursors) = (self.bus.clone(), self.publisher.clone(), self.cursors.clone());
            match Announcer::new(bus, publisher, cursors, feed.clone()) {
                Ok(announcer) => tasks.spawn(Feed::new(announcer, source.clone(), instance).watch()),
                Err(error) => return error,
            };
        }
        loop {
            match tasks.join_next().await {
                // A feed is watched for ever: only a panic ends its task.
                Some(Err(error)) => return error.into(),
                Some(Ok(())) => {}
                None => std::future::pending().await,
            }
        }
    }
}
