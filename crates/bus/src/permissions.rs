//! What each service may say and hear on the bus, as data. The NATS users of a deployment, and those of the embedded
//! server, are generated from it.
//!
//! The measure is I-8: a captured scanner can publish observations of its own site (and put aside orders that it could
//! not read) and nothing else, and read its own orders, its own checkpoints, its own site's scope and halts, and nothing
//! else.

use crate::bus::inbox_prefix;
use crate::topology::{Bucket, Stream};

/// Bulletins of every feed.
const BULLETINS: &str = "muster.v1.event.all.bulletin.*";

/// A NATS user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusUser {
    /// Name.
    pub name: String,
    /// Subjects it may publish on.
    pub publish: Vec<String>,
    /// Subjects it may subscribe to.
    pub subscribe: Vec<String>,
}

/// Who acts on the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// The scanner of one site.
    Scanner {
        /// Site.
        site: String,
    },
    /// Scanners of every site of one machine: only where all run on it.
    ScannerOfAll,
    /// The scheduler.
    Scheduler,
    /// The watcher.
    Watcher,
    /// The evaluator.
    Evaluator,
    /// The recorder.
    Recorder,
    /// The gateway.
    Gateway,
    /// `muster provision`, `muster dead`, `muster doctor`.
    Admin,
}

impl Role {
    /// Everybody on one machine.
    #[must_use]
    pub fn on_one_machine() -> Vec<Self> {
        vec![
            Self::ScannerOfAll,
            Self::Scheduler,
            Self::Watcher,
            Self::Evaluator,
            Self::Recorder,
            Self::Gateway,
            Self::Admin,
        ]
    }

    /// The user's name.
    #[must_use]
    pub fn user_name(&self) -> String {
        match self {
            Self::Scanner { site } => format!("scanner-{site}"),
            Self::ScannerOfAll => "scanner".to_owned(),
            Self::Scheduler => "scheduler".to_owned(),
            Self::Watcher => "watcher".to_owned(),
            Self::Evaluator => "evaluator".to_owned(),
            Self::Recorder => "recorder".to_owned(),
            Self::Gateway => "gateway".to_owned(),
            Self::Admin => "admin".to_owned(),
        }
    }

    /// The user with its permissions.
    #[must_use]
    pub fn user(&self) -> BusUser {
        let name = self.user_name();
        let mut publish = Vec::new();
        match self {
            Self::Scanner { site } => scanner(&mut publish, site),
            Self::ScannerOfAll => scanner(&mut publish, "*"),
            Self::Scheduler => {
                publish.extend([
                    "muster.v1.plan.>".to_owned(),
                    "muster.v1.order.>".to_owned(),
                    "muster.v1.dead.>".to_owned(),
                ]);
                read(&mut publish, Stream::Events);
                read(&mut publish, Stream::Plans);
                last(&mut publish, Stream::Plans, ">");
                last(&mut publish, Stream::Events, ">");
                get(&mut publish, Stream::Events);
                get(&mut publish, Stream::Orders);
                bucket_read(&mut publish, Bucket::Estate, ">");
                bucket_write(&mut publish, Bucket::Positions, "scheduler.>");
                bucket_write(&mut publish, Bucket::Leaders, "scheduler");
            }
            Self::Watcher => {
                publish.push(BULLETINS.to_owned());
                last(&mut publish, Stream::Events, BULLETINS);
                read_only(&mut publish, Stream::Events, BULLETINS);
                bucket_write(&mut publish, Bucket::Cursors, ">");
                bucket_write(&mut publish, Bucket::Leaders, "watcher");
            }
            Self::Evaluator => {
                publish.extend(["muster.v1.verdict.*".to_owned(), "muster.v1.dead.>".to_owned()]);
                for stream in Stream::RECORDED {
                    read(&mut publish, stream);
                    last(&mut publish, stream, ">");
                }
                bucket_read(&mut publish, Bucket::Estate, ">");
                bucket_read(&mut publish, Bucket::Recorder, ">");
                bucket_write(&mut publish, Bucket::Positions, "evaluator.>");
                bucket_write(&mut publish, Bucket::Leaders, "evaluator.>");
            }
            Self::Recorder => {
                publish.push("muster.v1.dead.>".to_owned());
                for stream in Stream::RECORDED {
                    read(&mut publish, stream);
                    last(&mut publish, stream, ">");
                    get(&mut publish, stream);
                    publish.push(format!("$JS.API.STREAM.PURGE.{}", stream.name()));
                }
                get(&mut publish, Stream::Orders);
                bucket_write(&mut publish, Bucket::Recorder, ">");
                bucket_read(&mut publish, Bucket::Positions, ">");
                bucket_write(&mut publish, Bucket::Positions, "recorder.>");
                bucket_write(&mut publish, Bucket::Leaders, "recorder.>");
            }
            Self::Gateway => {
                for kind in ["estate", "inventory", "disposition", "command"] {
                    publish.push(format!("muster.v1.event.*.{kind}.>"));
                }
                last(&mut publish, Stream::Events, ">");
                last(&mut publish, Stream::Plans, ">");
                for stream in Stream::ALL {
                    publish.push(format!("$JS.API.STREAM.INFO.{}", stream.name()));
                }
                get(&mut publish, Stream::Orders);
                read(&mut publish, Stream::Verdicts);
                bucket_write(&mut publish, Bucket::Estate, ">");
                bucket_write(&mut publish, Bucket::Halt, ">");
                bucket_read(&mut publish, Bucket::Recorder, ">");
                bucket_read(&mut publish, Bucket::Positions, ">");
            }
            Self::Admin => publish.push(">".to_owned()),
        }
        publish.sort();
        publish.dedup();
        let subscribe =
            if *self == Self::Admin { vec![">".to_owned()] } else { vec![format!("{}.>", inbox_prefix(&name))] };
        BusUser { name, publish, subscribe }
    }
}

