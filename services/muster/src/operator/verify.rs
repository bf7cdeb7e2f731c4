//! `muster verify`: the books.

use muster_kit::{Exit, Failure};
use muster_proto::v1::VerifyRequest;

use super::client::Client;
use super::columns::{LEDGER, TABLE};
use super::datum::datum;
use super::output::Output;
use super::text::visible;
use crate::report::Ledger;

pub(super) const EXAMPLES: &str = "\
Issued orders are finished, failed, dead or in flight; the rows that slices carry stand in the store; no row stands
there twice. Exits with 0 when all of it holds, with 1 when not.

Examples:
  muster verify
  muster verify -o json | jq .problems";

pub(super) async fn run(client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    let answer = client.ledger().verify(client.request(VerifyRequest {})).await;
    let answer = client.answer("verify the books", answer)?;
    let shown = datum("VerifyResponse", &answer);
    if output.for_people() {
        for line in Ledger::from(&answer).lines() {
            output.line(&line)?;
        }
        output.line("")?;
        output.list(&TABLE, shown.at("tables").items())?;
        for problem in &answer.problems {
            output.line(&format!("! {}", visible(problem)))?;
        }
    } else {
        output.one(&LEDGER, &shown)?;
    }
    Ok(if answer.balanced { Exit::Ok } else { Exit::Negative })
}
