//! `muster dead`: what could not be read, and what can be done with it.

use std::path::Path;

use clap::Subcommand;
use muster_bus::{Bus, Received, ReplayError, Stream, dead_letter, replay};
use muster_kit::{Exit, Failure};
use muster_proto::v1::DeadLetter;

use super::super::serve::ConfigArgs;
use super::{admin_config, connect_bus};
use crate::operator::{Format, Letter, Output, OutputArgs};

/// What can be done with dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadCommand {
    /// Lists dead letters, the oldest first
    List {
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Shows one, with its bytes
    Show {
        /// Its sequence in DEAD
        sequence: u64,
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// Publishes its bytes again where they came from, for a version that can read them
    Replay {
        /// Its sequence in DEAD
        sequence: u64,
        #[command(flatten)]
        config: ConfigArgs,
    },
}

pub(super) async fn dead(command: DeadCommand, data: Option<&Path>, format: Format) -> Result<Exit, Failure> {
    let mut output = Output::standard(&OutputArgs { output: format });
    match command {
        DeadCommand::List { config } => {
            let bus = connect_bus(&admin_config(&config, data)?).await?;
            let info = bus.stream_info(Stream::Dead).await?;
            let mut letters = Vec::new();
            for sequence in info.first_sequence.max(1)..=info.last_sequence {
                if let Some(received) = bus.message_at(Stream::Dead, sequence).await? {
                    letters.push(letter(&received));
                }
            }
            output.letters(&letters)?;
        }
        DeadCommand::Show { sequence, config } => {
            let bus = connect_bus(&admin_config(&config, data)?).await?;
            output.letter(&letter(&fetch(&bus, sequence).await?))?;
        }
        DeadCommand::Replay { sequence, config } => {
            let bus = connect_bus(&admin_config(&config, data)?).await?;
            let received = fetch(&bus, sequence).await?;
            let (letter, at) = replay(&bus, &received).await.map_err(refused)?;
            super::super::talk(&format!("published again on {} as message {at}", letter.subject));
        }
    }
    Ok(Exit::Ok)
}

async fn fetch(bus: &Bus, sequence: u64) -> Result<Received, Failure> {
    let found = bus.message_at(Stream::Dead, sequence).await?;
    found.ok_or_else(|| {
        Failure::message(Exit::Negative, format!("there is no dead letter {sequence}; `muster dead list` lists them"))
    })
}

/// Whatever stands in DEAD is shown: one message there that cannot be read hides no other.
fn letter(received: &Received) -> Letter {
    let letter = dead_letter(received).unwrap_or_else(|error| DeadLetter {
        reason: format!("not a dead letter: {error}"),
        payload: received.payload.clone(),
        payload_size_bytes: received.payload.len() as u64,
        ..DeadLetter::default()
    });
    Letter { sequence: received.sequence, at: received.stored_at, letter }
}

fn refused(error: ReplayError) -> Failure {
    let exit = match &error {
        ReplayError::Unreadable { .. } | ReplayError::Elsewhere { .. } | ReplayError::Cut { .. } => Exit::Data,
        ReplayError::Publish(_) => Exit::Unavailable,
    };
    Failure::new(exit, error)
}
