//! What a target saw of those that probe it.

use std::collections::{HashMap, VecDeque};
use std::net::Ipv4Addr;

/// The window in which rates are judged: 100 ms.
pub const WINDOW_NS: u64 = 100_000_000;

/// Hosts and networks that are watched, each; beyond it packets are counted as [`Seen::unwatched`].
const WATCHED_MAX: usize = 1 << 17;
/// Packets of one window that are remembered.
const REMEMBERED_MAX: usize = 1 << 14;
/// Addresses outside of what is allowed that are named.
const NAMED_MAX: usize = 16;

/// How many probes a window may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// To one host.
    pub host: usize,
    /// To one /24.
    pub net: usize,
}

impl Allowance {
    /// What rates allow in any 100 ms: a tenth of a second's worth, and one more, because a window that begins with a
    /// packet can end with one.
    #[must_use]
    pub fn of_rates(host_pps: u32, net_pps: u32) -> Self {
        let of = |pps: u32| usize::try_from(pps / 10).unwrap_or(usize::MAX).saturating_add(1);
        Self { host: of(host_pps), net: of(net_pps) }
    }
}

/// The fullest window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peak {
    /// Probes in it.
    pub probes: usize,
    /// To whom: a host, or the first address of a /24.
    pub to: Option<Ipv4Addr>,
}

/// Counts of what arrived.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Frames of IPv4.
    pub packets: u64,
    /// Of these, SYNs.
    pub probes: u64,
    /// Of these, resets: the kernel of a scanner that hears an answer to a SYN it did not send.
    pub resets: u64,
    /// To addresses that may not be probed, whatever it was.
    pub outside: u64,
    /// The first few of these addresses.
    pub outside_named: Vec<Ipv4Addr>,
    /// Frames that were not understood.
    pub malformed: u64,
    /// Lost on purpose on the way here.
    pub lost_in: u64,
    /// Answers, with those that were lost on purpose on the way back.
    pub answers: u64,
    /// Lost on purpose on the way back.
    pub lost_out: u64,
    /// Answers that an address's limit held back.
    pub held_back: u64,
    /// Answers for which there was no room: the experiment is void unless it is 0.
    pub overflowed: u64,
    /// Frames that the ring lost before they were seen: the experiment is void unless it is 0.
    pub unheard: u64,
    /// When the last probe arrived, ns since 1970.
    pub last_probe_ns: u64,
    /// Probes that were the one too many of a window of their host.
    pub over_host: u64,
    /// Probes that were the one too many of a window of their /24.
    pub over_net: u64,
    /// The fullest window of a host.
    pub peak_host: Peak,
    /// The fullest window of a /24.
    pub peak_net: Peak,
    /// Probes to more hosts or networks than are watched.
    pub unwatched: u64,
}

/// Counts, and what is needed to judge the next packet.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) seen: Seen,
    allowance: Option<Allowance>,
    hosts: HashMap<u32, VecDeque<u64>>,
    nets: HashMap<u32, VecDeque<u64>>,
}

impl Watch {
    pub(crate) fn new(allowance: Option<Allowance>) -> Self {
        Self { allowance, ..Self::default() }
    }

    /// A SYN arrived.
    pub(crate) fn probe(&mut self, to: Ipv4Addr, at_ns: u64) {
        self.seen.probes += 1;
        self.seen.last_probe_ns = self.seen.last_probe_ns.max(at_ns);
        let Some(allowance) = self.allowance else { return };
        let (host, net) = (to.to_bits(), to.to_bits() & !0xff);
        let (Some(of_host), Some(of_net)) =
            (in_window(&mut self.hosts, host, at_ns), in_window(&mut self.nets, net, at_ns))
        else {
            self.seen.unwatched += 1;
            return;
        };
        self.seen.over_host += u64::from(of_host > allowance.host);
        self.seen.over_net += u64::from(of_net > allowance.net);
        for (peak, probes, to) in [(&mut self.seen.peak_host, of_host, host), (&mut self.seen.peak_net, of_net, net)] {
            if probes > peak.probes {
                *peak = Peak { probes, to: Some(to.into()) };
            }
        }
    }

    /// Something arrived for an address that may not be probed.
    pub(crate) fn outside(&mut self, to: Ipv4Addr) {
        self.seen.outside += 1;
        let named = &mut self.seen.outside_named;
        if named.len() < NAMED_MAX && !named.contains(&to) {
            named.push(to);
        }
    }
}

/// Remembers an instant; says how many lie in the window that ends with it. `None`: there are too many to watch.
fn in_window(watched: &mut HashMap<u32, VecDeque<u64>>, whom: u32, at_ns: u64) -> Option<usize> {
    if watched.len() >= WATCHED_MAX && !watched.contains_key(&whom) {
        return None;
    }
    let times = watched.entry(whom).or_default();
    while times.front().is_some_and(|first| first.saturating_add(WINDOW_NS) <= at_ns) || times.len() >= REMEMBERED_MAX {
        times.pop_front();
    }
    times.push_back(at_ns);
    Some(times.len())
}

#[cfg(test)]
mod tests {
    use super::{Allowance, WINDOW_NS, Watch};
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    const HOST: Ipv4Addr = Ipv4Addr::new(10, 10, 0, 1);

    fn watched(gap_ns: u64, count: u64) -> Watch {
        let mut watch = Watch::new(Some(Allowance::of_rates(40, 1_000)));
        (0..count).for_each(|n| watch.probe(HOST, 1_000 + n * gap_ns));
        watch
    }

    #[test]
    fn forty_a_second_are_within_the_rate_and_fifty_are_not() {
        assert_eq!(watched(25_000_000, 400).seen.over_host, 0);
        // A little early now and then: the packet at the window's other end.
        assert_eq!(watched(24_900_000, 400).seen.over_host, 0);
        let over = watched(16_000_000, 400).seen;
        assert!(over.over_host > 300, "{over:?}");
        assert_eq!((over.peak_host.probes, over.peak_host.to, over.over_net), (7, Some(HOST), 0));
    }

    #[test]
    fn a_network_is_the_sum_of_its_hosts() {
        let mut watch = Watch::new(Some(Allowance { host: 1, net: 3 }));
        for last in 1..=4 {
            watch.probe(Ipv4Addr::new(10, 10, 0, last), 5);
        }
        watch.probe(Ipv4Addr::new(10, 10, 1, 1), 5);
        let seen = watch.seen;
        assert_eq!((seen.over_host, seen.over_net, seen.peak_net.probes), (0, 1, 4));
        assert_eq!(seen.peak_net.to, Some(Ipv4Addr::new(10, 10, 0, 0)));
    }

    proptest! {
        #[test]
        fn windows_are_counted_as_by_hand(
            mut times in proptest::collection::vec(0..20 * WINDOW_NS / 10, 1..60), host in 1_usize..6
        ) {
            times.sort_unstable();
            let mut watch = Watch::new(Some(Allowance { host, net: 1_000 }));
            times.iter().for_each(|at_ns| watch.probe(HOST, *at_ns));
            let until = |last: usize| (0..=last).filter(|first| times[*first] + WINDOW_NS > times[last]).count();
            let counts: Vec<_> = (0..times.len()).map(until).collect();
            prop_assert_eq!(watch.seen.peak_host.probes, counts.iter().copied().max().unwrap_or(0));
            prop_assert_eq!(watch.seen.over_host, counts.iter().filter(|count| **count > host).count() as u64);
        }
    }
}
