//! What every service of the gateway works with.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use muster_bus::{Bus, Draft, Expect, PublishError, Published, Publisher, SiteName, Stream, Subject, decode};
use muster_estate::model::Site;
use muster_ids::{EventId, RequestId};
use muster_kit::{Shutdown, crash};
use muster_proto::v1::{EstateDocument, Mutation, envelope::Body};
use muster_store::Store;
use prost::Message;

use crate::deadline::Deadline;
use crate::error::{Answer, ApiError, Reason};
use crate::estate_bucket::EstateBucket;
use crate::guard::Access;
use crate::page::PageKey;
use crate::progress::Progress;
use crate::realms::Realms;

/// Shared by all services; each holds an `Arc` of it.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) bus: Bus,
    pub(crate) publisher: Publisher,
    pub(crate) store: Store,
    pub(crate) progress: Progress,
    pub(crate) realms: Realms,
    pub(crate) estate: EstateBucket,
    pub(crate) page_key: PageKey,
    pub(crate) import_max_bytes: usize,
    pub(crate) stop: Shutdown,
}

/// How often an indefinite publish is repeated; between them the bus reconnects.
const PUBLISH_TRIES: u32 = 4;
/// Between two tries.
const PUBLISH_AGAIN: Duration = Duration::from_millis(250);

impl Core {
    /// Publishes and waits. What is indefinite is repeated with the same id and expectation, so that it happens once.
    ///
    /// # Errors
    /// When the bus refuses it, or does not answer within the tries.
    pub(crate) async fn publish(&self, subject: &Subject, draft: Draft, expect: Expect) -> Answer<Published> {
        crash::point("gateway.before-event");
        let published = self.publish_once(subject, draft, expect).await?;
        crash::point("gateway.after-event");
        Ok(published)
    }

    async fn publish_once(&self, subject: &Subject, draft: Draft, expect: Expect) -> Answer<Published> {
        let mut tried = 0;
        loop {
            tried += 1;
            match self.publisher.publish(subject, draft.clone(), expect).await {
                Ok(published) => return Ok(published),
                Err(PublishError::Indefinite { .. }) if tried < PUBLISH_TRIES => {
                    tokio::time::sleep(PUBLISH_AGAIN).await;
                }
                // A repeat meets what the first try left behind.
                Err(PublishError::Conflict { subject: text }) if tried > 1 => {
                    return match self.last_event(subject).await? {
                        Some((id, sequence)) if id == draft.id.to_vec() => Ok(Published { sequence, duplicate: true }),
                        _ => Err(PublishError::Conflict { subject: text }.into()),
                    };
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Publishes a command of a caller.
    ///
    /// # Errors
    /// As [`Core::publish`].
    pub(crate) async fn command(&self, subject: &Subject, draft: Draft, expect: Expect) -> Answer<Mutation> {
        let event_id = draft.id.to_vec();
        let published = self.publish(subject, draft, expect).await?;
        Ok(Mutation { event_id, sequence: published.sequence })
    }

    async fn last_event(&self, subject: &Subject) -> Answer<Option<(Vec<u8>, u64)>> {
        let Some(last) = self.bus.last_on_subject(Stream::Events, subject).await? else { return Ok(None) };
        let (envelope, _) = decode(last.payload).map_err(|error| unreadable(subject, &error))?;
        Ok(Some((envelope.event_id, last.sequence)))
    }

    /// The last event on a subject: its sequence, which the next one expects (0: there is none), and its body.
    ///
    /// # Errors
    /// When the bus does not answer, or what stands there cannot be read.
    pub(crate) async fn last_body(&self, subject: &Subject) -> Answer<(u64, Option<Body>)> {
        let Some(last) = self.bus.last_on_subject(Stream::Events, subject).await? else { return Ok((0, None)) };
        let (_, body) = decode(last.payload).map_err(|error| unreadable(subject, &error))?;
        Ok((last.sequence, Some(body)))
    }

    /// The declared state of a site that stands and that the caller may use in this call.
    ///
    /// # Errors
    /// When the caller has no role there, or there is no such site.
    pub(crate) async fn site(&self, access: &Access, name: &str) -> Answer<(SiteName, Arc<Site>)> {
        let token = site_name("site", name)?;
        access.require(name)?;
        let standing = self.estate.get(name).await?.filter(|standing| !standing.document.removed);
        let Some(standing) = standing else { return Err(ApiError::not_found("site", name)) };
        Ok((token, Arc::new(read_site(&standing.document)?)))
    }

    /// Waits until a list sees what a mutation's sequence led to.
    ///
    /// # Errors
    /// When the deadline passes before.
    pub(crate) async fn visible(&self, sequence: u64, deadline: Deadline) -> Answer<()> {
        if sequence == 0 { Ok(()) } else { self.progress.until_stored(Stream::Events, sequence, deadline).await }
    }

    /// The same for what the evaluator makes of it.
    ///
    /// # Errors
    /// When the deadline passes before.
    pub(crate) async fn judged(&self, sequence: u64, deadline: Deadline) -> Answer<()> {
        self.progress.until_judged(&self.bus, &self.realms, sequence, deadline).await
    }
}

fn unreadable(subject: &Subject, error: &muster_bus::EnvelopeError) -> ApiError {
    ApiError::new(Reason::Internal, format!("the last event on {subject} cannot be read: {error}"))
}

/// A draft of a caller's command.
pub(crate) fn draft(access: &Access, id: EventId, site: &str, body: Body) -> Draft {
    Draft::by_service(id, Timestamp::now(), site, SERVICE, body).by(access.actor())
}

/// The gateway's name among the services.
pub(crate) const SERVICE: &str = "gateway";

/// Checks a site's name; "all" is none.
pub(crate) fn site_name(field: &str, name: &str) -> Answer<SiteName> {
    match SiteName::new(name) {
        Ok(token) if name != "all" => Ok(token),
        Ok(_) => Err(ApiError::field(field, "\"all\" is not a site")),
        Err(error) => Err(ApiError::field(field, error.to_string())),
    }
}

/// Reads a document that stands: it was checked when it was applied.
pub(crate) fn read_site(document: &EstateDocument) -> Answer<Site> {
    muster_bus::convert::estate::site_from_proto(document).map_err(|error| {
        ApiError::new(Reason::Internal, format!("the estate of site {:?} cannot be read: {error}", document.site))
    })
}

/// The request id of a command: the caller's, or a new one.
pub(crate) fn request_id(given: &[u8]) -> Answer<RequestId> {
    if given.is_empty() {
        return random().map(RequestId::from_array);
    }
    RequestId::from_bytes(given).map_err(|error| ApiError::field("request_id", error.to_string()))
}

/// Random bytes of the operating system.
pub(crate) fn random<const N: usize>() -> Answer<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| ApiError::new(Reason::Internal, format!("the system gives no random bytes: {error}")))?;
    Ok(bytes)
}

/// The largest estate document: an event is at most 512 KiB, the rest is the envelope.
pub(crate) const DOCUMENT_BYTES_MAX: usize = 500 * 1024;

/// Refuses a document that no event could carry.
pub(crate) fn check_size(field: &str, document: &EstateDocument) -> Answer<()> {
    let size = document.encoded_len();
    if size <= DOCUMENT_BYTES_MAX {
        return Ok(());
    }
    let problem = format!("{size} bytes, a site's document is at most {DOCUMENT_BYTES_MAX}");
    Err(ApiError::new(Reason::TooLarge, format!("{field}: {problem}")).violation(field, problem))
}
