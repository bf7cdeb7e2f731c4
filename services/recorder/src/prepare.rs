//! Messages → a prepared batch: a range, its blocks, and what has to go to DEAD before the range may be committed.

use jiff::tz::TimeZone;
use muster_bus::{Declared, EnvelopeError, Origin, Received, open};
use muster_ids::EventId;
use muster_store::EncodedBlock;

use crate::blocks::Blocks;
use crate::rows::rows;

/// A range ready to be declared and inserted.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) range: Declared,
    pub(crate) blocks: Vec<EncodedBlock>,
    pub(crate) rows: usize,
    pub(crate) dead: Vec<(Received, String)>,
    /// Span that its first message was published in, where it is known.
    pub(crate) origin: Option<Origin>,
}

/// Why a range cannot be prepared beyond a message.
#[derive(Debug)]
pub(crate) struct Newer {
    pub(crate) sequence: u64,
    pub(crate) cause: EnvelopeError,
}

/// How much a batch may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) rows_max: usize,
    pub(crate) bytes_max: usize,
}

/// A slice has 1,000 rows and as many certificates at most; the largest verdict batch is bounded by the size of an event.
const MESSAGE_ROWS_MAX: usize = 8_000;

/// Takes messages from the front until the batch is full or the month ends, and leaves the rest.
///
/// A message of a newer version ends the batch before it; when it is the first, it is the error.
pub(crate) fn prepare(messages: &mut Vec<Received>, bounds: Bounds) -> Result<Option<Prepared>, Newer> {
    let Some(first) = messages.first() else { return Ok(None) };
    let (first_sequence, first_month, origin) = (first.sequence, month(first), first.origin.clone());
    let mut blocks = Blocks::default();
    let mut dead = Vec::new();
    let mut last = None;
    let mut taken = 0;
    for received in messages.iter() {
        let full = blocks.rows() + MESSAGE_ROWS_MAX > bounds.rows_max.max(MESSAGE_ROWS_MAX)
            || blocks.bytes() >= bounds.bytes_max;
        if taken > 0 && (full || month(received) != first_month) {
            break;
        }
        let event = match open(received) {
            Ok((envelope, body)) => {
                let event = EventId::from_bytes(&envelope.event_id).ok();
                if let Err(bad) = rows(received, &envelope, &body, &mut blocks) {
                    dead.push((received.clone(), bad.to_string()));
                }
                event
            }
            Err(cause) if cause.is_newer() => {
                if taken == 0 {
                    return Err(Newer { sequence: received.sequence, cause });
                }
                break;
            }
            Err(cause) => {
                dead.push((received.clone(), cause.to_string()));
                None
            }
        };
        last = Some((received.sequence, event));
        taken += 1;
    }
    let Some((last, last_event)) = last else { return Ok(None) };
    messages.drain(..taken);
    let rows = blocks.rows();
    let range = Declared { first: first_sequence, last, last_event };
    Ok(Some(Prepared { range, blocks: blocks.finish(), rows, dead, origin }))
}

/// Why a declared range cannot be made again.
#[derive(Debug)]
pub(crate) enum NotAgain {
    /// It holds an event that this version does not read: another version declared it.
    Newer(Newer),
    /// The messages are not those that were declared.
    Differs,
}

/// Prepares exactly the messages of a declared range, however much they are.
pub(crate) fn prepare_again(mut messages: Vec<Received>, first: u64, last: u64) -> Result<Prepared, NotAgain> {
    messages.retain(|message| message.sequence <= last);
    let bounds = Bounds { rows_max: usize::MAX, bytes_max: usize::MAX };
    match prepare(&mut messages, bounds).map_err(NotAgain::Newer)? {
        Some(prepared) if prepared.range.first == first && prepared.range.last == last => Ok(prepared),
        // It ended early. What stands there now is the first of the rest: where it is newer, that is the reason.
        Some(_) => match prepare(&mut messages, bounds) {
            Err(newer) => Err(NotAgain::Newer(newer)),
            Ok(_) => Err(NotAgain::Differs),
        },
        None => Err(NotAgain::Differs),
    }
}

/// Tables are partitioned by the month of the broker's time, and a block is of one partition.
fn month(received: &Received) -> (i16, i8) {
    let at = received.stored_at.to_zoned(TimeZone::UTC);
    (at.year(), at.month())
}

#[cfg(test)]
mod tests;
