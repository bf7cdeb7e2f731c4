//! Judges what inputs touched, and says what differs from what was published last.

use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::FixedState;
use muster_ids::HostId;
use smallvec::SmallVec;

use crate::host::{Host, NONE, Service, Sighting, Standing, dirty};
use crate::outcome::Subject;
use crate::rules::{self, Case, Judgement, RULE_VERSION};
use crate::state::{Estate, SiteState};
use crate::text::Text;
use crate::time::{FOREVER, NEVER, Us, instant, optional};
use crate::verdict::{Changes, HostChange, HostChangeKind, Verdict, VerdictChange};

/// Hosts for whose changes room is made ahead: 4,096 take about 3 MB.
const RESERVE_MAX: usize = 4_096;

/// What is worked out once a host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) alive: Sighting,
    pub(crate) asset_alive: Sighting,
    pub(crate) retired: bool,
    /// A sweep is over, or a person or the clock has spoken: findings take their last sighting on.
    pub(crate) confirmed: bool,
}

/// The subjects that every host has, in the order of `Host::standing`.
pub(crate) const OF_HOSTS: [Subject; 4] = [Subject::Known, Subject::Managed, Subject::Zone, Subject::Seen];

/// Where a standing is kept.
#[derive(Debug, Clone, Copy)]
enum Place {
    Host(usize),
    Service(usize),
}

impl SiteState {
    /// Judges every host that an input touched, and returns what differs from what was returned before.
    pub fn evaluate(&mut self) -> Changes {
        self.evaluate_some(usize::MAX)
    }

    /// The same for at most so many hosts, where a whole site at once would be too large a message;
    /// [`Changes::more`] says that some are left.
    pub fn evaluate_some(&mut self, hosts_max: usize) -> Changes {
        let mut changes = Changes::default();
        if self.estate.is_none() {
            return changes;
        }
        let mut judged = 0;
        // Judging may touch further hosts: other addresses of an asset.
        while judged < hosts_max
            && let Some(slot) = self.queue.get(judged).copied()
        {
            judged += 1;
            if judged == 1 {
                // A new host is one host change and four verdicts; half of that saves most of the growing.
                let waiting = self.queue.len().min(hosts_max).min(RESERVE_MAX);
                changes.hosts.reserve(waiting / 2);
                changes.verdicts.reserve(waiting * 2);
            }
            let bits = std::mem::take(&mut self.hosts[slot].dirty);
            self.judge(slot, bits, &mut changes);
        }
        self.queue.drain(..judged);
        changes.more = !self.queue.is_empty();
        changes
    }

    fn judge(&mut self, slot: u32, mut bits: u8, changes: &mut Changes) {
        if !self.unplaced.is_empty() && self.claim_dispositions(slot) {
            bits |= dirty::IDENTITY | dirty::LIFE;
        }
        let Some(estate) = &self.estate else { return };
        let alive_by = estate.site.alive_by;
        let id = self.hosts[slot].id.unwrap_or_else(|| host_id(estate, self.hosts[slot].address));
        self.hosts[slot].id = Some(id);
        let alive = rules::alive(alive_by, &self.hosts[slot]);
        if bits & dirty::IDENTITY != 0 {
            self.match_asset(slot, alive.at);
        }
        if bits & (dirty::IDENTITY | dirty::SEEN) != 0 {
            self.mark_siblings(slot);
        }
        let asset_alive = self.asset_alive(slot, alive);
        let retired = self.hosts[slot].disposed && self.retired(slot, id, alive);
        let confirmed = bits & dirty::LIFE != 0;
        let facts = Facts { alive, asset_alive, retired, confirmed };
        if alive.at != NEVER && (bits & dirty::IDENTITY != 0 || !self.hosts[slot].appeared) {
            self.identify(slot, id, changes);
        }
        // Owner and disposition may differ even where the verdict does not.
        let everything = bits & (dirty::IDENTITY | dirty::LIFE) != 0;
        let first = if everything { 0 } else { 3 };
        if everything || bits & (dirty::SEEN | dirty::SIBLING) != 0 {
            for (index, subject) in OF_HOSTS.into_iter().enumerate().skip(first) {
                let judgement = self.case(slot, &facts).and_then(|case| case.judge(subject));
                if let Some(judgement) = judgement {
                    self.wake(slot, judgement.valid_until);
                    self.commit(slot, id, Place::Host(index), subject, judgement, everything, &facts, changes);
                }
            }
        }
        if everything || bits & dirty::SERVICES != 0 {
            self.judge_services(slot, id, everything, &facts, changes);
        }
    }

