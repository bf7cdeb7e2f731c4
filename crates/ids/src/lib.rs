//! Every typed id of Muster, in one list, and how each is derived.
//!
//! An id is 16 bytes: the first half of SHA-256 over a domain name and length-prefixed parts, so that work done twice
//! carries the same id, and ids of different kinds cannot collide or be mixed up. The list is append-only; a
//! derivation never changes, because stored rows carry its results.
//!
//! Collisions: with 2^40 ids of one kind the chance of any is 2^-49 (birthday bound, n²/2^129).

mod derive;
mod id;

pub use derive::Derivation;
pub use id::IdError;

use std::net::IpAddr;

id::ids! {
    /// One message on the bus.
    EventId = "event";
    /// Work for a scanner: a lease of a sweep.
    OrderId = "order";
    /// One sweep or audit of one site.
    SweepId = "sweep";
    /// One random selection.
    DrawId = "draw";
    /// Something seen on the network, or expected there.
    HostId = "host";
    /// The life of a verdict that does not pass.
    FindingId = "finding";
    /// One inventory import.
    ImportId = "import";
    /// A command of a person; chosen by the caller so that a retry is one command.
    RequestId = "request";
}

impl HostId {
    /// The host that an address stands for until identity events say otherwise.
    #[must_use]
    pub fn of_address(realm: &str, address: IpAddr) -> Self {
        let derivation = Self::derivation("address").text(realm);
        Self::from(match address {
            IpAddr::V4(v4) => derivation.bytes(&v4.octets()),
            IpAddr::V6(v6) => derivation.bytes(&v6.octets()),
        })
    }

    /// An asset of the inventory that has no address.
    #[must_use]
    pub fn of_asset(site: &str, asset_key: &str) -> Self {
        Self::derivation("asset").text(site).text(asset_key).into()
    }
}

impl FindingId {
    /// The finding of one host and one subject: stable over its whole life.
    #[must_use]
    pub fn of(host: HostId, subject: &str) -> Self {
        Self::derivation("subject").bytes(host.as_bytes()).text(subject).into()
    }
}

impl SweepId {
    /// The sweep that a schedule of a site owes at an instant.
    #[must_use]
    pub fn of_firing(site: &str, schedule: &str, due_unix_s: i64) -> Self {
        Self::derivation("firing").text(site).text(schedule).number(due_unix_s.cast_unsigned()).into()
    }

    /// The sweep that somebody asked for.
    #[must_use]
    pub fn of_request(site: &str, request: RequestId) -> Self {
        Self::derivation("request").text(site).bytes(request.as_bytes()).into()
    }
}

impl SweepId {
    /// The part of an audit that one site does.
    #[must_use]
    pub fn of_draw(site: &str, draw: DrawId) -> Self {
        Self::derivation("draw").text(site).bytes(draw.as_bytes()).into()
    }
}

impl DrawId {
    /// The draw that an audit schedule owes at an instant.
    #[must_use]
    pub fn of_firing(schedule: &str, due_unix_s: i64) -> Self {
        Self::derivation("firing").text(schedule).number(due_unix_s.cast_unsigned()).into()
    }

    /// The draw that somebody asked for.
    #[must_use]
    pub fn of_request(request: RequestId) -> Self {
        Self::derivation("request").bytes(request.as_bytes()).into()
    }
}

impl OrderId {
    /// Lease `index` of a sweep.
    #[must_use]
    pub fn of_lease(sweep: SweepId, index: u32) -> Self {
        Self::derivation("lease").bytes(sweep.as_bytes()).number(u64::from(index)).into()
    }
}

impl ImportId {
    /// An import of a site's inventory that leads to a revision.
    #[must_use]
    pub fn of_revision(site: &str, revision: u64) -> Self {
        Self::derivation("revision").text(site).number(revision).into()
    }
}

impl EventId {
    /// Slice `index` of a lease.
    #[must_use]
    pub fn of_slice(order: OrderId, index: u32) -> Self {
        Self::derivation("slice").bytes(order.as_bytes()).number(u64::from(index)).into()
    }

    /// The outcome of an order.
    #[must_use]
    pub fn of_outcome(order: OrderId) -> Self {
        Self::derivation("outcome").bytes(order.as_bytes()).into()
    }

    /// A plan about something that has an id of its own: `kind` is the body's name.
    #[must_use]
    pub fn of_plan(kind: &str, subject: &[u8]) -> Self {
        Self::derivation("plan").text(kind).bytes(subject).into()
    }

    /// The clock event of an instant.
    #[must_use]
    pub fn of_clock(unix_ms: i64) -> Self {
        Self::derivation("clock").number(unix_ms.cast_unsigned()).into()
    }

    /// One revision of a document of a site, such as its estate or inventory.
    #[must_use]
    pub fn of_revision(kind: &str, site: &str, revision: u64, part: u32) -> Self {
        Self::derivation("revision").text(kind).text(site).number(revision).number(u64::from(part)).into()
    }

    /// A command of a person.
    #[must_use]
    pub fn of_request(kind: &str, site: &str, request: RequestId) -> Self {
        Self::derivation("request").text(kind).text(site).bytes(request.as_bytes()).into()
    }

    /// A bulletin revision: feed, bulletin and the hash of its content.
    #[must_use]
    pub fn of_bulletin(feed: &str, bulletin_id: &str, content_sha256: &[u8]) -> Self {
        Self::derivation("bulletin").text(feed).text(bulletin_id).bytes(content_sha256).into()
    }

    /// A bulletin revision that follows message `after` of its feed's subject. A feed may say again what it said before
    /// (A, B, A): content alone would give the second A the id of the first. A withdrawal has no content.
    #[must_use]
    pub fn of_bulletin_after(feed: &str, bulletin_id: &str, content_sha256: &[u8], after: u64) -> Self {
        let derivation = Self::derivation("bulletin-after").text(feed).text(bulletin_id);
        derivation.bytes(content_sha256).number(after).into()
    }

    /// The verdicts of a partition that follow message `after` of it.
    #[must_use]
    pub fn of_verdicts(partition: &str, after: u64) -> Self {
        Self::derivation("verdicts").text(partition).number(after).into()
    }

    /// What could not be read at a place of a stream, as seen by one reader.
    #[must_use]
    pub fn of_dead_letter(stream: &str, sequence: u64, reader: &str) -> Self {
        Self::derivation("dead").text(stream).number(sequence).text(reader).into()
    }
}

#[cfg(test)]
mod tests;
