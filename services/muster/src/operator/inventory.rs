//! `muster inventory`: what should be there.

mod ldap;
mod source;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use muster_bus::convert::inventory::asset_to_proto;
use muster_bus::convert::time;
use muster_estate::model::Asset;
use muster_kit::{Exit, Failure};
use muster_proto::v1::import_inventory_request::{Header, Part};
use muster_proto::v1::{ImportInventoryRequest, ImportInventoryResponse, InventoryChunk, ListAssetsRequest};
use tonic::Status;

use super::client::Client;
use super::columns::{ASSET, IMPORTED};
use super::datum::datum;
use super::failure;
use super::listing::{self, ListArgs};
use super::output::Output;
use super::progress::Progress;
use super::text::visible;

pub(super) const EXAMPLES: &str = "\
An import replaces what the same source said about its site before, as a whole or not at all; what other sources said
stays. Columns of a CSV: key (needed), name, owner, support_group, role, zone, base_image, criticality, address, mac,
fqdn, directory_id, serial, cloud_id, valid_from, valid_until; several addresses in one field are separated by \";\".

Examples:
  muster inventory import dublin.csv --site dublin --dry-run
  muster inventory import dublin.csv --site dublin
  ansible-inventory --list | muster inventory import - --site dublin --dry-run
  muster inventory import servers.json --site dublin --format servicenow --map zone=u_network_zone
  muster inventory import --site dublin --ldap ldaps://dc1.example.org --base DC=example,DC=org \\
      --bind-dn CN=muster,OU=Services,DC=example,DC=org --password-file password
  muster inventory list --site dublin --filter 'owner = \"\"'";

/// An import of that size is hashed, compared and published in tens of seconds.
const IMPORT_AT_LEAST: Duration = Duration::from_secs(120);
/// Chunks on the way; the rest waits for the gateway.
const CHUNKS_AHEAD: usize = 4;

/// What can be done with the inventory.
#[derive(Debug, Subcommand)]
pub enum InventoryCommand {
    /// Replaces what one source says about a site, after showing the difference
    #[command(after_help = EXAMPLES)]
    Import(ImportArgs),
    /// Lists assets
    #[command(after_help = EXAMPLES)]
    List {
        #[command(flatten)]
        args: ListArgs,
        /// Only of this site
        #[arg(short, long, value_name = "SITE", default_value = "", hide_default_value = true)]
        site: String,
    },
}

/// What to import.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// An export of the source; "-" is standard input
    #[arg(required_unless_present = "ldap", conflicts_with = "ldap")]
    pub file: Option<PathBuf>,
    /// Whose inventory it becomes
    #[arg(short, long, value_name = "SITE")]
    pub site: String,
    /// What the file is [default: what it looks like]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<source::FormatName>,
    /// What the source is called; it replaces what the same one said before [default: csv, ansible, netbox, servicenow
    /// or ad, by the format]
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// Another field of the source for the owner, support_group, role or zone
    #[arg(long, value_name = "ATTRIBUTE=FIELD", value_parser = source::mapped)]
    pub map: Vec<(source::Attribute, String)>,
    #[command(flatten)]
    pub ldap: ldap::LdapArgs,
    /// Only show the difference
    #[arg(long)]
    pub dry_run: bool,
    /// Also when more than a tenth of what the source said would vanish
    #[arg(long)]
    pub force: bool,
}

pub(super) async fn run(command: InventoryCommand, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        InventoryCommand::Import(args) => run_import(&args, client, output).await,
        InventoryCommand::List { args, site } => {
            listing::print(&args, &ASSET, output, async |page_size, page_token| {
                let request = ListAssetsRequest {
                    site: site.clone(),
                    filter: args.filter.clone(),
                    page_size,
                    page_token,
                    at_least_sequence: args.at_least_sequence,
                };
                let answer = client.inventory().list_assets(client.request(request)).await;
                let answer = client.answer("list assets", answer)?;
                Ok((answer.assets.iter().map(|row| datum("ListedAsset", row)).collect(), answer.next_page_token))
            })
            .await?;
            Ok(Exit::Ok)
        }
    }
}

