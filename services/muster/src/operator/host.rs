//! `muster host`: what was seen on the network.

use clap::{Args, Subcommand};
use jiff::Timestamp;
use muster_bus::convert::time::to_proto;
use muster_kit::{Exit, Failure};
use muster_proto::v1::{
    Asset, Disposition, GetHostRequest, GetHostResponse, Host, Identifier, ListHostsRequest, SetDispositionRequest,
};

use super::client::Client;
use super::columns::{ASSET, HOST, SERVICE, VERDICT};
use super::datum::{Datum, datum};
use super::finding;
use super::listing::{self, ListArgs, all_of, any_of};
use super::names::{self, HostName};
use super::output::Output;
use super::text;
use super::triage::{self, Decision, WhichHosts};

pub(super) const EXAMPLES: &str = "\
Examples:
  muster host list --site dublin
  muster host list --filter 'address:10.1.0.0/16 AND owner = \"\"' -o csv
  muster host show dublin/127.20.0.7
  muster host show 127.20.0.7 -o json
  muster host adopt dublin/127.20.0.7 --owner 'Alice Murphy' --support-group linux --reason CHG0042
  muster host adopt --filter 'address:10.1.7.0/24' --owner 'Print services' --reason CHG0043 --dry-run
  muster host ignore 10.1.7.9 --until 30d --reason 'guest of the conference'
  muster host decommission --site cork --filter 'address:10.8.0.0/16' --reason 'office closed, CHG0044'";

/// What can be done with hosts.
#[derive(Debug, Subcommand)]
pub enum HostCommand {
    /// Lists hosts
    #[command(after_help = EXAMPLES)]
    List {
        #[command(flatten)]
        args: ListArgs,
        /// Only of this site; may be repeated
        #[arg(short, long, value_name = "SITE")]
        site: Vec<String>,
    },
    /// Shows one host: its services, its verdicts with their evidence, its record
    #[command(after_help = EXAMPLES)]
    Show {
        /// SITE/ADDRESS, ADDRESS or a host id of 32 digits
        #[arg(value_name = "HOST", value_parser = names::host)]
        host: HostName,
        /// Wait until the effect of the command with this sequence is there
        #[arg(long, value_name = "SEQUENCE", default_value_t = 0, hide_default_value = true)]
        at_least_sequence: u64,
    },
    /// Puts a rogue host, or many, into the inventory
    #[command(after_help = EXAMPLES)]
    Adopt(Box<AdoptArgs>),
    /// Accepts until a time that a host, or many, is not known
    #[command(after_help = EXAMPLES)]
    Ignore {
        #[command(flatten)]
        which: WhichHosts,
        /// Why: it is kept with your name
        #[arg(long)]
        reason: String,
        /// Until when: an instant, or how long from now
        #[arg(long, value_name = "TIME", value_parser = names::instant)]
        until: Timestamp,
    },
    /// Says that a host, or many, was taken out of service; its findings end when sweeps prove it
    #[command(after_help = EXAMPLES)]
    Decommission {
        #[command(flatten)]
        which: WhichHosts,
        /// Why: it is kept with your name
        #[arg(long)]
        reason: String,
    },
}

/// The record under which a host enters the inventory.
#[derive(Debug, Clone, Args)]
pub struct AdoptArgs {
    #[command(flatten)]
    pub which: WhichHosts,
    /// Why: it is kept with your name
    #[arg(long)]
    pub reason: String,
    /// Key of the record [default: adopted-ADDRESS]
    #[arg(long, conflicts_with = "filter")]
    pub key: Option<String>,
    /// Name
    #[arg(long, default_value = "", hide_default_value = true)]
    pub name: String,
    /// Named owner; without one the host is known, but not managed
    #[arg(long, default_value = "", hide_default_value = true)]
    pub owner: String,
    /// Support group
    #[arg(long, default_value = "", hide_default_value = true)]
    pub support_group: String,
    /// Role
    #[arg(long, default_value = "", hide_default_value = true)]
    pub role: String,
    /// Zone it should stand in [default: the one it stands in]
    #[arg(long)]
    pub zone: Option<String>,
    /// Base image
    #[arg(long, default_value = "", hide_default_value = true)]
    pub base_image: String,
    /// Criticality
    #[arg(long, default_value = "", hide_default_value = true)]
    pub criticality: String,
}

pub(super) async fn run(command: HostCommand, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        HostCommand::List { args, site } => list(&args, &site, client, output).await,
        HostCommand::Show { host, at_least_sequence } => show(&host, at_least_sequence, client, output).await,
        HostCommand::Adopt(args) => {
            triage::run(&args.which, "adopt", client, output, async |host| adoption(&args, host)).await
        }
        HostCommand::Ignore { which, reason, until } => {
            triage::run(&which, "ignore", client, output, async |host| {
                if !host.asset_key.is_empty() {
                    return Ok(Err(known_already(host)));
                }
                let disposition = Disposition::Accepted.into();
                let (finding_id, until) = (triage::known(host)?.to_vec(), Some(to_proto(until)));
                Ok(Ok(SetDispositionRequest { finding_id, disposition, reason: reason.clone(), until, asset: None }))
            })
            .await
        }
        HostCommand::Decommission { which, reason } => {
            triage::run(&which, "decommission", client, output, async |host| retirement(host, &reason, client).await)
                .await
        }
    }
}

