//! What the sites have passed, written down for those who purge.

use std::time::Duration;

use futures::StreamExt;
use muster_bus::{Bus, Stream};
use muster_kit::crash;
use tokio::time::Instant;

use super::Desk;

/// How often positions are recorded: a crash repeats as much reading.
const POSITION_EVERY: Duration = Duration::from_secs(1);
/// With more sites, less often: at most 100 puts a second for the two positions of each.
const SITES_A_SECOND: usize = 50;
/// Puts under way at once.
const POSITIONS_AT_ONCE: usize = 8;

/// Site, epoch of its seat, positions of EVENTS and PLANS.
pub(super) type Recorded = Vec<(String, u64, (u64, u64))>;

impl Desk {
    /// Records what was passed since the last time.
    pub(super) fn record_positions(&mut self, now: bool) {
        if !now && (self.position_due > Instant::now() || !self.recording.is_empty()) {
            return;
        }
        let seconds = u32::try_from(self.seats.len().div_ceil(SITES_A_SECOND)).unwrap_or(u32::MAX).max(1);
        self.position_due = Instant::now() + POSITION_EVERY * seconds;
        let passed: Recorded = self
            .seats
            .iter()
            .filter(|(_, seat)| seat.recorded != Some(seat.passed))
            .map(|(site, seat)| (site.clone(), seat.epoch, seat.passed))
            .collect();
        if !passed.is_empty() {
            self.recording.push(Box::pin(record(self.bus.clone(), passed)));
        }
    }
}

/// Writes positions; the ones that were written are returned.
async fn record(bus: Bus, passed: Recorded) -> Recorded {
    let positions = match bus.positions().await {
        Ok(positions) => positions,
        Err(error) => {
            tracing::warn!(%error, "positions are recorded later");
            return Vec::new();
        }
    };
    let put = |(site, epoch, passed): (String, u64, (u64, u64))| {
        let positions = positions.clone();
        async move {
            crash::point("evaluator.before-position");
            let events = positions.passed("evaluator", Stream::Events, Some(&site), passed.0).await;
            let plans = positions.passed("evaluator", Stream::Plans, Some(&site), passed.1).await;
            crash::point("evaluator.after-position");
            match events.and(plans) {
                Ok(()) => Some((site, epoch, passed)),
                Err(error) => {
                    tracing::warn!(site, %error, "its position is recorded later");
                    None
                }
            }
        }
    };
    futures::stream::iter(passed)
        .map(put)
        .buffer_unordered(POSITIONS_AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await
}
