//! Applying estate documents: compare with what stands, check the whole, change site by site, tell the others.

use std::collections::BTreeMap;

use jiff::Timestamp;
use muster_bus::convert::estate::{site_from_proto, site_to_proto};
use muster_bus::{Draft, Expect, SiteName, Subject};
use muster_estate::canonical::content_sha256;
use muster_estate::check::check_sites;
use muster_estate::diff::diff;
use muster_estate::limits::SITES_MAX;
use muster_estate::model::Site;
use muster_ids::EventId;
use muster_proto::v1::{
    Actor, ApplyEstateRequest, ApplyEstateResponse, EstateChange, EstateDocument, Mutation, envelope::Body,
};
use muster_store::query::Ask;

use crate::core::{Core, SERVICE, check_size, read_site, site_name};
use crate::error::{Answer, ApiError, Reason};
use crate::estate_bucket::Standing;
use crate::guard::Access;

/// What is to become of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Create,
    Update,
    Remove,
    Unchanged,
}

impl Action {
    const fn text(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Remove => "remove",
            Self::Unchanged => "unchanged",
        }
    }
}

/// A site before and after.
#[derive(Debug)]
struct Plan {
    /// Revision of the record it stands in.
    record: Option<u64>,
    after: Site,
    action: Action,
    differences: Vec<String>,
    /// The caller declared it, or prunes it.
    named: bool,
}

/// Applies documents, or only says what would change.
///
/// # Errors
/// When the caller may not, the documents contradict themselves or each other, or somebody else was first.
pub(crate) async fn apply(core: &Core, access: &Access, request: ApplyEstateRequest) -> Answer<ApplyEstateResponse> {
    let declared = read_documents(access, &request)?;
    let plans = plan(declared, core.estate.all().await?, request.prune)?;
    let standing = plans.iter().map(|plan| &plan.after).filter(|site| !site.removed);
    check_sites(standing).map_err(|problems| {
        let mut error = ApiError::new(Reason::EstateInvalid, problems.to_string().replace('\n', "; "));
        for problem in problems.list() {
            error = error.violation("documents", problem.to_string());
        }
        error
    })?;
    let mut mutation = None;
    if !request.validate_only {
        for plan in plans.iter().filter(|plan| plan.named) {
            mutation = carry_out(core, &access.actor(), plan).await?.or(mutation);
        }
    }
    let changes = plans.into_iter().filter(|plan| plan.named).map(|plan| EstateChange {
        site: plan.after.name,
        action: plan.action.text().to_owned(),
        differences: plan.differences,
        revision: plan.after.revision,
    });
    Ok(ApplyEstateResponse { changes: changes.collect(), mutation })
}

/// The documents of the request as sites; every problem of every document is named.
fn read_documents(access: &Access, request: &ApplyEstateRequest) -> Answer<BTreeMap<String, Site>> {
    if request.documents.len() > SITES_MAX {
        return Err(ApiError::field("documents", format!("at most {SITES_MAX}")));
    }
    if request.prune {
        access.require_all()?;
    }
    let mut declared = BTreeMap::new();
    let mut wrong: Option<ApiError> = None;
    for (index, document) in request.documents.iter().enumerate() {
        let field = format!("documents[{index}]");
        site_name(&format!("{field}.site"), &document.site)?;
        access.require(&document.site)?;
        check_size(&field, document)?;
        match site_from_proto(document) {
            Ok(site) if declared.contains_key(&site.name) => {
                return Err(ApiError::field(format!("{field}.site"), format!("{:?} stands twice", site.name)));
            }
            Ok(site) => {
                declared.insert(site.name.clone(), site);
            }
            Err(error) => {
                let base = wrong.take().unwrap_or_else(|| ApiError::new(Reason::EstateInvalid, String::new()));
                wrong = Some(base.violation(format!("{field}.{}", error.field), error.problem));
            }
        }
    }
    match wrong {
        Some(error) => Err(error),
        None => Ok(declared),
    }
}

/// Every site that stands or is declared, by name.
fn plan(mut declared: BTreeMap<String, Site>, standing: Vec<Standing>, prune: bool) -> Answer<Vec<Plan>> {
    let mut plans = Vec::new();
    for standing in standing {
        let before = read_site(&standing.document)?;
        let (after, named) = match declared.remove(&before.name) {
            Some(site) => (site, true),
            None if prune && !before.removed => (Site { removed: true, ..before.clone() }, true),
            None => (before.clone(), false),
        };
        plans.push(compare(Some((&before, standing.record)), after, named));
    }
    plans.extend(declared.into_values().map(|site| compare(None, site, true)));
    plans.sort_by(|a, b| a.after.name.cmp(&b.after.name));
    Ok(plans)
}

