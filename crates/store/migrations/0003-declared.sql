-- What people and feeds declared. How things stand is read from these logs, and an import or a revision may be older
-- than any retention: nothing here expires, but the commands.

CREATE TABLE IF NOT EXISTS inventory_changes {on_cluster}
(
    site LowCardinality(String),
    import_id FixedString(16),
    chunk_index UInt32,
    revision UInt64,
    removed Bool,
    key String,
    name String,
    owner LowCardinality(String),
    support_group LowCardinality(String),
    role LowCardinality(String),
    zone LowCardinality(String),
    base_image LowCardinality(String),
    criticality LowCardinality(String),
    identifiers Array(Tuple(LowCardinality(String), String, DateTime64(3, 'UTC'), DateTime64(3, 'UTC'))),
    actor_subject LowCardinality(String),
    actor_issuer LowCardinality(String),
    actor_on_behalf_of LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    event_id FixedString(16),
    position UInt32,
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC')
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(broker_at)
ORDER BY (site, import_id, key, stream_sequence, position)
SETTINGS {settings};

CREATE TABLE IF NOT EXISTS inventory_manifests {on_cluster}
(
    site LowCardinality(String),
    import_id FixedString(16),
    revision UInt64,
    chunks UInt32,
    rows UInt64,
    root_sha256 String,
    source String,
    actor_subject LowCardinality(String),
    actor_issuer LowCardinality(String),
    actor_on_behalf_of LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    event_id FixedString(16),
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC')
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(broker_at)
ORDER BY (site, stream_sequence)
SETTINGS {settings};

CREATE TABLE IF NOT EXISTS estate_revisions {on_cluster}
(
    site LowCardinality(String),
    revision UInt64,
    realm LowCardinality(String),
    time_zone LowCardinality(String),
    alive_by Enum8('unspecified' = 0, 'open-port' = 1, 'any-answer' = 2),
    ranges Array(String),
    zones Array(String),
    schedules Array(String),
    managed_requires Array(String),
    seen_within_ms UInt64,
    absent_after_sweeps UInt32,
    removed Bool,
    content_sha256 String,
    document String,
    actor_subject LowCardinality(String),
    actor_issuer LowCardinality(String),
    actor_on_behalf_of LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    event_id FixedString(16),
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC')
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(broker_at)
ORDER BY (site, stream_sequence)
SETTINGS {settings};

CREATE TABLE IF NOT EXISTS dispositions {on_cluster}
(
    site LowCardinality(String),
    finding_id FixedString(16),
    host_id FixedString(16),
    subject String,
    disposition Enum8('unspecified' = 0, 'adopted' = 1, 'accepted' = 2, 'decommissioned' = 3, 'none' = 4),
    reason String,
    until DateTime64(3, 'UTC'),
    actor_subject LowCardinality(String),
    actor_issuer LowCardinality(String),
    actor_on_behalf_of LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    event_id FixedString(16),
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC')
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(broker_at)
ORDER BY (site, finding_id, stream_sequence)
SETTINGS {settings};

CREATE TABLE IF NOT EXISTS bulletins {on_cluster}
(
    feed LowCardinality(String),
    publisher LowCardinality(String),
    bulletin_id String,
    feed_version LowCardinality(String),
    content_sha256 String,
    title String,
    description String,
    vendor LowCardinality(String),
    product String,
    published_at DateTime64(3, 'UTC'),
    due_at DateTime64(3, 'UTC'),
    exploited Bool,
    ransomware Bool,
    required_action String,
    aliases Array(String),
    weaknesses Array(String),
    references Array(String),
    withdrawn Bool,
    source_sha256 String,
    occurred_at DateTime64(3, 'UTC'),
    event_id FixedString(16),
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC')
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(broker_at)
ORDER BY (feed, bulletin_id, stream_sequence)
SETTINGS {settings};

CREATE TABLE IF NOT EXISTS commands {on_cluster}
(
    site LowCardinality(String),
    kind Enum8('unspecified' = 0, 'sweep' = 1, 'audit' = 2, 'halt' = 3),
    request_id FixedString(16),
    blocks Array(String),
    ports Array(String),
    sites Array(String),
    sample_size UInt32,
    halted Bool,
    reason String,
    actor_subject LowCardinality(String),
    actor_issuer LowCardinality(String),
    actor_on_behalf_of LowCardinality(String),
    occurred_at DateTime64(3, 'UTC'),
    event_id FixedString(16),
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC')
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(broker_at)
ORDER BY (site, stream_sequence)
TTL toDateTime(broker_at) + INTERVAL 1100 DAY
SETTINGS {settings};
