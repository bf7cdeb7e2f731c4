//! One row of every table with every field set.

use std::net::Ipv6Addr;

use crate::rows::*;

/// 2026-11-23 11:00 UTC.
pub(super) const NOON: Millis = 1_795_431_600_000;

pub(super) fn id(n: u8) -> Id {
    let mut id = [0xa0; 16];
    id[15] = n;
    id
}

pub(super) fn address(n: u8) -> Ipv6Addr {
    std::net::Ipv4Addr::new(127, 20, 0, n).to_ipv6_mapped()
}

pub(super) fn observation(n: u32) -> ObservationRow<'static> {
    let [.., c, d] = n.to_be_bytes();
    ObservationRow {
        order_id: id(1),
        unit: n,
        slice_index: n / 1000,
        sweep_id: id(2),
        site: "dublin",
        realm: "corp",
        address: Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0x7f14, u16::from_be_bytes([c, d])),
        port: 8080,
        transport: 1,
        observed_at: NOON + i64::from(n % 1000),
        rtt_us: 350 + n % 100,
        service: "http",
        vendor: "Microsoft",
        product: "Internet Information Services",
        version: "6.0",
        evidence: "http.server: Microsoft-IIS/6.0",
        tls: true,
        banner: b"HTTP/1.1 200 OK\r\nServer: Microsoft-IIS/6.0\r\n\xff\x00",
        certificate_sha256: &[7; 32],
        os_product: "Windows Server 2022",
        os_version: "10.0.20348",
        tls_version: "TLS 1.3",
        identifiers: vec![("tls-spki-sha256", "07"), ("ntlm-name", "web1")],
        stream_sequence: 41,
        broker_at: NOON + 5,
    }
}

pub(super) fn slice() -> SliceRow<'static> {
    SliceRow {
        order_id: id(1),
        slice_index: 3,
        sweep_id: id(2),
        site: "dublin",
        realm: "corp",
        first_unit: 3000,
        units: 1000,
        open: 4,
        closed: 6,
        skipped: 1,
        silent: 989,
        closed_bitmap: &[0b1010_1010, 0, 255],
        skipped_bitmap: b"\x01",
        certificates: 1,
        scanner: "scanner-1",
        source_address: address(1),
        method: "connect",
        producer_version: "0.1.0",
        started_at: NOON,
        finished_at: NOON + 900,
        event_id: id(3),
        stream_sequence: 41,
        broker_at: NOON + 1,
    }
}

pub(super) fn certificate() -> CertificateRow<'static> {
    CertificateRow {
        sha256: [9; 32],
        der: &[0x30, 0x82, 0, 1],
        site: "dublin",
        order_id: id(1),
        slice_index: 3,
        stream_sequence: 41,
        broker_at: NOON,
    }
}

pub(super) fn outcome() -> OrderOutcomeRow<'static> {
    OrderOutcomeRow {
        order_id: id(1),
        sweep_id: id(2),
        site: "dublin",
        result: 2,
        reason: "halted",
        slices: 4,
        units: 3500,
        open: 4,
        closed: 6,
        silent: 3489,
        skipped: 1,
        started_at: NOON,
        finished_at: NOON + 9,
        scanner: "scanner-1",
        event_id: id(4),
        stream_sequence: 42,
        broker_at: NOON + 2,
    }
}

pub(super) fn sweep_started() -> SweepStartedRow<'static> {
    SweepStartedRow {
        sweep_id: id(2),
        kind: 1,
        site: "dublin",
        schedule: "daily",
        due_at: NOON - 1,
        started_at: NOON,
        leases: 2,
        units: 7000,
        scope_revision: 8,
        draw_id: id(0),
        ports: vec!["tcp/80-443".into(), "udp/53".into()],
        partial: false,
        event_id: id(5),
        causation_id: id(6),
        stream_sequence: 1,
        broker_at: NOON,
    }
}

pub(super) fn order_issued() -> OrderIssuedRow<'static> {
    OrderIssuedRow {
        order_id: id(1),
        sweep_id: id(2),
        sweep_kind: 1,
        site: "dublin",
        lease_index: 0,
        issued_at: NOON,
        deadline: NOON + 60_000,
        realm: "corp",
        blocks: vec!["127.20.0.0/24".into()],
        ports: vec!["tcp/80".into()],
        permutation_key: &[1; 16],
        units: 3500,
        units_per_slice: 1000,
        scope_revision: 8,
        event_id: id(7),
        stream_sequence: 2,
        broker_at: NOON,
    }
}

