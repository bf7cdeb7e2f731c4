//! Rebuilds a state from what was stored.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use muster_estate::model::{Asset, Site, Transport};
use muster_ids::SweepId;

use crate::evaluate::{OF_HOSTS, identity_print};
use crate::finding::{Disposition, Finding, FindingState};
use crate::host::{Service, Sighting, Standing, dirty};
use crate::input::{DispositionSet, FinishedSweep, Input};
use crate::life::{Record, Told};
use crate::outcome::{Outcome, Reason, Subject};
use crate::rules;
use crate::state::SiteState;
use crate::sweeps::NO_SWEEP;
use crate::time::{FOREVER, NEVER};
use crate::verdict::{Evidence, HostChange, Verdict};

/// A host as it was published last.
#[derive(Debug, Clone)]
pub struct RestoredHost {
    /// The newest change; its kind is of no account.
    pub change: HostChange,
    /// Its newest answer, a refusal too. The `at` of the `host.last_seen` evidence of its `seen` verdict will do.
    pub last_seen: Option<Timestamp>,
}

/// The newest observation of an open port.
#[derive(Debug, Clone)]
pub struct RestoredService {
    /// Address.
    pub address: IpAddr,
    /// Transport.
    pub transport: Transport,
    /// Port.
    pub port: u16,
    /// When.
    pub at: Timestamp,
    /// In which sweep.
    pub sweep: SweepId,
    /// What the service said it was.
    pub title: String,
}

/// A verdict as it was published last, with its finding as it was published last.
#[derive(Debug, Clone)]
pub struct Published {
    /// The verdict.
    pub verdict: Verdict,
    /// Its finding, resolved or not, if it ever had one.
    pub finding: Option<Finding>,
    /// Where the host stands.
    pub address: IpAddr,
}

/// What a store holds of one site at one position of its streams.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// The estate document.
    pub estate: Option<Arc<Site>>,
    /// Revision of the inventory.
    pub inventory_revision: u64,
    /// Its assets, each with the revision that said it last.
    pub assets: Vec<(u64, Asset)>,
    /// Finished sweeps; the newest 512 are enough.
    pub sweeps: Vec<FinishedSweep>,
    /// Hosts.
    pub hosts: Vec<RestoredHost>,
    /// Services.
    pub services: Vec<RestoredService>,
    /// Verdicts and findings.
    pub published: Vec<Published>,
    /// Dispositions.
    pub dispositions: Vec<DispositionSet>,
    /// `as_of` of the last batch of verdicts.
    pub clock: Option<Timestamp>,
}

impl SiteState {
    /// A state that has published what the snapshot says, and knows what it says.
    ///
    /// Inputs that the snapshot already holds may be applied again. Apply what the last published batch had considered
    /// before the first [`evaluate`](Self::evaluate): then that returns only what no batch has said yet. Refusals that
    /// waited for their sweep's end are not in a store: a service they would have proven gone is proven by the next sweep.
    #[must_use]
    pub fn restore(snapshot: Snapshot) -> Self {
        let mut state = Self::new();
        if let Some(site) = snapshot.estate {
            state.apply(Input::Estate(site));
        }
        for sweep in snapshot.sweeps {
            state.apply(Input::SweepFinished(sweep));
        }
        state.restore_inventory(snapshot.inventory_revision, &snapshot.assets);
        for host in snapshot.hosts {
            state.restore_host(&host);
        }
        for service in snapshot.services {
            let seen = Sighting { at: service.at.as_microsecond(), sweep: state.sweeps.number(service.sweep) };
            let title = state.titles.number(&service.title);
            let slot = state.host_at(service.address);
            state.see_open(slot, Service::key(service.transport, service.port), seen, title);
        }
        for published in snapshot.published {
            state.restore_verdict(&published);
        }
        for set in snapshot.dispositions {
            state.apply(Input::Disposition(set));
        }
        if let Some(at) = snapshot.clock {
            state.apply(Input::Clock(at));
        }
        state
    }

    fn restore_host(&mut self, host: &RestoredHost) {
        let HostChange { address, first_seen, zone, asset_key, name, owner, .. } = &host.change;
        let slot = self.host_at(*address);
        let kept = &mut self.hosts[slot];
        kept.first_seen = first_seen.as_microsecond();
        kept.appeared = true;
        kept.identity_print = identity_print([zone, asset_key, name, owner]);
        if let Some(at) = host.last_seen {
            kept.answer = Sighting { at: at.as_microsecond(), sweep: NO_SWEEP };
        }
        self.mark(slot, dirty::IDENTITY);
    }

    fn restore_verdict(&mut self, published: &Published) {
        let Verdict { subject, outcome, reason, evidence, valid_until, rule_version, .. } = &published.verdict;
        let until = valid_until.map_or(FOREVER, |at| at.as_microsecond());
        let finding = published.finding.as_ref().filter(|finding| finding.state != FindingState::Resolved).is_some();
        let print = rules::print(*rule_version, *outcome, *reason, until, evidence);
        let standing = Standing { print, outcome: Some(*outcome), reason: *reason, finding };
        let slot = self.host_at(published.address);
        if let Subject::ApprovedService { transport, port } = subject {
            let key = Service::key(*transport, *port);
            self.restore_service(slot, key, *outcome, *reason, evidence.first());
            if let Some(service) = self.hosts[slot].service_mut(key) {
                service.standing = standing;
            }
        } else if let Some(place) = OF_HOSTS.iter().position(|other| other == subject) {
            self.hosts[slot].standing[place] = standing;
        }
        if let Some(finding) = &published.finding {
            self.findings.insert(finding.id, record(slot, finding));
        }
        self.mark(slot, dirty::IDENTITY);
    }

    /// What a verdict tells about its service: rows hold no refusals, and a row may have outlived its time.
    fn restore_service(
        &mut self,
        slot: u32,
        key: u32,
        outcome: Outcome,
        reason: Option<Reason>,
        fact: Option<&Evidence>,
    ) {
        let at = fact.and_then(|fact| fact.at).map_or(NEVER, |at| at.as_microsecond());
        let refused = outcome == Outcome::Pass && reason == Some(Reason::Refused);
        let host = &mut self.hosts[slot];
        let place = match host.services.binary_search_by_key(&key, |service| service.key) {
            Ok(place) => place,
            Err(place) => {
                let open = Sighting { at: if refused { NEVER } else { at }, sweep: NO_SWEEP };
                let service = Service { key, title: 0, open, gone_at: NEVER, standing: Standing::NONE };
                host.services.insert(place, service);
                place
            }
        };
        if refused && let Some(service) = host.services.get_mut(place) {
            service.gone_at = at;
        }
    }
}

fn record(slot: u32, finding: &Finding) -> Record {
    let told = (finding.disposition != Disposition::None).then(|| {
        Box::new(Told {
            disposition: finding.disposition,
            reason: finding.disposition_reason.clone(),
            until: finding.disposition_until.map_or(FOREVER, |at| at.as_microsecond()),
        })
    });
    Record {
        slot,
        reopened: finding.reopened,
        first_seen: finding.first_seen.as_microsecond(),
        last_seen: finding.last_seen.as_microsecond(),
        resolved_at: finding.resolved_at.map_or(NEVER, |at| at.as_microsecond()),
        owner: finding.owner.clone(),
        state: finding.state,
        told,
    }
}
