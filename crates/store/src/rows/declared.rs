//! What people and feeds declared.

use super::{Id, Millis, row};

/// Kind, value, valid from, valid until.
pub type AssetIdentifier<'a> = (&'a str, &'a str, Millis, Millis);

/// Source, last seen.
pub type AssetSource<'a> = (&'a str, Millis);

row! {
    /// One asset of a delta or of an import's chunk; only the key is set where it was removed.
    /// `import_id` is zero for a delta, `revision` is zero for a chunk. Identity: (event, position).
    pub struct InventoryChange<'a> in "inventory_changes" {
        #[serde(borrow)]
        site: &'a str,
        import_id: Id,
        chunk_index: u32,
        revision: u64,
        removed: bool,
        key: &'a str,
        name: &'a str,
        owner: &'a str,
        support_group: &'a str,
        role: &'a str,
        zone: &'a str,
        base_image: &'a str,
        criticality: &'a str,
        #[serde(borrow)]
        identifiers: Vec<AssetIdentifier<'a>>,
        #[serde(borrow)]
        sources: Vec<AssetSource<'a>>,
        #[serde(with = "serde_bytes")]
        claims: &'a [u8],
        actor_subject: &'a str,
        actor_issuer: &'a str,
        actor_on_behalf_of: &'a str,
        occurred_at: Millis,
        event_id: Id,
        position: u32,
        stream_sequence: u64,
        broker_at: Millis,
    }
}

row! {
    /// An import takes effect. Identity: the event.
    pub struct InventoryManifest<'a> in "inventory_manifests" {
        #[serde(borrow)]
        site: &'a str,
        import_id: Id,
        revision: u64,
        chunks: u32,
        rows: u64,
        #[serde(with = "serde_bytes")]
        root_sha256: &'a [u8],
        source: &'a str,
        actor_subject: &'a str,
        actor_issuer: &'a str,
        actor_on_behalf_of: &'a str,
        occurred_at: Millis,
        event_id: Id,
        stream_sequence: u64,
        broker_at: Millis,
    }
}

row! {
    /// The declared state of a site; `document` is the encoded `EstateDocument`. Identity: the event.
    pub struct EstateRevision<'a> in "estate_revisions" {
        #[serde(borrow)]
        site: &'a str,
        revision: u64,
        realm: &'a str,
        time_zone: &'a str,
        alive_by: i8,
        ranges: Vec<String>,
        #[serde(borrow)]
        zones: Vec<&'a str>,
        schedules: Vec<&'a str>,
        managed_requires: Vec<&'a str>,
        seen_within_ms: u64,
        absent_after_sweeps: u32,
        removed: bool,
        #[serde(with = "serde_bytes")]
        content_sha256: &'a [u8],
        #[serde(with = "serde_bytes")]
        document: &'a [u8],
        actor_subject: &'a str,
        actor_issuer: &'a str,
        actor_on_behalf_of: &'a str,
        occurred_at: Millis,
        event_id: Id,
        stream_sequence: u64,
        broker_at: Millis,
    }
}

row! {
    /// What somebody decided about a finding. Identity: the event.
    pub struct DispositionRow<'a> in "dispositions" {
        #[serde(borrow)]
        site: &'a str,
        finding_id: Id,
        host_id: Id,
        subject: &'a str,
        disposition: i8,
        reason: &'a str,
        until: Millis,
        actor_subject: &'a str,
        actor_issuer: &'a str,
        actor_on_behalf_of: &'a str,
        occurred_at: Millis,
        event_id: Id,
        stream_sequence: u64,
        broker_at: Millis,
    }
}

row! {
    /// One revision of one advisory. Identity: the event.
    pub struct BulletinRow<'a> in "bulletins" {
        #[serde(borrow)]
        feed: &'a str,
        publisher: &'a str,
        bulletin_id: &'a str,
        feed_version: &'a str,
        #[serde(with = "serde_bytes")]
        content_sha256: &'a [u8],
        title: &'a str,
        description: &'a str,
        vendor: &'a str,
        product: &'a str,
        published_at: Millis,
        due_at: Millis,
        exploited: bool,
        ransomware: bool,
        required_action: &'a str,
        #[serde(borrow)]
        aliases: Vec<&'a str>,
        weaknesses: Vec<&'a str>,
        references: Vec<&'a str>,
        withdrawn: bool,
        #[serde(with = "serde_bytes")]
        source_sha256: &'a [u8],
        occurred_at: Millis,
        event_id: Id,
        stream_sequence: u64,
        broker_at: Millis,
    }
}

row! {
    /// A command: `kind` is 1 for a sweep, 2 for an audit, 3 for a halt. Identity: the event.
    pub struct Command<'a> in "commands" {
        #[serde(borrow)]
        site: &'a str,
        kind: i8,
        request_id: Id,
        blocks: Vec<String>,
        ports: Vec<String>,
        #[serde(borrow)]
        sites: Vec<&'a str>,
        sample_size: u32,
        halted: bool,
        reason: &'a str,
        actor_subject: &'a str,
        actor_issuer: &'a str,
        actor_on_behalf_of: &'a str,
        occurred_at: Millis,
        event_id: Id,
        stream_sequence: u64,
        broker_at: Millis,
    }
}
