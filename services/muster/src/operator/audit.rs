//! `muster audit`: hosts drawn by lot, so that nobody knows beforehand who is looked at.

use std::time::Duration;

use clap::{Args, Subcommand};
use muster_ids::DrawId;
use muster_kit::{Exit, Failure};
use muster_proto::v1::{Draw, GetDrawRequest, RequestAuditRequest};
use tokio::time::{Instant, sleep};

use super::client::Client;
use super::columns::{DRAW, DRAWN, MUTATION, SWEEP};
use super::datum::datum;
use super::failure;
use super::listing::{self, ListArgs};
use super::names::{self, Ports};
use super::output::Output;
use super::sweep::{WaitArgs, port_ranges, repeat, request, rows, wait};
use super::text::visible;

pub(super) const EXAMPLES: &str = "\
Examples:
  muster audit start --sample 20
  muster audit start --site dublin --site redmond --sample 10 --wait
  muster audit list
  muster audit show 3f6c0d0a9b8e4c1f8a7d6e5f4a3b2c1d --check";

/// Between two looks for a draw that the scheduler is about to make.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What can be done with audits.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Draws hosts and looks at them now
    #[command(after_help = EXAMPLES)]
    Start(StartArgs),
    /// Lists audits, the latest first: one row a site
    #[command(after_help = EXAMPLES)]
    List {
        #[command(flatten)]
        args: ListArgs,
        /// Only of this site; may be repeated
        #[arg(short, long, value_name = "SITE")]
        site: Vec<String>,
    },
    /// Shows a draw: its seed, its method and who was drawn
    #[command(after_help = EXAMPLES)]
    Show {
        /// Id of 32 digits
        #[arg(value_name = "DRAW")]
        id: DrawId,
        /// Compute every ticket again from the seed, here: 1 when one differs
        #[arg(long)]
        check: bool,
    },
}

/// What is drawn.
#[derive(Debug, Clone, Args)]
pub struct StartArgs {
    /// How many hosts
    #[arg(long, value_name = "HOSTS")]
    pub sample: u32,
    /// Out of this site; may be repeated [default: all]
    #[arg(short, long, value_name = "SITE")]
    pub site: Vec<String>,
    /// Ports, such as tcp/22,tcp/8000-8100 [default: those of the audit schedule]
    #[arg(long, value_parser = names::ports)]
    pub ports: Option<Ports>,
    #[command(flatten)]
    pub wait: WaitArgs,
}

pub(super) async fn run(command: AuditCommand, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        AuditCommand::Start(args) => start(args, client, output).await,
        AuditCommand::List { args, site } => {
            listing::print(&args, &SWEEP, output, async |size, token| {
                let request = request(&args, &site, size, token);
                let answer = client.audits().list_audits(client.request(request)).await;
                Ok(rows(&client.answer("list audits", answer)?))
            })
            .await?;
            Ok(Exit::Ok)
        }
        AuditCommand::Show { id, check } => {
            let draw = get(id.to_vec(), 0, client)
                .await
                .map_err(|status| failure::of_status("show the draw", client.address(), &status))?;
            show(&draw, output)?;
            if check { verify(&draw, output) } else { Ok(Exit::Ok) }
        }
    }
}

async fn start(args: StartArgs, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    let id = args.wait.id()?;
    let request = RequestAuditRequest {
        sites: args.site.clone(),
        sample_size: args.sample,
        ports: port_ranges(args.ports.as_ref()),
        request_id: id.to_vec(),
    };
    let answer = client.audits().request_audit(client.request(request)).await;
    let answer = client.answer("start the audit", answer).map_err(|failure| repeat(failure, id))?;
    let draw = hex::encode(&answer.draw_id);
    if !args.wait.wait {
        output.one(&MUTATION, &datum("RequestAuditResponse", &answer))?;
        output.say(&format!("see who was drawn with: muster audit show {draw}"));
        return Ok(Exit::Ok);
    }
    let sequence = answer.mutation.map_or(0, |mutation| mutation.sequence);
    let deadline = args.wait.deadline();
    let drawn = wait_for_draw(&answer.draw_id, sequence, deadline, client).await?;
    output.say(&format!("{} hosts of {} are drawn", drawn.items.len(), drawn.frame_size));
    let sweeps = sweeps_of(&draw, sequence, deadline, client).await?;
    let mut finished = Vec::new();
    let mut void = false;
    for sweep in sweeps {
        let sweep = wait(&sweep, sequence, deadline, client, output).await?;
        void |= sweep.void;
        finished.push(datum("Sweep", &sweep));
    }
    output.list(&SWEEP, &finished)?;
    Ok(if void { Exit::Negative } else { Exit::Ok })
}

