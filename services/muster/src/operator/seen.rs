//! `muster seen`: what other sources saw on the network, beside what the inventory knows.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;
use muster_bus::convert::inventory::asset_from_proto;
use muster_estate::model::{Asset, IdentifierKind};
use muster_import::{Limits, PassiveFormat, Seen, Sighting};
use muster_kit::{Exit, Failure};
use muster_proto::v1::ListAssetsRequest;

use super::client::Client;
use super::columns::SIGHTING;
use super::datum::Datum;
use super::input;
use super::output::Output;
use super::text::visible;

pub(super) const EXAMPLES: &str = "\
Reads DHCP leases (ISC dhcpd, Kea), tables of neighbours (ip neigh, arp -an), tables of routers and switches by SNMP
(snmpwalk -On), and known_hosts, known_services, known_certs of Zeek. Nothing is sent and nothing is recorded: it shows
who was seen, and which asset that is. With --unknown the exit code is 1 when somebody was seen whom nobody knows.

Examples:
  muster seen import /var/lib/dhcp/dhcpd.leases --site dublin --unknown
  ip neigh | muster seen import - --site dublin
  snmpwalk -On -v2c -c public switch1 .1.3.6.1.2.1.17.4.3.1.2 | muster seen import - --site dublin";

/// Assets of a page.
const PAGE: i32 = 1000;
/// Assets of a site that are compared with.
const ASSETS_MAX: usize = 1_000_000;
/// Rows that were left out and are named one by one.
const SKIPPED_NAMED: usize = 5;

/// What can be done with what others saw.
#[derive(Debug, Subcommand)]
pub enum SeenCommand {
    /// Shows who was seen, and what of it the inventory does not know
    #[command(after_help = EXAMPLES)]
    Import(SeenArgs),
}

/// What was seen.
#[derive(Debug, Clone, Args)]
pub struct SeenArgs {
    /// What the source wrote; "-" is standard input
    pub file: PathBuf,
    /// Where it was seen
    #[arg(short, long, value_name = "SITE")]
    pub site: String,
    /// What the file is [default: what it looks like]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<SeenFormat>,
    /// Only what the inventory does not know
    #[arg(long)]
    pub unknown: bool,
}

/// A format, as it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SeenFormat {
    /// dhcpd.leases of ISC DHCP
    Dhcpd,
    /// Lease file of Kea
    Kea,
    /// ip neigh, arp -an, show ip arp
    Neighbours,
    /// known_hosts, known_services, known_certs of Zeek
    Zeek,
    /// snmpwalk -On over tables of neighbours and of forwarding
    Snmp,
}

impl From<SeenFormat> for PassiveFormat {
    fn from(format: SeenFormat) -> Self {
        match format {
            SeenFormat::Dhcpd => Self::Dhcpd,
            SeenFormat::Kea => Self::Kea,
            SeenFormat::Neighbours => Self::Neighbours,
            SeenFormat::Zeek => Self::Zeek,
            SeenFormat::Snmp => Self::Snmp,
        }
    }
}

pub(super) async fn run(command: SeenCommand, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    let SeenCommand::Import(args) = command;
    let (place, bytes) = input::read(&args.file)?;
    let format = args.format.map_or_else(|| PassiveFormat::of(&bytes), PassiveFormat::from);
    let seen = format
        .read(&bytes, Limits::default())
        .map_err(|problem| input::fail(&place, Exit::Data, problem.to_string()))?;
    say_skipped(&place, &seen, output);
    let known = Known::of(assets(client, &args.site).await?);
    let rows = seen.sightings.iter().map(|sighting| (known.asset(sighting), sighting));
    let rows: Vec<(Option<&str>, &Sighting)> = rows.filter(|(asset, _)| !args.unknown || asset.is_none()).collect();
    let unknown = rows.iter().filter(|(asset, _)| asset.is_none()).count();
    let items: Vec<Datum> = rows.into_iter().map(|(asset, sighting)| row(&args.site, asset, sighting)).collect();
    output.list(&SIGHTING, &items)?;
    output.say(&format!("{} sightings, {unknown} of them unknown to the inventory", seen.sightings.len()));
    Ok(if args.unknown && unknown > 0 { Exit::Negative } else { Exit::Ok })
}

