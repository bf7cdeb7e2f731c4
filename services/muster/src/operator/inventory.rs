//! `muster inventory`: what should be there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use muster_bus::convert::inventory::asset_to_proto;
use muster_estate::inventory::{Import, import, read_csv};
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
An import replaces the inventory of its site, as a whole or not at all. Columns: key (needed), name, owner,
support_group, role, zone, base_image, criticality, address, mac, fqdn, directory_id, serial, cloud_id, valid_from,
valid_until; several addresses in one field are separated by \";\".

Examples:
  muster inventory import dublin.csv --site dublin --dry-run
  muster inventory import dublin.csv --site dublin
  muster inventory list --site dublin --filter 'owner = \"\"'";

/// Bytes of a file: 300,000 assets of about 200 bytes, which is what the gateway takes.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// An import of that size is hashed, compared and published in tens of seconds.
const IMPORT_AT_LEAST: Duration = Duration::from_secs(120);
/// Chunks on the way; the rest waits for the gateway.
const CHUNKS_AHEAD: usize = 4;

/// What can be done with the inventory.
#[derive(Debug, Subcommand)]
pub enum InventoryCommand {
    /// Replaces the inventory of a site by a CSV file, after showing the difference
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
    /// CSV in UTF-8, its columns named by the first row
    pub file: PathBuf,
    /// Whose inventory it becomes
    #[arg(short, long, value_name = "SITE")]
    pub site: String,
    /// Only show the difference
    #[arg(long)]
    pub dry_run: bool,
    /// Also when more than a tenth of the assets would vanish
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
    let import = read(&args.file, output)?;
    // The difference first. With force, so that it is told also where the real one would be refused.
    let look = Header { force: true, ..header(args, true) };
    let difference = done(client, send(client, output, &import, look).await)?;
    if args.dry_run {
        output.one(&IMPORTED, &datum("ImportInventoryResponse", &difference))?;
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
    match send(client, output, &import, header(args, false)).await {
        Err(status) if failure::reason(&status) == "MUS-4002" => {
            let text = format!(
                "failed to import {}: {}; if that is meant, run it again with --force",
                args.file.display(),
                vanishing(&difference)
            );
            Err(Failure::message(Exit::Negative, text))
        }
        answer => {
            let answer = done(client, answer)?;
            output.one(&IMPORTED, &datum("ImportInventoryResponse", &answer))?;
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

fn header(args: &ImportArgs, validate_only: bool) -> Header {
    Header {
        site: args.site.clone(),
        source: args.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        validate_only,
        force: args.force,
    }
}

/// More than a tenth, as the gateway counts.
fn too_many_vanish(difference: &ImportInventoryResponse) -> bool {
    let stood = difference.removed + difference.changed + difference.unchanged;
    difference.removed * 10 > stood
}

/// What would go, in words: most likely the file was cut off.
fn vanishing(difference: &ImportInventoryResponse) -> String {
    let stood = difference.removed + difference.changed + difference.unchanged;
    // The gateway's examples are lines of a difference: those with a minus vanish.
    let keys: Vec<&str> = difference.examples.iter().filter_map(|line| line.strip_prefix("- ")).collect();
    let examples =
        if keys.is_empty() { String::new() } else { format!(" (for example {})", visible(&keys.join(", "))) };
    format!("{} of {stood} assets would vanish, more than a tenth{examples}; is the file complete?", difference.removed)
}

/// Sends an import: its header, then its chunks as fast as the gateway takes them.
async fn send(
    client: &Client,
    output: &Output,
    import: &Import,
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
        let total = import.chunks.len() as u64;
        let first = ImportInventoryRequest { part: Some(Part::Header(header)) };
        // A closed stream: the gateway has answered already, and its answer says why.
        if to_stream.send(first).await.is_ok() {
            for chunk in &import.chunks {
                let assets = chunk.assets.iter().map(asset_to_proto).collect();
                let chunk = InventoryChunk { import_id: Vec::new(), index: chunk.index, assets };
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

fn read(file: &Path, output: &mut Output) -> Result<Import, Failure> {
    let name = file.display().to_string();
    let fail = |exit, what: String| Failure::message(exit, format!("failed to read {name}: {what}"));
    let length = std::fs::metadata(file).map_err(|error| fail(Exit::NoInput, error.to_string()))?.len();
    if length > FILE_BYTES_MAX {
        return Err(fail(Exit::Data, format!("{length} bytes, at most {FILE_BYTES_MAX}")));
    }
    let bytes = std::fs::read(file).map_err(|error| fail(Exit::NoInput, error.to_string()))?;
    let assets = read_csv(&name, &bytes).map_err(|problems| {
        for problem in problems.list() {
            output.say(&visible(&problem.to_string()));
        }
        fail(Exit::Data, format!("{} problems, named above; nothing was imported", problems.list().len()))
    })?;
    Ok(import(assets))
}
