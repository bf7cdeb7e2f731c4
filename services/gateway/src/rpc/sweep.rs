//! SweepService: sweeps, asked for and looked at.

use std::sync::Arc;

use ipnet::IpNet;
use muster_bus::convert::{estate::ports, network::block_from_proto};
use muster_bus::{Expect, Subject};
use muster_estate::limits::{PORT_RANGES_MAX, RANGES_MAX};
use muster_estate::model::{ScheduleKind, Site};
use muster_ids::{EventId, SweepId};
use muster_proto::v1::sweep_service_server::SweepService;
use muster_proto::v1::{
    Block, GetSweepRequest, ListSweepsRequest, ListSweepsResponse, PortRange, RequestSweepRequest,
    RequestSweepResponse, Sweep, SweepRequested, envelope::Body,
};
use muster_store::query::{Compare, Filter, SWEEP_COLUMNS, SweepKey, Value};
use tonic::{Request, Response, Status};

use super::id;
use crate::answer;
use crate::core::{Core, draft, request_id};
use crate::error::{Answer, ApiError, Reason};
use crate::guard::Access;
use crate::lists::{Asked, Listing, ask, sites};

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct SweepRpc(pub(crate) Arc<Core>);

#[tonic::async_trait]
impl SweepService for SweepRpc {
    async fn request_sweep(
        &self,
        request: Request<RequestSweepRequest>,
    ) -> Result<Response<RequestSweepResponse>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(self.ask_for(&access, request.into_inner()).await?))
    }

    async fn get_sweep(&self, request: Request<GetSweepRequest>) -> Result<Response<Sweep>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(self.get(&access, &request.into_inner()).await?))
    }

    async fn list_sweeps(&self, request: Request<ListSweepsRequest>) -> Result<Response<ListSweepsResponse>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(list(&self.0, &access, &request.into_inner(), "sweep").await?))
    }
}

impl SweepRpc {
    pub(super) async fn ask_for(&self, access: &Access, request: RequestSweepRequest) -> Answer<RequestSweepResponse> {
        let (token, site) = self.0.site(access, &request.site).await?;
        check_blocks(&site, &request.blocks)?;
        check_ports(&request.ports)?;
        let scheduled =
            |site: &Site| site.schedules.iter().any(|s| s.kind == ScheduleKind::Sweep && !s.ports.is_empty());
        if request.ports.is_empty() && !scheduled(&site) {
            return Err(ApiError::field("ports", format!("site {token} has no sweep schedule to take them from")));
        }
        let request_id = request_id(&request.request_id)?;
        let body = Body::SweepRequested(SweepRequested {
            request_id: request_id.to_vec(),
            blocks: request.blocks,
            ports: request.ports,
        });
        let event = draft(access, EventId::of_request("sweep", token.as_str(), request_id), token.as_str(), body);
        let event = event.belongs_to(request_id.as_bytes());
        let mutation = self.0.command(&Subject::command(&token, "sweep"), event, Expect::Any).await?;
        let sweep_id = SweepId::of_request(token.as_str(), request_id).to_vec();
        Ok(RequestSweepResponse { sweep_id, mutation: Some(mutation) })
    }

    async fn get(&self, access: &Access, request: &GetSweepRequest) -> Answer<Sweep> {
        let sweep = id("sweep_id", &request.sweep_id)?;
        self.0.visible(request.at_least_sequence, access.deadline()).await?;
        let allowed = sites(access);
        let found = self.0.store.get_sweep(sweep, allowed.as_deref(), &ask(access.deadline())).await?;
        found.map(answer::sweep).ok_or_else(|| ApiError::not_found("sweep", hex::encode(sweep)))
    }
}

/// Sweeps or audits, the latest first: `kind` is the name that the store has for them.
pub(super) async fn list(
    core: &Core,
    access: &Access,
    request: &ListSweepsRequest,
    kind: &'static str,
) -> Answer<ListSweepsResponse> {
    let asked = Asked {
        call: kind,
        filter: &request.filter,
        page_size: request.page_size,
        page_token: &request.page_token,
        as_of: None,
        columns: SWEEP_COLUMNS,
    };
    let mut listing = Listing::<SweepKey>::new(core, access, asked)?;
    let only = Filter::Compare { column: "kind", op: Compare::Equal, value: Value::Text(kind.to_owned()) };
    listing.list.filter = Some(match listing.list.filter.take() {
        Some(filter) => Filter::And(vec![only, filter]),
        None => only,
    });
    core.visible(request.at_least_sequence, access.deadline()).await?;
    let rows = core.store.list_sweeps(&listing.list).await?;
    let (rows, next_page_token) = listing.page(core, rows, |row| (row.started_at, row.sweep_id));
    Ok(ListSweepsResponse { sweeps: rows.into_iter().map(answer::sweep).collect(), next_page_token })
}

/// Refuses ports that no scanner could take.
pub(super) fn check_ports(ranges: &[PortRange]) -> Answer<()> {
    if ranges.len() > PORT_RANGES_MAX {
        return Err(ApiError::field("ports", format!("at most {PORT_RANGES_MAX} ranges")));
    }
    ports("ports", ranges)?;
    Ok(())
}

/// Refuses blocks outside the scope here, so that the caller learns it; the scanner's own lock is the last word.
fn check_blocks(site: &Site, blocks: &[Block]) -> Answer<()> {
    if blocks.len() > RANGES_MAX {
        return Err(ApiError::field("blocks", format!("at most {RANGES_MAX}")));
    }
    let ranges: Vec<IpNet> = if site.scope.include.is_empty() {
        site.ranges.iter().map(|range| range.block).collect()
    } else {
        site.scope.include.clone()
    };
    for (index, block) in blocks.iter().enumerate() {
        let field = format!("blocks[{index}]");
        let block = block_from_proto(&field, block)?;
        let problem = if !ranges.iter().any(|range| range.contains(&block)) {
            format!("{block} is not inside the scope of site {}", site.name)
        } else if site.scope.exclude.iter().any(|excluded| excluded.contains(&block)) {
            format!("{block} is excluded from the scope of site {}", site.name)
        } else {
            continue;
        };
        return Err(ApiError::new(Reason::OutOfScope, problem.clone()).violation(field, problem));
    }
    Ok(())
}
