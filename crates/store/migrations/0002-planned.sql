-- What the scheduler decided.

CREATE TABLE IF NOT EXISTS sweeps_started {on_cluster}
(
    sweep_id FixedString(16),
    kind Enum8('unspecified' = 0, 'sweep' = 1, 'audit' = 2),
    site LowCardinality(String),
    schedule LowCardinality(String),
    due_at DateTime64(3, 'UTC'),
    started_at DateTime64(3, 'UTC'),
    leases UInt32,
    units UInt64,
    scope_revision UInt64,
    draw_id FixedString(16),
    ports Array(String),
    event_id FixedString(16),
    causation_id FixedString(16),
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC')
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(broker_at)
ORDER BY (site, started_at, sweep_id)
TTL toDateTime(broker_at) + INTERVAL 1100 DAY
SETTINGS {settings};

CREATE TABLE IF NOT EXISTS orders_issued {on_cluster}
(
    order_id FixedString(16),
    sweep_id FixedString(16),
    sweep_kind Enum8('unspecified' = 0, 'sweep' = 1, 'audit' = 2),
    site LowCardinality(String),
    lease_index UInt32,
    issued_at DateTime64(3, 'UTC'),
    deadline DateTime64(3, 'UTC'),
    realm LowCardinality(String),
    blocks Array(String),
    ports Array(String),
    permutation_key String,
    units UInt64,
    units_per_slice UInt32,
    scope_revision UInt64,
    event_id FixedString(16),
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC')
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(broker_at)
ORDER BY (site, sweep_id, lease_index)
TTL toDateTime(broker_at) + INTERVAL 400 DAY
SETTINGS {settings};

CREATE TABLE IF NOT EXISTS sweeps_finished {on_cluster}
(
    sweep_id FixedString(16),
    kind Enum8('unspecified' = 0, 'sweep' = 1, 'audit' = 2),
    site LowCardinality(String),
    planned UInt64,
    open UInt64,
    closed UInt64,
    silent UInt64,
    skipped UInt64,
    lost UInt64,
    void Bool,
    void_reason String,
    started_at DateTime64(3, 'UTC'),
    finished_at DateTime64(3, 'UTC'),
    leases_finished UInt32,
    leases_failed UInt32,
    event_id FixedString(16),
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC')
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(broker_at)
ORDER BY (site, sweep_id)
TTL toDateTime(broker_at) + INTERVAL 1100 DAY
SETTINGS {settings};

CREATE TABLE IF NOT EXISTS draws {on_cluster}
(
    draw_id FixedString(16),
    site LowCardinality(String),
    schedule LowCardinality(String),
    due_at DateTime64(3, 'UTC'),
    method LowCardinality(String),
    seed String,
    frame_root String,
    frame_size UInt64,
    inventory_revision UInt64,
    items UInt32,
    event_id FixedString(16),
    causation_id FixedString(16),
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC')
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(broker_at)
ORDER BY draw_id
TTL toDateTime(broker_at) + INTERVAL 1100 DAY
SETTINGS {settings};

CREATE TABLE IF NOT EXISTS draw_items {on_cluster}
(
    draw_id FixedString(16),
    position UInt32,
    item String,
    address IPv6,
    ticket String,
    stream_sequence UInt64,
    broker_at DateTime64(3, 'UTC')
)
ENGINE = {merge_tree}
PARTITION BY toYYYYMM(broker_at)
ORDER BY (draw_id, position)
TTL toDateTime(broker_at) + INTERVAL 1100 DAY
SETTINGS {settings};
