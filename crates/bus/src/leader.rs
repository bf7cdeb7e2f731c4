//! Leadership: one acts, others stand by.
//!
//! It saves work and conflicts; it does not make anything safe. Safe is what the leader does: every effect of it is
//! published with an expectation, so that one who was thought dead is refused.

use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::time::MissedTickBehavior;

use crate::error::BusError;
use crate::kv::{Kv, KvError};
use crate::topology::LEADER_TTL;

/// Another process took over.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("another process took over {role}")]
pub struct LeadershipLost {
    /// What for.
    pub role: String,
}

/// The right to act in a role, until it is lost.
#[derive(Debug)]
pub struct Leadership {
    kv: Kv,
    role: String,
    instance: String,
    revision: u64,
}

impl Leadership {
    /// Waits until the role is free (or was held by this very instance before it restarted) and takes it.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn acquire(kv: Kv, role: &str, instance: &str) -> Result<Self, BusError> {
        let value = Bytes::copy_from_slice(instance.as_bytes());
        let mut tick = tokio::time::interval(LEADER_TTL / 5);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let taken = match kv.get(role).await {
                Ok(None) => kv.create(role, value.clone()).await,
                Ok(Some(entry)) if entry.value == value => kv.update(role, value.clone(), entry.revision).await,
                Ok(Some(_)) => continue,
                Err(error) => Err(error),
            };
            match taken {
                Ok(revision) => {
                    tracing::info!(role, instance, "acting");
                    return Ok(Self { kv, role: role.to_owned(), instance: instance.to_owned(), revision });
                }
                Err(KvError::Conflict { .. }) => {}
                Err(error) => tracing::warn!(role, %error, "cannot ask for the role, trying again"),
            }
        }
    }

    /// Renews until another process holds the role. A bus that does not answer for the whole term counts as lost.
    pub async fn lost(&mut self) -> LeadershipLost {
        let mut tick = tokio::time::interval(LEADER_TTL / 4);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut renewed = tokio::time::Instant::now();
        loop {
            tick.tick().await;
            let value = Bytes::copy_from_slice(self.instance.as_bytes());
            match self.kv.update(&self.role, value, self.revision).await {
                Ok(revision) => {
                    self.revision = revision;
                    renewed = tokio::time::Instant::now();
                }
                Err(KvError::Conflict { .. }) if !self.still_mine().await => return self.lost_now(),
                Err(error) if renewed.elapsed() > LEADER_TTL => {
                    tracing::warn!(role = self.role, %error, "no answer for a whole term");
                    return self.lost_now();
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Gives the role up, so that another need not wait.
    pub async fn resign(self) {
        if let Err(error) = self.kv.delete(&self.role).await {
            tracing::debug!(role = self.role, %error, "the role will age out");
        }
    }

    /// After an answer was lost the revision may be newer than known, or have aged out: both are mended here.
    async fn still_mine(&mut self) -> bool {
        match self.kv.get(&self.role).await {
            Ok(Some(entry)) if entry.value == self.instance.as_bytes() => {
                self.revision = entry.revision;
                true
            }
            Ok(None) => match self.kv.create(&self.role, Bytes::copy_from_slice(self.instance.as_bytes())).await {
                Ok(revision) => {
                    self.revision = revision;
                    true
                }
                Err(_) => false,
            },
            Ok(Some(_)) => false,
            Err(_) => true,
        }
    }

    fn lost_now(&self) -> LeadershipLost {
        LeadershipLost { role: self.role.clone() }
    }
}
