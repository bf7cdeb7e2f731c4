//! What happens in the demo, in its order.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use muster_bus::{Bus, convert::network::address_from_proto};
use muster_estate::model::{Asset, Identifier, IdentifierKind, PortRange, Site};
use muster_ids::{DrawId, FindingId, SweepId};
use muster_kit::{Exit, Failure};
use muster_lab::{Lab, demo as world};
use muster_proto::v1;
use serde::Serialize;

use super::api::{Api, random_request};
use crate::operator::{Client, ConnectArgs, gather};
use crate::process::{ServiceName, Stack, StackOptions, settled};
use crate::report::ReportData;

/// A file that says that a directory is a demo's.
pub(super) const MARK: &str = "this-is-a-muster-demo";
const SITES: [&str; 3] = ["here", "dublin", "redmond"];
/// Hosts drawn for the audit: a few per site, drawn from every address of all three.
const AUDIT_SIZE: u32 = 16;
/// The rogue that is adopted, and the one whose listener stops.
const ADOPTED: &str = "127.20.0.7";
const FALLEN_SILENT: &str = "127.30.0.12";
/// What an audit looks at: the ports of both data centres and the usual ones.
const AUDIT_PORTS: &str =
    "tcp/21-22, tcp/25, tcp/80, tcp/443, tcp/2021-2022, tcp/2025, tcp/8080-8081, tcp/8443, tcp/8888";
const PATIENCE: Duration = Duration::from_secs(60);

/// The world of the demo while it runs.
#[derive(Debug)]
pub(super) struct Story {
    stack: Stack,
    bus: Bus,
    api: Api,
    client: Client,
    lab: Lab,
    bar: ProgressBar,
    began: Instant,
}

/// What the demo found.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    pub(super) report: ReportData,
    pub(super) adopted: Change,
    pub(super) fallen_silent: Change,
    pub(super) scanner_killed: bool,
    pub(super) gateway: String,
    pub(super) clickhouse: String,
    pub(super) seconds: f64,
    pub(super) services_ready_seconds: f64,
}

/// A finding before and after.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    pub(super) host: String,
    pub(super) what: String,
    pub(super) before: String,
    pub(super) after: String,
}

impl Story {
    /// Starts the engines, the services and the lab.
    pub(super) async fn begin(data: &Path, engines: Option<PathBuf>, program: PathBuf) -> Result<Self, Failure> {
        let began = Instant::now();
        let bar = bar();
        bar.set_message("starting the engines and every service");
        let options = StackOptions {
            engines,
            set: ["scheduler.clock_interval_ms=1000", "scheduler.tick_ms=100", "gateway.listen=127.0.0.1:0"]
                .map(str::to_owned)
                .to_vec(),
            ..StackOptions::new(data.to_owned(), program)
        };
        let stack = Stack::start(options).await?;
        bar.inc(10);
        bar.set_message("opening the listeners of dublin and redmond");
        let listeners = muster_lab::read_listeners(world::LISTENERS).map_err(internal)?;
        let lab = Lab::start(&listeners).await.map_err(internal)?;
        bar.inc(2);
        let bus = Bus::connect(stack.admin_config()?.bus.options("admin", "muster demo")).await?;
        let gateway = stack.addresses().gateway.clone();
        let gateway = gateway.ok_or_else(|| Failure::message(Exit::Internal, "the gateway did not say its address"))?;
        let api = Api::connect(&gateway).await?;
        let connect = ConnectArgs { address: Some(gateway), ..ConnectArgs::default() };
        let client = Box::pin(Client::connect(&connect)).await?;
        Ok(Self { stack, bus, api, client, lab, bar, began })
    }

