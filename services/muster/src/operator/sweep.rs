//! `muster sweep`: looks at addresses and ports now, and shows what was looked at.

use std::time::Duration;

use clap::{Args, Subcommand};
use ipnet::IpNet;
use muster_bus::convert::network::{block_to_proto, ports_to_proto};
use muster_estate::words::parse_block;
use muster_ids::{RequestId, SweepId};
use muster_kit::{Exit, Failure};
use muster_proto::v1::{GetSweepRequest, ListSweepsRequest, ListSweepsResponse, PortRange, RequestSweepRequest, Sweep};
use tokio::time::{Instant, sleep};

use super::client::Client;
use super::columns::{MUTATION, SWEEP};
use super::datum::datum;
use super::failure;
use super::listing::{self, ListArgs, all_of, any_of};
use super::names::{self, Ports, Target};
use super::output::Output;
use super::progress::Progress;

pub(super) const EXAMPLES: &str = "\
Examples:
  muster sweep start dublin --wait
  muster sweep start dublin/127.20.0.0/28 --ports tcp/22,tcp/8000-8100 --wait
  muster sweep list --site dublin
  muster sweep list --filter 'void = true'
  muster sweep show 3f6c0d0a9b8e4c1f8a7d6e5f4a3b2c1d";

/// Between two looks at a running sweep: a scanner's slice of 1,000 units takes about a second at the default rate.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What can be done with sweeps.
#[derive(Debug, Subcommand)]
pub enum SweepCommand {
    /// Starts a sweep now
    #[command(after_help = EXAMPLES)]
    Start(StartArgs),
    /// Lists sweeps, the latest first
    #[command(after_help = EXAMPLES)]
    List {
        #[command(flatten)]
        args: ListArgs,
        /// Only of this site; may be repeated
        #[arg(short, long, value_name = "SITE")]
        site: Vec<String>,
    },
    /// Shows one sweep: how much of it answered, and what may have been missed
    #[command(after_help = EXAMPLES)]
    Show {
        /// Id of 32 digits
        #[arg(value_name = "SWEEP")]
        id: SweepId,
    },
}

/// What a sweep looks at.
#[derive(Debug, Clone, Args)]
pub struct StartArgs {
    /// SITE, SITE/ADDRESS or SITE/BLOCK
    #[arg(value_name = "TARGET", value_parser = names::target)]
    pub target: Target,
    /// Another block of the site; may be repeated
    #[arg(long, value_name = "BLOCK", value_parser = |text: &str| parse_block(text))]
    pub block: Vec<IpNet>,
    /// Ports, such as tcp/22,tcp/8000-8100 [default: those of the site's first sweep schedule]
    #[arg(long, value_parser = names::ports)]
    pub ports: Option<Ports>,
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// Whether and how long a command waits for what it started.
#[derive(Debug, Clone, Args)]
pub struct WaitArgs {
    /// Wait until it is over: 0 when it counts, 1 when it is void
    #[arg(long)]
    pub wait: bool,
    /// How long to wait at most
    #[arg(long, value_name = "SPAN", value_parser = names::span, default_value = "1h", requires = "wait")]
    pub wait_at_most: jiff::SignedDuration,
    /// Id of the request: the same id twice is one request [default: random]
    #[arg(long, value_name = "ID")]
    pub request_id: Option<RequestId>,
}

impl WaitArgs {
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + Duration::try_from(self.wait_at_most).unwrap_or_default()
    }

    /// The id of the request, so that a repeated one is one.
    pub(super) fn id(&self) -> Result<RequestId, Failure> {
        if let Some(id) = self.request_id {
            return Ok(id);
        }
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("failed to make a request id: {error}"))?;
        Ok(RequestId::from_array(bytes))
    }
}

/// Says how a request is repeated that may or may not have been accepted.
pub(super) fn repeat(failure: Failure, id: RequestId) -> Failure {
    match failure.exit() {
        Exit::Unavailable | Exit::Temporary => {
            Failure::message(failure.exit(), format!("{failure}; with --request-id {id} it stays one request"))
        }
        Exit::Ok
        | Exit::Negative
        | Exit::Usage
        | Exit::Data
        | Exit::NoInput
        | Exit::Internal
        | Exit::CannotCreate
        | Exit::Permission => failure,
    }
}

pub(super) async fn run(command: SweepCommand, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        SweepCommand::Start(args) => start(args, client, output).await,
        SweepCommand::List { args, site } => {
            listing::print(&args, &SWEEP, output, async |size, token| {
                let request = request(&args, &site, size, token);
                let answer = client.sweeps().list_sweeps(client.request(request)).await;
                Ok(rows(&client.answer("list sweeps", answer)?))
            })
            .await?;
            Ok(Exit::Ok)
        }
        SweepCommand::Show { id } => {
            let sweep = get(id.to_vec(), 0, client)
                .await
                .map_err(|status| failure::of_status("show the sweep", client.address(), &status))?;
            output.one(&SWEEP, &datum("Sweep", &sweep))?;
            output.line(&missed(&sweep))?;
            Ok(Exit::Ok)
        }
    }
}

