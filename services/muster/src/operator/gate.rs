//! `muster gate`: a server out of the build against the manifest of its role.

mod sarif;

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use muster_bus::convert::network::address_to_proto;
use muster_kit::{Exit, Failure};
use muster_proto::v1::{Gate, GateLine, GetGateRequest, Outcome, RequestGateRequest, RequestGateResponse};
use tokio::time::{Instant, sleep};

use super::client::Client;
use super::columns::{GATE, GATE_LINE};
use super::datum::datum;
use super::names::{self, HostName, Ports};
use super::output::{Format, Output};
use super::sweep::{WaitArgs, port_ranges, repeat, wait};
use super::text::{address, proto_word, visible};

pub(super) const EXAMPLES: &str = "\
Looks at every TCP port. 0: what runs is what the estate approves for the role; 1: it is not, or the look does not say.

Examples:
  muster gate 10.9.0.17 --role web
  muster gate build/10.9.0.17 --role web --zone dmz -o sarif > gate.sarif
  muster gate 10.9.0.17 --role web --ports tcp/1-1024 -o json";

/// A look that takes longer is said to, with what would make it shorter.
const LONG: Duration = Duration::from_secs(120);
/// The rows of a look may be stored after its end.
const STORED_WITHIN: Duration = Duration::from_secs(20);
/// Between two questions for them.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Which server, and what it is to be.
#[derive(Debug, Clone, Args)]
pub struct GateArgs {
    /// ADDRESS or SITE/ADDRESS
    #[arg(value_name = "HOST", value_parser = names::host)]
    pub host: HostName,
    /// The role whose manifest it has to equal
    #[arg(long, value_name = "ROLE")]
    pub role: String,
    /// The zone it goes to [default: the one that approves something for the role]
    #[arg(long, value_name = "ZONE", default_value = "", hide_default_value = true)]
    pub zone: String,
    /// Ports, such as tcp/1-1024 [default: every TCP port]
    #[arg(long, value_parser = names::ports)]
    pub ports: Option<Ports>,
    #[command(flatten)]
    pub wait: GateWaitArgs,
}

/// How long to wait.
#[derive(Debug, Clone, Args)]
pub struct GateWaitArgs {
    /// How long to wait at most
    #[arg(long, value_name = "SPAN", value_parser = names::span, default_value = "2h")]
    pub wait_at_most: jiff::SignedDuration,
    /// Id of the request: the same id twice is one look [default: random]
    #[arg(long, value_name = "ID")]
    pub request_id: Option<muster_ids::RequestId>,
}

pub(super) async fn run(args: GateArgs, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    let HostName::Address { site, address } = &args.host else {
        return Err(Failure::message(Exit::Usage, "a host is named by its address here: ADDRESS or SITE/ADDRESS"));
    };
    let waits = WaitArgs { wait: true, wait_at_most: args.wait.wait_at_most, request_id: args.wait.request_id };
    let id = waits.id()?;
    let request = RequestGateRequest {
        site: site.clone(),
        address: address_to_proto(*address),
        role: args.role.clone(),
        zone: args.zone.clone(),
        ports: port_ranges(args.ports.as_ref()),
        request_id: id.to_vec(),
    };
    let what = format!("look at {}", args.host);
    let answer = client.gates().request_gate(client.request(request)).await;
    let asked = client.answer(&what, answer).map_err(|failure| repeat(failure, id))?;
    output.say(&promise(&asked));
    let sequence = asked.mutation.as_ref().map_or(0, |mutation| mutation.sequence);
    wait(&asked.sweep_id, sequence, waits.deadline(), client, output).await?;
    let gate = judged(&asked, &what, client).await?;
    show(&gate, output)?;
    Ok(if gate.outcome() == Outcome::Pass { Exit::Ok } else { Exit::Negative })
}

