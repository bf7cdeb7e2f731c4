//! How long to wait before a task is started again.

use std::time::Duration;

/// Exponential waits with jitter, between bounds. The same task and attempt always give the same wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Before the first restart.
    pub first: Duration,
    /// Never longer than this.
    pub max: Duration,
    /// A run this long counts as success: the waits start again.
    pub reset_after: Duration,
}

impl Backoff {
    /// 200 ms doubling to 10 s; a minute of running is success. A dependency that is away for a minute is asked about
    /// ten times (0.2 + 0.4 + … + 6.4 s, then every 10 s).
    pub const DEFAULT: Self =
        Self { first: Duration::from_millis(200), max: Duration::from_secs(10), reset_after: Duration::from_secs(60) };

    /// The wait before the restart after `failures` earlier ones in a row: between half and all of
    /// `first * 2^failures`, never above `max`. `salt` keeps tasks that failed together apart.
    #[must_use]
    pub fn delay(&self, salt: &str, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
        let full = self.first.saturating_mul(factor).min(self.max);
        let hash = salt.bytes().fold(u64::from(failures), |hash, byte| splitmix64(hash ^ u64::from(byte)));
        // The top 16 bits as a share of the upper half.
        let share = u32::try_from(hash >> 48).unwrap_or(0);
        full / 2 + (full / 2 / (1 << 16)).saturating_mul(share)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014): spreads a counter over 64 bits.
const fn splitmix64(counter: u64) -> u64 {
    let mut z = counter.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
