//! A verdict with its evidence, and the differences that are published.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use muster_ids::{HostId, SweepId};

use crate::finding::Finding;
use crate::outcome::{Outcome, Reason, Subject, WordError};
use crate::text::Text;

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The inventory record as of this revision of the site's inventory.
    Inventory(u64),
    /// This revision of the site's estate document.
    Estate(u64),
    /// What this sweep or audit saw.
    Sweep(SweepId),
    /// Reckoned over the finished sweeps.
    Sweeps,
    /// A person's disposition of the finding.
    Disposition,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inventory(revision) => write!(f, "inventory:{revision}"),
            Self::Estate(revision) => write!(f, "estate:{revision}"),
            Self::Sweep(sweep) => write!(f, "sweep:{sweep}"),
            Self::Sweeps => f.write_str("sweeps"),
            Self::Disposition => f.write_str("disposition"),
        }
    }
}

impl FromStr for Source {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || {
            WordError::new("source", text, "inventory:<revision>, estate:<revision>, sweep:<id>, sweeps or disposition")
        };
        match text.split_once(':') {
            None if text == "sweeps" => Ok(Self::Sweeps),
            None if text == "disposition" => Ok(Self::Disposition),
            Some(("inventory", revision)) => revision.parse().map(Self::Inventory).map_err(|_| error()),
            Some(("estate", revision)) => revision.parse().map(Self::Estate).map_err(|_| error()),
            Some(("sweep", sweep)) => sweep.parse().map(Self::Sweep).map_err(|_| error()),
            None | Some(_) => Err(error()),
        }
    }
}

/// One fact that a verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// For example "service.tcp/1433" or "asset.owner".
    pub path: Text,
    /// What stood there.
    pub value: Text,
    /// Who said so.
    pub source: Source,
    /// When it was so; `None` where the source is a document that says no time.
    pub at: Option<Timestamp>,
}

/// What a rule says about one host and one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The host.
    pub host: HostId,
    /// What it is about.
    pub subject: Subject,
    /// What the rule says.
    pub outcome: Outcome,
    /// Why; `None` for a plain pass.
    pub reason: Option<Reason>,
    /// What it rests on.
    pub evidence: Vec<Evidence>,
    /// The rule's name.
    pub rule: Text,
    /// The rule's version.
    pub rule_version: u32,
    /// The instant it was judged for.
    pub as_of: Timestamp,
    /// After it the verdict is unknown; `None`: it does not age.
    pub valid_until: Option<Timestamp>,
    /// The estate revision it was judged under.
    pub estate_revision: u64,
    /// The inventory revision it was judged under.
    pub inventory_revision: u64,
}

/// A verdict that differs from the last one published, with its finding if that changed.
///
/// Where only the finding changed (a disposition, a sweep that saw it again), the verdict is the one that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictChange {
    /// The verdict.
    pub verdict: Verdict,
    /// Set when the finding of this verdict was opened, changed or resolved.
    pub finding: Option<Box<Finding>>,
    /// Where the host stands.
    pub address: IpAddr,
    /// What the service said it was, for an approved-service subject; else empty.
    pub title: Text,
}

/// What became of a host's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostChangeKind {
    /// Seen for the first time.
    Appeared,
    /// Zone, asset, name or owner changed.
    Updated,
}

/// What an opaque host id stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostChange {
    /// The host.
    pub host: HostId,
    /// What became of it.
    pub kind: HostChangeKind,
    /// Routing domain of the address.
    pub realm: Arc<str>,
    /// Where it stands.
    pub address: IpAddr,
    /// First observation.
    pub first_seen: Timestamp,
    /// Zone at the address; empty: none.
    pub zone: Text,
    /// Asset; empty: none.
    pub asset_key: Text,
    /// The asset's name.
    pub name: Text,
    /// The asset's owner.
    pub owner: Text,
}

/// The differences to what was published last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Hosts that appeared or changed, in the order they were touched.
    pub hosts: Vec<HostChange>,
    /// Verdicts that changed, in the order their hosts were touched.
    pub verdicts: Vec<VerdictChange>,
    /// The limit was reached: hosts are left to be judged.
    pub more: bool,
}

impl Changes {
    /// Nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.verdicts.is_empty()
    }
}
