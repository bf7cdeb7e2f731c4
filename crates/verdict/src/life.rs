//! The life of findings: opened, suppressed, resolved, opened again.

use muster_ids::{FindingId, HostId};

use crate::evaluate::{Facts, OF_HOSTS, host_id};
use crate::finding::{Disposition, Finding, FindingState};
use crate::host::{Host, Service, Sighting};
use crate::input::DispositionSet;
use crate::outcome::{Outcome, Subject};
use crate::state::{Estate, SiteState};
use crate::sweeps::Silence;
use crate::text::Text;
use crate::time::{FOREVER, NEVER, Us, instant, optional};

/// What is kept of a finding, in about 100 bytes; it outlives its resolution, so that `reopened` can count.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) slot: u32,
    pub(crate) reopened: u32,
    pub(crate) first_seen: Us,
    pub(crate) last_seen: Us,
    pub(crate) resolved_at: Us,
    pub(crate) owner: Text,
    pub(crate) state: FindingState,
    /// What was published of its disposition.
    pub(crate) told: Option<Box<Told>>,
}

/// A disposition as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) disposition: Disposition,
    pub(crate) reason: Text,
    pub(crate) until: Us,
}

impl Told {
    fn of(set: &DispositionSet) -> Option<Box<Self>> {
        (set.disposition != Disposition::None).then(|| {
            Box::new(Self {
                disposition: set.disposition,
                reason: set.reason.clone().into(),
                until: set.until.map_or(FOREVER, |until| until.as_microsecond()),
            })
        })
    }
}

impl Record {
    pub(crate) fn finding(&self, id: FindingId) -> Box<Finding> {
        let told = self.told.as_deref();
        Box::new(Finding {
            id,
            state: self.state,
            first_seen: instant(self.first_seen),
            last_seen: instant(self.last_seen),
            resolved_at: optional(self.resolved_at),
            owner: self.owner.clone(),
            due_at: None,
            disposition: told.map_or(Disposition::None, |told| told.disposition),
            disposition_reason: told.map_or(Text::EMPTY, |told| told.reason.clone()),
            disposition_until: told.and_then(|told| optional(told.until)),
            reopened: self.reopened,
        })
    }
}

/// Does this outcome need somebody? An unknown `seen` does: the asset may be gone.
pub(crate) fn opens(subject: Subject, outcome: Outcome) -> bool {
    match outcome {
        Outcome::Fail => true,
        Outcome::Unknown => subject == Subject::Seen,
        Outcome::Pass | Outcome::NotApplicable => false,
    }
}

/// Is this outcome proof that a finding is over? Unknown is not.
fn resolves(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Pass | Outcome::NotApplicable => true,
        Outcome::Fail | Outcome::Unknown => false,
    }
}

/// When what a verdict is about was positively seen, and when it was proven alive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proofs {
    pub(crate) seen_at: Us,
    pub(crate) alive_at: Us,
}

impl SiteState {
    /// Takes the finding of a verdict on. Returns whether it is unresolved now, and the finding if it changed.
    pub(crate) fn live(
        &mut self,
        slot: u32,
        host: HostId,
        subject: Subject,
        outcome: Outcome,
        open_before: bool,
        facts: &Facts,
    ) -> (bool, Option<Box<Finding>>) {
        let opens = opens(subject, outcome);
        if !opens && !open_before {
            return (false, None);
        }
        let (now, id) = (self.now(), FindingId::of(host, &subject.to_string()));
        let proofs = self.proofs(slot, subject, facts);
        let set = self.dispositions.get(&id);
        let told = set.and_then(Told::of);
        let state = if resolves(outcome) { FindingState::Resolved } else { state(set, proofs, now) };
        if let Some(set) = set {
            let until = set.until.map(|until| until.as_microsecond());
            if state == FindingState::Suppressed
                && let Some(until) = until
            {
                self.wake(slot, until);
            }
        }
        let owner = self.inventory.get(self.hosts[slot].asset).map_or(Text::EMPTY, |asset| asset.owner.clone());
        let mut fresh = false;
        let record = self.findings.entry(id).or_insert_with(|| {
            fresh = true;
            let (first_seen, last_seen) = (proofs.seen_at, proofs.seen_at);
            let told = None;
            Record { slot, reopened: 0, first_seen, last_seen, resolved_at: NEVER, owner: owner.clone(), state, told }
        });
        let mut changed = fresh;
        let mut confirmed = facts.confirmed;
        if record.state == FindingState::Resolved && state != FindingState::Resolved {
            record.reopened += 1;
            record.resolved_at = NEVER;
            (changed, confirmed) = (true, true);
        }
        if record.state != state {
            if state == FindingState::Resolved {
                record.resolved_at = now;
            }
            record.state = state;
            changed = true;
        }
        if confirmed && state != FindingState::Resolved && record.last_seen < proofs.seen_at {
            record.last_seen = proofs.seen_at;
            changed = true;
        }
        if record.told != told || record.owner != owner {
            (record.told, record.owner) = (told, owner);
            changed = true;
        }
        (state != FindingState::Resolved, changed.then(|| record.finding(id)))
    }

