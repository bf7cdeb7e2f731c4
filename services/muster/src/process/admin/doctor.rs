//! `muster doctor`: a line for each thing that Muster needs, from the outside in: engines, streams, schema, services,
//! gateway.

use muster_bus::{Bus, Provisioning, Stream};
use muster_kit::{Exit, Failure};

use super::super::health;
use super::super::serve::ConfigArgs;
use super::{addresses, admin_config, connect_bus, connect_store, running};
use crate::config::MusterConfig;
use crate::operator::{Check, Client, ConnectArgs, Format, Output, OutputArgs};

pub(super) const EXAMPLES: &str = "Examples:
  muster doctor
  muster doctor --data /var/lib/muster
  muster doctor --config admin.toml --address https://muster.example.com:7420 -o json";

/// What was found so far. People read along; other forms come as one list.
struct Visit {
    output: Output,
    checks: Vec<Check>,
}

impl Visit {
    fn found(&mut self, what: impl Into<String>, outcome: Result<String, String>) -> Result<(), Failure> {
        let (well, detail) = match outcome {
            Ok(detail) => (true, detail),
            Err(problem) => (false, problem),
        };
        let check = Check { what: what.into(), well, detail };
        self.output.check(&check)?;
        self.checks.push(check);
        Ok(())
    }

    fn end(mut self) -> Result<Exit, Failure> {
        self.output.checks(&self.checks)?;
        Ok(if self.checks.iter().all(|check| check.well) { Exit::Ok } else { Exit::Negative })
    }
}

pub(super) async fn doctor(args: &ConfigArgs, connect: &ConnectArgs, format: Format) -> Result<Exit, Failure> {
    let data = connect.data.as_deref();
    let output = Output::standard(&OutputArgs { output: format });
    let mut visit = Visit { output, checks: Vec::new() };
    // Whoever names a configuration or a running stack has engines.
    let stack = if args.config.is_none() { running(data) } else { None };
    if args.config.is_none() && stack.is_none() {
        let engines = muster_engines::EngineFiles::locate(None).map(|_| "found".to_owned());
        visit.found("embedded engines", engines.map_err(|error| format!("failed to {error}")))?;
    }
    let config = match admin_config(args, data) {
        Ok(config) => config,
        Err(failure) => {
            visit.found("configuration", Err(failure.to_string()))?;
            return visit.end();
        }
    };
    visit.found("configuration", Ok(format!("bus {}, store {}", config.bus.url, config.store.url)))?;
    bus(&mut visit, &config).await?;
    store(&mut visit, &config).await?;
    // Where the services of a cluster listen, their probes know.
    if let Some(stack) = stack {
        for (name, address) in addresses(stack)?.admin {
            let answer = health::ask(&format!("http://{address}/readyz")).await;
            let ready = answer.map_err(|failure| failure.to_string()).and_then(|answer| {
                if answer.well { Ok("ready".to_owned()) } else { Err(answer.first_line().to_owned()) }
            });
            visit.found(name, ready)?;
        }
    }
    if stack.is_some() || connect.address.is_some() {
        gateway(&mut visit, connect).await?;
    }
    visit.end()
}

async fn bus(visit: &mut Visit, config: &MusterConfig) -> Result<(), Failure> {
    let bus = match connect_bus(config).await {
        Ok(bus) => bus,
        Err(failure) => return visit.found("NATS", Err(failure.to_string())),
    };
    let level = bus.check_api_level().await;
    visit
        .found("NATS", level.map(|level| format!("JetStream API level {level}")).map_err(|error| error.to_string()))?;
    for stream in Stream::ALL {
        visit.found(format!("stream {}", stream.name()), stream_state(&bus, stream).await)?;
    }
    Ok(())
}

async fn stream_state(bus: &Bus, stream: Stream) -> Result<String, String> {
    Provisioning::check(bus, stream).await.map_err(|error| error.to_string())?;
    let info = bus.stream_info(stream).await.map_err(|error| error.to_string())?;
    Ok(format!("{} messages, {} MiB", info.messages, info.bytes >> 20))
}

async fn store(visit: &mut Visit, config: &MusterConfig) -> Result<(), Failure> {
    let outcome = match connect_store(config).await {
        Err(failure) => Err(failure.to_string()),
        Ok(store) => match store.check_schema().await {
            Err(error) => Err(format!("failed to {error}")),
            Ok(()) => Ok(format!("schema {}", muster_store::SCHEMA_VERSION)),
        },
    };
    visit.found("ClickHouse", outcome)
}

/// As the operator's commands reach it: with the same address, credential and patience.
async fn gateway(visit: &mut Visit, connect: &ConnectArgs) -> Result<(), Failure> {
    let outcome = match Box::pin(Client::connect(connect)).await {
        Err(failure) => Err(failure.to_string()),
        Ok(client) => match client.answers().await {
            Err(failure) => Err(failure.to_string()),
            Ok(()) => Ok(format!("answers on {}", client.address())),
        },
    };
    visit.found("gateway", outcome)
}
