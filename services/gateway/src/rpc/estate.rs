//! EstateService: what should be there, and the halt.

use std::sync::Arc;

use jiff::Timestamp;
use muster_bus::{Bucket, SiteName, Subject};
use muster_ids::{EventId, RequestId};
use muster_kit::crash;
use muster_proto::v1::estate_service_server::EstateService;
use muster_proto::v1::{
    ApplyEstateRequest, ApplyEstateResponse, EstateDocument, GetSiteRequest, HaltSet, ListSitesRequest,
    ListSitesResponse, SetHaltRequest, SetHaltResponse, envelope::Body,
};
use prost::Message;
use tonic::{Request, Response, Status};

use crate::core::{Core, draft, random, site_name};
use crate::error::{Answer, ApiError};
use crate::estate_change;
use crate::guard::Access;
use crate::page::{self, Binding, Place};

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct EstateRpc(pub(crate) Arc<Core>);

/// Longest reason of a halt.
const REASON_MAX_BYTES: usize = 1024;

#[tonic::async_trait]
impl EstateService for EstateRpc {
    async fn list_sites(&self, request: Request<ListSitesRequest>) -> Result<Response<ListSitesResponse>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(self.list(&access, &request.into_inner()).await?))
    }

    async fn get_site(&self, request: Request<GetSiteRequest>) -> Result<Response<EstateDocument>, Status> {
        let access = Access::of(&request)?;
        let name = request.into_inner().site;
        site_name("site", &name)?;
        access.require(&name)?;
        let standing = self.0.estate.get(&name).await?.filter(|standing| !standing.document.removed);
        let standing = standing.ok_or_else(|| ApiError::not_found("site", name))?;
        Ok(Response::new(standing.document))
    }

    async fn apply_estate(
        &self,
        request: Request<ApplyEstateRequest>,
    ) -> Result<Response<ApplyEstateResponse>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(estate_change::apply(&self.0, &access, request.into_inner()).await?))
    }

    async fn set_halt(&self, request: Request<SetHaltRequest>) -> Result<Response<SetHaltResponse>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(self.halt(&access, request.into_inner()).await?))
    }
}

impl EstateRpc {
    async fn list(&self, access: &Access, request: &ListSitesRequest) -> Answer<ListSitesResponse> {
        let binding = Binding::of(&["ListSites"]);
        let size = page::size(request.page_size)? as usize;
        let place = self.0.page_key.open(binding, &request.page_token)?;
        let after = place.map(|place| place.cursor);
        let mut sites: Vec<EstateDocument> = self
            .0
            .estate
            .all()
            .await?
            .into_iter()
            .map(|standing| standing.document)
            .filter(|document| !document.removed && access.sites().cover(&document.site))
            .filter(|document| after.as_ref().is_none_or(|after| document.site.as_bytes() > after.as_slice()))
            .take(size + 1)
            .collect();
        let mut next_page_token = String::new();
        if sites.len() > size {
            sites.truncate(size);
            let cursor = sites.last().map(|last| last.site.clone().into_bytes()).unwrap_or_default();
            next_page_token = self.0.page_key.seal(binding, &Place { as_of: Timestamp::now(), cursor });
        }
        Ok(ListSitesResponse { sites, next_page_token })
    }

    /// The record stops the scanners, so it comes first; the event says who did it. Should the event fail, the halt
    /// stands all the same, and the same call again is safe.
    async fn halt(&self, access: &Access, request: SetHaltRequest) -> Answer<SetHaltResponse> {
        if request.reason.len() > REASON_MAX_BYTES {
            return Err(ApiError::field("reason", format!("at most {REASON_MAX_BYTES} bytes")));
        }
        let site = if request.site.is_empty() {
            access.require_all()?;
            SiteName::all()
        } else {
            self.0.site(access, &request.site).await?.0
        };
        let halt = HaltSet { halted: request.halted, reason: request.reason };
        let bucket = self.0.bus.kv(Bucket::Halt).await?;
        crash::point("gateway.before-kv");
        bucket.put(site.as_str(), halt.encode_to_vec().into()).await?;
        crash::point("gateway.after-kv");
        tracing::info!(%site, halted = halt.halted, actor = access.actor().subject, "halt set");
        let id = EventId::of_request("halt", site.as_str(), RequestId::from_array(random()?));
        let event = draft(access, id, site.as_str(), Body::Halt(halt));
        let mutation = self.0.command(&Subject::command(&site, "halt"), event, muster_bus::Expect::Any).await?;
        Ok(SetHaltResponse { mutation: Some(mutation) })
    }
}
