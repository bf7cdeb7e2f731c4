//! What becomes of many hosts at once: which they are, a look before, and what became of each.

use clap::Args;
use muster_ids::{FindingId, HostId};
use muster_kit::{Exit, Failure};
use muster_proto::v1::{Host, ListHostsRequest, SetDispositionRequest};

use super::client::Client;
use super::columns::{DECIDED, HOST};
use super::datum::{Datum, datum};
use super::finding;
use super::host;
use super::listing::{all_of, any_of};
use super::names::{self, HostName};
use super::output::Output;
use super::progress::Progress;
use super::text;

/// More than a person has looked at; a filter that names more is most likely not what was meant.
const HOSTS_MAX: usize = 10_000;
/// A page of hosts.
const PAGE: i32 = 1_000;
/// Hosts of a preview.
const SHOWN: usize = 20;

/// One host, or all that fit a filter.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub struct WhichHosts {
    /// SITE/ADDRESS, ADDRESS or a host id of 32 digits; or --filter for many
    #[arg(value_name = "HOST", value_parser = names::host, required_unless_present = "filter", conflicts_with = "filter")]
    pub host: Option<HostName>,
    /// Every host that fits, for example: address:10.1.0.0/16 AND asset_key = ""
    #[arg(short, long, value_name = "FILTER")]
    pub filter: Option<String>,
    /// Of --filter only hosts of this site; may be repeated
    #[arg(short, long, value_name = "SITE", requires = "filter")]
    pub site: Vec<String>,
    /// Do not ask after the preview
    #[arg(long, requires = "filter")]
    pub yes: bool,
    /// Only the preview
    #[arg(long, requires = "filter", conflicts_with = "yes")]
    pub dry_run: bool,
}

/// What one host gets; `None`: nothing is to be said about it, and why.
pub(super) type Decision = Result<SetDispositionRequest, String>;

/// Decides about one host or many. `decide` says what each gets; it may ask the gateway.
pub(super) async fn run(
    which: &WhichHosts,
    verb: &str,
    client: &Client,
    output: &mut Output,
    decide: impl AsyncFn(&Host) -> Result<Decision, Failure>,
) -> Result<Exit, Failure> {
    if let Some(named) = &which.host {
        let found = host::get(named, 0, client).await?.host.unwrap_or_default();
        let request = decide(&found).await?.map_err(|why| {
            Failure::message(Exit::Negative, format!("failed to {verb} {named}: {why}; see muster host show {named}"))
        })?;
        return finding::set(request, client, output).await;
    }
    let hosts = hosts(which, client).await?;
    if hosts.is_empty() {
        output.say(&format!("no host fits: nothing to {verb}"));
        return Ok(Exit::Negative);
    }
    if which.dry_run || !which.yes {
        preview(&hosts, which.dry_run, output)?;
    }
    if which.dry_run || (!which.yes && !output.agreed(&format!("{verb} {} hosts? [y/N] ", hosts.len()))) {
        output.say("nothing was changed");
        return Ok(if which.dry_run { Exit::Ok } else { Exit::Negative });
    }
    carry_out(&hosts, verb, client, output, decide).await
}

async fn carry_out(
    hosts: &[Host],
    verb: &str,
    client: &Client,
    output: &mut Output,
    decide: impl AsyncFn(&Host) -> Result<Decision, Failure>,
) -> Result<Exit, Failure> {
    let mut bar = Progress::new(output, verb);
    let (mut rows, mut done) = (Vec::new(), 0_usize);
    for (n, host) in hosts.iter().enumerate() {
        bar.set(n as u64, hosts.len() as u64);
        let became = match decide(host).await? {
            Err(why) => Err(why),
            Ok(request) => match client.findings().set_disposition(client.request(request)).await {
                Ok(answer) => Ok(answer.into_inner().mutation.map_or(0, |mutation| mutation.sequence)),
                // One that is refused is told; a gateway that is gone ends it, and what was done stays done.
                Err(status) if status.code() == tonic::Code::Unavailable => {
                    output.list(&DECIDED, &rows)?;
                    return Err(super::failure::of_status(verb, client.address(), &status));
                }
                Err(status) => Err(status.message().to_owned()),
            },
        };
        done += usize::from(became.is_ok());
        rows.push(row(host, became));
    }
    drop(bar);
    output.list(&DECIDED, &rows)?;
    output.say(&format!("{verb}: {done} of {} hosts", hosts.len()));
    Ok(if done == hosts.len() { Exit::Ok } else { Exit::Negative })
}

fn row(host: &Host, became: Result<u64, String>) -> Datum {
    let (sequence, problem) = match became {
        Ok(sequence) => (Datum::Unsigned(sequence), Datum::Null),
        Err(why) => (Datum::Null, Datum::Text(text::visible(&why))),
    };
    Datum::Map(vec![
        ("site".to_owned(), Datum::Text(host.site.clone())),
        ("address".to_owned(), Datum::Text(text::address(&host.address))),
        ("host_id".to_owned(), Datum::Text(hex::encode(&host.host_id))),
        ("sequence".to_owned(), sequence),
        ("problem".to_owned(), problem),
    ])
}

async fn hosts(which: &WhichHosts, client: &Client) -> Result<Vec<Host>, Failure> {
    let filter = all_of([any_of("site", &which.site)], which.filter.as_deref().unwrap_or_default());
    let (mut hosts, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListHostsRequest { filter: filter.clone(), page_size: PAGE, page_token, at_least_sequence: 0 };
        let answer = client.hosts().list_hosts(client.request(request)).await;
        let answer = client.answer("list hosts", answer)?;
        hosts.extend(answer.hosts);
        if hosts.len() > HOSTS_MAX {
            let text = format!("more than {HOSTS_MAX} hosts fit {filter:?}: narrow the filter");
            return Err(Failure::message(Exit::Usage, text));
        }
        if answer.next_page_token.is_empty() {
            return Ok(hosts);
        }
        page_token = answer.next_page_token;
    }
}

/// The first of them as data where that is all that was asked for, and otherwise as talk before the question.
fn preview(hosts: &[Host], only: bool, output: &mut Output) -> Result<(), Failure> {
    if only {
        let rows: Vec<_> = hosts.iter().map(|host| datum("Host", host)).collect();
        return output.list(&HOST, &rows);
    }
    for host in hosts.iter().take(SHOWN) {
        let what = [&host.name, &host.zone, &host.owner].into_iter().filter(|part| !part.is_empty());
        let what = what.map(|part| text::visible(part)).collect::<Vec<_>>().join(", ");
        output.say(&format!("  {}/{}  {what}", text::visible(&host.site), text::address(&host.address)));
    }
    if hosts.len() > SHOWN {
        output.say(&format!("  and {} more; all of them: the same with --dry-run", hosts.len() - SHOWN));
    }
    Ok(())
}

/// The finding that a host is not known.
pub(super) fn known(host: &Host) -> Result<FindingId, Failure> {
    Ok(FindingId::of(HostId::from_bytes(&host.host_id)?, "known"))
}
