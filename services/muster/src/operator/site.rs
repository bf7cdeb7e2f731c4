//! `muster site`: sites as declared, and the figures of each.

use clap::Subcommand;
use jiff::{SignedDuration, Timestamp};
use muster_bus::convert::estate::site_from_proto;
use muster_estate::files::to_yaml;
use muster_estate::words::format_duration;
use muster_kit::{Exit, Failure};
use muster_proto::v1::{GetSiteRequest, ListSitesRequest, SummarizeSitesRequest};

use super::client::Client;
use super::columns::{OVERDUE, SITE, SUMMARY};
use super::datum::datum;
use super::listing::{self, ListArgs};
use super::names;
use super::output::{Format, Output};
use super::sign::{self, KeyArgs, SignArgs};

pub(super) const EXAMPLES: &str = "\
Examples:
  muster site summary
  muster site overdue --swept 2d --audited 31d
  muster site list
  muster site show dublin
  muster site show dublin -o yaml > estate/dublin.yaml    (a file that apply takes)
  muster site key scope.key
  muster site sign -f estate/ --sign-with scope.key | muster apply -f - --yes";

/// What can be done with sites.
#[derive(Debug, Subcommand)]
pub enum SiteCommand {
    /// Lists the sites as declared
    #[command(after_help = EXAMPLES)]
    List,
    /// Shows one site; -o yaml gives the file that `muster apply` takes
    #[command(after_help = EXAMPLES)]
    Show {
        /// The site
        site: String,
    },
    /// Figures of each site: seen, known, managed, rogue, silent (unknown, not absent), …
    #[command(after_help = EXAMPLES)]
    Summary {
        /// Only of this site; may be repeated
        #[arg(short, long, value_name = "SITE")]
        site: Vec<String>,
        /// Wait until the effect of the command with this sequence is there
        #[arg(long, value_name = "SEQUENCE", default_value_t = 0, hide_default_value = true)]
        at_least_sequence: u64,
    },
    /// Sites that were not swept or audited for too long; a void sweep, or one of a part, does not count
    #[command(after_help = EXAMPLES)]
    Overdue {
        /// Longest time since the last sweep
        #[arg(long, value_name = "SPAN", value_parser = names::span, default_value = "7d")]
        swept: SignedDuration,
        /// Longest time since the last audit
        #[arg(long, value_name = "SPAN", value_parser = names::span, default_value = "31d")]
        audited: SignedDuration,
        /// Only of this site; may be repeated
        #[arg(short, long, value_name = "SITE")]
        site: Vec<String>,
    },
    /// Prints the public key of a key that signs scopes, which is made when it is not there
    #[command(after_help = EXAMPLES)]
    Key(KeyArgs),
    /// Prints the sites of estate files with their scopes signed; beyond loopback nothing is sent without
    #[command(after_help = EXAMPLES)]
    Sign(SignArgs),
}

pub(super) async fn run(command: SiteCommand, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        SiteCommand::List => list(client, output).await,
        SiteCommand::Show { site } => show(site, client, output).await,
        SiteCommand::Summary { site, at_least_sequence } => {
            let request = client.request(SummarizeSitesRequest { at_least_sequence });
            let answer = client.hosts().summarize_sites(request).await;
            let answer = client.answer("summarize the sites", answer)?;
            let chosen = answer.sites.iter().filter(|row| site.is_empty() || site.contains(&row.site));
            let rows: Vec<_> = chosen.map(|row| datum("SiteSummary", row)).collect();
            output.list(&SUMMARY, &rows)?;
            if rows.is_empty() {
                output.say("no sites: declare them with muster apply -f DIR");
            }
            Ok(Exit::Ok)
        }
        SiteCommand::Overdue { swept, audited, site } => overdue(swept, audited, &site, client, output).await,
        SiteCommand::Key(args) => sign::key(&args, output),
        SiteCommand::Sign(args) => sign::sign(&args, output),
    }
}

async fn overdue(
    swept: SignedDuration,
    audited: SignedDuration,
    sites: &[String],
    client: &Client,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let answer = client.hosts().summarize_sites(client.request(SummarizeSitesRequest::default())).await;
    let answer = client.answer("summarize the sites", answer)?;
    let now = Timestamp::now();
    let mut chosen: Vec<_> = answer.sites.iter().filter(|row| sites.is_empty() || sites.contains(&row.site)).collect();
    let all = chosen.len();
    chosen.retain(|row| {
        late(row.last_counted_sweep_at.as_ref(), swept, now) || late(row.last_counted_audit_at.as_ref(), audited, now)
    });
    let rows: Vec<_> = chosen.iter().map(|row| datum("SiteSummary", *row)).collect();
    output.list(&OVERDUE, &rows)?;
    let (swept, audited) = (format_duration(swept), format_duration(audited));
    output.say(&format!("{} of {all} sites were not swept for {swept} or not audited for {audited}", rows.len()));
    Ok(if rows.is_empty() { Exit::Ok } else { Exit::Negative })
}

/// Is it longer ago than that, or was it never?
fn late(last: Option<&prost_types::Timestamp>, most: SignedDuration, now: Timestamp) -> bool {
    let last = last.and_then(|last| Timestamp::new(last.seconds, last.nanos).ok());
    last.is_none_or(|last| now.duration_since(last) > most)
}

async fn list(client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    let args = ListArgs { filter: String::new(), limit: 0, all: true, at_least_sequence: 0 };
    let found = listing::print(&args, &SITE, output, async |page_size, page_token| {
        let answer = client.estate().list_sites(client.request(ListSitesRequest { page_size, page_token })).await;
        let answer = client.answer("list sites", answer)?;
        Ok((answer.sites.iter().map(|site| datum("EstateDocument", site)).collect(), answer.next_page_token))
    })
    .await?;
    if found == 0 {
        output.say("declare them with muster apply -f DIR");
    }
    Ok(Exit::Ok)
}

async fn show(site: String, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    let answer = client.estate().get_site(client.request(GetSiteRequest { site: site.clone() })).await;
    let document = client.answer(&format!("show site {site}"), answer)?;
    match output.format() {
        Format::Yaml => {
            let text = to_yaml(&site_from_proto(&document)?)?;
            output.raw(&text)?;
        }
        Format::Table | Format::Wide | Format::Json | Format::Jsonl | Format::Csv | Format::Sarif => {
            output.one(&SITE, &datum("EstateDocument", &document))?;
        }
    }
    Ok(Exit::Ok)
}
