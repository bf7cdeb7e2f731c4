//! `muster report`: gathers what a report says, and writes its page.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use muster_kit::{Exit, Failure, OrExit};
use muster_proto::v1::{
    AliveBy, GetDrawRequest, Host, ListHostsRequest, ListSitesRequest, ListSweepsRequest, ListVerdictsRequest,
    ListedVerdict, SummarizeSitesRequest, VerifyRequest,
};

use super::client::Client;
use super::finding;
use super::output::{Output, check_document, document};
use super::text::{self, quoted};
use crate::report::{Audit, Coverage, FindingItem, Ledger, NextStep, ReportData, SilentAsset, SiteFigures, render};

pub(super) const EXAMPLES: &str = "\
Examples:
  muster report --file report.html
  muster report -o json | jq .sites";

/// Findings that a page shows.
const FINDINGS: i32 = 25;
const SHOWN: usize = FINDINGS.unsigned_abs() as usize;
/// Silent assets that a page shows.
const SILENT: i32 = 100;
/// Ids of one filter: the gateway takes 50 comparisons.
const IDS_MAX: usize = 50;
/// The largest page of the gateway: above the sites, and the hosts of one filter.
const PAGE: i32 = 1000;

/// Where the page goes.
#[derive(Debug, Clone, Args)]
pub struct PageArgs {
    /// The page to write; with -o json the data goes to standard output instead
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    pub file: PathBuf,
}

pub(super) async fn run(args: PageArgs, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    check_document(output.format(), "the report")?;
    let data = Box::pin(gather(client, "Muster report", 0)).await?;
    if let Some(text) = document(output.format(), "the report", &data)? {
        output.raw(&text)?;
        return Ok(Exit::Ok);
    }
    std::fs::write(&args.file, render(&data))
        .map_err(|error| anyhow::anyhow!("failed to write {}: {error}", args.file.display()))
        .or_exit(Exit::CannotCreate)?;
    output.line(&args.file.display().to_string())?;
    Ok(Exit::Ok)
}

/// What the gateway knows, as a report says it. The story and further steps are the caller's to add.
///
/// `at_least_sequence` waits for the effect of an earlier command; 0 does not.
///
/// # Errors
/// When a call fails that the caller has the role for; a draw or ledger that it has no role for is left out.
pub async fn gather(client: &Client, title: &str, at_least_sequence: u64) -> Result<ReportData, Failure> {
    let mut sites = figures(client, at_least_sequence).await?;
    notes(client, &mut sites).await?;
    for site in &mut sites {
        site.coverage = last_sweep(client, &site.site).await?;
    }
    let findings = worst(client, at_least_sequence).await?;
    let silent = silent(client, at_least_sequence).await?;
    Ok(ReportData {
        title: title.to_owned(),
        generated_at: Timestamp::now().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        findings_open: sites.iter().map(|site| site.findings_open).sum(),
        next: next(client, &sites, &findings),
        sites,
        findings,
        silent,
        audit: last_audit(client).await?,
        ledger: ledger(client).await?,
        story: Vec::new(),
    })
}

async fn figures(client: &Client, at_least_sequence: u64) -> Result<Vec<SiteFigures>, Failure> {
    let request = client.request(SummarizeSitesRequest { at_least_sequence });
    let answer = client.answer("summarize the sites", client.hosts().summarize_sites(request).await)?;
    Ok(answer.sites.iter().map(SiteFigures::from).collect())
}

/// What a reader has to know of a site: here, that nothing but an open port counts.
async fn notes(client: &Client, sites: &mut [SiteFigures]) -> Result<(), Failure> {
    let request = client.request(ListSitesRequest { page_size: PAGE, page_token: String::new() });
    let answer = client.answer("list sites", client.estate().list_sites(request).await)?;
    for document in answer.sites {
        if document.alive_by() == AliveBy::OpenPort
            && let Some(site) = sites.iter_mut().find(|site| site.site == document.site)
        {
            "a host counts as seen when a port is open (alive_by = open-port): here something answers for every \
             address, so a refusal proves nothing"
                .clone_into(&mut site.note);
        }
    }
    Ok(())
}

async fn last_sweep(client: &Client, site: &str) -> Result<Option<Coverage>, Failure> {
    let request = ListSweepsRequest {
        filter: format!("site = {} AND running = false", quoted(site)),
        page_size: 1,
        page_token: String::new(),
        at_least_sequence: 0,
    };
    let answer = client.sweeps().list_sweeps(client.request(request)).await;
    let answer = client.answer("list sweeps", answer)?;
    Ok(answer.sweeps.first().map(Coverage::from))
}

/// The reasons, the worst first: what nobody answers for. What is not among them comes after them.
const REASONS: [&str; 7] =
    ["rogue", "unapproved-service", "misplaced", "no-owner", "absent", "no-support-group", "no-base-image"];

/// How bad a reason is, for the order of the page.
fn rank(finding: &FindingItem) -> usize {
    let place = REASONS.iter().position(|reason| *reason == finding.reason).unwrap_or(REASONS.len());
    if finding.outcome == "unknown" { place + REASONS.len() + 1 } else { place }
}

