//! How fast a scanner may send: one rate for the site, one for each host. Time is an argument: nanoseconds from any
//! fixed start.
//!
//! Both are token buckets in the form of the generic cell rate algorithm (ITU-T I.371, annex A): a bucket is the one
//! instant at which it will be full again, so a host costs eight bytes. Hosts share a table of fixed size; two hosts
//! that fall on one entry share one rate, so a collision sends more slowly and never faster.

use std::net::IpAddr;

use ipnet::IpNet;

/// Entries of the table of hosts: 512 KiB. A lease of 256 hosts has a collision with probability 256²/2/65,536 = 39 %,
/// and then two of its hosts share one rate: at 40 packets a second that is seldom the slowest part of a lease.
const HOST_SLOTS: usize = 65_536;

/// The site's bucket holds what it earns in 20 ms: enough for batches, too little for a burst to matter.
const SITE_BURST_NS: u64 = 20_000_000;

/// Packets a second. A rate of 0 sends nothing at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// For the whole site.
    pub site_pps: u32,
    /// For one host.
    pub host_pps: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { site_pps: 1_000, host_pps: 40 }
    }
}

/// What a limiter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// Send now; it is counted.
    Now,
    /// The whole site has to wait until this instant.
    SiteAt(u64),
    /// This host has to wait until this instant; others may go.
    HostAt(u64),
    /// The rate is 0.
    Never,
}

/// Site and host rates together.
#[derive(Debug, Clone)]
pub struct RateLimiter {
    /// Nanoseconds a packet costs; `None`: the rate is 0.
    site_cost_ns: Option<u64>,
    host_cost_ns: Option<u64>,
    site_full_ns: u64,
    host_full_ns: Vec<u64>,
    /// Blocks whose hosts have a rate of their own (`None`: that of every host), the longest prefix first.
    apart: Vec<(IpNet, Option<u64>)>,
    salt: u64,
}

impl RateLimiter {
    /// With full buckets. `salt` spreads the hosts over the table.
    #[must_use]
    pub fn new(rates: Rates, salt: u64) -> Self {
        Self {
            site_cost_ns: cost_ns(rates.site_pps),
            host_cost_ns: cost_ns(rates.host_pps),
            site_full_ns: 0,
            host_full_ns: vec![0; HOST_SLOTS],
            apart: Vec::new(),
            salt,
        }
    }

    /// Changes the rates from the next packet on; what was sent stays counted.
    pub fn set_rates(&mut self, rates: Rates) {
        self.site_cost_ns = cost_ns(rates.site_pps);
        self.host_cost_ns = cost_ns(rates.host_pps);
    }

    /// Gives the hosts of some blocks a rate of their own; `None` is that of every host. The longest prefix decides.
    pub fn set_apart(&mut self, mut blocks: Vec<(IpNet, Option<u32>)>) {
        blocks.sort_by_key(|(block, _)| std::cmp::Reverse(block.prefix_len()));
        self.apart = blocks.into_iter().map(|(block, rate_pps)| (block, rate_pps.and_then(cost_ns))).collect();
    }

    fn host_cost_ns(&self, host: IpAddr) -> Option<u64> {
        let apart = self.apart.iter().find(|(block, _)| block.contains(&host));
        apart.and_then(|(_, cost_ns)| *cost_ns).or(self.host_cost_ns)
    }

    /// Asks for one packet to a host.
    pub fn ask(&mut self, now_ns: u64, host: IpAddr) -> Grant {
        let (Some(site_cost_ns), Some(host_cost_ns)) = (self.site_cost_ns, self.host_cost_ns(host)) else {
            return Grant::Never;
        };
        // A packet may go while the bucket is not more than its burst ahead of the present.
        let site_start_ns = self.site_full_ns.max(now_ns);
        if site_start_ns + site_cost_ns > now_ns + SITE_BURST_NS.max(site_cost_ns) {
            return Grant::SiteAt(site_start_ns + site_cost_ns - SITE_BURST_NS.max(site_cost_ns));
        }
        let slot = self.slot(host);
        let Some(host_full_ns) = self.host_full_ns.get_mut(slot) else { return Grant::Never };
        // A host gets no burst: its packets are evenly spaced.
        if *host_full_ns > now_ns {
            return Grant::HostAt(*host_full_ns);
        }
        *host_full_ns = now_ns + host_cost_ns;
        self.site_full_ns = site_start_ns + site_cost_ns;
        Grant::Now
    }

    /// Counts a packet that was sent without asking: the kernel's own retransmission of a SYN.
    pub fn charge(&mut self, now_ns: u64, host: IpAddr) {
        if let Some(cost_ns) = self.site_cost_ns {
            self.site_full_ns = self.site_full_ns.max(now_ns) + cost_ns;
        }
        let slot = self.slot(host);
        if let (Some(cost_ns), Some(host_full_ns)) = (self.host_cost_ns(host), self.host_full_ns.get_mut(slot)) {
            *host_full_ns = (*host_full_ns).max(now_ns) + cost_ns;
        }
    }

