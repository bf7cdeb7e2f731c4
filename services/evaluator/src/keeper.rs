//! Holding one site: stand by, restore, be judged at the desk, and again.

use std::sync::Arc;
use std::time::Duration;

use muster_bus::{Bucket, Leadership, SiteName};
use muster_kit::Shutdown;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use crate::desk::{Arrival, End};
use crate::error::EvaluatorError;
use crate::restore::Origin;

const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_LAST: Duration = Duration::from_secs(5);
/// A site that was held so long starts with the first pause again.
const HELD_LONG: Duration = Duration::from_secs(30);

/// What holding a site needs.
#[derive(Debug, Clone)]
pub(crate) struct Keeper {
    pub(crate) origin: Origin,
    pub(crate) desk: mpsc::Sender<Arrival>,
    /// Snapshots are large: a few at a time.
    pub(crate) restores: Arc<Semaphore>,
    pub(crate) instance: String,
    pub(crate) shutdown: Shutdown,
}

impl Keeper {
    /// Holds a site whenever it can, until the stop. No failure of one site is one of the process.
    pub(crate) async fn keep(self, site: SiteName) {
        let mut retry = RETRY_FIRST;
        while !self.shutdown.is_requested() {
            let since = Instant::now();
            match Box::pin(self.act(&site)).await {
                Ok(()) => return,
                Err(error @ (EvaluatorError::Leadership(_) | EvaluatorError::Overtaken { .. })) => {
                    tracing::warn!(site = %site, %error, "standing by");
                }
                Err(EvaluatorError::Stopping) => return,
                Err(error) => tracing::warn!(site = %site, %error, "beginning again from the store"),
            }
            retry = if since.elapsed() > HELD_LONG { RETRY_FIRST } else { (retry * 2).min(RETRY_LAST) };
            self.shutdown.or(tokio::time::sleep(retry)).await;
        }
    }

    /// Waits for the role and holds the site until something ends it.
    async fn act(&self, site: &SiteName) -> Result<(), EvaluatorError> {
        let role = format!("evaluator.{site}");
        let leaders = self.origin.bus.kv(Bucket::Leaders).await?;
        let acquired = self.shutdown.or(Box::pin(Leadership::acquire(leaders, &role, &self.instance))).await;
        let mut leadership = acquired.ok_or(EvaluatorError::Stopping)??;
        let result = tokio::select! {
            lost = Box::pin(leadership.lost()) => Err(EvaluatorError::from(lost)),
            result = Box::pin(self.hold(site)) => result,
        };
        if !matches!(result, Err(EvaluatorError::Leadership(_))) {
            leadership.resign().await;
        }
        result
    }

    /// Dropping it gives the seat up.
    async fn hold(&self, site: &SiteName) -> Result<(), EvaluatorError> {
        let restore = async {
            let _permit = self.restores.acquire().await.map_err(|_| EvaluatorError::Stopping)?;
            Box::pin(self.origin.restore(site)).await
        };
        let ready = self.shutdown.or(restore).await.ok_or(EvaluatorError::Stopping)??;
        let (over, ended) = oneshot::channel();
        let arrival = Arrival { site: site.clone(), ready, over };
        self.desk.send(arrival).await.map_err(|_| EvaluatorError::Stopping)?;
        match ended.await {
            Ok(End::Drained) => Ok(()),
            Ok(End::Failed(error)) => Err(error),
            Err(_) => Err(EvaluatorError::Stopping),
        }
    }
}
