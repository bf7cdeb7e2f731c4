//! Where EVENTS is read on.

use muster_bus::{Bucket, Bus, Positions, Stream, StreamInfo};

use crate::error::SchedulerError;

/// Beside the positions: of which EVENTS they are.
const INCARNATION: &str = "scheduler.incarnation";

/// The sequence after which EVENTS is to be read. What is read twice is done once, so wherever the position may be that
/// of another stream, it is read from the beginning.
pub(crate) async fn start_of_events(bus: &Bus, positions: &Positions) -> Result<u64, SchedulerError> {
    let info = bus.stream_info(Stream::Events).await?;
    let records = bus.kv(Bucket::Positions).await?;
    let known = records.get(INCARNATION).await?;
    let passed = positions.of("scheduler", Stream::Events, None).await?;
    let known = known.as_ref().map(|entry| entry.value.as_ref());
    let start = start(&info, known, passed);
    if start < passed {
        tracing::warn!(passed, last = info.last_sequence, "EVENTS was made anew: reading it from the beginning");
        positions.passed("scheduler", Stream::Events, None, start).await?;
    }
    if known != Some(info.incarnation.as_bytes()) {
        // After the position: killed in between, it is compared again.
        records.put(INCARNATION, info.incarnation.clone().into()).await?;
    }
    Ok(start)
}

fn start(info: &StreamInfo, known: Option<&[u8]>, passed: u64) -> u64 {
    let same = known.is_none_or(|known| known == info.incarnation.as_bytes());
    let passed = if same && passed <= info.last_sequence { passed } else { 0 };
    passed.max(info.first_sequence.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(first_sequence: u64, last_sequence: u64) -> StreamInfo {
        let incarnation = "2".to_owned();
        StreamInfo { incarnation, first_sequence, last_sequence, messages: 1, bytes: 1, bytes_max: 0 }
    }

    #[test]
    fn a_position_in_this_stream_is_gone_on_from() {
        assert_eq!(start(&info(1, 9), Some(b"2"), 5), 5);
        assert_eq!(start(&info(1, 9), None, 9), 9);
        assert_eq!(start(&info(8, 9), Some(b"2"), 5), 7);
    }

    #[test]
    fn a_position_in_another_stream_is_none() {
        assert_eq!(start(&info(1, 9), Some(b"1"), 5), 0);
        assert_eq!(start(&info(1, 9), None, 10), 0);
        assert_eq!(start(&info(4, 9), Some(b"2"), 10), 3);
    }
}
