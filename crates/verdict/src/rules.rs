//! The rules: what is kept of a host, and what should be there → a judgement. Pure functions; the same arguments give
//! the same answer.

use std::cell::RefCell;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use jiff::Timestamp;
use muster_estate::model::{AliveBy, Requirement, Site};

use crate::host::{Host, Service, Sighting};
use crate::inventory::{Inventory, Record};
use crate::outcome::{Outcome, Reason, Subject, transport_str};
use crate::sweeps::{Missed, Silence, Sweeps};
use crate::text::Text;
use crate::time::{FOREVER, NEVER, Us, instant, span};
use crate::verdict::{Evidence, Source};
use crate::zones::ZoneHere;

/// Version of the rules; a change of what a rule says raises it, and every verdict is published anew.
pub(crate) const RULE_VERSION: u32 = 1;

/// `seen` counts from the last sighting cut down to a sixteenth of the site's limit: a host that every sweep sees is
/// published at most 16 times in that span, not once a packet, and never passes longer than the limit allows.
const SEEN_STEPS: i64 = 16;

/// What the rules need of a site's document, worked out once a revision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) seen_within: Us,
    seen_step: Us,
    pub(crate) absent_after: u32,
}

impl Limits {
    pub(crate) fn new(site: &Site) -> Self {
        let seen_within = span(site.seen_within);
        let second = 1_000_000;
        // Whole seconds, so that a store of milliseconds gives the same instant back.
        let seen_step = (seen_within / SEEN_STEPS / second * second).max(second);
        Self { seen_within, seen_step, absent_after: site.absent_after_sweeps }
    }

    /// The sighting that counts.
    pub(crate) fn seen_floor(&self, at: Us) -> Us {
        at.div_euclid(self.seen_step).saturating_mul(self.seen_step)
    }
}

/// The text of the last instant that was asked for: hosts seen in one step share it.
#[derive(Debug, Default)]
pub(crate) struct Stamps(RefCell<(Us, Text)>);

impl Stamps {
    fn text(&self, at: Us) -> Text {
        let mut last = self.0.borrow_mut();
        if last.0 != at || last.1.is_empty() {
            *last = (at, Text::from(instant(at).to_string()));
        }
        last.1.clone()
    }
}

/// What a rule says, before it is compared with what was published.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<Reason>,
    pub(crate) valid_until: Us,
    pub(crate) evidence: Vec<Evidence>,
}

impl Judgement {
    fn new(outcome: Outcome, reason: Option<Reason>) -> Self {
        Self { outcome, reason, valid_until: FOREVER, evidence: Vec::new() }
    }

    fn not_applicable(reason: Reason) -> Self {
        Self::new(Outcome::NotApplicable, Some(reason))
    }

    fn fact(mut self, path: impl Into<Text>, value: impl Into<Text>, source: Source, at: Option<Timestamp>) -> Self {
        // Most verdicts rest on one or two facts; the default would make room for four.
        self.evidence.reserve_exact(2usize.saturating_sub(self.evidence.len()));
        self.evidence.push(Evidence { path: path.into(), value: value.into(), source, at });
        self
    }

    /// Hash of what makes a verdict differ from the last one: rule version, outcome, reason, `valid_until`, and path and
    /// value of its evidence. Source and time of the evidence are left out: a fact that is only newer is not a change.
    pub(crate) fn print(&self) -> u64 {
        print(RULE_VERSION, self.outcome, self.reason, self.valid_until, &self.evidence)
    }
}

/// See [`Judgement::print`].
pub(crate) fn print(version: u32, outcome: Outcome, reason: Option<Reason>, until: Us, evidence: &[Evidence]) -> u64 {
    let mut hash = FixedState::default().build_hasher();
    hash.write_u64(u64::from(version) << 16 | (outcome as u64) << 8 | reason.map_or(0xff, |reason| reason as u64));
    hash.write_i64(until);
    for Evidence { path, value, .. } in evidence {
        hash.write_usize(path.len());
        hash.write(path.as_bytes());
        hash.write_usize(value.len());
        hash.write(value.as_bytes());
    }
    hash.finish()
}

/// One host with everything that a rule may look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) site: &'a Site,
    pub(crate) limits: Limits,
    pub(crate) inventory: &'a Inventory,
    pub(crate) sweeps: &'a Sweeps,
    pub(crate) stamps: &'a Stamps,
    pub(crate) host: &'a Host,
    pub(crate) now: Us,
    /// The last proof that it is there, by the site's rule.
    pub(crate) alive: Sighting,
    /// The last proof that its asset is there, at whichever of its addresses.
    pub(crate) asset_alive: Sighting,
    pub(crate) asset: Option<&'a Record>,
    pub(crate) zone: Option<ZoneHere<'a>>,
    /// Taken out of service by a person and silent since, for as long as the site asks.
    pub(crate) retired: bool,
}