/// What is about to happen, and what would make it shorter.
fn promise(asked: &RequestGateResponse) -> String {
    let host = format!("{}/{}", asked.site, address(&asked.address));
    let mut text = format!(
        "looks at {} ports of {host} at {} packets a second, as role {:?} in zone {:?}",
        asked.ports, asked.rate_pps, asked.role, asked.zone
    );
    let expected = asked.expected.and_then(|expected| Duration::try_from(expected).ok());
    if let Some(expected) = expected {
        let span = jiff::SignedDuration::try_from(expected).unwrap_or_default();
        let _ = write!(text, ": about {}", muster_estate::words::format_duration(span));
    }
    if expected.is_some_and(|expected| expected > LONG) && !asked.build_rate {
        text.push_str(
            "; a zone of class build gets a rate of its own from rate_build_pps in the site's scope (1500: a minute)",
        );
    }
    visible(&text)
}

/// The judgement, once everything that the look saw is stored.
async fn judged(asked: &RequestGateResponse, what: &str, client: &Client) -> Result<Gate, Failure> {
    let deadline = Instant::now() + STORED_WITHIN;
    loop {
        let request = GetGateRequest {
            sweep_id: asked.sweep_id.clone(),
            address: asked.address.clone(),
            role: asked.role.clone(),
            zone: asked.zone.clone(),
            at_least_sequence: 0,
        };
        let answer = client.gates().get_gate(client.request(request)).await;
        let gate = client.answer(what, answer)?;
        if gate.reason != "not-finished" || Instant::now() > deadline {
            return Ok(gate);
        }
        sleep(ASK_EVERY).await;
    }
}

fn show(gate: &Gate, output: &mut Output) -> Result<(), Failure> {
    if output.format() == Format::Sarif {
        let text = serde_json::to_string_pretty(&sarif::of(gate)).map_err(anyhow::Error::from)?;
        return output.raw(&format!("{text}\n"));
    }
    if output.for_people() {
        let lines: Vec<_> = gate.lines.iter().map(|line| datum("GateLine", line)).collect();
        output.list(&GATE_LINE, &lines)?;
        return output.line(&verdict(gate));
    }
    if output.format() == Format::Csv {
        let lines: Vec<_> = gate.lines.iter().map(|line| datum("GateLine", line)).collect();
        return output.list(&GATE_LINE, &lines);
    }
    output.one(&GATE, &datum("Gate", gate))
}

/// The answer in words.
fn verdict(gate: &Gate) -> String {
    let sweep = gate.sweep.clone().unwrap_or_default();
    let coverage = sweep.coverage.unwrap_or_default();
    let host = visible(&format!("{}/{}", sweep.site, address(&gate.address)));
    let deviations = gate.lines.iter().filter(|line| line.deviates);
    let (open, closed): (Vec<_>, Vec<_>) = deviations.partition(|line| line.open);
    let looked = format!(
        "{} of {} ports said whether they are open, {} were silent",
        coverage.open + coverage.closed,
        coverage.planned,
        coverage.silent
    );
    match gate.outcome() {
        Outcome::Pass => format!("pass: {host} is as role {:?} in zone {:?} declares; {looked}", gate.role, gate.zone),
        Outcome::Fail => {
            let mut why = Vec::new();
            if !open.is_empty() {
                why.push(format!("not approved: {}", ports(&open)));
            }
            if !closed.is_empty() {
                why.push(format!("missing: {}", ports(&closed)));
            }
            format!(
                "fail: {host} is not what role {:?} in zone {:?} declares; {}",
                gate.role,
                gate.zone,
                why.join("; ")
            )
        }
        Outcome::Unknown | Outcome::NotApplicable | Outcome::Unspecified => {
            let why = match gate.reason.as_str() {
                "void" => format!("the sweep is void: {}", visible(&sweep.void_reason)),
                "no-answer" => "the host did not answer at all".to_owned(),
                "not-looked-at" => format!("{} ports were not looked at", coverage.skipped + coverage.lost),
                _ => "the look is not over".to_owned(),
            };
            format!("unknown: {host}: {why}; {looked}")
        }
    }
}

