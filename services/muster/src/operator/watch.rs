//! `muster finding watch`: findings as they stand, then every change, across broken connections without a gap.

use std::time::Duration;

use clap::Args;
use muster_kit::{Exit, Failure};
use muster_proto::v1::watch_findings_response::Event;
use muster_proto::v1::{WatchFindingsRequest, WatchFindingsResponse};
use tonic::{Code, Request, Status};

use super::client::Client;
use super::datum::datum;
use super::failure;
use super::finding::{StateArg, WhichArgs, line};
use super::output::{Format, Output};
use super::text::visible;

/// First pause after a lost connection; it doubles up to the last.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
const PAUSE_LAST: Duration = Duration::from_secs(15);
/// Tries in a row before it is given up: 0.5 + 1 + 2 + 4 + 8 + 15 + 15 + 15 s, about a minute.
const TRIES: u32 = 8;

/// What is followed.
#[derive(Debug, Clone, Args)]
pub struct WatchArgs {
    /// Only what fits, for example: reason = "rogue"
    #[arg(short, long, value_name = "FILTER", default_value = "", hide_default_value = true)]
    pub filter: String,
    /// Only of this site; may be repeated
    #[arg(short, long, value_name = "SITE")]
    pub site: Vec<String>,
    /// Only for this reason; may be repeated
    #[arg(long)]
    pub reason: Vec<String>,
    /// Go on after this token, which an earlier watch printed
    #[arg(long, value_name = "TOKEN", default_value = "", hide_default_value = true)]
    pub resume: String,
    /// End when the findings as they stand are complete
    #[arg(long)]
    pub once: bool,
}

/// How far a watch came.
struct Follow<'a> {
    args: &'a WatchArgs,
    token: String,
    /// Tries since the last event.
    tries: u32,
}

pub(super) async fn run(args: &WatchArgs, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    if matches!(output.format(), Format::Json | Format::Yaml | Format::Csv | Format::Sarif) {
        let text = "failed to watch findings: a watch has no end, so it is a line a change; use -o jsonl or -o table";
        return Err(Failure::message(Exit::Usage, text));
    }
    let which = WhichArgs { site: args.site.clone(), state: StateArg::Any, reason: args.reason.clone() };
    let filter = which.filter(&args.filter);
    let mut follow = Follow { args, token: args.resume.clone(), tries: 0 };
    let mut pause = PAUSE_FIRST;
    loop {
        let ended = follow.connection(&filter, client, output).await?;
        let Some(status) = ended else { return Ok(Exit::Ok) };
        if follow.tries == 0 {
            pause = PAUSE_FIRST;
        }
        follow.tries += 1;
        if !passing(&status) || follow.tries > TRIES {
            if !follow.token.is_empty() {
                output.say(&format!("go on with: muster finding watch --resume {}", follow.token));
            }
            return Err(failure::of_status("watch findings", client.address(), &status));
        }
        output.say(&format!("lost the gateway ({}), going on in {} ms", visible(status.message()), pause.as_millis()));
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_LAST);
    }
}

/// Whether the same call may work later.
fn passing(status: &Status) -> bool {
    match failure::reason(status).as_str() {
        "MUS-5002" | "MUS-6003" | "MUS-6004" | "MUS-6006" => true,
        "" => matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled | Code::Ok),
        _ => false,
    }
}

impl Follow<'_> {
    /// One connection: `None` when the watch is over, else why it broke.
    async fn connection(
        &mut self,
        filter: &str,
        client: &Client,
        output: &mut Output,
    ) -> Result<Option<Status>, Failure> {
        let request = WatchFindingsRequest { filter: filter.to_owned(), resume_token: self.token.clone() };
        let mut stream = match client.findings().watch_findings(Request::new(request)).await {
            Ok(answer) => answer.into_inner(),
            Err(status) => return Ok(Some(status)),
        };
        loop {
            match stream.message().await {
                Ok(Some(message)) => {
                    self.tries = 0;
                    if self.take(&message, output)? {
                        return Ok(None);
                    }
                }
                Ok(None) => return Ok(Some(Status::unavailable("the gateway ended the stream"))),
                Err(status) => return Ok(Some(status)),
            }
        }
    }

    /// Prints a message. The token counts once it is printed.
    fn take(&mut self, message: &WatchFindingsResponse, output: &mut Output) -> Result<bool, Failure> {
        if output.for_people() {
            if let Some(Event::Finding(finding)) = &message.event {
                output.line(&visible(&line(&datum("ListedFinding", finding))))?;
            }
        } else {
            output.json_line(&datum("WatchFindingsResponse", message))?;
        }
        if !message.resume_token.is_empty() {
            self.token.clone_from(&message.resume_token);
        }
        let complete = matches!(&message.event, Some(Event::Bookmark(bookmark)) if bookmark.snapshot_complete);
        if complete && self.args.once {
            output.say(&format!("complete; go on with: muster finding watch --resume {}", self.token));
        }
        Ok(complete && self.args.once)
    }
}