    /// Everything, from the estate to the report.
    pub(super) async fn tell(&mut self) -> Result<Told, Failure> {
        self.declare().await?;
        self.sweep("sweeping here, dublin and redmond", 30, true).await?;
        self.audit().await?;
        let before = (self.rogue(ADOPTED).await?, self.rogue(FALLEN_SILENT).await?);
        let first = self.gather().await?;
        self.bar.set_message("adopting a rogue, stopping a listener, sweeping again");
        let adopted_id = FindingId::from_bytes(&before.0.finding.clone().unwrap_or_default().finding_id)?;
        self.api.adopt(adopted_id, &adopted()).await?;
        self.stop_listeners_of(FALLEN_SILENT).await?;
        self.sweep("sweeping again", 20, false).await?;
        let after = (self.rogue(ADOPTED).await?, self.rogue(FALLEN_SILENT).await?);
        // The page shows what was found; what was adopted since is told beside it. The books are those of the end.
        let report = ReportData { ledger: self.gather().await?.ledger, ..first };
        self.bar.finish_and_clear();
        let addresses = self.stack.addresses();
        let mut told = Told {
            report,
            adopted: Change::of(&before.0, &after.0),
            fallen_silent: Change::of(&before.1, &after.1),
            scanner_killed: self.stack.ended(ServiceName::Scanner, 1) > 0,
            gateway: addresses.gateway.clone().unwrap_or_default(),
            clickhouse: addresses.clickhouse.clone(),
            seconds: self.began.elapsed().as_secs_f64(),
            services_ready_seconds: self.stack.services_ready_after.as_secs_f64(),
        };
        told.report.story = super::tell::story(&told);
        Ok(told)
    }

    /// Stops everything.
    pub(super) async fn end(self) -> Result<(), Failure> {
        self.bar.finish_and_clear();
        self.stack.stop().await
    }

    async fn declare(&self) -> Result<(), Failure> {
        self.bar.set_message("declaring the estate and importing the inventories");
        let estate = muster_estate::files::read_estate(world::ESTATE).map_err(internal)?;
        let mut sites: Vec<Site> = estate.into_sites();
        // The schedules are real and begin tomorrow; the demo asks for its sweeps itself.
        let tomorrow = Timestamp::now().checked_add(SignedDuration::from_hours(24))?;
        for schedule in sites.iter_mut().flat_map(|site| &mut site.schedules) {
            schedule.anchor = tomorrow;
        }
        self.api.apply(&sites).await?;
        for (site, csv) in world::INVENTORIES {
            let assets = muster_estate::inventory::read_csv(site, csv.as_bytes()).map_err(internal)?;
            self.api.import(site, &format!("{site}.csv"), assets).await?;
        }
        self.bar.inc(3);
        Ok(())
    }