async fn run_import(args: &ImportArgs, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    let import = source::read(args, output).await?;
    // The difference first. With force, so that it is told also where the real one would be refused.
    let look = Header { force: true, ..import.header(args, true) };
    let difference = done(client, send(client, output, &import, look).await)?;
    if args.dry_run {
        output.one(&IMPORTED, &datum("ImportInventoryResponse", &difference))?;
        say_source(&difference, output);
        if too_many_vanish(&difference) {
            output.say(&format!("{}; the import needs --force", vanishing(&difference)));
        }
        output.say("nothing was changed: a dry run");
        return Ok(Exit::Ok);
    }
    if difference.added + difference.changed + difference.removed == 0 {
        output.one(&IMPORTED, &datum("ImportInventoryResponse", &difference))?;
        output.say("nothing to change");
        return Ok(Exit::Ok);
    }
    match send(client, output, &import, import.header(args, false)).await {
        Err(status) if failure::reason(&status) == "MUS-4002" => {
            let text = format!(
                "failed to import {}: {}; if that is meant, run it again with --force",
                import.place,
                vanishing(&difference)
            );
            Err(Failure::message(Exit::Negative, text))
        }
        answer => {
            let answer = done(client, answer)?;
            output.one(&IMPORTED, &datum("ImportInventoryResponse", &answer))?;
            say_source(&answer, output);
            let sequence = answer.mutation.map_or(0, |mutation| mutation.sequence);
            let site = &args.site;
            output.say(&format!(
                "imported; see it with: muster inventory list --site {site} --at-least-sequence {sequence}"
            ));
            Ok(Exit::Ok)
        }
    }
}

fn done(client: &Client, answer: Result<ImportInventoryResponse, Status>) -> Result<ImportInventoryResponse, Failure> {
    answer.map_err(|status| failure::of_status("import the inventory", client.address(), &status))
}

/// What the source itself says, where it is not the only one.
fn say_source(answer: &ImportInventoryResponse, output: &mut Output) {
    let Some(of) = &answer.of_source else { return };
    if of.precedence.len() < 2 {
        return;
    }
    output.say(&visible(&format!(
        "of {}: {} added, {} changed, {} removed, {} unchanged; other sources know {} of them too; believed in this order: {}",
        of.source,
        of.added,
        of.changed,
        of.removed,
        of.unchanged,
        of.shared,
        of.precedence.join(", ")
    )));
}

/// How many stood, and how many of them would go: of what the source says, as the gateway counts.
fn stood_and_gone(difference: &ImportInventoryResponse) -> (u64, u64) {
    match &difference.of_source {
        Some(of) => (of.removed + of.changed + of.unchanged, of.removed),
        None => (difference.removed + difference.changed + difference.unchanged, difference.removed),
    }
}

/// More than a tenth, as the gateway counts.
fn too_many_vanish(difference: &ImportInventoryResponse) -> bool {
    let (stood, gone) = stood_and_gone(difference);
    gone * 10 > stood
}

/// What would go, in words: most likely the file was cut off.
fn vanishing(difference: &ImportInventoryResponse) -> String {
    let (stood, gone) = stood_and_gone(difference);
    // The gateway's examples are lines of a difference: those with a minus vanish.
    let keys: Vec<&str> = difference.examples.iter().filter_map(|line| line.strip_prefix("- ")).collect();
    let examples =
        if keys.is_empty() { String::new() } else { format!(" (for example {})", visible(&keys.join(", "))) };
    format!("{gone} of {stood} assets would vanish, more than a tenth{examples}; is the file complete?")
}

/// Sends an import: its header, then its chunks as fast as the gateway takes them.
async fn send(
    client: &Client,
    output: &Output,
    import: &source::Export,
    header: Header,
) -> Result<ImportInventoryResponse, Status> {
    let mut bar = Progress::new(output, if header.validate_only { "comparing" } else { "importing" });
    let (to_stream, stream) = tokio::sync::mpsc::channel(CHUNKS_AHEAD);
    let deadline = client.timeout().max(IMPORT_AT_LEAST);
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream);
    let request = client.request_within(stream, deadline);
    let mut service = client.inventory();
    let call = service.import_inventory(request);
    let feed = async {
        let chunks = &import.import.chunks;
        let total = chunks.len() as u64;
        let first = ImportInventoryRequest { part: Some(Part::Header(header)) };
        // A closed stream: the gateway has answered already, and its answer says why.
        if to_stream.send(first).await.is_ok() {
            for chunk in chunks {
                let assets = chunk.assets.iter().map(asset_to_proto).collect();
                let seen = |asset: &Asset| import.last_seen.get(&asset.key).copied().map(time::to_proto);
                let last_seen = if import.last_seen.is_empty() {
                    Vec::new()
                } else {
                    chunk.assets.iter().map(|asset| seen(asset).unwrap_or_default()).collect()
                };
                let chunk = InventoryChunk { import_id: Vec::new(), index: chunk.index, assets, last_seen };
                let done = u64::from(chunk.index) + 1;
                if to_stream.send(ImportInventoryRequest { part: Some(Part::Chunk(chunk)) }).await.is_err() {
                    break;
                }
                bar.set(done, total);
            }
        }
        drop(to_stream);
    };
    let (answer, ()) = tokio::join!(call, feed);
    answer.map(tonic::Response::into_inner)
}
