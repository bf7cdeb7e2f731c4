//! The command line.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use muster::process::{self, ProvisionArgs, ServeArgs, UpArgs};
use muster_kit::{Exit, Failure};

/// Is every system on our networks known, owned, patched, configured as agreed, and audited by surprise?
#[derive(Debug, Parser)]
#[command(name = "muster", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the whole stack on this machine
    Up(UpArgs),
    /// Runs one service
    Serve(ServeArgs),
    /// Brings engines that you run to what Muster declares: streams, buckets, tables
    Provision(ProvisionArgs),
    /// Runs an embedded engine; `muster up` starts it
    #[command(hide = true)]
    Engine {
        /// Engine and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _closed = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    let result = match cli.command {
        Command::Serve(args) => return process::serve(&args),
        Command::Engine { arguments } => process::run_engine(&arguments),
        Command::Up(args) => block_on(process::up(&args)),
        Command::Provision(args) => block_on(process::provision(&args)).map(|done| {
            for line in done {
                process::talk(&line);
            }
        }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => process::complain(&failure),
    }
}

fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    muster_kit::tls::install_provider();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(Box::pin(future))
}