pub(super) fn sweep_finished() -> SweepFinishedRow<'static> {
    SweepFinishedRow {
        sweep_id: id(2),
        kind: 1,
        site: "dublin",
        planned: 7000,
        open: 4,
        closed: 6,
        silent: 6000,
        skipped: 1,
        lost: 989,
        void: true,
        void_reason: "half of the leases failed",
        started_at: NOON,
        finished_at: NOON + 10_000,
        leases_finished: 1,
        leases_failed: 1,
        event_id: id(8),
        stream_sequence: 9,
        broker_at: NOON + 10_001,
        missed_share_max: 0.001_25,
        missed_pairs_max: 3,
        missed_unstated: "",
        missed_loss: 0.02,
        attempts_sent: vec![7_000, 6_990, 400],
        attempts_answered: vec![9, 1, 0],
        answers_dropped: 5,
    }
}

pub(super) fn draw() -> DrawRow<'static> {
    DrawRow {
        draw_id: id(9),
        site: "all",
        schedule: "weekly",
        due_at: NOON,
        method: "sha256-ticket-v1",
        seed: &[3; 32],
        frame_root: &[4; 32],
        frame_size: 250,
        inventory_revision: 12,
        items: 2,
        event_id: id(10),
        causation_id: id(11),
        stream_sequence: 3,
        broker_at: NOON,
    }
}

pub(super) fn drawn(position: u32) -> DrawnItemRow<'static> {
    DrawnItemRow {
        draw_id: id(9),
        position,
        item: "corp/127.20.0.7",
        address: address(7),
        ticket: &[5; 32],
        stream_sequence: 3,
        broker_at: NOON,
    }
}

pub(super) fn asset(key: &'static str, import: Id, stream_sequence: u64) -> InventoryChange<'static> {
    InventoryChange {
        site: "dublin",
        import_id: import,
        chunk_index: 1,
        revision: 0,
        removed: false,
        key,
        name: "mail-é",
        owner: "ada",
        support_group: "ops",
        role: "mail",
        zone: "dmz",
        base_image: "deb12",
        criticality: "high",
        identifiers: vec![("address", "127.20.0.7", NOON, 0), ("mac", "00:00:5e:00:53:01", 0, NOON)],
        sources: vec![("netbox", NOON)],
        claims: &[10, 8, 10, 6, 110, 101, 116, 98, 111, 120],
        actor_subject: "cn=ada",
        actor_issuer: "mtls",
        actor_on_behalf_of: "ops",
        occurred_at: NOON,
        event_id: id(12),
        position: 1,
        stream_sequence,
        broker_at: NOON,
    }
}

pub(super) fn manifest(import: Id, revision: u64, stream_sequence: u64) -> InventoryManifest<'static> {
    InventoryManifest {
        site: "dublin",
        import_id: import,
        revision,
        chunks: 1,
        rows: 2,
        root_sha256: &[6; 32],
        source: "cmdb.csv",
        actor_subject: "cn=ada",
        actor_issuer: "mtls",
        actor_on_behalf_of: "",
        occurred_at: NOON,
        event_id: id(13),
        stream_sequence,
        broker_at: NOON,
    }
}

pub(super) fn estate(revision: u64, stream_sequence: u64) -> EstateRevision<'static> {
    EstateRevision {
        site: "dublin",
        revision,
        realm: "corp",
        time_zone: "Europe/Dublin",
        alive_by: 1,
        ranges: vec!["127.20.0.0/24 static".into()],
        zones: vec!["dmz", "office"],
        schedules: vec!["daily"],
        managed_requires: vec!["owner"],
        seen_within_ms: 86_400_000,
        absent_after_sweeps: 3,
        removed: false,
        content_sha256: &[1; 32],
        document: &[0x0a, 6, b'd', b'u', b'b', b'l', b'i', b'n'],
        actor_subject: "cn=ada",
        actor_issuer: "mtls",
        actor_on_behalf_of: "",
        occurred_at: NOON,
        event_id: id(14),
        stream_sequence,
        broker_at: NOON,
    }
}

pub(super) fn disposition() -> DispositionRow<'static> {
    DispositionRow {
        site: "dublin",
        finding_id: id(20),
        host_id: id(21),
        subject: "known",
        disposition: 2,
        reason: "lab until Friday",
        until: NOON + 86_400_000,
        actor_subject: "cn=ada",
        actor_issuer: "mtls",
        actor_on_behalf_of: "",
        occurred_at: NOON,
        event_id: id(15),
        stream_sequence: 60,
        broker_at: NOON,
    }
}