/// The first of them in words.
fn ports(lines: &[&GateLine]) -> String {
    let named =
        |line: &&GateLine| format!("{}/{}", proto_word(line.transport().as_str_name(), "TRANSPORT_"), line.port);
    let mut text = lines.iter().take(10).map(named).collect::<Vec<_>>().join(", ");
    if lines.len() > 10 {
        let _ = write!(text, " and {} more", lines.len() - 10);
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use muster_proto::v1::{Coverage, Fingerprint, Sweep, Transport};

    use super::sarif::of as sarif;
    use super::*;

    fn gate(outcome: Outcome, reason: &str, deviates: bool) -> Gate {
        let line = |port, open, deviates| GateLine {
            transport: Transport::Tcp.into(),
            port,
            open,
            approved: open != deviates,
            deviates,
            approval_reason: String::new(),
            fingerprint: open.then(|| Fingerprint { product: "Telnet\u{1b}[31m".to_owned(), ..Fingerprint::default() }),
        };
        let coverage = Coverage { planned: 100, open: 2, closed: 97, silent: 1, ..Coverage::default() };
        Gate {
            sweep: Some(Sweep { site: "build".to_owned(), coverage: Some(coverage), ..Sweep::default() }),
            address: vec![10, 9, 0, 17],
            role: "web".to_owned(),
            zone: "dmz".to_owned(),
            outcome: outcome.into(),
            reason: reason.to_owned(),
            estate_revision: 3,
            lines: vec![line(22, true, false), line(23, true, deviates), line(443, !deviates, deviates)],
        }
    }

    #[test]
    fn the_answer_says_what_deviates() {
        let text = verdict(&gate(Outcome::Fail, "unapproved-service", true));
        assert_eq!(
            text,
            "fail: build/10.9.0.17 is not what role \"web\" in zone \"dmz\" declares; not approved: tcp/23; missing: tcp/443"
        );
        let text = verdict(&gate(Outcome::Pass, "as-declared", false));
        assert!(
            text.starts_with("pass: ") && text.ends_with("99 of 100 ports said whether they are open, 1 were silent")
        );
        let text = verdict(&gate(Outcome::Unknown, "no-answer", false));
        assert!(text.starts_with("unknown: build/10.9.0.17: the host did not answer at all"), "{text}");
    }

    #[test]
    fn sarif_has_a_result_for_each_deviation_and_one_where_nothing_is_known() {
        let found = sarif(&gate(Outcome::Fail, "unapproved-service", true));
        let results = found["runs"][0]["results"].as_array().unwrap();
        let ids: Vec<_> = results.iter().map(|result| result["ruleId"].as_str().unwrap()).collect();
        assert_eq!(ids, ["unapproved-service", "missing-service"]);
        assert_eq!(results[0]["locations"][0]["logicalLocations"][0]["fullyQualifiedName"], "build/10.9.0.17/tcp/23");
        assert!(sarif(&gate(Outcome::Pass, "as-declared", false))["runs"][0]["results"].as_array().unwrap().is_empty());
        let unknown = sarif(&gate(Outcome::Unknown, "void", false));
        assert_eq!(unknown["runs"][0]["results"][0]["ruleId"], "undecided");
    }

    #[test]
    fn a_slow_look_says_what_would_make_it_faster() {
        let asked = RequestGateResponse {
            site: "build".to_owned(),
            address: vec![10, 9, 0, 17],
            role: "web".to_owned(),
            zone: "dmz".to_owned(),
            ports: 65_547,
            rate_pps: 40,
            expected: Some(prost_types::Duration { seconds: 1_639, nanos: 0 }),
            ..RequestGateResponse::default()
        };
        let text = promise(&asked);
        assert!(text.contains("about 27m19s") && text.contains("rate_build_pps"), "{text}");
        let quick = RequestGateResponse { expected: Some(prost_types::Duration { seconds: 44, nanos: 0 }), ..asked };
        assert!(!promise(&quick).contains("rate_build_pps"));
    }
}
