//! Section `bus`.

use std::path::PathBuf;

use muster_bus::{Bus, BusError, BusOptions, ProvisionError, Provisioning, Stream};
use muster_kit::{Context, Exit, Failure, Secret};
use muster_proto::v1::Producer;
use serde::{Deserialize, Serialize};

/// Where the bus is, and as whom.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BusConfig {
    /// `nats://host:port`, or `tls://host:port`.
    #[serde(deserialize_with = "crate::url::of_bus")]
    pub url: String,
    /// User. None: the service's name.
    pub user: Option<String>,
    /// Password. None: the server asks for none.
    pub password: Option<Secret>,
    /// PEM file of the authority that signed the server's certificate. None: the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file of the certificate that this process shows a server that asks for one. None: it has none.
    pub cert_file: Option<PathBuf>,
    /// PEM file of that certificate's key.
    pub key_file: Option<PathBuf>,
}

impl Default for BusConfig {
    fn default() -> Self {
        Self {
            url: "nats://127.0.0.1:4222".to_owned(),
            user: None,
            password: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
        }
    }
}

impl BusConfig {
    /// Connects.
    ///
    /// # Errors
    /// One line, with the exit code of what is wrong.
    pub async fn connect(&self, context: &Context) -> Result<Bus, Failure> {
        let options = self.options(context.name, &format!("{}/{}", context.name, context.instance));
        Bus::connect(options).await.map_err(bus_failure)
    }

    /// How to connect as a service.
    #[must_use]
    pub fn options(&self, service: &str, name: &str) -> BusOptions {
        BusOptions {
            url: self.url.clone(),
            user: match &self.user {
                Some(user) => user.clone(),
                None if self.password.is_some() => service.to_owned(),
                None => String::new(),
            },
            password: self.password.as_ref().map(|password| password.expose().to_owned()).unwrap_or_default(),
            name: name.to_owned(),
            ca_file: self.ca_file.clone(),
            cert_file: self.cert_file.clone(),
            key_file: self.key_file.clone(),
        }
    }

    /// Connects, and compares the streams that a service uses with what is declared.
    ///
    /// # Errors
    /// One line, with the exit code of what is wrong.
    pub async fn connect_checked(&self, context: &Context, streams: &[Stream]) -> Result<Bus, Failure> {
        let bus = self.connect(context).await?;
        for stream in streams {
            Provisioning::check(&bus, *stream).await.map_err(|error| match error {
                ProvisionError::Bus(error) => bus_failure(error),
                error @ ProvisionError::Differs { .. } => Failure::new(Exit::Usage, error),
            })?;
        }
        Ok(bus)
    }
}

/// A process, as its events name it.
#[must_use]
pub fn producer(context: &Context) -> Producer {
    Producer {
        service: context.name.to_owned(),
        instance: context.instance.clone(),
        version: context.version.to_owned(),
    }
}

/// The failure of a process: one line, with the exit code of what is wrong.
#[must_use]
pub fn bus_failure(error: BusError) -> Failure {
    let exit = match &error {
        BusError::Unreachable { .. } => Exit::Unavailable,
        BusError::Unauthorized { .. } | BusError::Forbidden { .. } => Exit::Permission,
        BusError::TooOld { .. } | BusError::Missing { .. } | BusError::HalfCertificate => Exit::Usage,
        BusError::Failed { .. } => Exit::Temporary,
    };
    Failure::new(exit, error)
}
