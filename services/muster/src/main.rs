//! The command line.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use muster::attempt::{self, TryArgs};
use muster::demo::{self, DemoArgs};
use muster::lab::{self, LabArgs};
use muster::operator::{self, CompletionArgs, ConnectArgs, OperatorCommand, Output, OutputArgs};
use muster::process::{self, AdminCommand, Ending, HealthArgs, ProvisionArgs, ServeArgs, UpArgs};
use muster_kit::{Exit, Failure};

/// Events are decoded into many small pieces that other threads give back: with the allocator of glibc that is two fifths
/// of the evaluator's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Is every system on our networks known, owned, patched, configured as agreed, and audited by surprise?
#[derive(Debug, Parser)]
#[command(name = "muster", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    connect: ConnectArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows the main job on real input, on this machine, in under a minute
    Demo(DemoArgs),
    /// Looks once at a network of yours, read-only and at safe rates
    Try(TryArgs),
    /// Opens listeners that look like products, for a sweep to find
    Lab(LabArgs),
    /// Runs the whole stack on this machine
    Up(UpArgs),
    /// Runs one service
    Serve(ServeArgs),
    /// Brings engines that you run to what Muster declares: streams, buckets, tables
    Provision(ProvisionArgs),
    #[command(flatten)]
    Operator(OperatorCommand),
    #[command(flatten)]
    Admin(AdminCommand),
    /// Asks a service whether it is ready
    Health(HealthArgs),
    /// Prints what a shell needs to complete `muster`
    Completion(CompletionArgs),
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
    let Cli { command, connect, output } = cli;
    let result = match command {
        Command::Serve(args) => return process::serve(&args),
        Command::Engine { arguments } => process::run_engine(&arguments).map(|()| Exit::Ok),
        Command::Demo(args) => return ended(block_on(demo::demo(&args, connect.data, output.output))),
        Command::Try(args) => return ended(block_on(attempt::attempt(&args, connect.data, output.output))),
        Command::Lab(args) => block_on(lab::lab(&args, &mut Output::standard(&output))).map(|()| Exit::Ok),
        Command::Up(args) => block_on(process::up(&args, connect.data)).map(|()| Exit::Ok),
        Command::Provision(args) => block_on(process::provision(&args)).map(|done| {
            for line in done {
                process::talk(&line);
            }
            Exit::Ok
        }),
        Command::Operator(command) => block_on(operator::run(command, connect, Output::standard(&output))),
        Command::Admin(command) => block_on(process::admin(command, connect, output.output)),
        Command::Health(args) => block_on(process::health(&args)),
        Command::Completion(args) => return process::say(&operator::complete(&args, &mut Cli::command())),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => process::complain(&failure),
    }
}

fn ended(result: Result<Ending, Failure>) -> ExitCode {
    result.map_or_else(|failure| process::complain(&failure), ExitCode::from)
}

fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    muster_kit::tls::install_provider();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(Box::pin(future))
}
