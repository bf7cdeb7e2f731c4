-- What scanners saw. Every table is partitioned by the month of the broker's time, so that an insert of the recorder,
-- whose batches end with the month, is one partition; every table is sorted as it is asked.

CREATE TABLE IF NOT EXISTS observations {on_cluster}
(
    order_id FixedString(16),
    unit UInt32,
    slice_index UInt32,
    sweep_id FixedString(16),
    site LowCardinality(String),
    realm LowCardinality(String),
    address IPv6,
    port UInt16,
    transport Enum8('unspecified' = 0, 'tcp' = 1, 'udp' = 2, 'icmp' = 3, 'arp' = 4),
    observed_at DateTime64(3, 'UTC'),
    rtt_us UInt32,
    service LowCardinality(String),
    vendor LowCardinality(String),
    product LowCardinality(String),
    version LowCardinality(String),
    evidence String,
    tls Bool,
    banner String,
    certificate_sha256 String,
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC'),
    INDEX by_sequence stream_sequence TYPE minmax GRANULARITY 1,
    INDEX by_sweep sweep_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(broker_at)
ORDER BY (site, address, transport, port, stream_sequence, unit)
TTL toDateTime(broker_at) + INTERVAL 400 DAY
SETTINGS {settings};

-- One row a slice: what became of each unit, the silent ones too.
CREATE TABLE IF NOT EXISTS slices {on_cluster}
(
    order_id FixedString(16),
    slice_index UInt32,
    sweep_id FixedString(16),
    site LowCardinality(String),
    realm LowCardinality(String),
    first_unit UInt32,
    units UInt32,
    open UInt32,
    closed UInt32,
    skipped UInt32,
    silent UInt32,
    closed_bitmap String,
    skipped_bitmap String,
    certificates UInt32,
    scanner LowCardinality(String),
    source_address IPv6,
    method LowCardinality(String),
    producer_version LowCardinality(String),
    started_at DateTime64(3, 'UTC'),
    finished_at DateTime64(3, 'UTC'),
    event_id FixedString(16),
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC'),
    INDEX by_sequence stream_sequence TYPE minmax GRANULARITY 1
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(broker_at)
ORDER BY (site, sweep_id, order_id, slice_index)
TTL toDateTime(broker_at) + INTERVAL 400 DAY
SETTINGS {settings};

CREATE TABLE IF NOT EXISTS certificates {on_cluster}
(
    sha256 FixedString(32),
    der String,
    site LowCardinality(String),
    order_id FixedString(16),
    slice_index UInt32,
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC')
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(broker_at)
ORDER BY (sha256, order_id, slice_index)
TTL toDateTime(broker_at) + INTERVAL 400 DAY
SETTINGS {settings};

CREATE TABLE IF NOT EXISTS order_outcomes {on_cluster}
(
    order_id FixedString(16),
    sweep_id FixedString(16),
    site LowCardinality(String),
    result Enum8('unspecified' = 0, 'finished' = 1, 'failed' = 2, 'dead' = 3),
    reason String,
    slices UInt32,
    units UInt64,
    open UInt64,
    closed UInt64,
    silent UInt64,
    skipped UInt64,
    started_at DateTime64(3, 'UTC'),
    finished_at DateTime64(3, 'UTC'),
    scanner LowCardinality(String),
    event_id FixedString(16),
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC')
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(broker_at)
ORDER BY (site, sweep_id, order_id)
TTL toDateTime(broker_at) + INTERVAL 400 DAY
SETTINGS {settings};
