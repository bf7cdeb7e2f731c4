//! Messages that no reader can read, each for a reason of its own.

use muster_bus::{MAX_EVENT_BYTES, SiteName, Stream, Subject};
use muster_ids::{OrderId, SweepId};
use muster_proto::v1::{self, envelope::Body};

use crate::rng::Rng;

/// The largest message that a stream takes, less what NATS writes before it.
const STREAM_BYTES: usize = 768 * 1024 - 64;

/// A way in which a message is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// A slice whose units are not in order.
    Disorder,
    /// A slice with a transport that has no name.
    Nameless,
    /// A slice on the subject of another lease.
    Misplaced,
    /// Bytes that are no event at all.
    Bytes,
    /// No bytes.
    Empty,
    /// A plan whose sweep has no proper id.
    Plan,
    /// A batch of verdicts with a change that has none.
    Verdicts,
    /// As large as NATS takes, and larger than any event.
    Oversized,
}

/// What is sent of it.
pub(crate) enum Content {
    Event(Box<Body>),
    Raw(Vec<u8>),
}

impl Broken {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Disorder,
        Self::Nameless,
        Self::Misplaced,
        Self::Bytes,
        Self::Empty,
        Self::Plan,
        Self::Verdicts,
        Self::Oversized,
    ];

    /// Where it stands.
    #[must_use]
    pub const fn stream(self) -> Stream {
        match self {
            Self::Disorder | Self::Nameless | Self::Misplaced | Self::Bytes | Self::Empty | Self::Oversized => {
                Stream::Events
            }
            Self::Plan => Stream::Plans,
            Self::Verdicts => Stream::Verdicts,
        }
    }

    /// Part of the reason for which the recorder puts it aside.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Disorder => "slice.observations: unit 0 is out of place",
            Self::Nameless => "observation.transport: 77 is no value of it",
            Self::Misplaced => "order_id: it is not that of the subject",
            Self::Bytes => "not an envelope: ",
            Self::Empty => "envelope without a proper event_id",
            Self::Plan => "sweep_started.sweep_id: an id has 16 bytes, not 3",
            Self::Verdicts => "change.verdict: not set",
            Self::Oversized => "an event is at most 524288 bytes, this has",
        }
    }

    /// Where it is published: nowhere that the load expects a last message of its own.
    pub(crate) fn subject(self, site: &SiteName, order: OrderId) -> Subject {
        match self {
            Self::Disorder | Self::Nameless | Self::Bytes | Self::Empty | Self::Oversized => {
                Subject::lease(site, order)
            }
            Self::Misplaced => Subject::lease(site, OrderId::of_lease(SweepId::of_firing("all", "elsewhere", 0), 0)),
            Self::Plan => Subject::plan_draw(),
            Self::Verdicts => Subject::verdicts(&broken_partition()),
        }
    }

    pub(crate) fn content(self, order: OrderId, rng: &mut Rng) -> Content {
        match self {
            Self::Disorder => slice(order, &[(1, v1::Transport::Tcp.into()), (0, v1::Transport::Tcp.into())]),
            Self::Nameless => slice(order, &[(0, v1::Transport::Tcp.into()), (1, 77)]),
            Self::Misplaced => slice(order, &[(0, v1::Transport::Tcp.into())]),
            // Field 0 does not exist, so these are bytes of no message at all.
            Self::Bytes => Content::Raw([vec![0x00], (0..rng.below(200)).map(|_| byte(rng)).collect()].concat()),
            Self::Empty => Content::Raw(Vec::new()),
            Self::Plan => Content::Event(Box::new(Body::SweepStarted(v1::SweepStarted {
                sweep_id: vec![1, 2, 3],
                ..v1::SweepStarted::default()
            }))),
            Self::Verdicts => Content::Event(Box::new(Body::Verdicts(v1::VerdictBatch {
                site: "all".to_owned(),
                changes: vec![v1::VerdictChange::default()],
                ..v1::VerdictBatch::default()
            }))),
            Self::Oversized => Content::Raw((0..STREAM_BYTES.max(MAX_EVENT_BYTES + 1)).map(|_| byte(rng)).collect()),
        }
    }
}

/// Nobody's partition.
fn broken_partition() -> SiteName {
    SiteName::new("broken").unwrap_or_else(|_| SiteName::all())
}

fn byte(rng: &mut Rng) -> u8 {
    rng.next().to_be_bytes()[0]
}

/// A slice with a unit and a transport each.
fn slice(order: OrderId, units: &[(u32, i32)]) -> Content {
    let observation = |&(unit, transport): &(u32, i32)| v1::Observation {
        unit,
        address: vec![10, 0, 0, 1].into(),
        port: 80,
        transport,
        ..v1::Observation::default()
    };
    Content::Event(Box::new(Body::Slice(v1::Slice {
        order_id: order.to_vec(),
        sweep_id: SweepId::from_array([0; 16]).to_vec(),
        units: 100,
        observations: units.iter().map(observation).collect(),
        ..v1::Slice::default()
    })))
}
