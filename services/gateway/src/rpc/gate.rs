//! GateService: a server out of the build against the manifest of its role.

use std::net::IpAddr;
use std::sync::Arc;

use muster_bus::SiteName;
use muster_bus::convert::estate::ports;
use muster_bus::convert::network::{address_from_proto, block_to_proto, ports_to_proto, transport_to_proto};
use muster_estate::lookup::SiteIndex;
use muster_estate::model::{self, Site, ZoneClass};
use muster_gate::{EVERY_TCP_PORT, Look, Outcome, judge, manifest_of, rate_pps, takes};
use muster_proto::v1::gate_service_server::GateService;
use muster_proto::v1::{
    Gate, GateLine, GetGateRequest, RequestGateRequest, RequestGateResponse, RequestSweepRequest, Service,
};
use tonic::{Request, Response, Status};

use super::id;
use super::sweep::SweepRpc;
use crate::answer;
use crate::core::{Core, read_site};
use crate::error::{Answer, ApiError, Reason};
use crate::filter::mapped;
use crate::guard::Access;
use crate::lists::{ask, sites};

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct GateRpc(pub(crate) Arc<Core>);

#[tonic::async_trait]
impl GateService for GateRpc {
    async fn request_gate(
        &self,
        request: Request<RequestGateRequest>,
    ) -> Result<Response<RequestGateResponse>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(self.ask_for(&access, request.into_inner()).await?))
    }

    async fn get_gate(&self, request: Request<GetGateRequest>) -> Result<Response<Gate>, Status> {
        let access = Access::of(&request)?;
        Ok(Response::new(self.get(&access, &request.into_inner()).await?))
    }
}

impl GateRpc {
    async fn ask_for(&self, access: &Access, request: RequestGateRequest) -> Answer<RequestGateResponse> {
        let address = address(&request.address)?;
        let site = self.site_of(access, &request.site, address).await?;
        if request.role.is_empty() {
            return Err(ApiError::field("role", "say whose manifest the server has to equal"));
        }
        let manifest = manifest(&site, &request.role, &request.zone)?;
        let looked_at = if request.ports.is_empty() { vec![ports_to_proto(EVERY_TCP_PORT)] } else { request.ports };
        let count = ports("ports", &looked_at)?.iter().map(|range| u64::from(range.last - range.first) + 1).sum();
        let index = SiteIndex::new(&site);
        let stands_in = index.zone_of(address);
        let rate_pps = rate_pps(&site, stands_in);
        let asked = RequestSweepRequest {
            site: site.name.clone(),
            blocks: vec![block_to_proto(address.into())],
            ports: looked_at,
            request_id: request.request_id,
        };
        let answer = SweepRpc(Arc::clone(&self.0)).ask_for(access, asked).await?;
        let build = stands_in.is_some_and(|zone| zone.class == ZoneClass::Build);
        Ok(RequestGateResponse {
            sweep_id: answer.sweep_id,
            site: site.name.clone(),
            address: request.address,
            role: request.role,
            zone: manifest.name.clone(),
            ports: count,
            rate_pps,
            expected: takes(count, rate_pps).and_then(|takes| takes.try_into().ok()),
            build_rate: build && site.scope.rate_build_pps > 0,
            mutation: answer.mutation,
        })
    }

