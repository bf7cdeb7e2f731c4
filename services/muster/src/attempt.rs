//! `muster try CIDR`: the same on the user's own network, read-only and at safe rates, ending in the page.
//!
//! A stack of its own on this machine sweeps the block once. Nothing on the network is changed: TCP connections to common
//! ports at the default rates, and what services say of themselves. The scope is signed with a key made for this run,
//! since the scanner takes an unsigned one for loopback only.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use muster_bus::Bus;
use muster_estate::model::{
    AliveBy, Approval, Asset, Exposure, PortRange, Range, RangeKind, ScanPolicy, Schedule, ScheduleKind, Site,
    Transport, Zone, ZoneClass,
};
use muster_estate::{defaults, scope};
use muster_kit::{Exit, Failure, OrExit as _, Shutdown};

use crate::demo::api::{Api, random_request};
use crate::operator::{Client, ConnectArgs, Format, check_document, document, gather};
use crate::process::{Ending, Stack, StackOptions, settled};
use crate::report::ReportData;

const SITE: &str = "try";
const DATA: &str = ".muster/try";
/// A file that says that a directory is a try's.
const MARK: &str = "this-is-a-muster-try";
/// Addresses of one try: with 40 ports, 655,360 pairs, eleven minutes at 1,000 packets a second.
const ADDRESSES_MAX: u64 = 1 << 14;
/// Ports on which servers are usually found.
const PORTS: &[u16] = &[
    21, 22, 23, 25, 53, 80, 81, 110, 111, 135, 139, 143, 389, 443, 445, 465, 587, 636, 993, 995, 1433, 1521, 2049,
    3306, 3389, 5060, 5432, 5900, 5985, 5986, 6379, 8000, 8008, 8080, 8081, 8443, 8888, 9090, 9200, 27017,
];

/// Arguments of `muster try`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  muster try 192.0.2.0/24\n  muster try 192.0.2.0/24 --inventory inventory.csv\n\nOnly networks that you may scan. It sends TCP connections to 40 common ports, at most 1,000 packets a second and 40 to one host."
)]
pub struct TryArgs {
    /// Addresses to look at
    #[arg(value_name = "CIDR")]
    block: IpNet,
    /// CSV of what should be there, with columns such as key,name,owner,support_group,address
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,
    /// Directory of the engines
    #[arg(long, value_name = "DIR")]
    engines: Option<PathBuf>,
}

/// Sweeps a block once and leaves the page.
///
/// # Errors
/// What did not work, in one line.
pub async fn attempt(args: &TryArgs, data: Option<PathBuf>, format: Format) -> Result<Ending, Failure> {
    check_document(format, "the report")?;
    let data = data.unwrap_or_else(|| PathBuf::from(DATA));
    let assets = args.inventory.as_deref().map(read_inventory).transpose()?;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| Failure::message(Exit::Internal, error))?;
    let mut site = site(args.block)?;
    scope::sign_scope(&mut site, &secret);
    let shutdown = Shutdown::new();
    shutdown.listen_for_signals()?;
    crate::demo::clear(&data, MARK)?;
    let options = StackOptions {
        engines: args.engines.clone(),
        set: vec![
            "scheduler.clock_interval_ms=1000".to_owned(),
            "gateway.listen=127.0.0.1:0".to_owned(),
            format!("scanner.trusted_keys=[\"{}\"]", scope::public_key_hex(&secret)),
        ],
        ..StackOptions::new(data.clone(), std::env::current_exe().or_exit(Exit::Internal)?)
    };
    let Some(stack) = shutdown.or(Box::pin(Stack::start(options))).await else { return Ok(Ending::Interrupted) };
    let stack = stack?;
    let looking = look(&stack, site, assets);
    let result = shutdown.or(Box::pin(looking)).await;
    stack.stop().await?;
    let Some(report) = result else { return Ok(Ending::Interrupted) };
    let report = report?;
    let page = data.join("report.html");
    std::fs::write(&page, crate::report::render(&report)).or_exit(Exit::CannotCreate)?;
    let written = document(format, "the report", &report)?;
    crate::process::say(&written.unwrap_or_else(|| text(&report, &page)));
    Ok(Ending::Done)
}

async fn look(stack: &Stack, site: Site, assets: Option<Vec<Asset>>) -> Result<ReportData, Failure> {
    let gateway = stack.addresses().gateway.clone();
    let gateway = gateway.ok_or_else(|| Failure::message(Exit::Internal, "the gateway did not say its address"))?;
    let api = Api::connect(&gateway).await?;
    api.apply(std::slice::from_ref(&site)).await?;
    let inventoried = assets.is_some();
    if let Some(assets) = assets {
        api.import(SITE, "inventory", assets).await?;
    }
    sweep(&api).await?;
    let bus = Bus::connect(stack.admin_config()?.bus.options("admin", "muster try")).await?;
    settled(&bus, &[SITE], 1, Duration::from_secs(60)).await?;
    let connect = ConnectArgs { address: Some(gateway), ..ConnectArgs::default() };
    let client = Box::pin(Client::connect(&connect)).await?;
    let mut report = gather(&client, "Muster: what stands on this network", 0).await?;
    for site in report.sites.iter_mut().filter(|_| !inventoried) {
        site.note = "without an inventory every host is unknown: name one with --inventory".to_owned();
    }
    Ok(report)
}

/// The result for a person.
fn text(report: &ReportData, page: &Path) -> String {
    let mut text = String::new();
    for site in &report.sites {
        let _ = writeln!(
            text,
            "{} hosts seen, {} known, {} managed, {} rogue; {} assets silent (unknown, not absent)",
            site.hosts_seen, site.known, site.managed, site.rogue, site.silent_assets
        );
    }
    let _ = writeln!(text, "The page: {}", page.display());
    text
}