fn compare(before: Option<(&Site, u64)>, mut after: Site, named: bool) -> Plan {
    let stood = before.map(|(site, _)| site).filter(|site| !site.removed);
    let (action, differences) = match stood {
        None if after.removed => (Action::Unchanged, Vec::new()),
        None => {
            let nothing = Site { ranges: Vec::new(), zones: Vec::new(), schedules: Vec::new(), ..after.clone() };
            (Action::Create, lines(&nothing, &after))
        }
        Some(_) if after.removed => (Action::Remove, Vec::new()),
        Some(site) if content_sha256(site) == content_sha256(&after) => (Action::Unchanged, Vec::new()),
        Some(site) => {
            let mut lines = lines(site, &after);
            if lines.is_empty() {
                lines.push("~ order of entries".to_owned());
            }
            (Action::Update, lines)
        }
    };
    let revision = before.map_or(0, |(site, _)| site.revision);
    after.revision = if action == Action::Unchanged { revision } else { revision + 1 };
    Plan { record: before.map(|(_, record)| record), after, action, differences, named }
}

fn lines(before: &Site, after: &Site) -> Vec<String> {
    diff(before, after).iter().map(ToString::to_string).collect()
}

/// Changes the record, then publishes. Where nothing changes, the event is published if a crash kept it back.
async fn carry_out(core: &Core, actor: &Actor, plan: &Plan) -> Answer<Option<Mutation>> {
    let mut document = site_to_proto(&plan.after);
    document.content_sha256 = content_sha256(&plan.after).to_vec();
    if plan.action == Action::Unchanged {
        return if plan.record.is_some() { tell_again(core, actor, document).await } else { Ok(None) };
    }
    check_size("documents", &document)?;
    core.estate.set(&document, plan.record).await?;
    tracing::info!(site = document.site, revision = document.revision, action = plan.action.text(), "estate changed");
    tell(core, actor, document).await
}

/// Publishes a document that should have been published before, unless it was: an old one may have left the stream.
async fn tell_again(core: &Core, actor: &Actor, document: EstateDocument) -> Answer<Option<Mutation>> {
    let ask = Ask::default();
    let recorded = core.store.snapshot_estate(&document.site, LAST_SEQUENCE, &ask).await?;
    if recorded.is_some_and(|recorded| recorded.revision >= document.revision) {
        return Ok(None);
    }
    tell(core, actor, document).await
}

/// Every sequence is below it, as ClickHouse and JetStream count.
const LAST_SEQUENCE: u64 = i64::MAX.unsigned_abs();

/// Publishes a document, unless its subject already carries this revision or a newer one.
async fn tell(core: &Core, actor: &Actor, document: EstateDocument) -> Answer<Option<Mutation>> {
    let site = SiteName::new(&document.site).map_err(|error| ApiError::new(Reason::Internal, error.to_string()))?;
    let subject = Subject::estate(&site);
    let (last, body) = core.last_body(&subject).await?;
    if let Some(Body::Estate(told)) = body
        && told.revision >= document.revision
    {
        return Ok(None);
    }
    let id = EventId::of_revision("estate", site.as_str(), document.revision, 0);
    let event = Draft::by_service(id, Timestamp::now(), site.as_str(), SERVICE, Body::Estate(document));
    core.command(&subject, event.by(actor.clone()), Expect::LastOnSubject(last)).await.map(Some)
}

/// At start: publishes what a crash kept back between the record and its event. Who applied it, the crash took along.
///
/// # Errors
/// When the bus or the store does not answer.
pub(crate) async fn mend(core: &Core) -> Answer<()> {
    let actor = Actor {
        subject: format!("service:{SERVICE}"),
        issuer: "muster".to_owned(),
        on_behalf_of: "unknown".to_owned(),
    };
    for standing in core.estate.all().await? {
        let site = standing.document.site.clone();
        match tell_again(core, &actor, standing.document).await {
            Ok(Some(mutation)) => {
                tracing::warn!(site, sequence = mutation.sequence, "published an estate change that a crash kept back");
            }
            Ok(None) => {}
            // Another replica mends too.
            Err(error) if error.reason() == Reason::RevisionConflict => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