fn scanner(publish: &mut Vec<String>, site: &str) {
    publish.push(format!("muster.v1.event.{site}.lease.*"));
    publish.push(format!("muster.v1.dead.{}", Stream::Orders.name().to_ascii_lowercase()));
    last(publish, Stream::Events, &format!("muster.v1.event.{site}.lease.*"));
    publish.push(format!("$JS.API.STREAM.INFO.{}", Stream::Orders.name()));
    if site == "*" {
        publish.push("$JS.API.CONSUMER.INFO.ORDERS.*".to_owned());
        publish.push("$JS.API.CONSUMER.CREATE.ORDERS.*.muster.v1.order.*.lease".to_owned());
        publish.push("$JS.API.CONSUMER.MSG.NEXT.ORDERS.*".to_owned());
        publish.push("$JS.ACK.ORDERS.>".to_owned());
        bucket_read(publish, Bucket::Estate, ">");
        bucket_get(publish, Bucket::Halt, "*");
    } else {
        let consumer = format!("scanner-{site}");
        publish.push(format!("$JS.API.CONSUMER.INFO.ORDERS.{consumer}"));
        publish.push(format!("$JS.API.CONSUMER.CREATE.ORDERS.{consumer}.muster.v1.order.{site}.lease"));
        publish.push(format!("$JS.API.CONSUMER.MSG.NEXT.ORDERS.{consumer}"));
        publish.push(format!("$JS.ACK.ORDERS.{consumer}.>"));
        bucket_get(publish, Bucket::Estate, site);
        bucket_get(publish, Bucket::Halt, site);
        bucket_get(publish, Bucket::Halt, "all");
    }
}

/// To make an ephemeral consumer on a stream, pull from it and learn about the stream.
fn read(publish: &mut Vec<String>, stream: Stream) {
    let name = stream.name();
    publish.extend([
        format!("$JS.API.STREAM.INFO.{name}"),
        format!("$JS.API.CONSUMER.CREATE.{name}.>"),
        format!("$JS.API.CONSUMER.CREATE.{name}"),
        format!("$JS.API.CONSUMER.INFO.{name}.>"),
        format!("$JS.API.CONSUMER.DELETE.{name}.>"),
        format!("$JS.API.CONSUMER.MSG.NEXT.{name}.>"),
    ]);
}

/// To make a named ephemeral consumer with one filter and no other, and pull from it. Another reader's consumer could be
/// pulled from only by who knows its random name, and nobody here may list names.
fn read_only(publish: &mut Vec<String>, stream: Stream, filter: &str) {
    let name = stream.name();
    publish.extend([
        format!("$JS.API.STREAM.INFO.{name}"),
        format!("$JS.API.CONSUMER.CREATE.{name}.*.{filter}"),
        format!("$JS.API.CONSUMER.INFO.{name}.*"),
        format!("$JS.API.CONSUMER.MSG.NEXT.{name}.*"),
    ]);
}

/// To read the last message on a subject.
fn last(publish: &mut Vec<String>, stream: Stream, subject: &str) {
    publish.push(format!("$JS.API.DIRECT.GET.{}.{subject}", stream.name()));
}

/// To read a message by its sequence.
fn get(publish: &mut Vec<String>, stream: Stream) {
    publish.push(format!("$JS.API.STREAM.MSG.GET.{}", stream.name()));
    publish.push(format!("$JS.API.STREAM.INFO.{}", stream.name()));
}

/// To read a record, and nothing more.
fn bucket_get(publish: &mut Vec<String>, bucket: Bucket, key: &str) {
    let name = bucket.name();
    publish.push(format!("$JS.API.STREAM.INFO.KV_{name}"));
    publish.push(format!("$JS.API.DIRECT.GET.KV_{name}.$KV.{name}.{key}"));
}

fn bucket_read(publish: &mut Vec<String>, bucket: Bucket, key: &str) {
    let name = bucket.name();
    publish.extend([
        format!("$JS.API.STREAM.INFO.KV_{name}"),
        format!("$JS.API.DIRECT.GET.KV_{name}.$KV.{name}.{key}"),
        format!("$JS.API.CONSUMER.CREATE.KV_{name}.*.$KV.{name}.{key}"),
        format!("$JS.API.CONSUMER.DELETE.KV_{name}.>"),
        format!("$JS.API.CONSUMER.INFO.KV_{name}.>"),
        "$JS.FC.>".to_owned(),
    ]);
    if key == ">" {
        // To list and to watch: the request of an unnamed consumer carries no filter, so it is for readers of all keys.
        publish.push(format!("$JS.API.CONSUMER.CREATE.KV_{name}"));
        publish.push(format!("$JS.API.CONSUMER.CREATE.KV_{name}.>"));
    }
}

fn bucket_write(publish: &mut Vec<String>, bucket: Bucket, key: &str) {
    bucket_read(publish, bucket, key);
    publish.push(format!("$KV.{}.{key}", bucket.name()));
}
