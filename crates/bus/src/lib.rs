//! JetStream as Muster uses it: streams, buckets and permissions declared as data; publish with an expectation, tail
//! from a sequence, KV with compare-and-set, leadership; and the conversions between envelopes and the domain.
//!
//! Promises: nothing is acknowledged before its effect is durable; a broken read continues after the last message
//! read, without a gap and without a repeat; every wait has a deadline.

mod bus;
mod checkpoints;
pub mod convert;
mod dead;
mod envelope;
mod error;
mod kv;
mod leader;
mod options;
mod orders;
pub mod permissions;
mod positions;
mod pressure;
mod provision;
mod publish;
mod record;
mod subject;
mod tail;
pub mod topology;
mod trace;

pub use bus::{Bus, StreamInfo, inbox_prefix};
pub use dead::{DeadEntry, ReplayError, dead_letter, put_aside, replay};
pub use envelope::{Draft, EnvelopeError, MAX_EVENT_BYTES, SCHEMA, decode, kind, open};
pub use error::BusError;
pub use kv::{Kv, KvChange, KvEntry, KvError};
pub use leader::{Leadership, LeadershipLost};
pub use options::BusOptions;
pub use orders::{InFlight, OrderDelivery, OrderQueue, PROGRESS_EVERY};
pub use positions::Positions;
pub use pressure::{Relief, relieve};
pub use provision::{ProvisionError, Provisioning};
pub use publish::{Accepting, Expect, PublishError, Published, Publisher};
pub use record::{Declared, RecorderRecord};
pub use subject::{SiteName, Subject, SubjectError};
pub use tail::{Batch, Limits, Received, Tail, TailError};
pub use topology::{Bucket, Stream};
pub use trace::{Origin, continuing, linked};