    fn judge_services(&mut self, slot: u32, id: HostId, life: bool, facts: &Facts, changes: &mut Changes) {
        if self.hosts[slot].pending {
            self.settle(slot);
        }
        for index in 0..self.hosts[slot].services.len() {
            let host = &self.hosts[slot];
            let service = &host.services[index];
            let subject = Service::subject(service.key);
            let mut facts = *facts;
            facts.retired = facts.retired || (host.disposed && self.service_retired(slot, id, subject, service.open));
            let judgement = self.case(slot, &facts).and_then(|case| case.approved_service(&case.host.services[index]));
            if let Some(judgement) = judgement {
                self.commit(slot, id, Place::Service(index), subject, judgement, life, &facts, changes);
            }
        }
    }

    /// Everything a rule may look at.
    pub(crate) fn case(&self, slot: u32, facts: &Facts) -> Option<Case<'_>> {
        let estate = self.estate.as_ref()?;
        let host = &self.hosts[slot];
        Some(Case {
            site: &estate.site,
            limits: estate.limits,
            inventory: &self.inventory,
            sweeps: &self.sweeps,
            stamps: &self.stamps,
            host,
            now: self.now(),
            alive: facts.alive,
            asset_alive: facts.asset_alive,
            asset: self.inventory.get(host.asset),
            zone: estate.zones.get(host.zone),
            retired: facts.retired,
        })
    }

    /// Compares a judgement with what was published, and publishes the difference.
    #[expect(
        clippy::too_many_arguments,
        reason = "one call site a kind of subject; a struct would only name them again"
    )]
    fn commit(
        &mut self,
        slot: u32,
        id: HostId,
        place: Place,
        subject: Subject,
        judgement: Judgement,
        life: bool,
        facts: &Facts,
        changes: &mut Changes,
    ) {
        let before = *self.standing_mut(slot, place);
        let print = judgement.print();
        let differs = before.outcome.is_none() || before.print != print;
        let unborn = !before.finding && crate::life::opens(subject, judgement.outcome);
        let tells = differs || unborn || (life && before.finding);
        if !tells {
            return;
        }
        let (open, finding) = self.live(slot, id, subject, judgement.outcome, before.finding, facts);
        let Judgement { outcome, reason, valid_until, evidence } = judgement;
        *self.standing_mut(slot, place) = Standing { print, outcome: Some(outcome), reason, finding: open };
        if !differs && finding.is_none() {
            return;
        }
        let Some(estate) = &self.estate else { return };
        let host = &self.hosts[slot];
        let (rule, title) = match place {
            Place::Host(_) => (rule_name(subject), Text::EMPTY),
            Place::Service(index) => (rule_name(subject), self.titles.text(host.services[index].title)),
        };
        changes.verdicts.push(VerdictChange {
            verdict: Verdict {
                host: id,
                subject,
                outcome,
                reason,
                evidence,
                rule,
                rule_version: RULE_VERSION,
                as_of: instant(self.now()),
                valid_until: optional(valid_until),
                estate_revision: estate.site.revision,
                inventory_revision: self.inventory.revision,
            },
            finding,
            address: host.address,
            title,
        });
    }

    fn standing_mut(&mut self, slot: u32, place: Place) -> &mut Standing {
        let host = &mut self.hosts[slot];
        match place {
            Place::Host(index) => &mut host.standing[index],
            Place::Service(index) => &mut host.services[index].standing,
        }
    }

    /// Finds the asset that has the address now: of several, the one whose claim began last, then the smallest key.
    fn match_asset(&mut self, slot: u32, alive_at: Us) {
        let now = self.now();
        let host = &self.hosts[slot];
        let (mut asset, mut until, mut ran_out) = (NONE, FOREVER, false);
        let mut wakes_at = FOREVER;
        let mut best = None;
        for number in &host.claims {
            let Some(record) = self.inventory.get(*number) else { continue };
            if let Some(claim) = record.claim(host.address, now) {
                let rank = (claim.from, std::cmp::Reverse(record.key.as_str()));
                if best.as_ref().is_none_or(|best| *best < rank) {
                    best = Some(rank);
                    (asset, until) = (*number, claim.until);
                }
            }
            ran_out |= alive_at != NEVER && record.claim(host.address, alive_at).is_some();
            for claim in record.claims.iter().filter(|claim| claim.address == host.address) {
                // A claim begins at its first instant and is over after its last.
                for edge in [claim.from.saturating_sub(1), claim.until] {
                    if edge >= now {
                        wakes_at = wakes_at.min(edge);
                    }
                }
            }
        }
        let ran_out = ran_out && asset == NONE;
        let host = &mut self.hosts[slot];
        (host.asset, host.asset_until, host.asset_ran_out) = (asset, until, ran_out);
        self.wake(slot, wakes_at);
    }

    /// The last proof that the asset at an address is there, whichever of its addresses gave it.
    fn asset_alive(&self, slot: u32, alive: Sighting) -> Sighting {
        let (Some(estate), host) = (&self.estate, &self.hosts[slot]) else { return alive };
        let Some(record) = self.inventory.get(host.asset).filter(|record| record.claims.len() > 1) else {
            return alive;
        };
        let now = self.now();
        let others = record.claims.iter().filter(|claim| claim.address != host.address && claim.holds_at(now));
        let others = others.filter_map(|claim| self.hosts.find(claim.address));
        let sightings = others.map(|other| rules::alive(estate.site.alive_by, &self.hosts[other]));
        sightings.fold(alive, |newest, other| if other.at > newest.at { other } else { newest })
    }

    /// Has the other addresses of every asset that names this one judged, since a sighting here is one of the asset.
    fn mark_siblings(&mut self, slot: u32) {
        let host = &self.hosts[slot];
        let records = host.claims.iter().filter_map(|number| self.inventory.get(*number));
        let claims = records.filter(|record| record.claims.len() > 1).flat_map(|record| &record.claims);
        let others: SmallVec<[u32; 4]> = claims
            .filter(|claim| claim.address != host.address)
            .filter_map(|claim| self.hosts.find(claim.address))
            .collect();
        for other in others {
            self.mark(other, dirty::SIBLING);
        }
    }

    /// Says what the host id stands for, where that is new.
    fn identify(&mut self, slot: u32, id: HostId, changes: &mut Changes) {
        let Some(estate) = &self.estate else { return };
        let host = &self.hosts[slot];
        let asset = self.inventory.get(host.asset);
        let part = |text: Option<&Text>| text.cloned().unwrap_or_default();
        let zone = part(estate.zones.get(host.zone).map(|zone| zone.name));
        let (key, name, owner) =
            (part(asset.map(|a| &a.key)), part(asset.map(|a| &a.name)), part(asset.map(|a| &a.owner)));
        let print = identity_print([&zone, &key, &name, &owner]);
        if host.appeared && host.identity_print == print {
            return;
        }
        changes.hosts.push(HostChange {
            host: id,
            kind: if host.appeared { HostChangeKind::Updated } else { HostChangeKind::Appeared },
            realm: Arc::clone(&estate.realm),
            address: host.address,
            first_seen: instant(host.first_seen),
            zone,
            asset_key: key,
            name,
            owner,
        });
        let host = &mut self.hosts[slot];
        (host.appeared, host.identity_print) = (true, print);
    }

    /// Decides which refusals prove that a service is gone: those of a sweep that is over and not void, in which the
    /// host was alive by the site's rule.
    fn settle(&mut self, slot: u32) {
        let Some(estate) = &self.estate else { return };
        let any_answer = match estate.site.alive_by {
            muster_estate::model::AliveBy::AnyAnswer => true,
            muster_estate::model::AliveBy::OpenPort => false,
        };
        let Self { hosts, pending, sweeps, .. } = self;
        let host: &mut Host = &mut hosts[slot];
        host.pending = false;
        for index in 0..host.services.len() {
            let key = (slot, host.services[index].key);
            let Some(waiting) = pending.get_mut(&key) else { continue };
            let (open_at, mut gone_at) = (host.services[index].open.at, host.services[index].gone_at);
            for refusal in waiting.iter() {
                let alive = any_answer || host.alive_in(refusal.sweep);
                if alive && sweeps.over(refusal.sweep) == Some(false) {
                    gone_at = gone_at.max(refusal.at);
                }
            }
            waiting.retain(|refusal| {
                refusal.at > gone_at && refusal.at > open_at && sweeps.over(refusal.sweep) != Some(true)
            });
            if waiting.is_empty() {
                pending.remove(&key);
            } else {
                host.pending = true;
            }
            host.services[index].gone_at = gone_at;
        }
    }

    /// Has the clock look at a host after an instant.
    pub(crate) fn wake(&mut self, slot: u32, after: Us) {
        if after == FOREVER || after < self.now() || self.hosts[slot].wakes_at <= after {
            return;
        }
        self.hosts[slot].wakes_at = after;
        self.wakes.push(std::cmp::Reverse((after, slot)));
    }
}

/// The name of the rule that judges a subject.
pub(crate) fn rule_name(subject: Subject) -> Text {
    Text::Static(match subject {
        Subject::Known => "known",
        Subject::Managed => "managed",
        Subject::Zone => "zone",
        Subject::Seen => "seen",
        Subject::ApprovedService { .. } => "approved-service",
    })
}

pub(crate) fn host_id(estate: &Estate, address: IpAddr) -> HostId {
    let derivation = estate.host_ids.clone();
    HostId::from(match address {
        IpAddr::V4(v4) => derivation.bytes(&v4.octets()),
        IpAddr::V6(v6) => derivation.bytes(&v6.octets()),
    })
}

/// Hash of what a host change says.
pub(crate) fn identity_print(parts: [&str; 4]) -> u64 {
    let mut hash = FixedState::default().build_hasher();
    for part in parts {
        hash.write_usize(part.len());
        hash.write(part.as_bytes());
    }
    hash.finish()
}
