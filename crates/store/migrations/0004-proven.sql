-- What the evaluator concluded: the logs of it. An item of evidence is its path, value, source and time; the views name
-- the four (the client library does not read tuples with names).

CREATE TABLE IF NOT EXISTS verdict_log {on_cluster}
(
    site LowCardinality(String),
    host_id FixedString(16),
    subject String,
    outcome Enum8('unspecified' = 0, 'pass' = 1, 'fail' = 2, 'not-applicable' = 3, 'unknown' = 4),
    reason LowCardinality(String),
    evidence Array(Tuple(String, String, String, DateTime64(3, 'UTC'))),
    rule LowCardinality(String),
    rule_version UInt32,
    decided_at DateTime64(3, 'UTC'),
    valid_until DateTime64(3, 'UTC'),
    estate_revision UInt64,
    inventory_revision UInt64,
    address IPv6,
    title String,
    finding_id FixedString(16),
    finding_state Enum8('none' = 0, 'open' = 1, 'resolved' = 2, 'suppressed' = 3),
    first_seen DateTime64(3, 'UTC'),
    last_seen DateTime64(3, 'UTC'),
    resolved_at DateTime64(3, 'UTC'),
    owner LowCardinality(String),
    due_at DateTime64(3, 'UTC'),
    disposition Enum8('unspecified' = 0, 'adopted' = 1, 'accepted' = 2, 'decommissioned' = 3, 'none' = 4),
    disposition_reason String,
    disposition_until DateTime64(3, 'UTC'),
    reopened UInt32,
    shard UInt32,
    events_sequence UInt64,
    plans_sequence UInt64,
    event_id FixedString(16),
    causation_id FixedString(16),
    position UInt32,
    version UInt64,
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC'),
    INDEX by_sequence stream_sequence TYPE minmax GRANULARITY 1
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(broker_at)
ORDER BY (site, host_id, subject, version)
TTL toDateTime(broker_at) + INTERVAL 1100 DAY
SETTINGS {settings};

CREATE TABLE IF NOT EXISTS host_log {on_cluster}
(
    site LowCardinality(String),
    host_id FixedString(16),
    kind Enum8('unspecified' = 0, 'appeared' = 1, 'merged' = 2, 'split' = 3, 'updated' = 4),
    realm LowCardinality(String),
    address IPv6,
    first_seen DateTime64(3, 'UTC'),
    zone LowCardinality(String),
    asset_key String,
    name String,
    owner LowCardinality(String),
    merged_from Array(FixedString(16)),
    event_id FixedString(16),
    position UInt32,
    version UInt64,
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC'),
    INDEX by_sequence stream_sequence TYPE minmax GRANULARITY 1
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(broker_at)
ORDER BY (site, host_id, version)
TTL toDateTime(broker_at) + INTERVAL 1100 DAY
SETTINGS {settings};

-- How it stands: the row of the highest version of a key, written by the recorder beside the log and read with FINAL.
-- One partition each, for a key must meet its older rows in merges; no retention, for a merge that drops the newest row
-- of a key would bring an older one back.

CREATE TABLE IF NOT EXISTS verdicts {on_cluster}
(
    site LowCardinality(String),
    host_id FixedString(16),
    subject String,
    outcome Enum8('unspecified' = 0, 'pass' = 1, 'fail' = 2, 'not-applicable' = 3, 'unknown' = 4),
    reason LowCardinality(String),
    evidence Array(Tuple(String, String, String, DateTime64(3, 'UTC'))),
    rule LowCardinality(String),
    rule_version UInt32,
    decided_at DateTime64(3, 'UTC'),
    valid_until DateTime64(3, 'UTC'),
    estate_revision UInt64,
    inventory_revision UInt64,
    address IPv6,
    title String,
    version UInt64,
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC')
)
ENGINE = {replacing_merge_tree}
ORDER BY (site, host_id, subject)
SETTINGS {settings};

CREATE TABLE IF NOT EXISTS findings {on_cluster}
(
    site LowCardinality(String),
    finding_id FixedString(16),
    finding_state Enum8('none' = 0, 'open' = 1, 'resolved' = 2, 'suppressed' = 3),
    first_seen DateTime64(3, 'UTC'),
    last_seen DateTime64(3, 'UTC'),
    resolved_at DateTime64(3, 'UTC'),
    owner LowCardinality(String),
    due_at DateTime64(3, 'UTC'),
    disposition Enum8('unspecified' = 0, 'adopted' = 1, 'accepted' = 2, 'decommissioned' = 3, 'none' = 4),
    disposition_reason String,
    disposition_until DateTime64(3, 'UTC'),
    reopened UInt32,
    host_id FixedString(16),
    subject String,
    outcome Enum8('unspecified' = 0, 'pass' = 1, 'fail' = 2, 'not-applicable' = 3, 'unknown' = 4),
    reason LowCardinality(String),
    evidence Array(Tuple(String, String, String, DateTime64(3, 'UTC'))),
    rule LowCardinality(String),
    rule_version UInt32,
    decided_at DateTime64(3, 'UTC'),
    valid_until DateTime64(3, 'UTC'),
    estate_revision UInt64,
    inventory_revision UInt64,
    address IPv6,
    title String,
    version UInt64,
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC'),
    INDEX by_finding finding_id TYPE bloom_filter GRANULARITY 1
)
ENGINE = {replacing_merge_tree}
ORDER BY (site, finding_id)
SETTINGS {settings};

CREATE TABLE IF NOT EXISTS hosts {on_cluster}
(
    site LowCardinality(String),
    host_id FixedString(16),
    kind Enum8('unspecified' = 0, 'appeared' = 1, 'merged' = 2, 'split' = 3, 'updated' = 4),
    realm LowCardinality(String),
    address IPv6,
    first_seen DateTime64(3, 'UTC'),
    zone LowCardinality(String),
    asset_key String,
    name String,
    owner LowCardinality(String),
    version UInt64,
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC'),
    INDEX by_host host_id TYPE bloom_filter GRANULARITY 1,
    INDEX by_address address TYPE bloom_filter GRANULARITY 1
)
ENGINE = {replacing_merge_tree}
ORDER BY (site, host_id)
SETTINGS {settings};
