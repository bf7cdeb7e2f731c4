//! A whole system on a small network: one site on loopback whose listeners stand in this process, its inventory, a feed,
//! and what has to be found there in the end.

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use muster::operator::{Client, ConnectArgs, gather};
use muster::process::{ServiceName, settled};
use muster_bus::convert::{estate::site_to_proto, inventory::asset_to_proto};
use muster_estate::model::Site;
use muster_ids::RequestId;
use muster_lab::Lab;
use muster_proto::v1;
use muster_proto::v1::estate_service_client::EstateServiceClient;
use muster_proto::v1::inventory_service_client::InventoryServiceClient;
use muster_proto::v1::ledger_service_client::LedgerServiceClient;
use muster_proto::v1::sweep_service_client::SweepServiceClient;
use tonic::transport::{Channel, Endpoint};

use crate::rig::{Rig, RigOptions};
use crate::wait::until;

/// The site.
pub const SITE: &str = "loft";

/// 128 addresses and 12 ports are 1,536 units: two slices of one lease, a tenth of a second at these rates.
const ESTATE: &str = "
site: loft
realm: corp
time_zone: Europe/Dublin
alive_by: open-port
ranges: [127.50.0.0/25]
zones:
  - name: all
    blocks: [127.50.0.0/25]
    class: production
    approvals:
      - {ports: tcp/8080, reason: The shop}
schedules:
  - name: sweep
    kind: sweep
    every: 24h
    anchor: 2099-01-01T02:00:00Z
    ports: tcp/8078-8088, tcp/8888
scope:
  rate_site_pps: 20000
  rate_host_pps: 1000
";

/// Nine assets: the first has no owner, the last does not answer.
const INVENTORY: &str = "key,name,owner,support_group,role,zone,base_image,criticality,address
A1,a1,,web-operations,web,all,debian-12-web,high,127.50.0.1
A2,a2,aoife.byrne,web-operations,web,all,debian-12-web,high,127.50.0.2
A3,a3,aoife.byrne,web-operations,web,all,debian-12-web,high,127.50.0.3
A4,a4,aoife.byrne,web-operations,web,all,debian-12-web,high,127.50.0.4
A5,a5,aoife.byrne,web-operations,web,all,debian-12-web,high,127.50.0.5
A6,a6,aoife.byrne,web-operations,web,all,debian-12-web,high,127.50.0.6
A7,a7,aoife.byrne,web-operations,web,all,debian-12-web,high,127.50.0.7
A8,a8,aoife.byrne,web-operations,web,all,debian-12-web,high,127.50.0.8
A9,a9,aoife.byrne,web-operations,web,all,debian-12-web,high,127.50.0.9
";

/// The ninth is nobody's, the third shares a folder.
const LISTENERS: &str = "address,port,persona,tls
127.50.0.1,8080,nginx,false
127.50.0.2,8080,nginx,false
127.50.0.3,8080,apache,false
127.50.0.3,8888,python-http,false
127.50.0.4,8080,nginx,false
127.50.0.5,8080,apache,false
127.50.0.6,8080,nginx,false
127.50.0.7,8080,nginx,false
127.50.0.8,8080,apache,false
127.50.0.77,8080,iis-6.0,false
";

/// What the last sweep has to have led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truth {
    /// Hosts that were seen.
    pub hosts_seen: u64,
    /// Of them in the inventory.
    pub known: u64,
    /// Of them with an owner and all the rest.
    pub managed: u64,
    /// Of no asset.
    pub rogue: u64,
    /// Services that nobody approved.
    pub unapproved_services: u64,
    /// Assets that do not answer.
    pub silent_assets: u64,
}

/// What stands on the network, against the inventory.
pub const TRUTH: Truth =
    Truth { hosts_seen: 9, known: 8, managed: 7, rogue: 1, unapproved_services: 1, silent_assets: 1 };

/// How long the system may take until nothing is left to do: an order whose scanner died waits 6 s for another, and
/// whoever died often is started with a delay.
const PATIENCE: Duration = Duration::from_secs(120);

