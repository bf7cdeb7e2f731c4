//! FindingService: the life of what does not pass.

use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use jiff::Timestamp;
use muster_bus::convert::{inventory::asset_from_proto, time};
use muster_bus::{Expect, Subject};
use muster_ids::{EventId, HostId};
use muster_proto::v1::finding_service_server::FindingService;
use muster_proto::v1::{
    Disposition, DispositionSet, FindingDimension, GetFindingRequest, GroupFindingsRequest, GroupFindingsResponse,
    ListFindingsRequest, ListFindingsResponse, ListedFinding, SetDispositionRequest, SetDispositionResponse,
    WatchFindingsRequest, WatchFindingsResponse, envelope::Body,
};
use muster_store::query::{Dimensions, FINDING_COLUMNS, FindingKey, Grouping, HostKey, ListedFinding as Row};
use tonic::{Request, Response, Status};

use super::id;
use crate::answer;
use crate::core::{Core, draft, random, site_name};
use crate::error::{Answer, ApiError, Reason};
use crate::filter;
use crate::guard::Access;
use crate::inventory_log::{head, publish_delta, with_address};
use crate::lists::{Asked, Listing, ask, sites};
use crate::watch;

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct FindingRpc(pub(crate) Arc<Core>);

/// Groups of findings where nothing is said, and at most.
const GROUPS: u32 = 100;
const GROUPS_MAX: u32 = 1_000;
/// Longest reason of a disposition.
const REASON_MAX_BYTES: usize = 1024;

#[tonic::async_trait]
impl FindingService for FindingRpc {
    type WatchFindingsStream = Pin<Box<dyn Stream<Item = Result<WatchFindingsResponse, Status>> + Send>>;

    async fn get_finding(&self, request: Request<GetFindingRequest>) -> Result<Response<ListedFinding>, Status> {
        let access = Access::of(&request)?;
        let request = request.into_inner();
        self.0.judged(request.at_least_sequence, access.deadline()).await?;
        let row = self.find(&access, &request.finding_id).await?;
        let realm = self.0.realms.current().of(&row.site);
        Ok(Response::new(answer::finding(row, realm)))
    }

    async fn list_findings(
        &self,
        request: Request<ListFindingsRequest>,
    ) -> Result<Response<ListFindingsResponse>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(self.list(&access, &request.into_inner()).await?))
    }

    async fn group_findings(
        &self,
        request: Request<GroupFindingsRequest>,
    ) -> Result<Response<GroupFindingsResponse>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(self.group(&access, &request.into_inner()).await?))
    }

    async fn set_disposition(
        &self,
        request: Request<SetDispositionRequest>,
    ) -> Result<Response<SetDispositionResponse>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(self.decide(&access, request.into_inner()).await?))
    }

    async fn watch_findings(
        &self,
        request: Request<WatchFindingsRequest>,
    ) -> Result<Response<Self::WatchFindingsStream>, Status> {
        let access = Access::of(&request)?;
        let stream = watch::open(Arc::clone(&self.0), access, request.into_inner())?;
        Ok(Response::new(Box::pin(stream)))
    }
}

impl FindingRpc {
    async fn find(&self, access: &Access, finding_id: &[u8]) -> Answer<Row> {
        let finding = id("finding_id", finding_id)?;
        let allowed = sites(access);
        let found = self.0.store.get_finding(finding, allowed.as_deref(), &ask(access.deadline())).await?;
        found.ok_or_else(|| ApiError::not_found("finding", hex::encode(finding)))
    }

    async fn list(&self, access: &Access, request: &ListFindingsRequest) -> Answer<ListFindingsResponse> {
        let asked = Asked {
            call: "ListFindings",
            filter: &request.filter,
            page_size: request.page_size,
            page_token: &request.page_token,
            as_of: time::optional("as_of", request.as_of.as_ref())?,
            columns: FINDING_COLUMNS,
        };
        let listing = Listing::<FindingKey>::new(&self.0, access, asked)?;
        self.0.judged(request.at_least_sequence, access.deadline()).await?;
        let rows = self.0.store.list_findings(&listing.list).await?;
        let (rows, next_page_token) = listing.page(&self.0, rows, |row| (row.site.clone(), row.finding_id));
        let realms = self.0.realms.current();
        let findings = rows.into_iter().map(|row| {
            let realm = realms.of(&row.site);
            answer::finding(row, realm)
        });
        Ok(ListFindingsResponse { findings: findings.collect(), next_page_token })
    }

    async fn group(&self, access: &Access, request: &GroupFindingsRequest) -> Answer<GroupFindingsResponse> {
        let mut by = Dimensions::default();
        for dimension in request.by() {
            match dimension {
                FindingDimension::Subnet => by.subnet = true,
                FindingDimension::Fingerprint => by.fingerprint = true,
                FindingDimension::Owner => by.owner = true,
                FindingDimension::Unspecified => {
                    return Err(ApiError::field("by", "says nothing to put them together by"));
                }
            }
        }
        let limit = if request.groups_max == 0 { GROUPS } else { request.groups_max };
        if limit > GROUPS_MAX {
            return Err(ApiError::field("groups_max", format!("at most {GROUPS_MAX}")));
        }
        let filter = filter::parse(&request.filter, FINDING_COLUMNS)?;
        self.0.judged(request.at_least_sequence, access.deadline()).await?;
        let grouping = Grouping { filter, sites: sites(access), by, limit, ask: ask(access.deadline()) };
        let rows = self.0.store.group_findings(&grouping).await?;
        let (findings, groups_total) = rows.first().map_or((0, 0), |row| (row.findings_total, row.groups_total));
        Ok(GroupFindingsResponse { groups: rows.into_iter().map(answer::group).collect(), findings, groups_total })
    }

