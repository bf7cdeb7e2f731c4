//! A stream that fills up is relieved of what every declared reader has passed, so that pressure reaches producers only
//! when a reader is behind, and nothing unread is ever lost.

use crate::bus::Bus;
use crate::error::BusError;
use crate::subject::{SiteName, Subject};
use crate::topology::Stream;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relief {
    /// Less than 80 % full.
    NotNeeded,
    /// Purged below a sequence.
    Purged {
        /// First sequence that stays.
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

/// Purges a stream that is 80 % full below what every declared reader has passed, but never the checkpoint of a lease
/// that is still in ORDERS: its holder would begin anew and every unit would stand twice.
///
/// # Errors
/// When the bus does not answer.
pub async fn relieve(bus: &Bus, stream: Stream) -> Result<Relief, BusError> {
    let info = bus.stream_info(stream).await?;
    if info.bytes_max == 0 || info.bytes < info.bytes_max / 10 * 8 {
        return Ok(Relief::NotNeeded);
    }
    let passed = bus.positions().await?.passed_by_all(stream).await?.unwrap_or(0);
    let mut below = passed + 1;
    if stream == Stream::Events {
        for order in bus.orders_in_flight().await? {
            let Ok(site) = SiteName::new(&order.site) else { continue };
            if let Some(last) = bus.last_on_subject(stream, &Subject::lease(&site, order.order)).await? {
                below = below.min(last.sequence);
            }
        }
    }
    if stream == Stream::Plans {
        below = below.min(scheduler_needs(bus).await?);
    }
    if below <= info.first_sequence {
        return Ok(Relief::Blocked { passed });
    }
    let purged = bus
        .stream(stream)
        .await?
        .purge()
        .sequence(below)
        .await
        .map_err(|error| BusError::failed(format!("purge {} below {below}", stream.name()), error))?;
    Ok(Relief::Purged { below, messages: purged.purged })
}

/// The scheduler rebuilds itself from PLANS: it records the oldest message that it would still need.
async fn scheduler_needs(bus: &Bus) -> Result<u64, BusError> {
    bus.positions().await?.of("scheduler", Stream::Plans, Some("needs")).await
}
