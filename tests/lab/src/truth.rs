//! What is there, whether anybody asks or not.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::keyed::{Domain, below, hash, hits};

/// The whole, where shares are given in parts of a million.
pub const MILLION: u32 = 1_000_000;

/// What a phantom's network is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct World {
    /// Everything else follows from it.
    pub seed: u64,
    /// The addresses that may be probed.
    pub block: Ipv4Net,
    /// Of these, the ones that may not.
    pub excluded: Vec<Ipv4Net>,
    /// Hosts that are there, of a million.
    pub alive: u32,
    /// Of a host's ports, those that are open, of a million.
    pub open: u32,
    /// Of a host's ports, those that refuse, of a million; the rest is silent.
    pub closed: u32,
    /// Blocks in which every port of every address is open.
    pub all_open: Vec<Ipv4Net>,
    /// Blocks in which every port takes a connection and then says nothing, with a window of 0.
    pub tarpits: Vec<Ipv4Net>,
    /// What open ports say first: by port.
    pub banners: Vec<(u16, Vec<u8>)>,
}

impl World {
    /// One host in twenty is there, three of ten of its ports are open and the others refuse.
    #[must_use]
    pub fn sparse(seed: u64, block: Ipv4Net) -> Self {
        Self {
            seed,
            block,
            excluded: Vec::new(),
            alive: MILLION / 20,
            open: MILLION / 10 * 3,
            closed: MILLION / 10 * 7,
            all_open: Vec::new(),
            tarpits: Vec::new(),
            banners: Vec::new(),
        }
    }
}

/// What answers at an address and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Something listens.
    Open,
    /// The host says that nothing listens.
    Closed,
    /// Nobody says anything.
    Silent,
}

impl State {
    /// Its word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Silent => "silent",
        }
    }
}

/// The ground truth of a world.
#[derive(Debug, Clone)]
pub struct Truth {
    world: World,
}

impl Truth {
    /// Of a world.
    #[must_use]
    pub const fn new(world: World) -> Self {
        Self { world }
    }

    /// The world.
    #[must_use]
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// What answers there.
    #[must_use]
    pub fn of(&self, address: Ipv4Addr, port: u16) -> State {
        let world = &self.world;
        if !self.is_allowed(address) {
            return State::Silent;
        }
        if self.is_all_open(address) || self.is_tarpit(address) {
            return State::Open;
        }
        if !hits(world.seed, Domain::Host, address.to_bits().into(), world.alive) {
            return State::Silent;
        }
        let drawn = hash(world.seed, Domain::Port, u64::from(address.to_bits()) << 16 | u64::from(port));
        if below(drawn, world.open) {
            State::Open
        } else if below(drawn, world.open.saturating_add(world.closed)) {
            State::Closed
        } else {
            State::Silent
        }
    }

    /// Whether it may be probed.
    #[must_use]
    pub fn is_allowed(&self, address: Ipv4Addr) -> bool {
        self.world.block.contains(&address) && !holds(&self.world.excluded, address)
    }

    /// Whether every port of it is open.
    #[must_use]
    pub fn is_all_open(&self, address: Ipv4Addr) -> bool {
        holds(&self.world.all_open, address)
    }

    /// Whether it keeps whoever connects.
    #[must_use]
    pub fn is_tarpit(&self, address: Ipv4Addr) -> bool {
        holds(&self.world.tarpits, address)
    }

    /// What an open port says first.
    #[must_use]
    pub fn banner(&self, address: Ipv4Addr, port: u16) -> Option<&[u8]> {
        if self.is_tarpit(address) {
            return None;
        }
        self.world.banners.iter().find_map(|(of, banner)| (*of == port).then_some(banner.as_slice()))
    }

    /// The open pairs of some ports, by address.
    pub fn open_pairs<'a>(&'a self, ports: &'a [u16]) -> impl Iterator<Item = (Ipv4Addr, u16)> + 'a {
        let (first, last) = (self.world.block.network().to_bits(), self.world.block.broadcast().to_bits());
        let pairs = (first..=last).flat_map(move |bits| ports.iter().map(move |port| (Ipv4Addr::from(bits), *port)));
        pairs.filter(|(address, port)| self.of(*address, *port) == State::Open)
    }
}

fn holds(blocks: &[Ipv4Net], address: Ipv4Addr) -> bool {
    blocks.iter().any(|block| block.contains(&address))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{MILLION, State, Truth, World};

    fn world() -> World {
        World::sparse(11, "10.10.0.0/20".parse().unwrap())
    }

    #[test]
    fn a_twentieth_of_the_hosts_is_there_and_the_shares_of_their_ports_hold() {
        let truth = Truth::new(world());
        let (mut alive, mut counts) = (0_u32, [0_u32; 3]);
        for address in truth.world().block.hosts() {
            let states: Vec<_> = (1..=100).map(|port| truth.of(address, port)).collect();
            if states.iter().any(|state| *state != State::Silent) {
                alive += 1;
                for state in states {
                    counts[state as usize] += 1;
                }
            }
        }
        // 205 expected, with a standard deviation of 14; 30 % of some 20,500 ports, with one of 0.32 %.
        assert!((135..275).contains(&alive), "{alive}");
        let share = f64::from(counts[0]) / f64::from(counts.iter().sum::<u32>());
        assert!((share - 0.3).abs() < 0.017 && counts[2] == 0, "{counts:?}");
        let listed = truth.open_pairs(&(1..=100).collect::<Vec<_>>()).count();
        // The list has the network's first and last address as well.
        assert!(listed >= counts[0] as usize, "{listed} of {counts:?}");
    }

    #[test]
    fn blocks_have_their_way() {
        let net = |text: &str| text.parse().unwrap();
        let truth = Truth::new(World {
            excluded: vec![net("10.10.1.0/24")],
            all_open: vec![net("10.10.1.0/23"), net("10.10.4.0/24")],
            tarpits: vec![net("10.10.5.0/24")],
            banners: vec![(22, b"SSH-2.0-lab\r\n".to_vec())],
            ..world()
        });
        let of = |text: &str| truth.of(text.parse().unwrap(), 22);
        assert_eq!(of("10.10.1.9"), State::Silent, "what is excluded is not there");
        assert_eq!((of("10.10.4.9"), of("10.10.5.9"), of("10.9.255.255")), (State::Open, State::Open, State::Silent));
        assert_eq!(truth.banner("10.10.5.9".parse().unwrap(), 22), None);
        assert_eq!(truth.banner("10.10.4.9".parse().unwrap(), 22), Some(b"SSH-2.0-lab\r\n".as_slice()));
        let all = Truth::new(World { alive: MILLION, open: 0, closed: 0, ..world() });
        assert_eq!(all.of("10.10.2.1".parse().unwrap(), 1), State::Silent);
    }
}
