//! `muster verdict`: what the rules say.

use clap::Subcommand;
use jiff::Timestamp;
use muster_bus::convert::time::to_proto;
use muster_kit::{Exit, Failure};
use muster_proto::v1::ListVerdictsRequest;

use super::client::Client;
use super::columns::VERDICT;
use super::datum::datum;
use super::listing::{self, ListArgs, all_of, any_of};
use super::names;
use super::output::Output;

pub(super) const EXAMPLES: &str = "\
Examples:
  muster verdict list --site dublin --outcome unknown
  muster verdict list --filter 'subject = \"seen\"' --as-of 7d
  muster verdict list --site dublin -o wide";

/// What can be done with verdicts.
#[derive(Debug, Subcommand)]
pub enum VerdictCommand {
    /// Lists verdicts: unknown is never pass, and names the fact that would decide it
    #[command(after_help = EXAMPLES)]
    List {
        #[command(flatten)]
        args: ListArgs,
        /// Only of this site; may be repeated
        #[arg(short, long, value_name = "SITE")]
        site: Vec<String>,
        /// Only pass, fail, not-applicable or unknown; may be repeated
        #[arg(long)]
        outcome: Vec<String>,
        /// As they stood then: an instant, or how long ago
        #[arg(long, value_name = "TIME", value_parser = names::past)]
        as_of: Option<Timestamp>,
    },
}

pub(super) async fn run(command: VerdictCommand, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    let VerdictCommand::List { args, site, outcome, as_of } = command;
    let filter = all_of([any_of("site", &site), any_of("outcome", &outcome)], &args.filter);
    listing::print(&args, &VERDICT, output, async |page_size, page_token| {
        let request = ListVerdictsRequest {
            filter: filter.clone(),
            page_size,
            page_token,
            at_least_sequence: args.at_least_sequence,
            as_of: as_of.map(to_proto),
        };
        let answer = client.verdicts().list_verdicts(client.request(request)).await;
        let answer = client.answer("list verdicts", answer)?;
        Ok((answer.verdicts.iter().map(|row| datum("ListedVerdict", row)).collect(), answer.next_page_token))
    })
    .await?;
    Ok(Exit::Ok)
}
