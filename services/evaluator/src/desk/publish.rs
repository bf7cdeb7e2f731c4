//! One batch of differences, published once.

use std::time::Duration;

use futures::future::BoxFuture;
use muster_bus::convert::time;
use muster_bus::{Bus, Draft, Expect, PublishError, Publisher, SiteName, Stream, Subject, open};
use muster_ids::EventId;
use muster_kit::crash;
use muster_proto::v1::{VerdictBatch, envelope::Body};
use tracing::Instrument as _;

use crate::error::EvaluatorError;
use crate::telemetry::Changed;

const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LAST: Duration = Duration::from_secs(2);

/// Publishes verdicts in the name of a process.
#[derive(Debug, Clone)]
pub(crate) struct Verdicts {
    bus: Bus,
    publisher: Publisher,
    instance: String,
    compare_and_set: bool,
}

/// The answer to a publish.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) site: String,
    pub(super) epoch: u64,
    pub(super) result: Result<u64, EvaluatorError>,
}

impl Verdicts {
    pub(crate) fn new(bus: Bus, publisher: Publisher, instance: &str) -> Self {
        let compare_and_set = !crash::is_without("compare-and-set");
        Self { bus, publisher, instance: instance.to_owned(), compare_and_set }
    }

    #[cfg(test)]
    pub(crate) fn compared(self, compare_and_set: bool) -> Self {
        Self { compare_and_set, ..self }
    }

    /// Publishes after a sequence of the site's subject, and repeats it until the answer is definite.
    pub(super) fn send(&self, site: &str, epoch: u64, batch: VerdictBatch, last: u64) -> BoxFuture<'static, Sent> {
        let (this, site) = (self.clone(), site.to_owned());
        let span = tracing::info_span!("verdicts", site, verdicts = batch.changes.len());
        Box::pin(async move {
            let result = this.publish(&site, batch, last).instrument(span).await;
            Sent { site, epoch, result }
        })
    }

    async fn publish(&self, site: &str, batch: VerdictBatch, last: u64) -> Result<u64, EvaluatorError> {
        let subject = Subject::verdicts(&SiteName::new(site)?);
        let (verdicts, hosts) = (batch.changes.len(), batch.hosts.len());
        crash::point("evaluator.before-publish");
        let sequence = self.until_definite(site, &subject, batch, last).await?;
        crash::point("evaluator.after-publish");
        Changed { site, sequence, verdicts, hosts }.emit();
        Ok(sequence)
    }

    async fn until_definite(
        &self,
        site: &str,
        subject: &Subject,
        batch: VerdictBatch,
        last: u64,
    ) -> Result<u64, EvaluatorError> {
        // Time is that of the inputs: the same inputs make the same message, whoever publishes it and whenever.
        let occurred_at = time::from_proto("verdicts.as_of", batch.as_of.as_ref())?;
        let id = self.event_id(site, last);
        let mut retry = RETRY_FIRST;
        loop {
            let body = Body::Verdicts(batch.clone());
            let draft = Draft::by_service(id, occurred_at, site, "evaluator", body);
            let expect = if self.compare_and_set { Expect::LastOnSubject(last) } else { Expect::Any };
            match self.publisher.publish(subject, draft, expect).await {
                Ok(published) if !published.duplicate => return Ok(published.sequence),
                // The id says after which message, not what: another owner's message has the same one.
                Ok(_) | Err(PublishError::Conflict { .. }) => {
                    return self
                        .mine(subject, id, &batch)
                        .await?
                        .ok_or_else(|| EvaluatorError::Overtaken { subject: subject.to_string() });
                }
                Err(error) if error.is_passing() => {
                    tracing::warn!(site, %error, "publishing it again");
                    tokio::time::sleep(retry).await;
                    retry = (retry * 2).min(RETRY_LAST);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The sequence of the newest message of the site, where it is this one: an answer was lost on the way.
    async fn mine(&self, subject: &Subject, id: EventId, batch: &VerdictBatch) -> Result<Option<u64>, EvaluatorError> {
        let Some(newest) = self.bus.last_on_subject(Stream::Verdicts, subject).await? else { return Ok(None) };
        let Ok((envelope, Body::Verdicts(found))) = open(&newest) else { return Ok(None) };
        let by_me = envelope.producer.is_some_and(|producer| producer.instance == self.instance);
        let same = by_me && envelope.event_id == id.as_bytes() && found == *batch;
        Ok(same.then_some(newest.sequence))
    }

    fn event_id(&self, site: &str, last: u64) -> EventId {
        if self.compare_and_set {
            return EventId::of_verdicts(site, last);
        }
        // A test took the safeguard away: then nothing else may stand in for it.
        EventId::derivation("uncompared").text(site).text(&self.instance).number(last).into()
    }
}
