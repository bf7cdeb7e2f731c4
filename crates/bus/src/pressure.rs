//! A stream that fills up is relieved of what every declared reader has passed, so that pressure reaches producers only
//! when a reader is behind, and nothing unread is ever lost.

use std::collections::BTreeMap;

use async_nats::jetstream::stream;
use futures::TryStreamExt;

use crate::bus::{Bus, StreamInfo};
use crate::checkpoints::{checkpoints, scheduler_needs};
use crate::error::BusError;
use crate::topology::Stream;

/// Subjects that are thinned out at once: a request each, some tenths of a millisecond. The longest come first, and the
/// next look at the stream goes on with the rest.
const SUBJECTS_MAX: usize = 2_000;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relief {
    /// Less than 80 % full.
    NotNeeded,
    /// Purged below a sequence.
    Purged {
        /// Nothing at or above it went.
        below: u64,
        /// Messages that went.
        messages: u64,
    },
    /// Full, but some reader has not passed anything that could go.
    Blocked {
        /// The lowest position of all readers.
        passed: u64,
    },
}

/// Purges a stream that is 80 % full below what every declared reader has passed, but never the last message of a lease
/// that is in ORDERS or whose sweep is not finished: it would begin anew and every unit would stand twice.
///
/// Where only such messages hold up the rest, they stay and what stands between them goes: a sweep that is larger than
/// the stream would wait for itself otherwise.
///
/// # Errors
/// When the bus does not answer.
pub async fn relieve(bus: &Bus, stream: Stream) -> Result<Relief, BusError> {
    let info = bus.stream_info(stream).await?;
    if !is_full(&info) {
        return Ok(Relief::NotNeeded);
    }
    let passed = bus.positions().await?.passed_by_all(stream).await?.unwrap_or(0);
    let mut end = passed + 1;
    if stream == Stream::Plans {
        end = end.min(scheduler_needs(bus).await?);
    }
    if end <= info.first_sequence {
        return Ok(Relief::Blocked { passed });
    }
    let kept = if stream == Stream::Events { checkpoints(bus).await? } else { BTreeMap::new() };
    let handle = bus.stream(stream).await?;
    let begin = kept.values().copied().fold(end, u64::min);
    let mut messages = 0;
    if begin > info.first_sequence {
        messages += purge(&handle, None, begin).await?;
    }
    if begin < end && is_full(&bus.stream_info(stream).await?) {
        messages += thin_out(&handle, &kept, end).await?;
    }
    Ok(if messages > 0 { Relief::Purged { below: end, messages } } else { Relief::Blocked { passed } })
}

const fn is_full(info: &StreamInfo) -> bool {
    info.bytes_max > 0 && info.bytes >= info.bytes_max / 10 * 8
}

/// Purges below a sequence, subject by subject, what is not to be kept.
async fn thin_out(handle: &stream::Stream, kept: &BTreeMap<String, u64>, end: u64) -> Result<u64, BusError> {
    let action = "list the subjects of a full stream";
    let listed = handle.info_with_subjects(">").await.map_err(|error| BusError::failed(action, error))?;
    let mut subjects: Vec<(String, usize)> =
        listed.try_collect().await.map_err(|error| BusError::failed(action, error))?;
    subjects.retain(|(subject, count)| *count > 1 || !kept.contains_key(subject));
    subjects.sort_by(|(a, first), (b, second)| second.cmp(first).then_with(|| a.cmp(b)));
    let mut messages = 0;
    for (subject, _) in subjects.iter().take(SUBJECTS_MAX) {
        let below = kept.get(subject).map_or(end, |last| end.min(*last));
        messages += purge(handle, Some(subject), below).await?;
    }
    Ok(messages)
}

async fn purge(handle: &stream::Stream, subject: Option<&str>, below: u64) -> Result<u64, BusError> {
    let purge = handle.purge().sequence(below);
    let purged = match subject {
        Some(subject) => purge.filter(subject).await,
        None => purge.await,
    };
    let name = &handle.cached_info().config.name;
    let purged = purged.map_err(|error| BusError::failed(format!("purge {name} below {below}"), error))?;
    Ok(purged.purged)
}
