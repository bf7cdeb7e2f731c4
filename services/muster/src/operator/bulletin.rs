//! `muster bulletin`: security advisories.

use clap::Subcommand;
use muster_kit::{Exit, Failure};
use muster_proto::v1::ListBulletinsRequest;

use super::client::Client;
use super::columns::BULLETIN;
use super::datum::datum;
use super::listing::{self, ListArgs};
use super::output::Output;

pub(super) const EXAMPLES: &str = "\
Examples:
  muster bulletin list --filter 'vendor = \"Microsoft\" AND ransomware = true'
  muster bulletin list --filter 'due_at > 2026-01-01T00:00:00Z' --all -o csv";

/// What can be done with bulletins.
#[derive(Debug, Subcommand)]
pub enum BulletinCommand {
    /// Lists bulletins, the latest first
    #[command(after_help = EXAMPLES)]
    List {
        #[command(flatten)]
        args: ListArgs,
    },
}

pub(super) async fn run(command: BulletinCommand, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    let BulletinCommand::List { args } = command;
    listing::print(&args, &BULLETIN, output, async |page_size, page_token| {
        let request = ListBulletinsRequest {
            filter: args.filter.clone(),
            page_size,
            page_token,
            at_least_sequence: args.at_least_sequence,
        };
        let answer = client.bulletins().list_bulletins(client.request(request)).await;
        let answer = client.answer("list bulletins", answer)?;
        Ok((answer.bulletins.iter().map(|row| datum("ListedBulletin", row)).collect(), answer.next_page_token))
    })
    .await?;
    Ok(Exit::Ok)
}
