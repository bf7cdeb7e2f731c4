//! The site's scope as it stands, behind the gate.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use muster_bus::convert::estate::site_from_proto;
use muster_estate::lookup::{self, SiteIndex};
use muster_estate::model::{self, ScanPolicy, ZoneClass};
use muster_estate::scope::{Standing, TrustedKeys, verify_scope};
use muster_proto::v1::EstateDocument;
use muster_sweep::{Rates, Transport};
use prost::Message;
use tokio::sync::watch;

use crate::gate::{Permit, Refusal, ScopeLock};

/// A packet to a zone that is treated gently costs as much as four: a quarter of both rates.
const GENTLE_WEIGHT: u32 = 4;

/// What may be sent to a site.
#[derive(Debug, Clone)]
pub(crate) enum Scope {
    /// Nothing: it was not read yet.
    Unread,
    /// Nothing.
    Refused {
        /// Of the estate's record; 0 where it could not be read.
        revision: u64,
        /// Why.
        reason: String,
    },
    /// What the index says.
    Accepted(Arc<SiteIndex>),
}

impl Scope {
    /// Reads the estate's record of a site.
    pub(crate) fn read(name: &str, record: &[u8], trusted: &TrustedKeys) -> Self {
        let refused = |revision, reason| Self::Refused { revision, reason };
        let document = match EstateDocument::decode(record) {
            Ok(document) => document,
            Err(error) => return refused(0, format!("failed to read the estate's record of site {name}: {error}")),
        };
        let revision = document.revision;
        let site = match site_from_proto(&document) {
            Ok(site) => site,
            Err(error) => {
                return refused(revision, format!("failed to read the estate's record of site {name}: {error}"));
            }
        };
        if site.name != name {
            return refused(
                revision,
                format!("failed to read the estate's record of site {name}: it is of {}", site.name),
            );
        }
        match verify_scope(&site, trusted) {
            Ok(Standing::Signed | Standing::Loopback) => Self::Accepted(Arc::new(SiteIndex::new(&site))),
            Ok(Standing::Removed) => refused(revision, format!("site {name} was taken out of the estate")),
            Err(error) => refused(revision, error.to_string()),
        }
    }

    /// Its revision; `None` before it was read.
    pub(crate) fn revision(&self) -> Option<u64> {
        match self {
            Self::Unread => None,
            Self::Refused { revision, .. } => Some(*revision),
            Self::Accepted(index) => Some(index.site().revision),
        }
    }

    /// How fast may be sent.
    pub(crate) fn rates(&self) -> Rates {
        match self {
            Self::Unread | Self::Refused { .. } => Rates { site_pps: 0, host_pps: 0 },
            Self::Accepted(index) => {
                let scope = &index.site().scope;
                Rates { site_pps: scope.rate_site_pps, host_pps: scope.rate_host_pps }
            }
        }
    }
}

impl Scope {
    /// Blocks of zones, and the rate of their hosts where it is not that of every host: build zones with a rate that the
    /// scope grants them. Empty where none is granted, so that nothing is looked up for it.
    pub(crate) fn hosts_apart(&self) -> Vec<(IpNet, Option<u32>)> {
        let Self::Accepted(index) = self else { return Vec::new() };
        let site = index.site();
        if site.scope.rate_build_pps == 0 {
            return Vec::new();
        }
        let rate = |zone: &model::Zone| (zone.class == ZoneClass::Build).then_some(site.scope.rate_build_pps);
        site.zones.iter().flat_map(|zone| zone.blocks.iter().map(move |block| (*block, rate(zone)))).collect()
    }
}

/// The lock: it looks at the scope as it stands now, whatever stood when a lease began.
pub(crate) struct Lock(pub(crate) watch::Receiver<Scope>);

impl ScopeLock for Lock {
    fn permit(&self, address: IpAddr, transport: Transport, port: u16) -> Result<Permit, Refusal> {
        match &*self.0.borrow() {
            Scope::Unread => Err(Refusal::Scope("the scope was not read yet")),
            Scope::Refused { .. } => Err(Refusal::Scope("the scope does not count")),
            Scope::Accepted(index) => {
                let policy = index.may_probe(address).map_err(|why| Refusal::Scope(say(why)))?;
                let transport = match transport {
                    Transport::Tcp => model::Transport::Tcp,
                    Transport::Udp => model::Transport::Udp,
                };
                let payload = index.may_send_payload(policy, transport, port);
                Ok(if payload { Permit::Payload } else { Permit::ConnectOnly })
            }
        }
    }

    fn weight(&self, address: IpAddr) -> u32 {
        match &*self.0.borrow() {
            Scope::Accepted(index) => match index.may_probe(address) {
                Ok(ScanPolicy::Gentle) => GENTLE_WEIGHT,
                Ok(ScanPolicy::Full | ScanPolicy::PassiveOnly | ScanPolicy::None) | Err(_) => 1,
            },
            Scope::Unread | Scope::Refused { .. } => 1,
        }
    }
}

const fn say(refusal: lookup::Refusal) -> &'static str {
    match refusal {
        lookup::Refusal::SiteRemoved => "the site was taken out of the estate",
        lookup::Refusal::NotUnicast => "no host can have this address",
        lookup::Refusal::OutsideRanges => "outside the ranges of the site",
        lookup::Refusal::NotIncluded => "not included",
        lookup::Refusal::Excluded => "excluded",
        lookup::Refusal::PassiveOnly => "its zone only listens",
        lookup::Refusal::PolicyNone => "its zone is left alone",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use muster_estate::scope::TrustedKeys;
    use proptest::prelude::*;

    use super::{Lock, Scope, ScopeLock, Transport};

    proptest! {
        #[test]
        fn no_record_opens_the_lock_by_accident(record in prop::collection::vec(any::<u8>(), 0..256)) {
            let scope = Scope::read("here", &record, &TrustedKeys::default());
            let refused = matches!(scope, Scope::Refused { .. });
            prop_assert!(refused);
            let lock = Lock(tokio::sync::watch::Sender::new(scope).subscribe());
            prop_assert!(lock.permit("127.0.0.1".parse().unwrap(), Transport::Tcp, 80).is_err());
        }
    }
}