    async fn get(&self, access: &Access, request: &GetGateRequest) -> Answer<Gate> {
        let (sweep_id, address) = (id("sweep_id", &request.sweep_id)?, address(&request.address)?);
        self.0.visible(request.at_least_sequence, access.deadline()).await?;
        let allowed = sites(access);
        let found = self.0.store.get_sweep(sweep_id, allowed.as_deref(), &ask(access.deadline())).await?;
        let sweep = found.ok_or_else(|| ApiError::not_found("sweep", hex::encode(sweep_id)))?;
        let (_, site) = self.0.site(access, &sweep.site).await?;
        let zone = manifest(&site, &request.role, &request.zone)?;
        let rows = self
            .0
            .store
            .list_services_of_sweep(&sweep.site, mapped(address), sweep_id, &ask(access.deadline()))
            .await?;
        let found: Vec<Service> = rows.into_iter().map(answer::service).collect();
        let seen: Vec<_> = found.iter().filter_map(seen).collect();
        let look = Look {
            // The end of a sweep and what it saw are stored side by side: the last of it may come after the end.
            finished: sweep.finished_at != 0 && seen.len() as u64 >= sweep.open,
            void: sweep.void,
            open: sweep.open,
            closed: sweep.closed,
            missed: sweep.skipped + sweep.lost,
        };
        let report = judge(zone, &request.role, look, &seen);
        let lines = report.lines.iter().map(|line| {
            let transport = transport_to_proto(line.transport);
            let port = u32::from(line.port);
            let service = found.iter().find(|service| service.port == port && service.transport() == transport);
            GateLine {
                transport: transport.into(),
                port,
                open: line.open,
                approved: line.approval.is_some(),
                deviates: line.deviates(),
                approval_reason: line.approval.map(|approval| approval.reason.clone()).unwrap_or_default(),
                fingerprint: service.and_then(|service| service.fingerprint.clone()),
            }
        });
        Ok(Gate {
            address: request.address.clone(),
            role: request.role.clone(),
            zone: zone.name.clone(),
            outcome: outcome(report.outcome).into(),
            reason: report.reason.as_str().to_owned(),
            estate_revision: site.revision,
            lines: lines.collect(),
            sweep: Some(answer::sweep(sweep)),
        })
    }

    /// The site that was named, or the only one of the caller's whose ranges hold the address.
    async fn site_of(&self, access: &Access, name: &str, address: IpAddr) -> Answer<Arc<Site>> {
        if !name.is_empty() {
            return Ok(self.0.site(access, name).await?.1);
        }
        let mut found = Vec::new();
        for standing in self.0.estate.all().await?.iter().filter(|standing| !standing.document.removed) {
            if SiteName::new(&standing.document.site).is_ok() && access.require(&standing.document.site).is_ok() {
                let site = read_site(&standing.document)?;
                if SiteIndex::new(&site).in_ranges(address) {
                    found.push(site);
                }
            }
        }
        match (found.pop(), found.is_empty()) {
            (Some(site), true) => Ok(Arc::new(site)),
            (Some(site), false) => {
                let names: Vec<_> =
                    found.iter().chain([&site]).map(|site| format!("{}/{address}", site.name)).collect();
                Err(ApiError::new(Reason::Ambiguous, format!("{address} is of several sites: {}", names.join(", "))))
            }
            (None, _) => {
                let text = format!("{address} is in the ranges of no site that you may see");
                Err(ApiError::new(Reason::OutOfScope, text.clone()).violation("address", text))
            }
        }
    }
}

fn address(bytes: &[u8]) -> Answer<IpAddr> {
    address_from_proto("address", bytes).map_err(|error| ApiError::field("address", error.to_string()))
}

fn manifest<'a>(site: &'a Site, role: &str, zone: &str) -> Answer<&'a model::Zone> {
    manifest_of(site, role, zone).map_err(|error| {
        let field = if zone.is_empty() { "role" } else { "zone" };
        ApiError::field(field, error.to_string())
    })
}

fn seen(service: &Service) -> Option<muster_gate::Service> {
    let transport = muster_bus::convert::network::transport_from_proto("transport", service.transport).ok()?;
    Some(muster_gate::Service { transport, port: u16::try_from(service.port).ok()? })
}

const fn outcome(outcome: Outcome) -> muster_proto::v1::Outcome {
    match outcome {
        Outcome::Pass => muster_proto::v1::Outcome::Pass,
        Outcome::Fail => muster_proto::v1::Outcome::Fail,
        Outcome::Unknown => muster_proto::v1::Outcome::Unknown,
    }
}