pub(super) fn request(args: &ListArgs, sites: &[String], page_size: i32, page_token: String) -> ListSweepsRequest {
    ListSweepsRequest {
        filter: all_of([any_of("site", sites)], &args.filter),
        page_size,
        page_token,
        at_least_sequence: args.at_least_sequence,
    }
}

pub(super) fn rows(answer: &ListSweepsResponse) -> listing::Page {
    (answer.sweeps.iter().map(|sweep| datum("Sweep", sweep)).collect(), answer.next_page_token.clone())
}

pub(super) fn port_ranges(ports: Option<&Ports>) -> Vec<PortRange> {
    ports.map(|ports| ports.0.iter().map(|range| ports_to_proto(*range)).collect()).unwrap_or_default()
}

async fn start(args: StartArgs, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    let id = args.wait.id()?;
    let blocks = args.target.block.iter().chain(&args.block).map(|block| block_to_proto(*block)).collect();
    let request = RequestSweepRequest {
        site: args.target.site.clone(),
        blocks,
        ports: port_ranges(args.ports.as_ref()),
        request_id: id.to_vec(),
    };
    let answer = client.sweeps().request_sweep(client.request(request)).await;
    let answer = client.answer("start the sweep", answer).map_err(|failure| repeat(failure, id))?;
    let sweep = hex::encode(&answer.sweep_id);
    if !args.wait.wait {
        output.one(&MUTATION, &datum("RequestSweepResponse", &answer))?;
        output.say(&format!("see how it goes with: muster sweep show {sweep}"));
        return Ok(Exit::Ok);
    }
    output.say(&format!("sweep {sweep} of {} is asked for", args.target.site));
    let sequence = answer.mutation.map_or(0, |mutation| mutation.sequence);
    let sweep = wait(&answer.sweep_id, sequence, args.wait.deadline(), client, output).await?;
    output.one(&SWEEP, &datum("Sweep", &sweep))?;
    output.line(&missed(&sweep))?;
    Ok(if sweep.void { Exit::Negative } else { Exit::Ok })
}

async fn get(sweep_id: Vec<u8>, at_least_sequence: u64, client: &Client) -> Result<Sweep, tonic::Status> {
    let request = client.request(GetSweepRequest { sweep_id, at_least_sequence });
    client.sweeps().get_sweep(request).await.map(tonic::Response::into_inner)
}

/// Waits until a sweep is over. It is not there before the scheduler has planned it.
pub(super) async fn wait(
    sweep_id: &[u8],
    at_least: u64,
    deadline: Instant,
    client: &Client,
    output: &Output,
) -> Result<Sweep, Failure> {
    let mut bar = Progress::new(output, "sweep");
    let mut stand = "is not planned yet".to_owned();
    while Instant::now() < deadline {
        match get(sweep_id.to_vec(), at_least, client).await {
            Ok(sweep) if sweep.finished_at.is_some() => return Ok(sweep),
            Ok(sweep) => {
                let (done, planned) = done(&sweep);
                bar.set(done, planned);
                stand = format!("has looked at {done} of {planned}");
            }
            Err(status) if passes(&status) => bar.set(0, 1),
            Err(status) => return Err(failure::of_status("wait for the sweep", client.address(), &status)),
        }
        sleep(LOOK_EVERY).await;
    }
    let id = hex::encode(sweep_id);
    let text = format!("failed to wait for sweep {id}: it {stand}; it goes on, see muster sweep show {id}");
    Err(Failure::message(Exit::Temporary, text))
}

/// Not there yet, not stored yet, or a service that is about to come back.
fn passes(status: &tonic::Status) -> bool {
    matches!(failure::reason(status).as_str(), "MUS-3001" | "MUS-6002" | "MUS-6003" | "MUS-6004" | "MUS-6006")
}

fn done(sweep: &Sweep) -> (u64, u64) {
    let coverage = sweep.coverage.unwrap_or_default();
    let done = coverage.open + coverage.closed + coverage.silent + coverage.skipped + coverage.lost;
    (done, coverage.planned)
}

/// What a sweep may have missed, in words.
fn missed(sweep: &Sweep) -> String {
    let coverage = crate::report::Coverage::from(sweep);
    if sweep.finished_at.is_none() { "it is still running".to_owned() } else { coverage.in_words() }
}
