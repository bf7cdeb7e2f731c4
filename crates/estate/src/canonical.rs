//! The canonical encoding: one sequence of bytes for one content, so that it can be hashed and signed.
//!
//! Every text and list is preceded by its length, every alternative by a tag, numbers are big-endian and of fixed
//! size; so no two contents share an encoding. Lists keep their order: it is part of what was written.
//!
//! - number: u64, 8 bytes; flag: u8, 0 or 1; word: u8, as numbered in `muster.v1` (the first value is 1)
//! - text, bytes: length as u32, then the bytes; list: length as u32, then the entries
//! - duration: seconds as i64, nanoseconds as i32; instant: the same since 1970-01-01T00:00:00Z
//! - address: u8 4 or 6, then 4 or 16 bytes; block: address, u8 prefix length
//! - ports: word transport (TCP 1, UDP 2), u16 first, u16 last; optional: u8 0, or u8 1 and the value
//!
//! A site is `"muster.v1.site\0"`, then name, realm, time zone, ranges (block, kind), zones (name, blocks, class,
//! exposure, scan policy, approvals (ports, optional role, reason)), schedules (name, kind, every, anchor, ports,
//! sample size, paused), scope (include, exclude, site rate, host rate, never payload, signature, signer), alive by,
//! seen within, absent after, managed requires, removed; where sources of the inventory have a precedence, then the text
//! "inventory precedence" and their list. The revision is not part of it: the server counts it.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::model::{Approval, PortRange, ScanScope, Schedule, Site, Zone};
use crate::words::Word;

/// The content of a site, signature included, revision excluded.
#[must_use]
pub fn canonical(site: &Site) -> Vec<u8> {
    let mut to = Encoder(b"muster.v1.site\0".to_vec());
    to.text(&site.name);
    to.text(&site.realm);
    to.text(&site.time_zone);
    to.list(&site.ranges, |to, range| {
        to.block(range.block);
        to.word(range.kind);
    });
    to.list(&site.zones, zone);
    to.list(&site.schedules, schedule);
    scope(&mut to, &site.scope);
    to.word(site.alive_by);
    to.span(site.seen_within);
    to.number(site.absent_after_sweeps.into());
    to.list(&site.managed_requires, |to, wanted| to.word(*wanted));
    to.flag(site.removed);
    // What was signed before there was a precedence has none, and keeps its encoding.
    if !site.inventory_precedence.is_empty() {
        to.text("inventory precedence");
        to.list(&site.inventory_precedence, |to, source| to.text(source));
    }
    to.0
}

/// SHA-256 of [`canonical`]: `EstateDocument.content_sha256`.
#[must_use]
pub fn content_sha256(site: &Site) -> [u8; 32] {
    Sha256::digest(canonical(site)).into()
}

fn zone(to: &mut Encoder, zone: &Zone) {
    to.text(&zone.name);
    to.list(&zone.blocks, |to, block| to.block(*block));
    to.word(zone.class);
    to.word(zone.exposure);
    to.word(zone.scan_policy);
    to.list(&zone.approvals, |to, Approval { ports, role, reason }| {
        to.ports(*ports);
        to.optional(role.as_deref(), Encoder::text);
        to.text(reason);
    });
}

fn schedule(to: &mut Encoder, schedule: &Schedule) {
    to.text(&schedule.name);
    to.word(schedule.kind);
    to.span(schedule.every);
    to.instant(schedule.anchor);
    to.list(&schedule.ports, |to, ports| to.ports(*ports));
    to.number(schedule.sample_size.into());
    to.flag(schedule.paused);
}

fn scope(to: &mut Encoder, scope: &ScanScope) {
    to.list(&scope.include, |to, block| to.block(*block));
    to.list(&scope.exclude, |to, block| to.block(*block));
    to.number(scope.rate_site_pps.into());
    to.number(scope.rate_host_pps.into());
    to.list(&scope.never_payload, |to, ports| to.ports(*ports));
    to.bytes(&scope.signature);
    to.bytes(&scope.signer);
    // Later than the signatures in the world: a site that does not say it is encoded as ever. Its name tells it apart
    // from the word that follows a scope.
    if scope.rate_build_pps != 0 {
        to.text("rate_build_pps");
        to.number(scope.rate_build_pps.into());
    }
}

/// Writes the encoding; the assets of an inventory use it too.
#[derive(Debug, Default)]
pub(crate) struct Encoder(pub(crate) Vec<u8>);

impl Encoder {
    pub(crate) fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    pub(crate) fn flag(&mut self, flag: bool) {
        self.0.push(flag.into());
    }

    fn word<T: Word>(&mut self, value: T) {
        // The lists of words are in the order of `muster.v1`, whose value 0 is "unspecified".
        let index = T::ALL.iter().take_while(|(other, _)| *other != value).count();
        self.0.push(u8::try_from(index + 1).unwrap_or(u8::MAX));
    }

    pub(crate) fn length(&mut self, length: usize) {
        // What is longer than 4 GiB was refused long before; saturating keeps this total.
        self.0.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(crate) fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.length(items.len());
        for item in items {
            write(self, item);
        }
    }

    fn span(&mut self, span: SignedDuration) {
        self.0.extend_from_slice(&span.as_secs().to_be_bytes());
        self.0.extend_from_slice(&span.subsec_nanos().to_be_bytes());
    }

    pub(crate) fn instant(&mut self, instant: Timestamp) {
        self.0.extend_from_slice(&instant.as_second().to_be_bytes());
        self.0.extend_from_slice(&instant.subsec_nanosecond().to_be_bytes());
    }

    fn block(&mut self, block: IpNet) {
        match block.addr() {
            IpAddr::V4(address) => {
                self.0.push(4);
                self.0.extend_from_slice(&address.octets());
            }
            IpAddr::V6(address) => {
                self.0.push(6);
                self.0.extend_from_slice(&address.octets());
            }
        }
        self.0.push(block.prefix_len());
    }

    fn ports(&mut self, ports: PortRange) {
        self.word(ports.transport);
        self.0.extend_from_slice(&ports.first.to_be_bytes());
        self.0.extend_from_slice(&ports.last.to_be_bytes());
    }
}
