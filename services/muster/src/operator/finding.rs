//! `muster finding`: what does not pass.

use clap::{Subcommand, ValueEnum};
use jiff::Timestamp;
use muster_bus::convert::time::to_proto;
use muster_kit::{Exit, Failure};
use muster_proto::v1::{
    Disposition, FindingDimension, GetFindingRequest, GroupFindingsRequest, ListFindingsRequest, ListedFinding,
    SetDispositionRequest,
};

use super::client::Client;
use super::columns::{EVIDENCE, FINDING, FINDING_GROUP, MUTATION};
use super::datum::{Datum, datum};
use super::host;
use super::listing::{self, ListArgs, all_of, any_of};
use super::names::{self, FindingName, HostName};
use super::output::Output;
use super::text::quoted;
use super::watch::{self, WatchArgs};

pub(super) const EXAMPLES: &str = "\
Examples:
  muster finding group --reason rogue
  muster finding list --site dublin
  muster finding list --reason rogue --all -o csv > rogue.csv
  muster finding list --filter 'title:IIS AND first_seen > 2026-01-01T00:00:00Z'
  muster finding show dublin/127.20.0.7
  muster finding watch --site dublin -o jsonl
  muster finding dispose dublin/127.20.0.9 --as accepted --until 30d --reason 'replaced in May, CHG0031'";

/// What can be done with findings.
#[derive(Debug, Subcommand)]
pub enum FindingCommand {
    /// Lists findings; the open ones unless --state says otherwise
    #[command(after_help = EXAMPLES)]
    List {
        #[command(flatten)]
        args: ListArgs,
        #[command(flatten)]
        which: WhichArgs,
        /// As they stood then: an instant, or how long ago
        #[arg(long, value_name = "TIME", value_parser = names::past)]
        as_of: Option<Timestamp>,
    },
    /// Puts findings together by site and reason, and by what else is asked for: where to begin
    #[command(after_help = EXAMPLES)]
    Group {
        #[command(flatten)]
        which: WhichArgs,
        /// Only what fits, for example: address:10.1.0.0/16
        #[arg(short, long, value_name = "FILTER", default_value = "", hide_default_value = true)]
        filter: String,
        /// By what else
        #[arg(long, value_enum, value_delimiter = ',', default_values_t = [ByArg::Subnet, ByArg::Fingerprint, ByArg::Owner])]
        by: Vec<ByArg>,
        /// At most so many groups, the largest first
        #[arg(short = 'n', long, value_name = "ROWS", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
        /// Wait until the effect of the command with this sequence is there
        #[arg(long, value_name = "SEQUENCE", default_value_t = 0, hide_default_value = true)]
        at_least_sequence: u64,
    },
    /// Shows one finding with its evidence
    #[command(after_help = EXAMPLES)]
    Show {
        #[command(flatten)]
        name: NameArgs,
        /// Wait until the effect of the command with this sequence is there
        #[arg(long, value_name = "SEQUENCE", default_value_t = 0, hide_default_value = true)]
        at_least_sequence: u64,
    },
    /// Follows findings: as they stand, then every change
    #[command(after_help = EXAMPLES)]
    Watch(WatchArgs),
    /// Says what becomes of a finding
    #[command(after_help = EXAMPLES)]
    Dispose {
        #[command(flatten)]
        name: NameArgs,
        /// What becomes of it
        #[arg(long = "as", value_enum, value_name = "DISPOSITION")]
        disposition: DispositionArg,
        /// Why: it is kept with your name
        #[arg(long)]
        reason: String,
        /// Until when the risk is accepted: an instant, or how long from now
        #[arg(long, value_name = "TIME", value_parser = names::instant, required_if_eq("disposition", "accepted"))]
        until: Option<Timestamp>,
    },
}

/// Which findings.
#[derive(Debug, Clone, clap::Args)]
pub struct WhichArgs {
    /// Only of this site; may be repeated
    #[arg(short, long, value_name = "SITE")]
    pub site: Vec<String>,
    /// Only in this state
    #[arg(long, value_enum, default_value_t = StateArg::Open)]
    pub state: StateArg,
    /// Only for this reason, such as rogue or unapproved-service; may be repeated
    #[arg(long)]
    pub reason: Vec<String>,
}

