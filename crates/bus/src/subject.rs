//! Subjects. Final since the first commit: permissions and filters are prefixes of them.

use std::fmt;

use muster_ids::{HostId, OrderId};
use thiserror::Error;

use crate::topology::Stream;

/// Why a text cannot stand in a subject.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not a name: 1 to 63 of a-z, 0-9 and '-', not starting with '-'")]
pub struct SubjectError {
    /// What was given, cut to 64 characters.
    pub text: String,
}

/// A site's name as a subject token, or `all`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SiteName(String);

impl SiteName {
    /// Takes a name.
    ///
    /// # Errors
    /// When it is not one subject token of the allowed letters.
    pub fn new(name: &str) -> Result<Self, SubjectError> {
        if is_token(name) { Ok(Self(name.to_owned())) } else { Err(refuse(name)) }
    }

    /// Every site.
    #[must_use]
    pub fn all() -> Self {
        Self("all".to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SiteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_token(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn refuse(text: &str) -> SubjectError {
    SubjectError { text: text.chars().take(64).collect() }
}

/// A subject on the bus.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject(String);

impl Subject {
    /// All of a lease: its slices and its outcome.
    #[must_use]
    pub fn lease(site: &SiteName, order: OrderId) -> Self {
        Self(format!("muster.v1.event.{site}.lease.{order}"))
    }

    /// The declared state of a site.
    #[must_use]
    pub fn estate(site: &SiteName) -> Self {
        Self(format!("muster.v1.event.{site}.estate.document"))
    }

    /// The log of a site's inventory: deltas and manifests.
    #[must_use]
    pub fn inventory(site: &SiteName) -> Self {
        Self(format!("muster.v1.event.{site}.inventory.revision"))
    }

    /// The chunks of a site's imports.
    #[must_use]
    pub fn inventory_chunk(site: &SiteName) -> Self {
        Self(format!("muster.v1.event.{site}.inventory.chunk"))
    }

    /// What was decided about a host's findings.
    #[must_use]
    pub fn disposition(site: &SiteName, host: HostId) -> Self {
        Self(format!("muster.v1.event.{site}.disposition.{host}"))
    }

    /// A command: `what` is `sweep`, `audit` or `halt`.
    #[must_use]
    pub fn command(site: &SiteName, what: &'static str) -> Self {
        Self(format!("muster.v1.event.{site}.command.{what}"))
    }

    /// The bulletins of a feed.
    ///
    /// # Errors
    /// When the feed's name is not a token.
    pub fn bulletin(feed: &str) -> Result<Self, SubjectError> {
        if is_token(feed) { Ok(Self(format!("muster.v1.event.all.bulletin.{feed}"))) } else { Err(refuse(feed)) }
    }

    /// The log of a site's sweeps: started, orders, finished. One subject, so that one expectation orders them.
    #[must_use]
    pub fn plan_sweep(site: &SiteName) -> Self {
        Self(format!("muster.v1.plan.{site}.sweep"))
    }

    /// The log of draws.
    #[must_use]
    pub fn plan_draw() -> Self {
        Self("muster.v1.plan.all.draw".to_owned())
    }

    /// Time.
    #[must_use]
    pub fn plan_clock() -> Self {
        Self("muster.v1.plan.all.clock".to_owned())
    }

    /// The verdicts of a partition: a site, or a declared shard of it.
    #[must_use]
    pub fn verdicts(partition: &SiteName) -> Self {
        Self(format!("muster.v1.verdict.{partition}"))
    }

    /// The leases that wait for a scanner of a site.
    #[must_use]
    pub fn order_lease(site: &SiteName) -> Self {
        Self(format!("muster.v1.order.{site}.lease"))
    }

    /// What could not be read of a stream.
    #[must_use]
    pub fn dead(stream: Stream) -> Self {
        Self(format!("muster.v1.dead.{}", stream.name().to_ascii_lowercase()))
    }

    /// The subject.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::SiteName;

    #[test]
    fn a_site_cannot_widen_a_subject() {
        for wrong in ["", "a.b", "*", ">", "Dublin", "-x", "a b", &"x".repeat(64)] {
            assert!(SiteName::new(wrong).is_err(), "{wrong:?}");
        }
        assert!(SiteName::new("dublin-2").is_ok());
    }
}
