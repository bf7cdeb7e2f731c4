//! The demo's calls: what an operator would do with `muster`, over the same gRPC.

use std::time::Duration;

use muster_bus::convert::{estate::site_to_proto, inventory::asset_to_proto, network::ports_to_proto};
use muster_estate::model::{Asset, PortRange, Site};
use muster_ids::{DrawId, FindingId, RequestId, SweepId};
use muster_kit::{Exit, Failure};
use muster_proto::v1;
use muster_proto::v1::audit_service_client::AuditServiceClient;
use muster_proto::v1::estate_service_client::EstateServiceClient;
use muster_proto::v1::finding_service_client::FindingServiceClient;
use muster_proto::v1::inventory_service_client::InventoryServiceClient;
use muster_proto::v1::sweep_service_client::SweepServiceClient;
use tonic::transport::Channel;
use tonic::{Response, Status};

/// A page as large as the gateway gives.
const PAGE: i32 = 1_000;

/// A connected gateway on loopback.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    channel: Channel,
}

impl Api {
    pub(crate) async fn connect(url: &str) -> Result<Self, Failure> {
        let endpoint = Channel::from_shared(url.to_owned())
            .map_err(|error| Failure::message(Exit::Internal, format!("{url}: {error}")))?
            .timeout(Duration::from_secs(30));
        Ok(Self { channel: endpoint.connect().await? })
    }

    pub(crate) async fn apply(&self, sites: &[Site]) -> Result<(), Failure> {
        let documents = sites.iter().map(site_to_proto).collect();
        let request = v1::ApplyEstateRequest { documents, validate_only: false, prune: false };
        answer("apply the estate", EstateServiceClient::new(self.channel.clone()).apply_estate(request).await)?;
        Ok(())
    }

    pub(crate) async fn import(&self, site: &str, source: &str, assets: Vec<Asset>) -> Result<u64, Failure> {
        use v1::import_inventory_request::{Header, Part};
        let header = Header { site: site.to_owned(), source: source.to_owned(), ..Header::default() };
        let mut parts = vec![v1::ImportInventoryRequest { part: Some(Part::Header(header)) }];
        for chunk in muster_estate::inventory::import(assets).chunks {
            let assets = chunk.assets.iter().map(asset_to_proto).collect();
            let chunk = v1::InventoryChunk { import_id: Vec::new(), index: chunk.index, assets, last_seen: Vec::new() };
            parts.push(v1::ImportInventoryRequest { part: Some(Part::Chunk(chunk)) });
        }
        let stream = tokio_stream::iter(parts);
        let what = format!("import the inventory of {site}");
        let client = InventoryServiceClient::new(self.channel.clone()).import_inventory(stream).await;
        Ok(answer(&what, client)?.revision)
    }

    pub(crate) async fn start_sweep(&self, site: &str, request: RequestId) -> Result<SweepId, Failure> {
        let request = v1::RequestSweepRequest {
            site: site.to_owned(),
            request_id: request.to_vec(),
            ..v1::RequestSweepRequest::default()
        };
        let started = SweepServiceClient::new(self.channel.clone()).request_sweep(request).await;
        Ok(SweepId::from_bytes(&answer("start a sweep", started)?.sweep_id)?)
    }

    pub(crate) async fn sweep(&self, id: SweepId) -> Result<Option<v1::Sweep>, Failure> {
        let request = v1::GetSweepRequest { sweep_id: id.to_vec(), at_least_sequence: 0 };
        match SweepServiceClient::new(self.channel.clone()).get_sweep(request).await {
            Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
            other => answer("look at a sweep", other).map(Some),
        }
    }

    pub(crate) async fn start_audit(
        &self,
        sites: &[&str],
        size: u32,
        ports: &[PortRange],
        request: RequestId,
    ) -> Result<DrawId, Failure> {
        let request = v1::RequestAuditRequest {
            sites: sites.iter().map(|site| (*site).to_owned()).collect(),
            sample_size: size,
            ports: ports.iter().copied().map(ports_to_proto).collect(),
            request_id: request.to_vec(),
        };
        let started = AuditServiceClient::new(self.channel.clone()).request_audit(request).await;
        Ok(DrawId::from_bytes(&answer("start an audit", started)?.draw_id)?)
    }

    pub(crate) async fn draw(&self, id: DrawId) -> Result<Option<v1::Draw>, Failure> {
        let request = v1::GetDrawRequest { draw_id: id.to_vec(), at_least_sequence: 0 };
        match AuditServiceClient::new(self.channel.clone()).get_draw(request).await {
            Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
            other => answer("look at a draw", other).map(Some),
        }
    }

    pub(crate) async fn findings(&self, filter: &str) -> Result<Vec<v1::ListedFinding>, Failure> {
        let request = v1::ListFindingsRequest {
            filter: filter.to_owned(),
            page_size: PAGE,
            ..v1::ListFindingsRequest::default()
        };
        let asked = FindingServiceClient::new(self.channel.clone()).list_findings(request).await;
        Ok(answer("list findings", asked)?.findings)
    }

    pub(crate) async fn adopt(&self, finding: FindingId, asset: &Asset) -> Result<(), Failure> {
        let request = v1::SetDispositionRequest {
            finding_id: finding.to_vec(),
            disposition: v1::Disposition::Adopted.into(),
            reason: "the demo adopts it".to_owned(),
            until: None,
            asset: Some(asset_to_proto(asset)),
        };
        let asked = FindingServiceClient::new(self.channel.clone()).set_disposition(request).await;
        answer("adopt a host", asked)?;
        Ok(())
    }
}

/// A request that nobody made before.
pub(crate) fn random_request() -> Result<RequestId, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Failure::message(Exit::Internal, error))?;
    Ok(RequestId::from_array(bytes))
}

fn answer<T>(what: &str, answer: Result<Response<T>, Status>) -> Result<T, Failure> {
    answer
        .map(Response::into_inner)
        .map_err(|status| Failure::message(Exit::Unavailable, format!("failed to {what}: {}", status.message())))
}