impl WhichArgs {
    pub(super) fn filter(&self, written: &str) -> String {
        let state = match self.state {
            StateArg::Open => Some("open"),
            StateArg::Suppressed => Some("suppressed"),
            StateArg::Resolved => Some("resolved"),
            StateArg::Any => None,
        };
        let state = state.map(|state| format!("state = {}", quoted(state)));
        all_of([any_of("site", &self.site), state, any_of("reason", &self.reason)], written)
    }
}

/// A state of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StateArg {
    /// Does not pass
    Open,
    /// Accepted until a time, or decommissioned and waiting for proof
    Suppressed,
    /// Over, by proof
    Resolved,
    /// All
    Any,
}

/// By what findings are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ByArg {
    /// The /24 (IPv4) or /64 (IPv6) of the address
    Subnet,
    /// What the finding is about, or all that its host runs
    Fingerprint,
    /// Who owns the host, or probably does: by its record, or as most hosts of its subnet
    Owner,
}

/// A disposition. A host is adopted with `muster host adopt`, which takes its record along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DispositionArg {
    /// The risk is accepted until a time
    Accepted,
    /// Taken out of service: suppressed, and resolved when sweeps prove it
    Decommissioned,
    /// Takes back the last one
    None,
}

/// A finding.
#[derive(Debug, Clone, clap::Args)]
pub struct NameArgs {
    /// Id of 32 digits, or SITE/ADDRESS of its host
    #[arg(value_name = "FINDING", value_parser = names::finding)]
    pub name: FindingName,
    /// Which finding of that host, such as known or approved-service:tcp/1433
    #[arg(long)]
    pub subject: Option<String>,
}

pub(super) async fn run(command: FindingCommand, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    match command {
        FindingCommand::List { args, which, as_of } => list(&args, &which, as_of, client, output).await,
        FindingCommand::Group { which, filter, by, limit, at_least_sequence } => {
            let dimension = |by: &ByArg| match by {
                ByArg::Subnet => FindingDimension::Subnet.into(),
                ByArg::Fingerprint => FindingDimension::Fingerprint.into(),
                ByArg::Owner => FindingDimension::Owner.into(),
            };
            let request = GroupFindingsRequest {
                filter: which.filter(&filter),
                by: by.iter().map(dimension).collect(),
                groups_max: limit,
                at_least_sequence,
            };
            group(request, client, output).await
        }
        FindingCommand::Show { name, at_least_sequence } => show(&name, at_least_sequence, client, output).await,
        FindingCommand::Watch(args) => watch::run(&args, client, output).await,
        FindingCommand::Dispose { name, disposition, reason, until } => {
            let disposition = match disposition {
                DispositionArg::Accepted => Disposition::Accepted,
                DispositionArg::Decommissioned => Disposition::Decommissioned,
                DispositionArg::None => Disposition::None,
            };
            let found = find(&name, 0, client).await?;
            let request = SetDispositionRequest {
                finding_id: found.finding.map(|finding| finding.finding_id).unwrap_or_default(),
                disposition: disposition.into(),
                reason,
                until: until.map(to_proto),
                asset: None,
            };
            set(request, client, output).await
        }
    }
}

/// Sets a disposition, and says where its effect is seen.
pub(super) async fn set(request: SetDispositionRequest, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    let finding = hex::encode(&request.finding_id);
    let answer = client.findings().set_disposition(client.request(request)).await;
    let answer = client.answer("set the disposition", answer)?;
    let sequence = answer.mutation.as_ref().map_or(0, |mutation| mutation.sequence);
    output.one(&MUTATION, &datum("SetDispositionResponse", &answer))?;
    output.say(&format!("see its effect with: muster finding show {finding} --at-least-sequence {sequence}"));
    Ok(Exit::Ok)
}

async fn list(
    args: &ListArgs,
    which: &WhichArgs,
    as_of: Option<Timestamp>,
    client: &Client,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let filter = which.filter(&args.filter);
    let at_least = args.at_least_sequence;
    listing::print(args, &FINDING, output, async |size, token| {
        page(client, &filter, size, token, at_least, as_of)
            .await
            .map(|(findings, next)| (findings.iter().map(|finding| datum("ListedFinding", finding)).collect(), next))
    })
    .await?;
    Ok(Exit::Ok)
}