    fn slot(&self, host: IpAddr) -> usize {
        let bits = match host {
            IpAddr::V4(v4) => u64::from(v4.to_bits()),
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                #[expect(clippy::cast_possible_truncation, reason = "both halves are taken")]
                let (high, low) = ((bits >> 64) as u64, bits as u64);
                high.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ low
            }
        };
        let mixed = (bits ^ self.salt).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        usize::try_from(mixed >> 48).unwrap_or(0) % HOST_SLOTS
    }
}

/// Rounded up: never faster than the rate.
fn cost_ns(rate_pps: u32) -> Option<u64> {
    (rate_pps > 0).then(|| 1_000_000_000_u64.div_ceil(u64::from(rate_pps)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;
    use proptest::prelude::*;

    const SECOND_NS: u64 = 1_000_000_000;

    /// Sends as fast as it may for a while, to hosts in turn; returns (instant, host) of each packet.
    fn drive(limiter: &mut RateLimiter, hosts: u8, until_ns: u64) -> Vec<(u64, u8)> {
        let (mut now_ns, mut sent, mut turn) = (0, Vec::new(), 0_u8);
        while now_ns < until_ns {
            let mut next_ns = u64::MAX;
            let mut any = false;
            for _ in 0..hosts {
                turn = (turn + 1) % hosts;
                match limiter.ask(now_ns, IpAddr::from([10, 0, 0, turn])) {
                    Grant::Now => {
                        sent.push((now_ns, turn));
                        any = true;
                    }
                    Grant::SiteAt(at_ns) | Grant::HostAt(at_ns) => {
                        assert!(at_ns > now_ns);
                        next_ns = next_ns.min(at_ns);
                    }
                    Grant::Never => return sent,
                }
            }
            if !any {
                now_ns = next_ns;
            }
        }
        sent
    }

    #[test]
    fn hosts_of_some_blocks_have_a_rate_of_their_own() {
        let mut limiter = RateLimiter::new(Rates { site_pps: 100_000, host_pps: 40 }, 7);
        // The fourth host is in a block of its own inside the fast one.
        limiter.set_apart(vec![("10.0.0.0/29".parse().unwrap(), Some(1_000)), ("10.0.0.3/32".parse().unwrap(), None)]);
        let sent = drive(&mut limiter, 10, SECOND_NS);
        let of = |host| sent.iter().filter(|(_, to)| *to == host).count();
        for (host, most) in [(0, 1_000), (7, 1_000), (3, 40), (8, 40)] {
            assert!((most * 9 / 10..=most + 1).contains(&of(host)), "{host}: {}", of(host));
        }
        // Taken back, all are as slow as ever.
        limiter.set_apart(Vec::new());
        assert_eq!(limiter.ask(10 * SECOND_NS, IpAddr::from([10, 0, 0, 1])), Grant::Now);
        assert_eq!(
            limiter.ask(10 * SECOND_NS, IpAddr::from([10, 0, 0, 1])),
            Grant::HostAt(10 * SECOND_NS + SECOND_NS / 40)
        );
    }

    #[test]
    fn no_host_sees_more_than_its_rate() {
        let mut limiter = RateLimiter::new(Rates { site_pps: 100_000, host_pps: 40 }, 1);
        let sent = drive(&mut limiter, 3, 2 * SECOND_NS);
        for host in 0..3 {
            let times: Vec<u64> = sent.iter().filter(|(_, to)| *to == host).map(|(at, _)| *at).collect();
            assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= SECOND_NS / 40));
            assert_eq!(times.len(), 80);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_window_of_the_site_exceeds_rate_and_burst(site_pps in 1_u32..20_000, hosts in 1_u8..20) {
            let mut limiter = RateLimiter::new(Rates { site_pps, host_pps: 1_000_000 }, 7);
            let sent = drive(&mut limiter, hosts, SECOND_NS / 20);
            let window_ns = SECOND_NS / 50;
            let cap = (u64::from(site_pps) * (window_ns + SITE_BURST_NS)) / SECOND_NS + 1;
            let mut last = 0;
            for (first, (from_ns, _)) in sent.iter().enumerate() {
                while sent.get(last).is_some_and(|(time_ns, _)| time_ns - from_ns < window_ns) {
                    last += 1;
                }
                prop_assert!((last - first) as u64 <= cap, "{} packets in 20 ms, at most {}", last - first, cap);
            }
        }
    }

    #[test]
    fn a_rate_of_zero_sends_nothing() {
        let host = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(RateLimiter::new(Rates { site_pps: 0, host_pps: 1 }, 0).ask(0, host), Grant::Never);
        assert_eq!(RateLimiter::new(Rates { site_pps: 1, host_pps: 0 }, 0).ask(0, host), Grant::Never);
    }

    #[test]
    fn a_retransmission_delays_the_next_packet() {
        let mut limiter = RateLimiter::new(Rates { site_pps: 1_000, host_pps: 40 }, 0);
        let host = IpAddr::from([10, 0, 0, 1]);
        limiter.charge(0, host);
        assert_eq!(limiter.ask(0, host), Grant::HostAt(SECOND_NS / 40));
    }
}
