//! Makes and compares the declared streams and buckets.

use async_nats::jetstream::stream;
use thiserror::Error;

use crate::bus::Bus;
use crate::error::BusError;
use crate::topology::{Bucket, Sizing, Stream, bucket_config, stream_config};

/// Why the bus is not as declared.
#[derive(Debug, Error)]
pub enum ProvisionError {
    /// Not reached, not allowed.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// It is there, but different.
    #[error("stream {stream} is not as declared: {differences}; `muster provision` brings it there")]
    Differs {
        /// Stream.
        stream: &'static str,
        /// One difference after the other.
        differences: String,
    },
}

/// Makes and compares.
#[derive(Debug)]
pub struct Provisioning<'a> {
    bus: &'a Bus,
    sizing: Sizing,
}

impl<'a> Provisioning<'a> {
    /// For a bus and a size.
    #[must_use]
    pub const fn new(bus: &'a Bus, sizing: Sizing) -> Self {
        Self { bus, sizing }
    }

    /// Makes what is missing and brings what differs to what is declared. What was done, a line each.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn apply(&self) -> Result<Vec<String>, ProvisionError> {
        let mut done = Vec::new();
        for which in Stream::ALL {
            let config = stream_config(which, self.sizing);
            let before = self.bus.stream(which).await.ok().map(|handle| handle.cached_info().config.clone());
            match before {
                None => {
                    self.bus
                        .jetstream
                        .create_stream(config)
                        .await
                        .map_err(|error| BusError::failed(format!("make stream {}", which.name()), error))?;
                    done.push(format!("+ stream {}", which.name()));
                }
                Some(before) => {
                    let differences = differences(&before, &config);
                    if !differences.is_empty() {
                        self.bus
                            .jetstream
                            .update_stream(config)
                            .await
                            .map_err(|error| BusError::failed(format!("change stream {}", which.name()), error))?;
                        done.push(format!("~ stream {}: {}", which.name(), differences.join(", ")));
                    }
                }
            }
        }
        for which in Bucket::ALL {
            if self.bus.kv(which).await.is_err() {
                self.bus
                    .jetstream
                    .create_key_value(bucket_config(which, self.sizing))
                    .await
                    .map_err(|error| BusError::failed(format!("make bucket {}", which.name()), error))?;
                done.push(format!("+ bucket {}", which.name()));
            }
        }
        Ok(done)
    }

    /// Compares one stream with what is declared, and the server's API level with what is needed. Sizes and copies are the deployment's choice and not compared.
    ///
    /// # Errors
    /// When it differs, with the differences, or when the server is too old.
    pub async fn check(bus: &Bus, which: Stream) -> Result<(), ProvisionError> {
        let handle = bus.stream(which).await?;
        let found = &handle.cached_info().config;
        bus.check_level_of(found)?;
        let wanted = stream::Config {
            max_bytes: found.max_bytes,
            max_age: found.max_age,
            num_replicas: found.num_replicas,
            ..stream_config(which, Sizing::EMBEDDED)
        };
        let differences = differences(found, &wanted);
        if differences.is_empty() {
            return Ok(());
        }
        Err(ProvisionError::Differs { stream: which.name(), differences: differences.join(", ") })
    }
}

fn differences(found: &stream::Config, wanted: &stream::Config) -> Vec<String> {
    let mut list = Vec::new();
    let mut compare = |name: &str, found: String, wanted: String| {
        if found != wanted {
            list.push(format!("{name} is {found}, declared {wanted}"));
        }
    };
    compare("subjects", found.subjects.join(" "), wanted.subjects.join(" "));
    compare("max_bytes", found.max_bytes.to_string(), wanted.max_bytes.to_string());
    compare("max_age", format!("{:?}", found.max_age), format!("{:?}", wanted.max_age));
    compare("retention", format!("{:?}", found.retention), format!("{:?}", wanted.retention));
    compare("discard", format!("{:?}", found.discard), format!("{:?}", wanted.discard));
    compare("max_message_size", found.max_message_size.to_string(), wanted.max_message_size.to_string());
    compare("storage", format!("{:?}", found.storage), format!("{:?}", wanted.storage));
    compare("replicas", found.num_replicas.to_string(), wanted.num_replicas.to_string());
    compare("duplicate_window", format!("{:?}", found.duplicate_window), format!("{:?}", wanted.duplicate_window));
    compare("allow_direct", found.allow_direct.to_string(), wanted.allow_direct.to_string());
    compare("deny_delete", found.deny_delete.to_string(), wanted.deny_delete.to_string());
    list
}