fn say_skipped(place: &str, seen: &Seen, output: &mut Output) {
    for skipped in seen.skipped.iter().take(SKIPPED_NAMED) {
        output.say(&visible(&format!("left out: {place}: {}: {}", skipped.place, skipped.reason)));
    }
    if let Some(more) = seen.skipped.len().checked_sub(SKIPPED_NAMED).filter(|more| *more > 0) {
        output.say(&format!("left out: {more} more"));
    }
}

/// All assets of a site.
async fn assets(client: &Client, site: &str) -> Result<Vec<Asset>, Failure> {
    let mut assets = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListAssetsRequest { site: site.to_owned(), page_size: PAGE, page_token, ..Default::default() };
        let answer = client.inventory().list_assets(client.request(request)).await;
        let answer = client.answer("list assets", answer)?;
        for asset in answer.assets.iter().filter_map(|listed| listed.asset.as_ref()) {
            let asset = asset_from_proto("asset", asset);
            let text = |error| format!("failed to read an asset of site {site}: {error}");
            assets.push(asset.map_err(|error| Failure::message(Exit::Data, text(error)))?);
        }
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return Ok(assets);
        }
        if assets.len() >= ASSETS_MAX {
            let text = format!("failed to compare with site {site}: it has more than {ASSETS_MAX} assets");
            return Err(Failure::message(Exit::Data, text));
        }
    }
}

/// From when, until when, and the number of the asset.
type Held = (Option<Timestamp>, Option<Timestamp>, usize);

/// The inventory by what a sighting names.
#[derive(Debug, Default)]
struct Known {
    keys: Vec<String>,
    by_mac: HashMap<String, usize>,
    by_name: HashMap<String, usize>,
    /// With the time for which an asset has it.
    by_address: HashMap<IpAddr, Vec<Held>>,
}

impl Known {
    fn of(assets: Vec<Asset>) -> Self {
        let mut known = Self::default();
        for (number, asset) in assets.into_iter().enumerate() {
            for identifier in asset.identifiers {
                match identifier.kind {
                    IdentifierKind::Address(address) => {
                        let held = known.by_address.entry(address.to_canonical()).or_default();
                        held.push((identifier.valid_from, identifier.valid_until, number));
                    }
                    IdentifierKind::Mac(mac) => {
                        known.by_mac.entry(mac).or_insert(number);
                    }
                    IdentifierKind::Fqdn(name) => {
                        known.by_name.entry(name).or_insert(number);
                    }
                    IdentifierKind::DirectoryId(_) | IdentifierKind::Serial(_) | IdentifierKind::CloudId(_) => {}
                }
            }
            known.keys.push(asset.key);
        }
        known
    }

    /// The asset of a sighting: by MAC address first, since an address wanders. A name is what a host says of itself,
    /// and makes nobody known.
    fn asset(&self, sighting: &Sighting) -> Option<&str> {
        let by_mac = sighting.mac.as_ref().and_then(|mac| self.by_mac.get(mac)).copied();
        let by_address = || {
            let held = self.by_address.get(&sighting.address?)?;
            let held = held.iter().find(|(from, until, _)| match sighting.at {
                Some(at) => from.is_none_or(|from| from <= at) && until.is_none_or(|until| at < until),
                None => until.is_none(),
            });
            held.map(|(_, _, number)| *number)
        };
        by_mac.or_else(by_address).and_then(|number| self.keys.get(number)).map(String::as_str)
    }
}

fn row(site: &str, asset: Option<&str>, sighting: &Sighting) -> Datum {
    let text = |text: &Option<String>| text.as_deref().map_or(Datum::Null, Datum::from);
    let fields = [
        ("site", Datum::from(site)),
        ("asset", asset.map_or(Datum::Null, Datum::from)),
        ("address", sighting.address.map_or(Datum::Null, |address| Datum::Text(address.to_string()))),
        ("mac", text(&sighting.mac)),
        ("name", text(&sighting.name)),
        ("service", text(&sighting.service)),
        ("port", text(&sighting.port)),
        ("at", sighting.at.map_or(Datum::Null, |at| Datum::Text(at.to_string()))),
        ("client_id", text(&sighting.client_id)),
        ("certificate", text(&sighting.certificate)),
        ("place", Datum::from(sighting.place.as_str())),
    ];
    fields.into_iter().fold(Datum::Map(Vec::new()), |row, (name, value)| row.with(name, value))
}
