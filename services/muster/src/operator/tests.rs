//! The command line against a gateway in this process that gives canned answers.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod commands;
mod formats;
mod gateway;
mod help;
mod samples;

use clap::Parser;
use muster_kit::Failure;

use super::{Client, ConnectArgs, Format, OperatorCommand, Output, OutputArgs, run_with};
use gateway::{Canned, serve};

/// The command line as `main` puts it together.
#[derive(Debug, Parser)]
#[command(name = "muster", disable_version_flag = true, term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: OperatorCommand,
    #[command(flatten)]
    connect: ConnectArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// What a command did.
#[derive(Debug)]
struct Ran {
    exit: u8,
    data: String,
    talk: String,
    /// What the gateway was asked, in order.
    asked: Vec<String>,
}

impl Ran {
    /// As a golden shows it.
    fn golden(&self) -> String {
        format!("{}--- talk\n{}--- exit {}\n", self.data, self.talk, self.exit)
    }
}

/// Runs a command line against canned answers, on a terminal of a width (`None`: no terminal).
async fn run_at(width: Option<u16>, canned: Canned, line: &[&str]) -> Ran {
    let gateway = serve(canned).await;
    let cli = Cli::try_parse_from(std::iter::once("muster").chain(line.iter().copied())).unwrap();
    let (mut output, data, talk) = Output::captured(cli.output.output, width);
    let connect = ConnectArgs { address: Some(gateway.address.clone()), ..cli.connect };
    let done = async {
        let client = Client::connect(&connect).await?;
        run_with(cli.command, &client, &mut output).await
    };
    let (exit, told) = match Box::pin(done).await {
        Ok(exit) => (exit.code(), String::new()),
        Err(failure) => (Failure::exit(&failure).code(), format!("{failure}\n")),
    };
    let talk = (talk.text() + &told).replace(&gateway.address, "http://GATEWAY");
    Ran { exit, data: data.text().replace(&gateway.address, "http://GATEWAY"), talk, asked: gateway.asked() }
}

async fn run(canned: Canned, line: &[&str]) -> Ran {
    run_at(None, canned, line).await
}

const FORMS: [(&str, Format); 6] = [
    ("table", Format::Table),
    ("wide", Format::Wide),
    ("json", Format::Json),
    ("jsonl", Format::Jsonl),
    ("yaml", Format::Yaml),
    ("csv", Format::Csv),
];
