//! A server out of the build against the manifest of its role: what runs must be what the zone it goes to approves for
//! the role, and nothing else.
//!
//! The manifest is no document of its own: it is what the estate approves in a zone, for every host and for the role. An
//! approval of one port for the role alone says that the port is what the role is for; that it is closed is a
//! deviation too. A run of ports, or a port approved for everybody, may be open and need not be.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_estate::model::{Approval, PortRange, ScanPolicy, Site, Transport, Zone, ZoneClass};

/// What was seen open on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Transport.
    pub transport: Transport,
    /// Port.
    pub port: u16,
}

/// How the look at the host went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// It is over.
    pub finished: bool,
    /// It proves nothing.
    pub void: bool,
    /// Ports that said they are open.
    pub open: u64,
    /// Ports that said they are closed.
    pub closed: u64,
    /// Ports that were not looked at: skipped, or lost with a lease.
    pub missed: u64,
}

/// What a look says against a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As declared.
    Pass,
    /// Not as declared.
    Fail,
    /// The look does not say.
    Unknown,
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// What runs is what is approved.
    AsDeclared,
    /// Something runs that is not approved.
    UnapprovedService,
    /// What the role is for does not run.
    MissingService,
    /// The look is not over.
    NotFinished,
    /// The sweep is void.
    Void,
    /// Some ports were not looked at.
    NotLookedAt,
    /// The host answered on no port at all: it may be off.
    NoAnswer,
}

impl Reason {
    /// In the words of the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AsDeclared => "as-declared",
            Self::UnapprovedService => "unapproved-service",
            Self::MissingService => "missing-service",
            Self::NotFinished => "not-finished",
            Self::Void => "void",
            Self::NotLookedAt => "not-looked-at",
            Self::NoAnswer => "no-answer",
        }
    }
}

/// A port of a host beside what the manifest says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    /// Transport.
    pub transport: Transport,
    /// Port.
    pub port: u16,
    /// It is open.
    pub open: bool,
    /// What approves it.
    pub approval: Option<&'a Approval>,
}

impl Line<'_> {
    /// Is it open without approval, or closed where the role is for it?
    #[must_use]
    pub const fn deviates(&self) -> bool {
        self.open != self.approval.is_some()
    }
}

/// The judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report<'a> {
    /// What came of it.
    pub outcome: Outcome,
    /// Why: of several reasons the gravest.
    pub reason: Reason,
    /// Every open port, and every port that the role is for; by transport and port.
    pub lines: Vec<Line<'a>>,
}

/// Judges what was seen against what a zone approves for a role.
#[must_use]
pub fn judge<'a>(zone: &'a Zone, role: &str, look: Look, seen: &[Service]) -> Report<'a> {
    let mut lines = BTreeMap::new();
    for approval in zone.approvals.iter().filter(|approval| is_for(approval, role)) {
        let PortRange { transport, first, last } = approval.ports;
        if first == last && approval.role.is_some() {
            lines.insert((transport, first), Line { transport, port: first, open: false, approval: Some(approval) });
        }
    }
    for &Service { transport, port } in seen {
        let approval = zone.approvals.iter().find(|approval| {
            let PortRange { transport: of, first, last } = approval.ports;
            is_for(approval, role) && of == transport && (first..=last).contains(&port)
        });
        lines.insert((transport, port), Line { transport, port, open: true, approval });
    }
    let lines: Vec<_> = lines.into_values().collect();
    let unapproved = lines.iter().any(|line| line.open && line.deviates());
    let missing = lines.iter().any(Line::deviates);
    // What is open without approval is proven, however incomplete the look.
    let reason = if unapproved {
        Reason::UnapprovedService
    } else if !look.finished {
        Reason::NotFinished
    } else if look.void {
        Reason::Void
    } else if look.missed > 0 {
        Reason::NotLookedAt
    } else if look.open + look.closed == 0 {
        Reason::NoAnswer
    } else if missing {
        Reason::MissingService
    } else {
        Reason::AsDeclared
    };
    let outcome = match reason {
        Reason::AsDeclared => Outcome::Pass,
        Reason::UnapprovedService | Reason::MissingService => Outcome::Fail,
        Reason::NotFinished | Reason::Void | Reason::NotLookedAt | Reason::NoAnswer => Outcome::Unknown,
    };
    Report { outcome, reason, lines }
}

