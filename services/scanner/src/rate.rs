//! The rates of a site, shared by everything in the process that sends there.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use muster_sweep::{Grant, RateLimiter, Rates};

/// A rate limiter with a clock.
#[derive(Debug)]
pub struct Pace {
    start: Instant,
    limiter: Mutex<RateLimiter>,
}

impl Pace {
    /// Starts with full buckets.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        // The salt only has to differ between processes, so that collisions of hosts do not repeat for ever.
        let salt = u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { start: Instant::now(), limiter: Mutex::new(RateLimiter::new(rates, salt)) }
    }

    /// Changes the rates from the next packet on.
    pub fn set_rates(&self, rates: Rates) {
        self.lock().set_rates(rates);
    }

    /// Gives the hosts of some blocks a rate of their own; see [`RateLimiter::set_apart`].
    pub fn set_apart(&self, blocks: Vec<(IpNet, Option<u32>)>) {
        self.lock().set_apart(blocks);
    }

    /// Nanoseconds since the start: the limiter's time.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The limiter itself, to ask for several packets at once.
    pub fn lock(&self) -> MutexGuard<'_, RateLimiter> {
        // The limiter holds numbers only: one whose holder panicked is as good as before.
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one packet may go to a host. `false`: the rate is 0.
    pub async fn wait(&self, host: IpAddr) -> bool {
        loop {
            let now_ns = self.now_ns();
            let grant = self.lock().ask(now_ns, host);
            match grant {
                Grant::Now => return true,
                Grant::Never => return false,
                Grant::SiteAt(at_ns) | Grant::HostAt(at_ns) => {
                    tokio::time::sleep(Duration::from_nanos(at_ns.saturating_sub(now_ns))).await;
                }
            }
        }
    }
}