    /// When the thing that a subject is about was positively seen.
    fn proofs(&self, slot: u32, subject: Subject, facts: &Facts) -> Proofs {
        let alive_at = facts.alive.at;
        match subject {
            Subject::Known | Subject::Managed | Subject::Zone => Proofs { seen_at: alive_at, alive_at },
            // An absence is seen by the sweep that missed the asset.
            Subject::Seen => {
                let missed = self.case(slot, facts).and_then(|case| case.missed().newest_at);
                Proofs { seen_at: missed.unwrap_or_else(|| self.now()), alive_at: facts.asset_alive.at }
            }
            Subject::ApprovedService { transport, port } => {
                let key = Service::key(transport, port);
                let at = self.hosts[slot].service(key).map_or(NEVER, |service| service.open.at);
                Proofs { seen_at: at, alive_at: at }
            }
        }
    }

    /// Is the host out of service? A person said so about one of its own verdicts, and since then nothing was seen of it
    /// by as many sweeps as the site asks for.
    pub(crate) fn retired(&self, slot: u32, host: HostId, alive: Sighting) -> bool {
        let said_at = [Subject::Known, Subject::Managed, Subject::Zone, Subject::Seen]
            .into_iter()
            .filter_map(|subject| self.decommissioned_at(host, subject))
            .max();
        said_at.is_some_and(|said_at| self.silent_since(slot, Silence::Host, said_at, alive))
    }

    /// The same for one service: sweeps count that look at its port.
    pub(crate) fn service_retired(&self, slot: u32, host: HostId, subject: Subject, open: Sighting) -> bool {
        let Subject::ApprovedService { transport, port } = subject else { return false };
        self.decommissioned_at(host, subject)
            .is_some_and(|said_at| self.silent_since(slot, Silence::Port(transport, port), said_at, open))
    }

    /// Which host has the finding, also where none was opened yet: of two states that took the same inputs in another
    /// order, one may never have had a reason to open it.
    pub(crate) fn host_of(&self, finding: FindingId) -> Option<u32> {
        if let Some(record) = self.findings.get(&finding) {
            return Some(record.slot);
        }
        let estate = self.estate.as_ref()?;
        self.hosts.iter().find_map(|(slot, host)| has(estate, host, finding).then_some(slot))
    }

    /// Dispositions that came before anything of their host was known: does one belong to this host?
    pub(crate) fn claim_dispositions(&mut self, slot: u32) -> bool {
        let (Some(estate), host) = (&self.estate, &self.hosts[slot]) else { return false };
        let before = self.unplaced.len();
        self.unplaced.retain(|finding| !has(estate, host, *finding));
        let found = self.unplaced.len() < before;
        self.hosts[slot].disposed |= found;
        found
    }

    fn decommissioned_at(&self, host: HostId, subject: Subject) -> Option<Us> {
        let set = self.dispositions.get(&FindingId::of(host, &subject.to_string()))?;
        (set.disposition == Disposition::Decommissioned).then(|| set.at.as_microsecond())
    }

    fn silent_since(&self, slot: u32, what: Silence, said_at: Us, seen: Sighting) -> bool {
        let Some(estate) = &self.estate else { return false };
        let asked = estate.limits.absent_after.max(1);
        let address = self.hosts[slot].address;
        seen.at <= said_at && self.sweeps.missed(address, what, said_at, seen.sweep, asked).count >= asked
    }
}

/// Is it a finding about one of the host's subjects?
fn has(estate: &Estate, host: &Host, finding: FindingId) -> bool {
    let id = host.id.unwrap_or_else(|| host_id(estate, host.address));
    let services = host.services.iter().map(|service| Service::subject(service.key));
    OF_HOSTS.into_iter().chain(services).any(|subject| FindingId::of(id, &subject.to_string()) == finding)
}

/// Open or suppressed?
fn state(set: Option<&DispositionSet>, proofs: Proofs, now: Us) -> FindingState {
    let Some(set) = set else { return FindingState::Open };
    let holds = match set.disposition {
        Disposition::None | Disposition::Adopted => false,
        Disposition::Accepted => set.until.is_some_and(|until| now <= until.as_microsecond()),
        // Seen again after it was said to be gone: the word does not hold.
        Disposition::Decommissioned => proofs.alive_at <= set.at.as_microsecond(),
    };
    if holds { FindingState::Suppressed } else { FindingState::Open }
}