fn is_for(approval: &Approval, role: &str) -> bool {
    approval.role.as_deref().is_none_or(|of| of == role)
}

/// Why no zone is the one whose manifest counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoManifest {
    /// There is no such zone.
    #[error("site {site} has no zone {zone:?}; it has {zones}")]
    NoSuchZone {
        /// Site.
        site: String,
        /// The name asked for.
        zone: String,
        /// Those there are.
        zones: String,
    },
    /// No zone approves anything for the role.
    #[error("no zone of site {site} approves anything for role {role:?}; roles with approvals: {roles}")]
    NoSuchRole {
        /// Site.
        site: String,
        /// Role.
        role: String,
        /// Roles that some zone knows.
        roles: String,
    },
    /// Several do.
    #[error("role {role:?} has a manifest in {zones} of site {site}: say to which zone the server goes")]
    Several {
        /// Site.
        site: String,
        /// Role.
        role: String,
        /// Zones.
        zones: String,
    },
}

/// The zone whose approvals are the manifest of a role: the one named, or the only one that knows the role.
///
/// # Errors
/// When there is none, or more than one.
pub fn manifest_of<'a>(site: &'a Site, role: &str, zone: &str) -> Result<&'a Zone, NoManifest> {
    let knows = |zone: &&Zone| zone.approvals.iter().any(|approval| approval.role.as_deref() == Some(role));
    if !zone.is_empty() {
        let found = site.zones.iter().find(|other| other.name == zone);
        return found.ok_or_else(|| NoManifest::NoSuchZone {
            site: site.name.clone(),
            zone: zone.to_owned(),
            zones: list(site.zones.iter().map(|zone| zone.name.as_str())),
        });
    }
    let found: Vec<&Zone> = site.zones.iter().filter(knows).collect();
    match found.as_slice() {
        [zone] => Ok(zone),
        [] => Err(NoManifest::NoSuchRole {
            site: site.name.clone(),
            role: role.to_owned(),
            roles: list(site.zones.iter().flat_map(|zone| &zone.approvals).filter_map(|a| a.role.as_deref())),
        }),
        several => Err(NoManifest::Several {
            site: site.name.clone(),
            role: role.to_owned(),
            zones: list(several.iter().map(|zone| zone.name.as_str())),
        }),
    }
}

/// Names in order, each once, at most 20 of them.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: std::collections::BTreeSet<&str> = names.collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    let more = if names.len() > 20 { ", …" } else { "" };
    let first: Vec<&str> = names.into_iter().take(20).collect();
    format!("{}{more}", first.join(", "))
}

/// Packets a second that one host of a zone may get, as the site's scope grants it.
#[must_use]
pub fn rate_pps(site: &Site, zone: Option<&Zone>) -> u32 {
    let build = zone.is_some_and(|zone| zone.class == ZoneClass::Build) && site.scope.rate_build_pps > 0;
    let host = if build { site.scope.rate_build_pps } else { site.scope.rate_host_pps };
    // A quarter where a zone is treated gently.
    let weight = if zone.is_some_and(|zone| zone.scan_policy == ScanPolicy::Gentle) { 4 } else { 1 };
    host.min(site.scope.rate_site_pps) / weight
}

/// How long a look at so many ports takes at a rate, when each gets one packet; `None`: for ever.
#[must_use]
pub fn takes(ports: u64, rate_pps: u32) -> Option<Duration> {
    (rate_pps > 0).then(|| Duration::from_secs(ports.div_ceil(rate_pps.into())))
}

/// Every TCP port.
pub const EVERY_TCP_PORT: PortRange = PortRange { transport: Transport::Tcp, first: 1, last: u16::MAX };

#[cfg(test)]
mod tests;
