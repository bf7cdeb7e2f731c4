//! The whole system inside the lab: engines, services, a site whose scope is signed, and sweeps by the API.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use muster::process::ServiceName;
use muster_bus::convert::estate::site_to_proto;
use muster_bus::convert::network::block_to_proto;
use muster_estate::model::Site;
use muster_estate::scope::{public_key_hex, sign_scope};
use muster_proto::v1::estate_service_client::EstateServiceClient;
use muster_proto::v1::sweep_service_client::SweepServiceClient;
use muster_proto::v1::{ApplyEstateRequest, PortRange, RequestSweepRequest, Transport};
use muster_tests::{Rig, RigOptions};
use tonic::transport::{Channel, Endpoint};

/// The site.
pub(crate) const SITE: &str = "lab";
/// Nobody else listens in this network.
pub(crate) const GATEWAY: &str = "http://127.0.0.1:7420";
/// Signs the lab's scope, and nothing else's.
const SECRET: [u8; 32] = [0x4c; 32];
const PATIENCE: Duration = Duration::from_secs(180);
/// How often the store is asked.
const TICK: Duration = Duration::from_millis(10);

/// A running system with a site.
pub(crate) struct System {
    pub(crate) rig: Rig,
    channel: Channel,
    requests: u8,
}

impl System {
    /// Starts it with so many scanners, and declares a site of a block with these rates (none: the defaults).
    pub(crate) async fn start(block: &str, scanners: u32, rates: Option<(u32, u32)>) -> anyhow::Result<Self> {
        let services = ServiceName::ALL
            .iter()
            .map(|name| (*name, if *name == ServiceName::Scanner { scanners } else { 1 }))
            .collect();
        let set = vec![
            "gateway.listen=127.0.0.1:7420".to_owned(),
            "scanner.engine=auto".to_owned(),
            format!("scanner.trusted_keys=[\"{}\"]", public_key_hex(&SECRET)),
        ];
        let rig = Rig::start(RigOptions { services, set, durable: true, ..RigOptions::default() }).await?;
        let channel = Endpoint::from_static(GATEWAY).timeout(Duration::from_secs(10)).connect_lazy();
        let system = Self { rig, channel, requests: 0 };
        system.declare(block, rates).await?;
        Ok(system)
    }

    async fn declare(&self, block: &str, rates: Option<(u32, u32)>) -> anyhow::Result<()> {
        let rates = rates.map_or(String::new(), |(site, host)| {
            format!("scope:\n  rate_site_pps: {site}\n  rate_host_pps: {host}\n")
        });
        let estate = format!(
            "site: {SITE}\nrealm: lab\nalive_by: open-port\nranges: [{block}]\nzones:\n  - name: all\n    blocks: \
             [{block}]\n    class: production\n    approvals:\n      - {{ports: tcp/9100, reason: The lab}}\n{rates}"
        );
        let mut site: Site = muster_estate::files::read_estate([("lab.yaml", estate.as_str())])?.into_sites().remove(0);
        sign_scope(&mut site, &SECRET);
        let request = ApplyEstateRequest { documents: vec![site_to_proto(&site)], validate_only: false, prune: false };
        EstateServiceClient::new(self.channel.clone()).apply_estate(request).await?;
        Ok(())
    }

    /// Asks for a sweep of ports of the whole site; its id in hexadecimal digits.
    pub(crate) async fn sweep(&mut self, block: &str, first: u16, last: u16) -> anyhow::Result<String> {
        self.requests += 1;
        let range = PortRange { transport: Transport::Tcp.into(), first: first.into(), last: last.into() };
        let request = RequestSweepRequest {
            site: SITE.to_owned(),
            blocks: vec![block_to_proto(block.parse()?)],
            ports: vec![range],
            request_id: vec![self.requests; 16],
        };
        let answer = SweepServiceClient::new(self.channel.clone()).request_sweep(request).await?;
        Ok(answer.into_inner().sweep_id.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Waits until so many rows of a sweep can be queried; how many could be when patience was over.
    pub(crate) async fn rows(&self, sweep: &str, wanted: u64) -> anyhow::Result<u64> {
        ensure!(sweep.bytes().all(|byte| byte.is_ascii_hexdigit()), "no id of a sweep: {sweep}");
        let query = format!("SELECT count() FROM observations WHERE sweep_id = unhex('{sweep}')");
        let (started, mut tick) = (Instant::now(), tokio::time::interval(TICK));
        loop {
            tick.tick().await;
            let rows = self.rig.books.number(&query).await.context("asking the store")?;
            if rows >= wanted || started.elapsed() > PATIENCE {
                return Ok(rows);
            }
        }
    }
}