async fn get(draw_id: Vec<u8>, at_least_sequence: u64, client: &Client) -> Result<Draw, tonic::Status> {
    let request = client.request(GetDrawRequest { draw_id, at_least_sequence });
    client.audits().get_draw(request).await.map(tonic::Response::into_inner)
}

async fn wait_for_draw(id: &[u8], at_least: u64, deadline: Instant, client: &Client) -> Result<Draw, Failure> {
    while Instant::now() < deadline {
        match get(id.to_vec(), at_least, client).await {
            Ok(draw) => return Ok(draw),
            Err(status) if matches!(failure::reason(&status).as_str(), "MUS-3001" | "MUS-6002") => {}
            Err(status) => return Err(failure::of_status("wait for the draw", client.address(), &status)),
        }
        sleep(LOOK_EVERY).await;
    }
    let id = hex::encode(id);
    let text = format!("failed to wait for draw {id}: it is not made yet; see muster audit show {id}");
    Err(Failure::message(Exit::Temporary, text))
}

/// The sweeps of a draw: one a site that has a drawn host.
async fn sweeps_of(draw: &str, at_least: u64, deadline: Instant, client: &Client) -> Result<Vec<Vec<u8>>, Failure> {
    // Far above the sites that one draw reaches with its hosts.
    const PAGE: i32 = 1000;
    while Instant::now() < deadline {
        let request = muster_proto::v1::ListSweepsRequest {
            filter: format!("draw_id = {draw}"),
            page_size: PAGE,
            page_token: String::new(),
            at_least_sequence: at_least,
        };
        let answer = client.audits().list_audits(client.request(request)).await;
        let found = client.answer("list the sweeps of the audit", answer)?.sweeps;
        if !found.is_empty() {
            return Ok(found.into_iter().map(|sweep| sweep.sweep_id).collect());
        }
        sleep(LOOK_EVERY).await;
    }
    let text = format!("failed to wait for the audit of draw {draw}: no sweep of it has begun; see muster audit list");
    Err(Failure::message(Exit::Temporary, text))
}

fn show(draw: &Draw, output: &mut Output) -> Result<(), Failure> {
    let shown = datum("Draw", draw);
    output.one(&DRAW, &shown)?;
    if output.for_people() {
        output.line("")?;
        output.list(&DRAWN, shown.at("items").items())?;
    }
    Ok(())
}

/// Computes the tickets again, and looks that they stand in their order. That the frame was whole is shown by whoever
/// has the frame: its hash is the frame root.
fn verify(draw: &Draw, output: &mut Output) -> Result<Exit, Failure> {
    let no = |output: &mut Output, what: String| {
        output.say(&format!("the draw does not hold: {}", visible(&what)));
        Ok(Exit::Negative)
    };
    if draw.method != muster_draw::METHOD {
        return no(
            output,
            format!("its method {:?} is not {:?}, the one known here", draw.method, muster_draw::METHOD),
        );
    }
    let Ok(seed) = <[u8; 32]>::try_from(draw.seed.as_slice()) else {
        return no(output, format!("its seed has {} bytes, not 32", draw.seed.len()));
    };
    for item in &draw.items {
        if muster_draw::ticket(&seed, &item.item).as_slice() != item.ticket {
            return no(output, format!("the ticket of {} is not the one of this seed", item.item));
        }
    }
    if !draw.items.is_sorted_by(|a, b| (&a.ticket, &a.item) < (&b.ticket, &b.item)) {
        return no(output, "its tickets do not ascend".to_owned());
    }
    output.say(&format!(
        "the {} tickets are those of this seed, lowest first; whoever has the frame of {} hosts checks that none lower \
         was left out",
        draw.items.len(),
        draw.frame_size
    ));
    Ok(Exit::Ok)
}