async fn group(request: GroupFindingsRequest, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    let answer = client.findings().group_findings(client.request(request)).await;
    let answer = client.answer("group findings", answer)?;
    let rows: Vec<_> = answer.groups.iter().map(|group| datum("FindingGroup", group)).collect();
    output.list(&FINDING_GROUP, &rows)?;
    let shown = rows.len() as u64;
    if shown == 0 {
        output.say("no findings");
    } else if shown < answer.groups_total {
        output.say(&format!(
            "{shown} of {} groups of {} findings: --limit N shows more, --by fewer dimensions makes them larger",
            answer.groups_total, answer.findings
        ));
    }
    Ok(Exit::Ok)
}

/// A page of findings.
pub(super) async fn page(
    client: &Client,
    filter: &str,
    page_size: i32,
    page_token: String,
    at_least_sequence: u64,
    as_of: Option<Timestamp>,
) -> Result<(Vec<ListedFinding>, String), Failure> {
    let request = ListFindingsRequest {
        filter: filter.to_owned(),
        page_size,
        page_token,
        at_least_sequence,
        as_of: as_of.map(to_proto),
    };
    let answer = client.findings().list_findings(client.request(request)).await;
    let answer = client.answer("list findings", answer)?;
    Ok((answer.findings, answer.next_page_token))
}

async fn show(name: &NameArgs, at_least: u64, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    let found = datum("ListedFinding", &find(name, at_least, client).await?);
    output.one(&FINDING, &found)?;
    let evidence = found.at("verdict.evidence").items();
    if output.for_people() && !evidence.is_empty() {
        output.line("")?;
        output.list(&EVIDENCE, evidence)?;
    }
    Ok(Exit::Ok)
}

/// The one finding of a name; where there are several, the failure lists them.
async fn find(name: &NameArgs, at_least_sequence: u64, client: &Client) -> Result<ListedFinding, Failure> {
    match &name.name {
        FindingName::Id(id) => {
            let request = GetFindingRequest { finding_id: id.to_vec(), at_least_sequence };
            let answer = client.findings().get_finding(client.request(request)).await;
            client.answer("show the finding", answer)
        }
        FindingName::Of(named) => find_of_host(named, name.subject.as_deref(), at_least_sequence, client).await,
    }
}

async fn find_of_host(
    named: &HostName,
    subject: Option<&str>,
    at_least: u64,
    client: &Client,
) -> Result<ListedFinding, Failure> {
    // A host has at most a finding a port and four besides; that many candidates are not read by a person anyway.
    const CANDIDATES: i32 = 50;
    let host = host::get(named, at_least, client).await?.host.unwrap_or_default();
    let subject = subject.map(|subject| format!("subject = {}", quoted(subject)));
    let of_host = format!("host_id = {}", hex::encode(&host.host_id));
    let not_over = (subject.is_none()).then(|| "state != \"resolved\"".to_owned());
    let filter = all_of([Some(of_host), subject, not_over], "");
    let (mut found, _) = page(client, &filter, CANDIDATES, String::new(), at_least, None).await?;
    if found.len() == 1
        && let Some(only) = found.pop()
    {
        return Ok(only);
    }
    if found.is_empty() {
        let text = format!(
            "failed to find a finding of {named} that is not resolved; see all with: muster finding list --state any \
             --filter 'host_id = {}'",
            hex::encode(&host.host_id)
        );
        return Err(Failure::message(Exit::Negative, text));
    }
    let subjects: Vec<String> = found
        .iter()
        .map(|finding| datum("ListedFinding", finding).at("verdict.subject").cell())
        .map(|subject| format!("--subject {subject}"))
        .collect();
    let text = format!("failed to tell which finding of {named} is meant: add one of {}", subjects.join(", "));
    Err(Failure::message(Exit::Usage, text))
}

/// A finding as one line.
pub(super) fn line(finding: &Datum) -> String {
    let parts = FINDING.columns.iter().filter(|column| !column.wide).map(|column| column.text(finding));
    parts.map(|part| if part.is_empty() { "-".to_owned() } else { part }).collect::<Vec<_>>().join("  ")
}