async fn sweep(api: &Api) -> Result<(), Failure> {
    let id = api.start_sweep(SITE, random_request()?).await?;
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} address-port pairs, {eta} to go");
    let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut moved = (Instant::now(), 0);
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let Some(sweep) = api.sweep(id).await? else { continue };
        let coverage = sweep.coverage.unwrap_or_default();
        let done = coverage.open + coverage.closed + coverage.silent + coverage.skipped;
        bar.set_length(coverage.planned);
        bar.set_position(done);
        if sweep.finished_at.is_some() {
            bar.finish_and_clear();
            return Ok(());
        }
        if done > moved.1 {
            moved = (Instant::now(), done);
        }
        if moved.0.elapsed() > Duration::from_secs(300) {
            let what = "the sweep has not moved for five minutes; see the scanner's log in the data directory";
            return Err(Failure::message(Exit::Temporary, what));
        }
    }
}

fn site(block: IpNet) -> Result<Site, Failure> {
    let block = block.trunc();
    let host_bits = u32::from(block.max_prefix_len() - block.prefix_len());
    let addresses = 1_u64.checked_shl(host_bits).unwrap_or(u64::MAX);
    if addresses > ADDRESSES_MAX {
        let what = format!(
            "failed to try {block}: it has {addresses} addresses, a try takes at most {ADDRESSES_MAX}; name a part of it, \
             or declare it as a site (docs/declare-an-estate.md)"
        );
        return Err(Failure::message(Exit::Usage, what));
    }
    let ports: Vec<_> = PORTS.iter().map(|port| tcp(*port, *port)).collect();
    let tomorrow = Timestamp::now().checked_add(SignedDuration::from_hours(24))?;
    Ok(Site {
        name: SITE.to_owned(),
        revision: 0,
        realm: "try".to_owned(),
        time_zone: "UTC".to_owned(),
        ranges: vec![Range { block, kind: RangeKind::Static }],
        zones: vec![Zone {
            name: "network".to_owned(),
            blocks: vec![block],
            class: ZoneClass::Production,
            exposure: Exposure::Intranet,
            scan_policy: ScanPolicy::Full,
            approvals: vec![Approval {
                ports: tcp(1, 65_535),
                role: None,
                reason: "a try judges hosts, not their services".to_owned(),
            }],
        }],
        schedules: vec![Schedule {
            name: "sweep".to_owned(),
            kind: ScheduleKind::Sweep,
            every: SignedDuration::from_hours(24),
            anchor: tomorrow,
            ports,
            sample_size: 0,
            paused: true,
        }],
        scope: defaults::scope(),
        alive_by: if is_loopback(block) { AliveBy::OpenPort } else { AliveBy::AnyAnswer },
        seen_within: defaults::SEEN_WITHIN,
        absent_after_sweeps: defaults::ABSENT_AFTER_SWEEPS,
        managed_requires: defaults::MANAGED_REQUIRES.to_vec(),
        inventory_precedence: Vec::new(),
        removed: false,
    })
}

fn tcp(first: u16, last: u16) -> PortRange {
    PortRange { transport: Transport::Tcp, first, last }
}

/// The loopback answers for every address.
fn is_loopback(block: IpNet) -> bool {
    block.network().is_loopback()
}

/// What should be there. A try has one zone, so the zones of the file have nothing to be compared with: they are
/// dropped, or every host would be misplaced.
fn read_inventory(file: &Path) -> Result<Vec<Asset>, Failure> {
    let bytes = std::fs::read(file).map_err(|error| {
        Failure::message(Exit::NoInput, format!("failed to read the inventory {}: {error}", file.display()))
    })?;
    let mut assets = muster_estate::inventory::read_csv(&file.display().to_string(), &bytes)
        .map_err(|problems| Failure::message(Exit::Data, problems))?;
    for asset in &mut assets {
        asset.zone.clear();
    }
    Ok(assets)
}

#[cfg(test)]
mod tests {
    use super::{read_inventory, site};
    use muster_estate::defaults;
    use muster_kit::Exit;

    #[test]
    fn a_host_is_managed_only_when_somebody_answers_for_it() {
        let Ok(site) = site("192.0.2.0/24".parse().unwrap()) else { panic!("a block that may be tried") };
        assert_eq!(site.managed_requires, defaults::MANAGED_REQUIRES);
    }

    #[test]
    fn the_zones_of_an_inventory_misplace_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("inventory.csv");
        std::fs::write(&file, "key,name,owner,zone,address\nA1,web,alice,dmz,192.0.2.7\nA2,db,,,192.0.2.8\n").unwrap();
        let Ok(assets) = read_inventory(&file) else { panic!("a good inventory") };
        let zones: Vec<_> = assets.iter().map(|asset| asset.zone.as_str()).collect();
        assert_eq!(zones, ["", ""]);
        let owners: Vec<_> = assets.iter().map(|asset| asset.owner.as_str()).collect();
        assert_eq!(owners, ["alice", ""]);
    }

    #[test]
    fn a_block_that_is_too_large_is_refused_before_anything_is_started() {
        let refused = site("10.0.0.0/8".parse().unwrap());
        assert_eq!(refused.map_err(|failure| failure.exit()), Err(Exit::Usage));
        let refused = site("2001:db8::/32".parse().unwrap());
        assert_eq!(refused.map_err(|failure| failure.exit()), Err(Exit::Usage));
    }
}