async fn list(args: &ListArgs, sites: &[String], client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    let filter = all_of([any_of("site", sites)], &args.filter);
    listing::print(args, &HOST, output, async |page_size, page_token| {
        let request = ListHostsRequest {
            filter: filter.clone(),
            page_size,
            page_token,
            at_least_sequence: args.at_least_sequence,
        };
        let answer = client.hosts().list_hosts(client.request(request)).await;
        let answer = client.answer("list hosts", answer)?;
        Ok((answer.hosts.iter().map(|host| datum("Host", host)).collect(), answer.next_page_token))
    })
    .await?;
    Ok(Exit::Ok)
}

/// A host by its name; where an address is of several sites, the failure lists them.
pub(super) async fn get(host: &HostName, at_least_sequence: u64, client: &Client) -> Result<GetHostResponse, Failure> {
    let request = GetHostRequest { key: Some(host.key()), at_least_sequence };
    let answer = client.hosts().get_host(client.request(request)).await;
    client.answer(&format!("show host {host}"), answer)
}

async fn show(host: &HostName, at_least: u64, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    let found = datum("GetHostResponse", &get(host, at_least, client).await?);
    if !output.for_people() {
        // All of it: the columns of a host alone would leave out what it runs.
        let noun = &HOST;
        return match output.format() {
            super::Format::Csv => output.one(noun, found.at("host")).map(|()| Exit::Ok),
            super::Format::Table
            | super::Format::Wide
            | super::Format::Json
            | super::Format::Jsonl
            | super::Format::Yaml
            | super::Format::Sarif => output.one(noun, &found).map(|()| Exit::Ok),
        };
    }
    output.one(&HOST, found.at("host"))?;
    if found.at("asset") != &Datum::Null {
        output.line("\nRecord")?;
        output.one(&ASSET, &Datum::Map(Vec::new()).with("asset", found.at("asset").clone()))?;
    }
    for (title, noun, path) in [("\nServices", &SERVICE, "services"), ("\nVerdicts", &VERDICT, "verdicts")] {
        let items = found.at(path).items();
        if !items.is_empty() {
            output.line(title)?;
            output.list(noun, items)?;
        }
    }
    Ok(Exit::Ok)
}

fn known_already(host: &Host) -> String {
    format!("it is known already, as {:?}", text::visible(&host.asset_key))
}

/// The record under which a host enters the inventory.
fn adoption(args: &AdoptArgs, host: &Host) -> Result<Decision, Failure> {
    if !host.asset_key.is_empty() {
        return Ok(Err(known_already(host)));
    }
    let address = text::address(&host.address);
    let identifier =
        Identifier { kind: "address".to_owned(), value: address.clone(), valid_from: None, valid_until: None };
    let asset = Asset {
        key: args.key.clone().unwrap_or_else(|| format!("adopted-{address}")),
        name: args.name.clone(),
        owner: args.owner.clone(),
        support_group: args.support_group.clone(),
        role: args.role.clone(),
        zone: args.zone.clone().unwrap_or_else(|| host.zone.clone()),
        base_image: args.base_image.clone(),
        criticality: args.criticality.clone(),
        identifiers: vec![identifier],
        claims: Vec::new(),
    };
    Ok(Ok(SetDispositionRequest {
        finding_id: triage::known(host)?.to_vec(),
        disposition: Disposition::Adopted.into(),
        reason: args.reason.clone(),
        until: None,
        asset: Some(asset),
    }))
}

/// A host is taken out of service by a word about one of its own findings: any that is not over will do.
async fn retirement(host: &Host, reason: &str, client: &Client) -> Result<Decision, Failure> {
    const SUBJECTS: [&str; 4] = ["known", "managed", "zone", "seen"];
    let subjects = any_of("subject", &SUBJECTS.map(str::to_owned));
    let of_host = format!("host_id = {}", hex::encode(&host.host_id));
    let filter = all_of([Some(of_host), subjects, Some("state != \"resolved\"".to_owned())], "");
    let (found, _) = finding::page(client, &filter, 1, String::new(), 0, None).await?;
    let Some(finding) = found.into_iter().next().and_then(|found| found.finding) else {
        let why = "nothing about the host itself is open: take its record out of the inventory, and it is open when it \
                   is seen again";
        return Ok(Err(why.to_owned()));
    };
    Ok(Ok(SetDispositionRequest {
        finding_id: finding.finding_id,
        disposition: Disposition::Decommissioned.into(),
        reason: reason.to_owned(),
        until: None,
        asset: None,
    }))
}
