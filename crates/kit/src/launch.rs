//! The one path of every process: check, bind, log the bound addresses, run, drain, flush.

mod addresses;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::process::ExitCode;

use crate::exit::{Exit, Failure};
use crate::health::{Admin, Readiness};
use crate::settings::KitConfig;
use crate::shutdown::{Shutdown, drain};
use crate::supervise::Supervisor;
use crate::telemetry::{self, Identity, event};
use addresses::Addresses;

/// What a service gets from the path.
#[derive(Debug, Clone)]
pub struct Context {
    /// The service's name, for example `recorder`.
    pub name: &'static str,
    /// The version of the build.
    pub version: &'static str,
    /// This process among the service's replicas: host name and process id.
    pub instance: String,
    /// Hears SIGTERM and SIGINT.
    pub shutdown: Shutdown,
    /// What `/readyz` says. Declare the conditions before the first one is met.
    pub readiness: Readiness,
    addresses: Addresses,
}

impl Context {
    /// A supervisor whose tasks hear this process's stop.
    #[must_use]
    pub fn supervisor(&self) -> Supervisor {
        Supervisor::new(self.shutdown.clone())
    }

    /// Logs a bound address, and writes it to `kit.addresses_file` when there is one.
    ///
    /// # Errors
    /// When that file cannot be written.
    pub fn bound(&self, what: &str, address: SocketAddr) -> Result<(), Failure> {
        event::Bound { what, address }.emit();
        self.addresses.add(what, address).map_err(|error| Failure::new(Exit::CannotCreate, error))
    }
}

/// Runs a service in a runtime of its own, from the checked configuration to the exit code.
///
/// The future is asked to stop through [`Context::shutdown`] and has half of `kit.grace_s` to do so; telemetry has the
/// other half to leave. An error is one line on standard error, and the exit code is the error's. A future that is cut
/// off ends with [`Exit::Temporary`].
///
/// ```no_run
/// use muster_kit::{Failure, KitConfig, launch};
///
/// fn main() -> std::process::ExitCode {
///     launch("recorder", env!("CARGO_PKG_VERSION"), &KitConfig::default(), |context| async move {
///         let bus = context.readiness.condition("bus");
///         bus.met();
///         context.shutdown.requested().await;
///         Ok::<_, Failure>(())
///     })
/// }
/// ```
pub fn launch<F, Fut>(name: &'static str, version: &'static str, config: &KitConfig, service: F) -> ExitCode
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = Result<(), Failure>>,
{
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.enable_all();
    if let Some(threads) = config.worker_threads {
        builder.worker_threads(threads.max(1));
    }
    match builder.build() {
        Ok(runtime) => {
            let exit = runtime.block_on(Box::pin(run(name, version, config, service)));
            // What was cut off must not hold the process.
            runtime.shutdown_background();
            exit.into()
        }
        Err(error) => {
            telemetry::last_words(&format!("error: failed to start the runtime of {name}: {error}"));
            Exit::Internal.into()
        }
    }
}

/// [`launch()`] inside a runtime that is already there.
pub async fn run<F, Fut>(name: &'static str, version: &'static str, config: &KitConfig, service: F) -> Exit
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = Result<(), Failure>>,
{
    let instance = config.instance.clone().unwrap_or_else(|| format!("{}-{}", host_name(), std::process::id()));
    let started = crate::crash::check().map_err(Failure::from).and_then(|armed| {
        let identity = Identity { service: name, version, instance: &instance };
        Ok((armed, telemetry::start(identity, config)?))
    });
    let (armed, telemetry) = match started {
        Ok(started) => started,
        Err(failure) => {
            telemetry::last_words(&format!("error: {failure}"));
            return config_exit(&failure);
        }
    };
    if let Some(point) = armed {
        tracing::warn!(point, "a crash point is armed");
    }
    crate::tls::install_provider();
    let context = Context {
        name,
        version,
        instance,
        shutdown: Shutdown::new(),
        readiness: Readiness::new(),
        addresses: Addresses::new(config.addresses_file.clone()),
    };
    let result = Box::pin(serve(&context, config, service)).await;
    let exit = match result {
        Ok(()) => Exit::Ok,
        Err(failure) => {
            tracing::error!(service = name, exit = failure.exit().code(), "{failure}");
            failure.exit()
        }
    };
    tracing::info!(service = name, reason = context.shutdown.reason(), "stopped");
    telemetry.flush(config.flush_deadline()).await;
    exit
}

async fn serve<F, Fut>(context: &Context, config: &KitConfig, service: F) -> Result<(), Failure>
where
    F: FnOnce(Context) -> Fut,
    Fut: Future<Output = Result<(), Failure>>,
{
    context.shutdown.listen_for_signals()?;
    let admin = Admin::bind(config.admin_listen, context.readiness.clone()).await?;
    context.bound("admin", admin.address())?;
    tracing::info!(service = context.name, version = context.version, instance = context.instance, "starting");
    // The admin server has a stop of its own: it answers until the drain is over.
    let admin_stop = Shutdown::new();
    let serving = tokio::spawn(admin.serve(admin_stop.clone()));

    let mut running = Box::pin(service(context.clone()));
    let result = tokio::select! {
        result = &mut running => result,
        () = context.shutdown.requested() => {
            context.readiness.drain();
            let cut_off = || Err(Failure::message(Exit::Temporary, format!(
                "failed to stop {} within {} ms: it was cut off (kit.grace_s)",
                context.name, config.drain_deadline().as_millis()
            )));
            drain(context.name, config.drain_deadline(), &mut running).await.unwrap_or_else(cut_off)
        }
    };
    context.readiness.drain();
    admin_stop.request("the service ended");
    // It hears its stop between two connections.
    let _ = serving.await;
    result
}

/// Whatever keeps telemetry from starting is in the configuration.
fn config_exit(failure: &Failure) -> Exit {
    match failure.exit() {
        Exit::Internal => Exit::Usage,
        Exit::Ok
        | Exit::Negative
        | Exit::Usage
        | Exit::Data
        | Exit::NoInput
        | Exit::Unavailable
        | Exit::CannotCreate
        | Exit::Temporary
        | Exit::Permission => failure.exit(),
    }
}

/// The pod's name in Kubernetes, the machine's elsewhere.
fn host_name() -> String {
    let from_variable = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
    let from_kernel = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    from_variable.or_else(from_kernel).unwrap_or_else(|| "localhost".to_owned())
}