    /// Sweeps all sites; a scanner may be killed when a third is done.
    async fn sweep(&self, what: &str, share: u64, kill: bool) -> Result<(), Failure> {
        self.bar.set_message(what.to_owned());
        let mut sweeps = Vec::new();
        for site in SITES {
            sweeps.push(self.api.start_sweep(site, random_request()?).await?);
        }
        let (start, mut killed) = (self.bar.position(), !kill);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (mut planned, mut done, mut finished) = (0_u64, 0_u64, 0);
            for sweep in &sweeps {
                let Some(sweep) = self.api.sweep(*sweep).await? else { continue };
                let coverage = sweep.coverage.unwrap_or_default();
                planned += coverage.planned;
                done += coverage.open + coverage.closed + coverage.silent + coverage.skipped;
                finished += usize::from(sweep.finished_at.is_some());
            }
            self.bar.set_position(start + share * done / planned.max(1));
            self.bar.set_message(format!("{what}: {done} of {planned} address-port pairs"));
            if !killed && done * 3 > planned && planned > 0 {
                killed = true;
                self.bar.println("kill -9 of the scanner, in the middle of it; it goes on at its last slice");
                self.stack.kill(ServiceName::Scanner, 1).await;
            }
            if finished == sweeps.len() {
                break;
            }
            if Instant::now() > deadline {
                return Err(Failure::message(Exit::Temporary, format!("failed to finish {what} within {PATIENCE:?}")));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.settle().await
    }

    async fn audit(&self) -> Result<(), Failure> {
        self.bar.set_message("drawing a random audit across the sites");
        let id = self.api.start_audit(&SITES, AUDIT_SIZE, &audit_ports()?, random_request()?).await?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(draw) = self.api.draw(id).await?
                && self.audited(&draw, id).await?
            {
                break;
            }
            if Instant::now() > deadline {
                return Err(Failure::message(Exit::Temporary, "failed to finish the audit in time"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.bar.inc(5);
        self.settle().await
    }

    async fn audited(&self, draw: &v1::Draw, id: DrawId) -> Result<bool, Failure> {
        for site in SITES.iter().filter(|site| draw.items.iter().any(|item| item.item.starts_with(&format!("{site}/"))))
        {
            match self.api.sweep(SweepId::of_draw(site, id)).await? {
                Some(sweep) if sweep.finished_at.is_some() => {}
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    async fn settle(&self) -> Result<(), Failure> {
        settled(&self.bus, &SITES, 1, PATIENCE).await.map_err(internal)
    }

    async fn rogue(&self, address: &str) -> Result<v1::ListedFinding, Failure> {
        let found = self.api.findings("subject = \"known\"").await?;
        let of = |finding: &v1::ListedFinding| {
            address_from_proto("address", &finding.address).is_ok_and(|found| found.to_string() == address)
        };
        found
            .into_iter()
            .find(of)
            .ok_or_else(|| Failure::message(Exit::Internal, format!("the demo's rogue {address} was not found")))
    }

    async fn stop_listeners_of(&mut self, address: &str) -> Result<(), Failure> {
        let listeners = muster_lab::read_listeners(world::LISTENERS).map_err(internal)?;
        for listener in listeners.iter().filter(|listener| listener.address.to_string() == address) {
            self.lab.stop(listener.address, listener.port).await;
        }
        Ok(())
    }

    async fn gather(&self) -> Result<ReportData, Failure> {
        let mut report = gather(&self.client, "Muster: what stands on the networks", 0).await?;
        super::tell::worst_first(&mut report.findings);
        report.next = super::tell::next_steps();
        Ok(report)
    }
}

impl Change {
    fn of(before: &v1::ListedFinding, after: &v1::ListedFinding) -> Self {
        let address = address_from_proto("address", &before.address).map(|address| address.to_string());
        Self {
            host: format!("{}/{}", before.site, address.unwrap_or_default()),
            what: before.verdict.as_ref().map(|verdict| verdict.reason.clone()).unwrap_or_default(),
            before: state(before),
            after: state(after),
        }
    }
}

fn state(finding: &v1::ListedFinding) -> String {
    match finding.finding.as_ref().map(v1::Finding::state) {
        Some(v1::FindingState::Open) => "open",
        Some(v1::FindingState::Resolved) => "resolved",
        Some(v1::FindingState::Suppressed) => "suppressed",
        Some(v1::FindingState::Unspecified) | None => "unknown",
    }
    .to_owned()
}

fn adopted() -> Asset {
    Asset {
        key: "DUB-LEGACY-07".to_owned(),
        name: "dub-legacy-07".to_owned(),
        owner: "aoife.byrne".to_owned(),
        support_group: "web-operations".to_owned(),
        role: "web".to_owned(),
        zone: String::new(),
        base_image: String::new(),
        criticality: "low".to_owned(),
        identifiers: ADOPTED
            .parse()
            .map(|address| Identifier { kind: IdentifierKind::Address(address), valid_from: None, valid_until: None })
            .into_iter()
            .collect(),
        claims: Vec::new(),
    }
}

fn audit_ports() -> Result<Vec<PortRange>, Failure> {
    muster_estate::words::parse_ports(AUDIT_PORTS).map_err(internal)
}

fn internal<E: std::fmt::Display>(error: E) -> Failure {
    Failure::message(Exit::Internal, format!("{error:#}"))
}

/// 10 for the start, 5 for lab and estate, 30 for the sweep, 5 for the audit, 20 for the second sweep.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {elapsed:>4} {msg}");
    ProgressBar::new(70).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