/// The last proof that a host is there.
pub(crate) fn alive(alive_by: AliveBy, host: &Host) -> Sighting {
    match alive_by {
        AliveBy::OpenPort => host.open,
        AliveBy::AnyAnswer => {
            if host.answer.at > host.open.at {
                host.answer
            } else {
                host.open
            }
        }
    }
}

impl Case<'_> {
    /// Judges one of the four subjects that every host has; `None`: there is nothing to say about it.
    pub(crate) fn judge(&self, subject: Subject) -> Option<Judgement> {
        match subject {
            Subject::Known => self.known(),
            Subject::Managed => self.of_known(Self::managed),
            Subject::Zone => self.of_known(Self::zone),
            Subject::Seen => self.seen(),
            Subject::ApprovedService { transport, port } => {
                self.host.service(Service::key(transport, port)).and_then(|service| self.approved_service(service))
            }
        }
    }

    /// What stands above every rule: the site is gone, the host is not proven, or it is out of service.
    fn set_aside(&self) -> Option<Judgement> {
        if self.site.removed {
            return Some(Judgement::not_applicable(Reason::SiteRemoved).fact(
                "site.removed",
                "true",
                self.estate(),
                None,
            ));
        }
        self.retired.then(|| {
            Judgement::not_applicable(Reason::Decommissioned)
                .fact("finding.disposition", "decommissioned", Source::Disposition, None)
                .fact("sweeps.missed", self.absent_after().to_string(), Source::Sweeps, None)
        })
    }

    fn known(&self) -> Option<Judgement> {
        if self.alive.at == NEVER {
            return self.host.appeared.then(|| {
                self.set_aside().unwrap_or_else(|| {
                    Judgement::not_applicable(Reason::NoProofOfHost).fact(
                        "site.alive_by",
                        "open-port",
                        self.estate(),
                        None,
                    )
                })
            });
        }
        if let Some(judgement) = self.set_aside() {
            return Some(judgement);
        }
        if let Some(asset) = self.asset {
            let mut judgement = Judgement::new(Outcome::Pass, None).fact(
                "asset.key",
                asset.key.clone(),
                Source::Inventory(asset.revision),
                None,
            );
            judgement.valid_until = self.host.asset_until;
            return Some(judgement);
        }
        if self.host.asset_ran_out {
            return Some(Judgement::new(Outcome::Unknown, Some(Reason::Stale)).fact(
                "inventory.asset",
                "none now, one when last seen",
                self.stock(),
                None,
            ));
        }
        Some(
            Judgement::new(Outcome::Fail, Some(Reason::Rogue))
                .fact(
                    "host.address",
                    self.host.address.to_string(),
                    self.sighting(self.alive),
                    Some(instant(self.alive.at)),
                )
                .fact("inventory.asset", "none", self.stock(), None),
        )
    }

    /// A rule about a host that is known; for another it says why it is not judged.
    fn of_known(&self, rule: impl Fn(&Self, &Record) -> Judgement) -> Option<Judgement> {
        let known = self.known()?;
        match (known.outcome, self.asset) {
            (Outcome::Pass, Some(asset)) => {
                let mut judgement = rule(self, asset);
                judgement.valid_until = known.valid_until;
                Some(judgement)
            }
            (Outcome::Pass | Outcome::Fail, _) => {
                Some(Judgement { evidence: vec![self.no_asset()], ..Judgement::not_applicable(Reason::NotKnown) })
            }
            (Outcome::NotApplicable | Outcome::Unknown, _) => Some(known),
        }
    }

    fn managed(&self, asset: &Record) -> Judgement {
        let wanted = |requirement: &Requirement| match requirement {
            Requirement::Owner => ("asset.owner", &asset.owner, Reason::NoOwner),
            Requirement::SupportGroup => ("asset.support_group", &asset.support_group, Reason::NoSupportGroup),
            Requirement::BaseImage => ("asset.base_image", &asset.base_image, Reason::NoBaseImage),
        };
        let missing = |(_, value, _): &(_, &Text, Reason)| value.is_empty();
        // The first that is missing, in one fixed order, is the reason; all that are missing are evidence.
        let mut requires = self.site.managed_requires.clone();
        requires.sort_unstable();
        requires.dedup();
        let first = requires.iter().map(wanted).find(missing).map(|(_, _, reason)| reason);
        let outcome = if first.is_none() { Outcome::Pass } else { Outcome::Fail };
        let facts = requires.iter().map(wanted).filter(|fact| first.is_none() || missing(fact));
        let source = Source::Inventory(asset.revision);
        facts.fold(Judgement::new(outcome, first), |judgement, (path, value, _)| {
            judgement.fact(path, value.clone(), source, None)
        })
    }

    fn zone(&self, asset: &Record) -> Judgement {
        let stands_in = self.zone.map_or(Text::EMPTY, |zone| zone.name.clone());
        let judgement = if asset.zone.is_empty() {
            Judgement::not_applicable(Reason::ZoneNotSaid)
        } else if asset.zone == stands_in {
            Judgement::new(Outcome::Pass, None)
        } else {
            Judgement::new(Outcome::Fail, Some(Reason::Misplaced))
        };
        judgement.fact("asset.zone", asset.zone.clone(), Source::Inventory(asset.revision), None).fact(
            "zone.name",
            stands_in,
            self.estate(),
            None,
        )
    }

    fn seen(&self) -> Option<Judgement> {
        if self.asset.is_none() {
            let spoken_of = self.host.appeared || self.host.standing[3].outcome.is_some();
            return spoken_of.then(|| {
                self.set_aside().unwrap_or_else(|| Judgement {
                    evidence: vec![self.no_asset()],
                    ..Judgement::not_applicable(Reason::NotKnown)
                })
            });
        }
        if let Some(judgement) = self.set_aside() {
            return Some(judgement);
        }
        let last = self.asset_alive;
        let seen = last.at != NEVER;
        let counted = if seen { self.limits.seen_floor(last.at) } else { NEVER };
        let valid_until = counted.saturating_add(self.limits.seen_within);
        if seen && self.now <= valid_until {
            let mut judgement = Judgement::new(Outcome::Pass, None);
            judgement.valid_until = valid_until;
            return Some(judgement.fact(
                "host.last_seen",
                self.stamps.text(counted),
                self.sighting(last),
                Some(instant(counted)),
            ));
        }
        let missed = self.missed();
        let (outcome, reason) = if self.limits.absent_after > 0 && missed.count >= self.limits.absent_after {
            (Outcome::Fail, Reason::Absent)
        } else if seen {
            (Outcome::Unknown, Reason::Silent)
        } else {
            (Outcome::Unknown, Reason::NeverSeen)
        };
        let last_seen = if seen { self.stamps.text(counted) } else { Text::from("never") };
        let source = if seen { self.sighting(last) } else { Source::Sweeps };
        let newest_at = missed.newest_at.map(instant);
        Some(
            Judgement::new(outcome, Some(reason))
                .fact("host.last_seen", last_seen, source, seen.then(|| instant(counted)))
                .fact("sweeps.missed", missed.count.to_string(), Source::Sweeps, newest_at),
        )
    }

    /// How many sweeps in a row did not see the asset here, up to the site's limit.
    pub(crate) fn missed(&self) -> Missed {
        let last = self.asset_alive;
        self.sweeps.missed(self.host.address, Silence::Host, last.at, last.sweep, self.limits.absent_after)
    }

    /// Judges one service.
    pub(crate) fn approved_service(&self, service: &Service) -> Option<Judgement> {
        let judgement = self.set_aside().unwrap_or_else(|| self.service(service));
        // A pass is implied by the observation and the approval; it is said only to take something back. A refusal is
        // said always: no row holds it, and a restart has to find it somewhere.
        let said = service.standing.outcome.is_some() || judgement.reason == Some(Reason::Refused);
        let silent = match judgement.outcome {
            Outcome::Pass | Outcome::NotApplicable => true,
            Outcome::Fail | Outcome::Unknown => false,
        };
        (said || !silent).then_some(judgement)
    }

    fn service(&self, service: &Service) -> Judgement {
        let (transport, port) = (Service::transport(service.key), Service::port(service.key));
        let role = self.asset.map_or("", |asset| asset.role.as_str());
        let path = || Text::from(format!("service.{}/{port}", transport_str(transport)));
        if service.is_gone() {
            let at = Some(instant(service.gone_at));
            return Judgement::new(Outcome::Pass, Some(Reason::Refused)).fact(path(), "refused", Source::Sweeps, at);
        }
        let (outcome, reason) = match self.zone {
            None => (Outcome::Unknown, Some(Reason::NoZone)),
            Some(zone) if zone.approves(role, transport, port) => {
                if service.standing.outcome.is_none() {
                    return Judgement::new(Outcome::Pass, None);
                }
                (Outcome::Pass, None)
            }
            Some(_) => (Outcome::Fail, Some(Reason::UnapprovedService)),
        };
        let zone = self.zone.map_or(Text::EMPTY, |zone| zone.name.clone());
        Judgement::new(outcome, reason)
            .fact(path(), "open", self.sighting(service.open), Some(instant(service.open.at)))
            .fact("zone.name", zone, self.estate(), None)
    }

    fn no_asset(&self) -> Evidence {
        Evidence { path: "inventory.asset".into(), value: "none".into(), source: self.stock(), at: None }
    }

    fn absent_after(&self) -> u32 {
        self.limits.absent_after.max(1)
    }

    fn sighting(&self, sighting: Sighting) -> Source {
        self.sweeps.id(sighting.sweep).map_or(Source::Sweeps, Source::Sweep)
    }

    fn stock(&self) -> Source {
        Source::Inventory(self.inventory.revision)
    }

    fn estate(&self) -> Source {
        Source::Estate(self.site.revision)
    }
}