/// The running system.
#[derive(Debug)]
pub struct SmallEstate {
    /// Its engines and processes.
    pub rig: Rig,
    /// Sweeps that were asked for.
    pub sweeps: u64,
    /// Entries of the feed as it stands.
    pub entries: u32,
    gateway: String,
    channel: Channel,
    site: Site,
    feed: PathBuf,
    _lab: Lab,
}

impl SmallEstate {
    /// Starts every service, and declares the estate.
    ///
    /// # Errors
    /// What did not come up.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?.keep();
        let feed = folder.join("kev.json");
        std::fs::write(&feed, catalogue(1))?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let kev = format!("{{name=\"kev\",kind=\"cisa-kev\",file=\"{}\",every_s=1}}", feed.display());
        let set = vec![
            format!("gateway.listen=127.0.0.1:{port}"),
            format!("watcher.feed=[{kev}]"),
            "scheduler.tick_ms=100".to_owned(),
            "scheduler.clock_interval_ms=500".to_owned(),
            "scheduler.reissue_interval_ms=2000".to_owned(),
        ];
        let services = ServiceName::ALL.iter().map(|service| (*service, 1)).collect();
        let rig = Rig::start(RigOptions { services, set, ..RigOptions::default() }).await?;
        let lab = Lab::start(&muster_lab::read_listeners(LISTENERS)?).await?;
        let gateway = format!("http://127.0.0.1:{port}");
        let channel = Endpoint::from_shared(gateway.clone())?.timeout(Duration::from_secs(10)).connect_lazy();
        let site = muster_estate::files::read_estate([("loft.yaml", ESTATE)])?.into_sites().remove(0);
        let whole = Self { rig, sweeps: 0, entries: 1, gateway, channel, site, feed, _lab: lab };
        whole.apply(&whole.site).await?;
        whole.import().await?;
        Ok(whole)
    }

    async fn apply(&self, site: &Site) -> Result<()> {
        let documents = vec![site_to_proto(site)];
        let request = v1::ApplyEstateRequest { documents, validate_only: false, prune: false };
        EstateServiceClient::new(self.channel.clone()).apply_estate(request).await?;
        Ok(())
    }

    /// Declares the estate a little differently for every number, as often as it takes.
    ///
    /// # Errors
    /// When the gateway does not come back.
    pub async fn declare_anew(&self, number: u64) -> Result<()> {
        let mut site = self.site.clone();
        for approval in site.zones.iter_mut().flat_map(|zone| &mut zone.approvals) {
            approval.reason = format!("The shop, said for the {number}th time");
        }
        until("the estate to be declared", || async { Ok(self.apply(&site).await.is_ok()) }).await
    }

    async fn import(&self) -> Result<()> {
        use v1::import_inventory_request::{Header, Part};
        let assets = muster_estate::inventory::read_csv("loft.csv", INVENTORY.as_bytes())?;
        let header = Header { site: SITE.to_owned(), source: "loft.csv".to_owned(), ..Header::default() };
        let mut parts = vec![v1::ImportInventoryRequest { part: Some(Part::Header(header)) }];
        for chunk in muster_estate::inventory::import(assets).chunks {
            let assets = chunk.assets.iter().map(asset_to_proto).collect();
            let chunk = v1::InventoryChunk { import_id: Vec::new(), index: chunk.index, assets, last_seen: Vec::new() };
            parts.push(v1::ImportInventoryRequest { part: Some(Part::Chunk(chunk)) });
        }
        InventoryServiceClient::new(self.channel.clone()).import_inventory(tokio_stream::iter(parts)).await?;
        Ok(())
    }

    /// Asks for a sweep, with one id until it is accepted, however often the gateway dies. Asked for again with the same
    /// id it is the same sweep: whoever asks counts it in [`Self::sweeps`], once.
    ///
    /// # Errors
    /// When the gateway does not come back.
    pub async fn sweep(&self, id: u64) -> Result<()> {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&id.to_be_bytes());
        let request = v1::RequestSweepRequest {
            site: SITE.to_owned(),
            request_id: RequestId::from_array(bytes).to_vec(),
            ..v1::RequestSweepRequest::default()
        };
        let ask =
            || async { Ok(SweepServiceClient::new(self.channel.clone()).request_sweep(request.clone()).await.is_ok()) };
        until("the sweep to be accepted", ask).await
    }

    /// The feed has one entry more.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn publish_bulletin(&mut self) -> Result<()> {
        self.entries += 1;
        let next = self.feed.with_extension("next");
        std::fs::write(&next, catalogue(self.entries))?;
        Ok(std::fs::rename(next, &self.feed)?)
    }

    /// Waits until nothing is left to do, and holds everything against everything.
    ///
    /// # Errors
    /// The first thing that is not as it has to be.
    pub async fn balances(&self) -> Result<()> {
        let books = &self.rig.books;
        let finished =
            || async { Ok(books.number("SELECT uniqExact(sweep_id) FROM sweeps_finished").await? >= self.sweeps) };
        until("every sweep to be finished", finished).await?;
        let entries = u64::from(self.entries);
        let told = || async { Ok(books.number("SELECT uniqExact(bulletin_id) FROM bulletins").await? >= entries) };
        until("every bulletin to be stored", told).await?;
        settled(&self.rig.bus, &[SITE], 1, PATIENCE).await?;
        until("the books to be closed", || async { Ok(self.verify().await.is_ok_and(|books| books.in_flight == 0)) })
            .await?;
        let verified = self.verify().await?;
        ensure!(verified.balanced, "the books do not balance: {:?}", verified.problems);
        let outcomes = verified.finished + verified.failed + verified.dead + verified.in_flight;
        ensure!(verified.issued == outcomes, "{} orders issued, {outcomes} accounted for", verified.issued);
        ensure!(verified.slice_rows == verified.stored_rows, "{verified:?}");
        books.nothing_twice().await?;
        for (what, query, wanted) in [
            ("sweeps finished", "SELECT count() FROM sweeps_finished", self.sweeps),
            ("sweeps started", "SELECT count() FROM sweeps_started", self.sweeps),
            ("sweeps void", "SELECT count() FROM sweeps_finished WHERE void", 0),
            ("bulletins", "SELECT count() FROM bulletins", entries),
        ] {
            let found = books.number(query).await?;
            ensure!(found == wanted, "{found} {what}, {wanted} expected");
        }
        self.verdicts_are_true().await
    }

    /// What `muster verify` says.
    ///
    /// # Errors
    /// When the gateway does not answer.
    pub async fn verify(&self) -> Result<v1::VerifyResponse> {
        let asked = LedgerServiceClient::new(self.channel.clone()).verify(v1::VerifyRequest {}).await;
        Ok(asked?.into_inner())
    }

    async fn verdicts_are_true(&self) -> Result<()> {
        let connect = ConnectArgs { address: Some(self.gateway.clone()), ..ConnectArgs::default() };
        let client = Client::connect(&connect).await.map_err(|failure| anyhow::anyhow!("{failure}"))?;
        let report = gather(&client, "the small estate", 0).await.map_err(|failure| anyhow::anyhow!("{failure}"))?;
        let site = report.sites.into_iter().find(|site| site.site == SITE).context("the site is not in the report")?;
        let found = Truth {
            hosts_seen: site.hosts_seen,
            known: site.known,
            managed: site.managed,
            rogue: site.rogue,
            unapproved_services: site.unapproved_services,
            silent_assets: site.silent_assets,
        };
        ensure!(found == TRUTH, "found {found:?}, true is {TRUTH:?}");
        Ok(())
    }
}

/// A catalogue of known exploited vulnerabilities.
fn catalogue(entries: u32) -> String {
    let list: Vec<String> = (1..=entries)
        .map(|number| {
            format!(
                r#"{{"cveID":"CVE-2025-{number:04}","vendorProject":"Example","product":"Server","vulnerabilityName":"n",
                "dateAdded":"2025-01-02","shortDescription":"d","requiredAction":"patch","dueDate":"2025-01-23",
                "knownRansomwareCampaignUse":"Unknown","notes":"https://example.org/{number}","cwes":["CWE-78"]}}"#
            )
        })
        .collect();
    let (minute, second) = (entries / 60, entries % 60);
    format!(
        r#"{{"title":"t","catalogVersion":"2025.01.{entries:04}","dateReleased":"2025-01-03T15:{minute:02}:{second:02}Z",
        "count":{entries},"vulnerabilities":[{}]}}"#,
        list.join(",")
    )
}
