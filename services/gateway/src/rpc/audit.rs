//! AuditService: random audits, asked for and looked at.

mod drawable;

use std::sync::Arc;

use muster_bus::{Expect, SiteName, Subject};
use muster_estate::limits::{SAMPLE_SIZE_MAX, SITES_MAX};
use muster_estate::model::Site;
use muster_ids::{DrawId, EventId};
use muster_proto::v1::audit_service_server::AuditService;
use muster_proto::v1::{
    AuditRequested, Draw, GetDrawRequest, ListSweepsRequest, ListSweepsResponse, RequestAuditRequest,
    RequestAuditResponse, envelope::Body,
};
use tonic::{Request, Response, Status};

use super::id;
use super::sweep::{check_ports, list};
use crate::answer;
use crate::core::{Core, draft, read_site, request_id};
use crate::error::{Answer, ApiError};
use crate::guard::Access;
use crate::identity::Sites;
use crate::lists::ask;

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct AuditRpc(pub(crate) Arc<Core>);

#[tonic::async_trait]
impl AuditService for AuditRpc {
    async fn request_audit(
        &self,
        request: Request<RequestAuditRequest>,
    ) -> Result<Response<RequestAuditResponse>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(self.ask_for(&access, request.into_inner()).await?))
    }

    async fn get_draw(&self, request: Request<GetDrawRequest>) -> Result<Response<Draw>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(self.get(&access, &request.into_inner()).await?))
    }

    async fn list_audits(&self, request: Request<ListSweepsRequest>) -> Result<Response<ListSweepsResponse>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(list(&self.0, &access, &request.into_inner(), "audit").await?))
    }
}

impl AuditRpc {
    async fn ask_for(&self, access: &Access, request: RequestAuditRequest) -> Answer<RequestAuditResponse> {
        if request.sites.is_empty() {
            access.require_all()?;
        }
        if request.sites.len() > SITES_MAX {
            return Err(ApiError::field("sites", format!("at most {SITES_MAX}")));
        }
        let sites = self.chosen(access, &request.sites).await?;
        if !(1..=SAMPLE_SIZE_MAX).contains(&request.sample_size) {
            return Err(ApiError::field("sample_size", format!("it is 1 to {SAMPLE_SIZE_MAX}")));
        }
        check_ports(&request.ports)?;
        let sites: Vec<&Site> = sites.iter().map(AsRef::as_ref).collect();
        drawable::check(&sites, &request)?;
        let request_id = request_id(&request.request_id)?;
        let body = Body::AuditRequested(AuditRequested {
            request_id: request_id.to_vec(),
            sites: request.sites,
            sample_size: request.sample_size,
            ports: request.ports,
        });
        // One draw over all its sites: the event is of none of them alone.
        let all = SiteName::all();
        let event = draft(access, EventId::of_request("audit", all.as_str(), request_id), all.as_str(), body);
        let event = event.belongs_to(request_id.as_bytes());
        let mutation = self.0.command(&Subject::command(&all, "audit"), event, Expect::Any).await?;
        Ok(RequestAuditResponse { draw_id: DrawId::of_request(request_id).to_vec(), mutation: Some(mutation) })
    }

    /// The sites that are named; where none is, all that stand.
    async fn chosen(&self, access: &Access, named: &[String]) -> Answer<Vec<Arc<Site>>> {
        let mut sites = Vec::new();
        for site in named {
            sites.push(self.0.site(access, site).await?.1);
        }
        if named.is_empty() {
            let standing = self.0.estate.all().await?;
            for standing in standing.iter().filter(|standing| !standing.document.removed) {
                sites.push(Arc::new(read_site(&standing.document)?));
            }
        }
        Ok(sites)
    }

    /// A draw may span sites that the caller may not see: its items name them, so a caller limited to sites gets only
    /// those of his; the count of the frame stays, it names nobody.
    async fn get(&self, access: &Access, request: &GetDrawRequest) -> Answer<Draw> {
        let draw_id = id("draw_id", &request.draw_id)?;
        self.0.visible(request.at_least_sequence, access.deadline()).await?;
        let detail = self.0.store.get_draw(draw_id, &ask(access.deadline())).await?;
        let mut draw = detail.map(answer::draw).ok_or_else(|| ApiError::not_found("draw", hex::encode(draw_id)))?;
        if let Sites::Only(_) = access.sites() {
            draw.items.retain(|item| item.item.split_once('/').is_some_and(|(site, _)| access.sites().cover(site)));
            draw.sites.retain(|site| access.sites().cover(site));
            if draw.items.is_empty() {
                return Err(ApiError::not_found("draw", hex::encode(draw_id)));
            }
        }
        Ok(draw)
    }
}
