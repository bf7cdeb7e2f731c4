//! `muster serve SERVICE`: one service, until it is told to stop.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use muster_kit::config::{ConfigSources, load, parse_override, print_config};
use muster_kit::{Context, Failure, launch};

use crate::config::MusterConfig;

/// Version of the build.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What `--check-config` says when nothing is wrong.
pub(super) const GOOD: &str = "the configuration is good\n";

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum ServiceName {
    /// Streams to rows, exactly once
    Recorder,
    /// What is due becomes sweeps, audits and orders
    Scheduler,
    /// What was seen and declared becomes verdicts
    Evaluator,
    /// Feeds become bulletins, each revision once
    Watcher,
    /// Answers over gRPC; commands become events
    Gateway,
    /// Leases become slices of what was found, each once
    Scanner,
}

impl ServiceName {
    /// All of them, in the order in which one machine starts them.
    pub const ALL: &[Self] =
        &[Self::Recorder, Self::Scheduler, Self::Evaluator, Self::Watcher, Self::Gateway, Self::Scanner];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recorder => "recorder",
            Self::Scheduler => "scheduler",
            Self::Evaluator => "evaluator",
            Self::Watcher => "watcher",
            Self::Gateway => "gateway",
            Self::Scanner => "scanner",
        }
    }
}

/// Where a configuration comes from.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// TOML file with the configuration
    #[arg(long, value_name = "FILE", env = "MUSTER_CONFIG")]
    pub config: Option<PathBuf>,
    /// Overrides one setting, for example --set kit.log.filter=debug
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl ConfigArgs {
    /// Reads all layers.
    ///
    /// # Errors
    /// The first thing wrong, in one line.
    pub fn load(&self) -> Result<MusterConfig, Failure> {
        let overrides = self.set.iter().map(|text| parse_override(text)).collect::<Result<_, _>>()?;
        Ok(load(ConfigSources { file: self.config.clone(), overrides })?)
    }
}

/// Arguments of `muster serve`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  muster serve recorder --config muster.toml\n  muster serve scanner --set scanner.sites=dublin --check-config"
)]
pub struct ServeArgs {
    /// Which service
    pub service: ServiceName,
    #[command(flatten)]
    config: ConfigArgs,
    /// Checks the configuration and starts nothing
    #[arg(long)]
    check_config: bool,
    /// Prints the configuration in force, secrets as ***, and starts nothing
    #[arg(long)]
    print_config: bool,
    /// Stops when standard input ends: for a supervisor that may be killed
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
}

/// Runs one service.
#[must_use]
pub fn serve(args: &ServeArgs) -> ExitCode {
    let config = match args.config.load() {
        Ok(config) => config,
        Err(failure) => return crate::process::complain(&failure),
    };
    if args.print_config {
        return match print_config(&config) {
            Ok(text) => crate::process::say(&text),
            Err(error) => crate::process::complain(&error.into()),
        };
    }
    if args.check_config {
        return match config.check() {
            Ok(()) => crate::process::say(GOOD),
            Err(failure) => crate::process::complain(&failure),
        };
    }
    let kit = config.kit.clone();
    let stop_with_stdin = args.stop_with_stdin;
    match args.service {
        ServiceName::Recorder => launch("recorder", VERSION, &kit, move |context| async move {
            watch_stdin(stop_with_stdin, &context);
            let MusterConfig { kit, bus, store, recorder, .. } = config;
            let config = muster_recorder::Config { kit, bus, store, recorder };
            Box::pin(muster_recorder::Service::new(config, &context).await?.run(context)).await
        }),
        ServiceName::Scheduler => launch("scheduler", VERSION, &kit, move |context| async move {
            watch_stdin(stop_with_stdin, &context);
            let MusterConfig { kit, bus, scheduler, .. } = config;
            let config = muster_scheduler::Config { kit, bus, scheduler };
            Box::pin(muster_scheduler::Service::new(config, &context).await?.run(context)).await
        }),
        ServiceName::Evaluator => launch("evaluator", VERSION, &kit, move |context| async move {
            watch_stdin(stop_with_stdin, &context);
            let MusterConfig { kit, bus, store, evaluator, .. } = config;
            let config = muster_evaluator::Config { kit, bus, store, evaluator };
            Box::pin(muster_evaluator::Service::new(config, &context).await?.run(context)).await
        }),
        ServiceName::Watcher => launch("watcher", VERSION, &kit, move |context| async move {
            watch_stdin(stop_with_stdin, &context);
            let MusterConfig { kit, bus, watcher, .. } = config;
            let config = muster_watcher::Config { kit, bus, watcher };
            Box::pin(muster_watcher::Service::new(config, &context).await?.run(context)).await
        }),
        ServiceName::Gateway => launch("gateway", VERSION, &kit, move |context| async move {
            watch_stdin(stop_with_stdin, &context);
            let MusterConfig { kit, bus, store, gateway, .. } = config;
            let config = muster_gateway::Config { kit, bus, store, gateway };
            Box::pin(muster_gateway::Service::new(config, &context).await?.run(context)).await
        }),
        ServiceName::Scanner => launch("scanner", VERSION, &kit, move |context| async move {
            watch_stdin(stop_with_stdin, &context);
            let MusterConfig { kit, bus, scanner, fingerprints, .. } = config;
            let config = muster_scanner::Config { kit, bus, scanner, fingerprints };
            Box::pin(muster_scanner::Service::new(config, &context).await?.run(context)).await
        }),
    }
}

/// A supervisor holds the other end of standard input: when it is gone, however it went, so are we.
fn watch_stdin(wanted: bool, context: &Context) {
    if !wanted || std::io::stdin().is_terminal() {
        return;
    }
    let shutdown = context.shutdown.clone();
    // A thread, not a task: a blocked read of standard input would hold the runtime's end.
    std::thread::spawn(move || {
        let mut byte = [0];
        while matches!(std::io::stdin().read(&mut byte), Ok(1..)) {}
        shutdown.request("the supervisor is gone");
    });
}
