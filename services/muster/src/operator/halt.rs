//! `muster halt` and `muster resume`. A halt asks nothing: it has to work when hands shake.

use clap::Args;
use muster_kit::{Exit, Failure};
use muster_proto::v1::SetHaltRequest;

use super::client::Client;
use super::columns::MUTATION;
use super::datum::datum;
use super::output::Output;
use super::text::visible;

pub(super) const HALT_EXAMPLES: &str = "\
Stops within two seconds, needs no database, and survives restarts.

Examples:
  muster halt
  muster halt --site dublin --reason 'switch upgrade'
  muster resume --site dublin";

pub(super) const RESUME_EXAMPLES: &str = "\
A halt of all sites and one of a site are two: each is taken back for itself.

Examples:
  muster resume
  muster resume --site dublin --reason 'upgrade is over'";

/// What to stop.
#[derive(Debug, Clone, Args)]
pub struct HaltArgs {
    /// Only this site
    #[arg(short, long, value_name = "SITE")]
    pub site: Option<String>,
    /// Why: it is kept with your name
    #[arg(long, default_value = "", hide_default_value = true)]
    pub reason: String,
}

/// What may go on.
#[derive(Debug, Clone, Args)]
pub struct ResumeArgs {
    /// Only this site
    #[arg(short, long, value_name = "SITE")]
    pub site: Option<String>,
    /// Why: it is kept with your name
    #[arg(long, default_value = "", hide_default_value = true)]
    pub reason: String,
}

pub(super) async fn halt(args: HaltArgs, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    let site = args.site.as_deref().map(|site| format!(" --site {site}")).unwrap_or_default();
    set("halt", args.site, args.reason, true, client, output).await?;
    output.say(&format!("halted; take it back with: muster resume{}", visible(&site)));
    Ok(Exit::Ok)
}

pub(super) async fn resume(args: ResumeArgs, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    set("resume", args.site, args.reason, false, client, output).await?;
    output.say("resumed");
    Ok(Exit::Ok)
}

async fn set(
    what: &str,
    site: Option<String>,
    reason: String,
    halted: bool,
    client: &Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let whom = site.as_deref().map_or_else(|| "all sites".to_owned(), |site| format!("site {site}"));
    let request = SetHaltRequest { site: site.unwrap_or_default(), halted, reason };
    let answer = client.estate().set_halt(client.request(request)).await;
    let answer = client.answer(&format!("{what} {whom}"), answer)?;
    output.one(&MUTATION, &datum("SetHaltResponse", &answer))
}