/// One filter for each rank: the gateway lists findings by site and id, so the worst are asked for reason by reason.
/// What is unknown comes after all that fails.
fn ranked() -> Vec<String> {
    let each = REASONS.map(|reason| format!("outcome != \"unknown\" AND reason = \"{reason}\""));
    let known = REASONS.map(|reason| format!("reason != \"{reason}\"")).join(" AND ");
    let rest = [format!("outcome != \"unknown\" AND {known}"), "outcome = \"unknown\"".to_owned()];
    each.into_iter().chain(rest).map(|filter| format!("state = \"open\" AND {filter}")).collect()
}

async fn worst(client: &Client, at_least_sequence: u64) -> Result<Vec<FindingItem>, Failure> {
    let mut findings: Vec<FindingItem> = Vec::new();
    for filter in ranked() {
        let (found, _) = finding::page(client, &filter, FINDINGS, String::new(), at_least_sequence, None).await?;
        // One that changed between two calls may be in both.
        for item in found.iter().map(FindingItem::from) {
            if findings.iter().all(|known| known.finding_id != item.finding_id) {
                findings.push(item);
            }
        }
        if findings.len() >= SHOWN {
            break;
        }
    }
    findings
        .sort_by(|a, b| (rank(a), &a.site, &a.address, &a.subject).cmp(&(rank(b), &b.site, &b.address, &b.subject)));
    findings.truncate(SHOWN);
    Ok(findings)
}

async fn silent(client: &Client, at_least_sequence: u64) -> Result<Vec<SilentAsset>, Failure> {
    let request = ListVerdictsRequest {
        filter: "subject = \"seen\" AND outcome = \"unknown\"".to_owned(),
        page_size: SILENT,
        page_token: String::new(),
        at_least_sequence,
        as_of: None,
    };
    let answer = client.verdicts().list_verdicts(client.request(request)).await;
    let verdicts = client.answer("list verdicts", answer)?.verdicts;
    let mut silent = Vec::new();
    for chunk in verdicts.chunks(IDS_MAX) {
        let hosts = hosts_of(client, chunk).await?;
        silent.extend(chunk.iter().map(|listed| silent_asset(listed, &hosts)));
    }
    Ok(silent)
}

/// What the hosts of verdicts are called.
async fn hosts_of(client: &Client, verdicts: &[ListedVerdict]) -> Result<Vec<Host>, Failure> {
    let ids: Vec<String> = verdicts
        .iter()
        .filter_map(|listed| listed.verdict.as_ref())
        .map(|verdict| format!("host_id = {}", hex::encode(&verdict.host_id)))
        .collect();
    let request = ListHostsRequest { filter: ids.join(" OR "), page_size: PAGE, ..ListHostsRequest::default() };
    let answer = client.hosts().list_hosts(client.request(request)).await;
    Ok(client.answer("list hosts", answer)?.hosts)
}

fn silent_asset(listed: &ListedVerdict, hosts: &[Host]) -> SilentAsset {
    let verdict = listed.verdict.clone().unwrap_or_default();
    let host = hosts.iter().find(|host| host.host_id == verdict.host_id).cloned().unwrap_or_default();
    let last_seen = verdict.evidence.iter().find(|fact| fact.path == "host.last_seen" && fact.value != "never");
    SilentAsset {
        site: listed.site.clone(),
        address: text::address(&listed.address),
        key: host.asset_key,
        name: host.name,
        owner: host.owner,
        last_seen: last_seen.map(|fact| fact.value.clone()).unwrap_or_default(),
        reason: verdict.reason,
    }
}

async fn last_audit(client: &Client) -> Result<Option<Audit>, Failure> {
    let request = ListSweepsRequest { page_size: 1, ..ListSweepsRequest::default() };
    let answer = client.answer("list audits", client.audits().list_audits(client.request(request)).await)?;
    let Some(sweep) = answer.sweeps.first() else { return Ok(None) };
    let request = GetDrawRequest { draw_id: sweep.draw_id.clone(), at_least_sequence: 0 };
    let answer = client.audits().get_draw(client.request(request)).await;
    let draw = unless_refused(client.answer("show the draw", answer))?;
    Ok(draw.as_ref().map(Audit::from))
}

async fn ledger(client: &Client) -> Result<Option<Ledger>, Failure> {
    let answer = client.ledger().verify(client.request(VerifyRequest {})).await;
    let books = unless_refused(client.answer("verify the books", answer))?;
    Ok(books.as_ref().map(Ledger::from))
}

/// Draws and books are not for every role; a page without them is still one.
fn unless_refused<T>(answer: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if failure.exit() == Exit::Permission => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn next(client: &Client, sites: &[SiteFigures], findings: &[FindingItem]) -> Vec<NextStep> {
    let step = |text: &str, command: String| NextStep { text: text.to_owned(), command };
    let mut steps = Vec::new();
    if let Some(site) = sites.iter().max_by_key(|site| site.findings_open) {
        steps.push(step("see what is open", format!("muster finding list --site {}", site.site)));
    }
    if let Some(finding) = findings.first() {
        steps.push(step("see the worst host", format!("muster host show {}/{}", finding.site, finding.address)));
    }
    steps.push(step("check the books again", "muster verify".to_owned()));
    steps.push(step("the gRPC API", client.address().to_owned()));
    steps
}
