//! The operator's commands: noun first, verb second (`muster finding list`), each a call of the gateway's gRPC API.
//!
//! Standard output is data in the form that `-o` names; standard error is talk. What a command promises with its exit
//! code stands in [`muster_kit::Exit`]: 1 is an answer that is no, 64 wrong arguments, 65 a wrong input, 66 a missing
//! one, 69 an unreachable gateway, 75 a failure that may pass, 77 a missing credential or permission.

mod apply;
mod audit;
mod bulletin;
mod checks;
mod client;
mod columns;
mod completion;
mod connect;
mod datum;
mod failure;
mod finding;
mod gate;
mod halt;
mod host;
mod input;
mod inventory;
mod letters;
mod listing;
mod names;
mod output;
mod page;
mod progress;
mod seen;
mod sign;
mod site;
mod sweep;
#[cfg(test)]
mod tests;
mod text;
mod triage;
mod verdict;
mod verify;
mod watch;

pub(crate) use checks::Check;
pub use client::Client;
pub use completion::{CompletionArgs, complete};
pub use connect::{ADDRESSES_FILE, Addresses, ConnectArgs, DEFAULT_ADDRESS};
pub(crate) use letters::Letter;
pub use output::{Format, Output, OutputArgs};
pub(crate) use output::{check_document, document};
pub use page::gather;
pub(crate) use text::{address, instant, proto_word, share, share_of, visible};

use clap::Subcommand;
use muster_kit::{Exit, Failure};

/// What an operator asks of a running Muster.
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    /// What does not pass, with its evidence and its life
    #[command(subcommand, after_help = finding::EXAMPLES)]
    Finding(finding::FindingCommand),
    /// What was seen on the network
    #[command(subcommand, after_help = host::EXAMPLES)]
    Host(host::HostCommand),
    /// What the rules say of each host: pass, fail, not applicable or unknown
    #[command(subcommand, after_help = verdict::EXAMPLES)]
    Verdict(verdict::VerdictCommand),
    /// Looks at addresses and ports
    #[command(subcommand, after_help = sweep::EXAMPLES)]
    Sweep(sweep::SweepCommand),
    /// Checks a server out of the build against the manifest of its role
    #[command(after_help = gate::EXAMPLES)]
    Gate(gate::GateArgs),
    /// Looks at hosts drawn by lot
    #[command(subcommand, after_help = audit::EXAMPLES)]
    Audit(audit::AuditCommand),
    /// Sites as declared, and the figures of each
    #[command(subcommand, after_help = site::EXAMPLES)]
    Site(site::SiteCommand),
    /// Makes the estate what files say, after showing the difference
    #[command(after_help = apply::EXAMPLES)]
    Apply(apply::ApplyArgs),
    /// What should be there: the assets of each site
    #[command(subcommand, after_help = inventory::EXAMPLES)]
    Inventory(inventory::InventoryCommand),
    /// What leases, neighbours, switches and sensors saw, beside what the inventory knows
    #[command(subcommand, after_help = seen::EXAMPLES)]
    Seen(seen::SeenCommand),
    /// Security advisories of every feed
    #[command(subcommand, after_help = bulletin::EXAMPLES)]
    Bulletin(bulletin::BulletinCommand),
    /// Stops every packet of a site, or of all
    #[command(after_help = halt::HALT_EXAMPLES)]
    Halt(halt::HaltArgs),
    /// Takes a halt back
    #[command(after_help = halt::RESUME_EXAMPLES)]
    Resume(halt::ResumeArgs),
    /// Checks the books: work done twice is counted once, and nothing is lost
    #[command(after_help = verify::EXAMPLES)]
    Verify,
    /// Writes one self-contained page about all sites
    #[command(after_help = page::EXAMPLES)]
    Report(page::PageArgs),
}

/// Carries a command out.
///
/// # Errors
/// With a text that names the cause and the next step, and the exit code that goes with it.
pub async fn run(command: OperatorCommand, connect: ConnectArgs, mut output: Output) -> Result<Exit, Failure> {
    // A key that signs belongs on a machine that reaches no gateway.
    if let OperatorCommand::Site(site::SiteCommand::Key(args)) = &command {
        return sign::key(args, &mut output);
    }
    if let OperatorCommand::Site(site::SiteCommand::Sign(args)) = &command {
        return sign::sign(args, &mut output);
    }
    let client = Box::pin(Client::connect(&connect)).await?;
    run_with(command, &client, &mut output).await
}

async fn run_with(command: OperatorCommand, client: &Client, output: &mut Output) -> Result<Exit, Failure> {
    // Before anything is done that could not be shown.
    if output.format() == Format::Sarif && !matches!(command, OperatorCommand::Gate(_)) {
        return Err(output::no_sarif("this"));
    }
    let done = match command {
        OperatorCommand::Finding(command) => Box::pin(finding::run(command, client, output)).await,
        OperatorCommand::Host(command) => Box::pin(host::run(command, client, output)).await,
        OperatorCommand::Verdict(command) => Box::pin(verdict::run(command, client, output)).await,
        OperatorCommand::Sweep(command) => Box::pin(sweep::run(command, client, output)).await,
        OperatorCommand::Gate(args) => Box::pin(gate::run(args, client, output)).await,
        OperatorCommand::Audit(command) => Box::pin(audit::run(command, client, output)).await,
        OperatorCommand::Site(command) => Box::pin(site::run(command, client, output)).await,
        OperatorCommand::Apply(args) => Box::pin(apply::run(args, client, output)).await,
        OperatorCommand::Inventory(command) => Box::pin(inventory::run(command, client, output)).await,
        OperatorCommand::Seen(command) => Box::pin(seen::run(command, client, output)).await,
        OperatorCommand::Bulletin(command) => Box::pin(bulletin::run(command, client, output)).await,
        OperatorCommand::Halt(args) => Box::pin(halt::halt(args, client, output)).await,
        OperatorCommand::Resume(args) => Box::pin(halt::resume(args, client, output)).await,
        OperatorCommand::Verify => Box::pin(verify::run(client, output)).await,
        OperatorCommand::Report(args) => Box::pin(page::run(args, client, output)).await,
    };
    match done {
        Err(failure) if output::reader_left(&failure) => Ok(Exit::Ok),
        done => done,
    }
}