    async fn decide(&self, access: &Access, request: SetDispositionRequest) -> Answer<SetDispositionResponse> {
        check(&request)?;
        let row = self.find(access, &request.finding_id).await?;
        let site = site_name("site", &row.site)?;
        if request.disposition() == Disposition::Adopted {
            self.adopt(access, &row, &request).await?;
        }
        let subject = Subject::disposition(&site, HostId::from_array(row.host_id));
        let (last, _) = self.0.last_body(&subject).await?;
        let attempt: [u8; 16] = random()?;
        let id = EventId::derivation("disposition").bytes(&row.finding_id).number(last).bytes(&attempt).into();
        let body = Body::Disposition(DispositionSet {
            finding_id: row.finding_id.to_vec(),
            host_id: row.host_id.to_vec(),
            subject: row.subject,
            disposition: request.disposition,
            reason: request.reason,
            until: request.until,
        });
        let event = draft(access, id, site.as_str(), body).belongs_to(&row.finding_id);
        let mutation = self.0.command(&subject, event, Expect::LastOnSubject(last)).await?;
        Ok(SetDispositionResponse { mutation: Some(mutation) })
    }

    /// The host enters the inventory; a host that stands there already needs no asset.
    async fn adopt(&self, access: &Access, row: &Row, request: &SetDispositionRequest) -> Answer<()> {
        let Some(asset) = &request.asset else {
            let key = HostKey::Id(row.host_id);
            let allowed = [row.site.clone()];
            let hosts = self.0.store.find_hosts(&key, Some(&allowed), &ask(access.deadline())).await?;
            if hosts.iter().any(|host| !host.asset_key.is_empty()) {
                return Ok(());
            }
            return Err(ApiError::field("asset", "the host is not in the inventory: say as which asset it is adopted"));
        };
        let site = site_name("site", &row.site)?;
        let mut asset = with_address(asset_from_proto("asset", asset)?, plain(row.address));
        // What sources say is theirs to say.
        asset.claims.clear();
        let head = head(&self.0, access, &site).await?;
        publish_delta(&self.0, access, &site, head, &[asset], Vec::new()).await?;
        Ok(())
    }
}

fn plain(address: Ipv6Addr) -> Option<IpAddr> {
    (!address.is_unspecified()).then(|| IpAddr::V6(address).to_canonical())
}

/// What each disposition needs.
fn check(request: &SetDispositionRequest) -> Answer<()> {
    if request.reason.len() > REASON_MAX_BYTES {
        return Err(ApiError::field("reason", format!("at most {REASON_MAX_BYTES} bytes")));
    }
    let disposition = Disposition::try_from(request.disposition)
        .map_err(|_| ApiError::field("disposition", format!("{} is none", request.disposition)))?;
    let needs_reason = matches!(disposition, Disposition::Accepted | Disposition::Decommissioned);
    if disposition == Disposition::Unspecified {
        return Err(ApiError::field("disposition", "not set"));
    }
    if needs_reason && request.reason.trim().is_empty() {
        return Err(ApiError::field("reason", "say why"));
    }
    if request.asset.is_some() && disposition != Disposition::Adopted {
        return Err(ApiError::field("asset", "only an adopted host has one"));
    }
    let until = time::optional("until", request.until.as_ref())?;
    match (disposition, until) {
        (Disposition::Accepted, None) => Err(ApiError::field("until", "a risk is accepted until a time")),
        (Disposition::Accepted, Some(until)) if until <= Timestamp::now() => {
            Err(ApiError::new(Reason::FieldInvalid, String::new()).violation("until", "lies in the past"))
        }
        (Disposition::Accepted, Some(_)) => Ok(()),
        (_, Some(_)) => Err(ApiError::field("until", "only an accepted risk has one")),
        (_, None) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Disposition, SetDispositionRequest, check};

    fn request(disposition: Disposition, reason: &str) -> SetDispositionRequest {
        SetDispositionRequest { disposition: disposition.into(), reason: reason.to_owned(), ..Default::default() }
    }

    #[test]
    fn an_accepted_risk_has_a_reason_and_an_end() {
        let past = prost_types::Timestamp { seconds: 1, nanos: 0 };
        let future = prost_types::Timestamp { seconds: 4_000_000_000, nanos: 0 };
        let accepted = request(Disposition::Accepted, "vendor fix in May");
        assert!(check(&accepted).is_err());
        assert!(check(&SetDispositionRequest { until: Some(past), ..accepted.clone() }).is_err());
        assert!(check(&SetDispositionRequest { until: Some(future), ..accepted }).is_ok());
        assert!(check(&SetDispositionRequest { until: Some(future), ..request(Disposition::None, "") }).is_err());
    }

    #[test]
    fn what_is_not_said_is_refused() {
        assert!(check(&request(Disposition::Unspecified, "x")).is_err());
        assert!(check(&request(Disposition::Decommissioned, " ")).is_err());
        assert!(check(&request(Disposition::Adopted, "")).is_ok());
    }
}