pub(super) fn bulletin(content: &'static [u8], stream_sequence: u64) -> BulletinRow<'static> {
    BulletinRow {
        feed: "cisa-kev",
        publisher: "CISA",
        bulletin_id: "CVE-2025-24085",
        feed_version: "2025.01.29",
        content_sha256: content,
        title: "Apple use-after-free",
        description: "…",
        vendor: "Apple",
        product: "Multiple Products",
        published_at: NOON - 86_400_000,
        due_at: NOON,
        exploited: true,
        ransomware: false,
        required_action: "Apply mitigations",
        aliases: vec!["A-1"],
        weaknesses: vec!["CWE-416"],
        references: vec!["https://example.org/a", "https://example.org/b"],
        withdrawn: false,
        source_sha256: &[8; 32],
        occurred_at: NOON,
        event_id: id(16),
        stream_sequence,
        broker_at: NOON,
    }
}

pub(super) fn command() -> Command<'static> {
    Command {
        site: "all",
        kind: 3,
        request_id: id(0),
        blocks: vec!["127.0.0.0/8".into()],
        ports: vec!["tcp/1-1024".into()],
        sites: vec!["dublin", "redmond"],
        sample_size: 5,
        halted: true,
        reason: "incident 7",
        actor_subject: "cn=ada",
        actor_issuer: "token",
        actor_on_behalf_of: "soc",
        occurred_at: NOON,
        event_id: id(17),
        stream_sequence: 61,
        broker_at: NOON,
    }
}

/// A change of the verdict `subject` of host `host`, which fails and has an open finding.
pub(super) fn change(
    host: u8,
    subject: &'static str,
    reason: &'static str,
    stream_sequence: u64,
) -> VerdictChangeRow<'static> {
    VerdictChangeRow {
        site: "dublin",
        host_id: id(host),
        subject,
        outcome: 2,
        reason,
        evidence: vec![("service.tcp/8080", "http", "order 1", NOON), ("asset", "", "inventory 12", NOON)],
        rule: subject,
        rule_version: 1,
        decided_at: NOON,
        valid_until: 0,
        estate_revision: 8,
        inventory_revision: 12,
        address: address(host),
        title: "http on tcp/8080",
        finding_id: id(host),
        finding_state: 1,
        first_seen: NOON,
        last_seen: NOON + 1,
        resolved_at: 0,
        owner: "ada",
        due_at: NOON + 2,
        disposition: 4,
        disposition_reason: "back",
        disposition_until: NOON + 3,
        reopened: 2,
        shard: 0,
        events_sequence: 42,
        plans_sequence: 9,
        event_id: id(18),
        causation_id: id(19),
        position: u32::from(host),
        version: version(stream_sequence, u32::from(host)),
        stream_sequence,
        broker_at: NOON + i64::try_from(stream_sequence).unwrap(),
    }
}

pub(super) fn verdict<'a>(c: &VerdictChangeRow<'a>) -> VerdictRow<'a> {
    VerdictRow {
        site: c.site,
        host_id: c.host_id,
        subject: c.subject,
        outcome: c.outcome,
        reason: c.reason,
        evidence: c.evidence.clone(),
        rule: c.rule,
        rule_version: c.rule_version,
        decided_at: c.decided_at,
        valid_until: c.valid_until,
        estate_revision: c.estate_revision,
        inventory_revision: c.inventory_revision,
        address: c.address,
        title: c.title,
        version: c.version,
        stream_sequence: c.stream_sequence,
        broker_at: c.broker_at,
    }
}

pub(super) fn finding<'a>(c: &VerdictChangeRow<'a>) -> FindingRow<'a> {
    FindingRow {
        site: c.site,
        finding_id: c.finding_id,
        finding_state: c.finding_state,
        first_seen: c.first_seen,
        last_seen: c.last_seen,
        resolved_at: c.resolved_at,
        owner: c.owner,
        due_at: c.due_at,
        disposition: c.disposition,
        disposition_reason: c.disposition_reason,
        disposition_until: c.disposition_until,
        reopened: c.reopened,
        host_id: c.host_id,
        subject: c.subject,
        outcome: c.outcome,
        reason: c.reason,
        evidence: c.evidence.clone(),
        rule: c.rule,
        rule_version: c.rule_version,
        decided_at: c.decided_at,
        valid_until: c.valid_until,
        estate_revision: c.estate_revision,
        inventory_revision: c.inventory_revision,
        address: c.address,
        title: c.title,
        version: c.version,
        stream_sequence: c.stream_sequence,
        broker_at: c.broker_at,
    }
}

pub(super) fn host_change(host: u8, stream_sequence: u64) -> HostChangeRow<'static> {
    HostChangeRow {
        site: "dublin",
        host_id: id(host),
        kind: 1,
        realm: "corp",
        address: address(host),
        first_seen: NOON,
        zone: "dmz",
        asset_key: "a-1",
        name: "mail",
        owner: "ada",
        merged_from: vec![id(98), id(99)],
        event_id: id(18),
        position: u32::from(host),
        version: version(stream_sequence, u32::from(host)),
        stream_sequence,
        broker_at: NOON,
    }
}

pub(super) fn host<'a>(c: &HostChangeRow<'a>) -> HostRow<'a> {
    HostRow {
        site: c.site,
        host_id: c.host_id,
        kind: c.kind,
        realm: c.realm,
        address: c.address,
        first_seen: c.first_seen,
        zone: c.zone,
        asset_key: c.asset_key,
        name: c.name,
        owner: c.owner,
        version: c.version,
        stream_sequence: c.stream_sequence,
        broker_at: c.broker_at,
    }
}
