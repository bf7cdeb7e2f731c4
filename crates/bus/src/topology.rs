//! The streams and buckets, as data. `muster provision` makes them, every service compares at start.

use std::time::Duration;

use async_nats::jetstream::{kv, stream};

const DAY: Duration = Duration::from_secs(24 * 3600);
const MIB: i64 = 1 << 20;

/// A stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// What was seen, read or commanded.
    Events,
    /// What was decided to be done, and time.
    Plans,
    /// What was judged.
    Verdicts,
    /// Work that waits for a scanner.
    Orders,
    /// What could not be read.
    Dead,
}

impl Stream {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Events, Self::Plans, Self::Verdicts, Self::Orders, Self::Dead];
    /// The ones that the recorder keeps.
    pub const RECORDED: [Self; 3] = [Self::Events, Self::Plans, Self::Verdicts];

    /// Its name on the server.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "EVENTS",
            Self::Plans => "PLANS",
            Self::Verdicts => "VERDICTS",
            Self::Orders => "ORDERS",
            Self::Dead => "DEAD",
        }
    }

    /// The subjects it holds.
    #[must_use]
    pub const fn subjects(self) -> &'static str {
        match self {
            Self::Events => "muster.v1.event.>",
            Self::Plans => "muster.v1.plan.>",
            Self::Verdicts => "muster.v1.verdict.>",
            Self::Orders => "muster.v1.order.>",
            Self::Dead => "muster.v1.dead.>",
        }
    }

    /// The declared readers: the recorder purges nothing that one of them has not passed.
    #[must_use]
    pub const fn readers(self) -> &'static [&'static str] {
        match self {
            Self::Events => &["recorder", "evaluator", "scheduler"],
            Self::Plans => &["recorder", "evaluator"],
            Self::Verdicts => &["recorder"],
            Self::Orders | Self::Dead => &[],
        }
    }
}

/// How much a deployment keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizing {
    /// Copies of every stream and bucket: 3 in a cluster, 1 on one machine.
    pub replicas: usize,
    /// Bytes of EVENTS; the other streams follow from it.
    pub events_bytes: i64,
}

impl Sizing {
    /// One machine. 2 GiB of events hold ten million observations of 200 bytes; all streams and buckets together stay
    /// below 4 GiB of disk.
    pub const EMBEDDED: Self = Self { replicas: 1, events_bytes: 2048 * MIB };
    /// A cluster of three: a week of 100,000 hosts swept hourly is about 50 GiB.
    pub const CLUSTER: Self = Self { replicas: 3, events_bytes: 64 * 1024 * MIB };
}

/// The declared configuration of a stream.
#[must_use]
pub fn stream_config(which: Stream, sizing: Sizing) -> stream::Config {
    let (max_bytes, max_age, retention, discard) = match which {
        Stream::Events => (sizing.events_bytes, 30 * DAY, stream::RetentionPolicy::Limits, stream::DiscardPolicy::New),
        Stream::Plans => {
            (sizing.events_bytes / 8, 90 * DAY, stream::RetentionPolicy::Limits, stream::DiscardPolicy::New)
        }
        Stream::Verdicts => {
            (sizing.events_bytes / 4, 30 * DAY, stream::RetentionPolicy::Limits, stream::DiscardPolicy::New)
        }
        Stream::Orders => {
            (sizing.events_bytes / 32, 7 * DAY, stream::RetentionPolicy::WorkQueue, stream::DiscardPolicy::New)
        }
        // What could not be read must never stop what can: the oldest goes first.
        Stream::Dead => {
            (sizing.events_bytes / 16, 90 * DAY, stream::RetentionPolicy::Limits, stream::DiscardPolicy::Old)
        }
    };
    stream::Config {
        name: which.name().to_owned(),
        subjects: vec![which.subjects().to_owned()],
        max_bytes,
        max_age,
        retention,
        discard,
        // One event is at most 256 KiB, a dead letter carries one; the rest is headers and room.
        max_message_size: 768 * 1024,
        storage: stream::StorageType::File,
        num_replicas: sizing.replicas,
        duplicate_window: Duration::from_secs(120),
        allow_direct: true,
        deny_delete: matches!(which, Stream::Events | Stream::Plans | Stream::Verdicts),
        ..stream::Config::default()
    }
}

/// A bucket of keys changed by compare-and-set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// The declared state of each site: `<site>` → `EstateDocument`.
    Estate,
    /// Halts: `<site>` or `all` → `HaltSet`.
    Halt,
    /// A feed's cursor: `<feed>` → JSON.
    Cursors,
    /// The recorder's record: `<stream>` → JSON.
    Recorder,
    /// What a reader has passed: `<service>.<stream>[.<partition>]` → decimal.
    Positions,
    /// Who acts: `<role>` → instance. An entry that is not renewed ages out.
    Leaders,
}

impl Bucket {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Estate, Self::Halt, Self::Cursors, Self::Recorder, Self::Positions, Self::Leaders];

    /// Its name on the server.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Estate => "estate",
            Self::Halt => "halt",
            Self::Cursors => "cursors",
            Self::Recorder => "recorder",
            Self::Positions => "positions",
            Self::Leaders => "leaders",
        }
    }
}

/// How long a leader may be silent before another may act.
pub const LEADER_TTL: Duration = Duration::from_secs(10);

/// The declared configuration of a bucket.
#[must_use]
pub fn bucket_config(which: Bucket, sizing: Sizing) -> kv::Config {
    let max_age = match which {
        Bucket::Leaders => LEADER_TTL,
        Bucket::Estate | Bucket::Halt | Bucket::Cursors | Bucket::Recorder | Bucket::Positions => Duration::ZERO,
    };
    kv::Config {
        bucket: which.name().to_owned(),
        history: 1,
        max_age,
        max_bytes: sizing.events_bytes / 64,
        max_value_size: 512 * 1024,
        storage: stream::StorageType::File,
        num_replicas: sizing.replicas,
        ..kv::Config::default()
    }
}
