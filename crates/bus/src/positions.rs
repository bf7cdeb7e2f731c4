//! What readers have passed: written after the effect of what they read is durable, so a crash between the two repeats
//! work and loses none.

use bytes::Bytes;

use crate::error::BusError;
use crate::kv::Kv;
use crate::topology::Stream;

/// The positions of all readers.
#[derive(Debug, Clone)]
pub struct Positions {
    kv: Kv,
}

impl Positions {
    pub(crate) const fn new(kv: Kv) -> Self {
        Self { kv }
    }

    /// Records that a reader has passed a sequence.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn passed(
        &self,
        service: &str,
        stream: Stream,
        partition: Option<&str>,
        sequence: u64,
    ) -> Result<(), BusError> {
        let key = key(service, stream, partition);
        self.kv
            .put(&key, Bytes::from(sequence.to_string()))
            .await
            .map_err(|error| BusError::failed(format!("record the position {key}"), error))?;
        Ok(())
    }

    /// What a reader has passed; 0 when it never recorded anything.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn of(&self, service: &str, stream: Stream, partition: Option<&str>) -> Result<u64, BusError> {
        let key = key(service, stream, partition);
        let entry =
            self.kv.get(&key).await.map_err(|error| BusError::failed(format!("read the position {key}"), error))?;
        Ok(entry.and_then(|entry| parse(&entry.value)).unwrap_or(0))
    }

    /// The lowest position of all declared readers of a stream and their partitions; `None` while one of them never
    /// recorded any.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn passed_by_all(&self, stream: Stream) -> Result<Option<u64>, BusError> {
        let entries =
            self.kv.all().await.map_err(|error| BusError::failed("read the positions of all readers", error))?;
        let mut lowest = u64::MAX;
        for service in stream.readers() {
            let prefix = key(service, stream, None);
            let mut any = false;
            for entry in &entries {
                let rest = entry.key.strip_prefix(&prefix);
                if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                    && let Some(sequence) = parse(&entry.value)
                {
                    any = true;
                    lowest = lowest.min(sequence);
                }
            }
            if !any {
                return Ok(None);
            }
        }
        Ok((lowest != u64::MAX).then_some(lowest))
    }
}

fn key(service: &str, stream: Stream, partition: Option<&str>) -> String {
    match partition {
        Some(partition) => format!("{service}.{}.{partition}", stream.name()),
        None => format!("{service}.{}", stream.name()),
    }
}

fn parse(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
