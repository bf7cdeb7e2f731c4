//! How each address is reached: route, interface, and the link address of the next hop, asked for where the kernel does
//! not know it.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use muster_sweep::cookie::{Cookies, SourcePorts};
use muster_sweep::packet::{Link, Mac, Path, SynOptions, SynTemplate, arp, ndp};
use muster_wire::{Batch, Filter, Interface, Receiver, RingSize, Router, Sender, WireError};

use super::clock::nanos;
use super::trouble::Trouble;
use crate::engine::SkipReason;

/// Asked again after it, three times in all: the times of RFC 4861, 10 and RFC 1122, 2.3.2.1 put together.
const ASK_AGAIN: Duration = Duration::from_millis(400);
const ASKED_MAX: u8 = 3;
/// How long the kernel's word about routes and neighbours counts.
const FORGET_AFTER: Duration = Duration::from_secs(60);
/// Next hops remembered: a lease has 65,536 addresses at most.
const NEIGHBOURS_MAX: usize = 65_536;
/// Hop limit of probes: what most systems send with.
const HOP_LIMIT: u8 = 64;

/// One interface in use.
pub(super) struct Port {
    pub(super) interface: Interface,
    pub(super) sender: Sender,
    pub(super) receiver: Receiver,
}

/// A prepared SYN over one next hop.
pub(super) struct Way {
    /// Which of the ports.
    pub(super) port: usize,
    mac: Mac,
    pub(super) template: SynTemplate,
    pub(super) cookies: Cookies,
}

/// Which way a unit goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// By this one.
    By(usize),
    /// The next hop has to be asked for first.
    Ask(Hop),
    /// It was asked for; perhaps at this instant, ns.
    At(u64),
    /// Nobody on the link has the address.
    Nobody,
    /// It is an address of this machine: no frame leads there.
    Own,
    /// There is no way.
    None(SkipReason),
}

/// Somebody on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Hop {
    port: usize,
    address: IpAddr,
    source: IpAddr,
}

impl Hop {
    pub(super) const fn port(&self) -> usize {
        self.port
    }

    pub(super) const fn address(&self) -> IpAddr {
        self.address
    }

    const fn key(&self) -> (usize, IpAddr) {
        (self.port, self.address)
    }

    /// A gateway of the other family cannot be asked from our address; the kernel has met it when it is in use.
    const fn can_be_asked(&self) -> bool {
        self.address.is_ipv4() == self.source.is_ipv4()
    }
}

#[derive(Debug, Clone, Copy)]
enum Neighbour {
    Asked {
        times: u8,
        again_at_ns: u64,
    },
    /// `heard_ns`: when it last sent anything of ours.
    Known {
        mac: Mac,
        heard_ns: u64,
    },
    Silent,
}

/// Whether a way carried what was sent over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// It did.
    Holds,
    /// Its gateway has to be asked.
    Ask(Hop),
    /// The gateway was asked.
    Wait,
}

/// Over a gateway, or straight to the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Over {
    port: usize,
    source: IpAddr,
    gateway: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy)]
enum Routed {
    Over(Over),
    Own,
    Nowhere,
}

/// All ways of one lease.
pub(super) struct Ways {
    router: Router,
    key: [u8; 16],
    source_ports: SourcePorts,
    filter: Filter,
    /// By address of ours that probes left from.
    pub(super) cookies: Vec<(IpAddr, Cookies)>,
    pub(super) ports: Vec<Port>,
    ways: Vec<Way>,
    /// By address: the next one may be on another side of a router.
    routes: HashMap<IpAddr, Over>,
    neighbours: HashMap<(usize, IpAddr), Neighbour>,
    by_hop: HashMap<Hop, usize>,
    gateways: BTreeSet<(usize, IpAddr)>,
    /// Gateways that are known and asked all the same: how often, and when again. Meanwhile frames go on over them.
    doubted: HashMap<(usize, IpAddr), (u8, u64)>,
    forget_at_ns: u64,
}

impl Ways {
    pub(super) fn new(key: [u8; 16], source_ports: SourcePorts, filter: Filter) -> Result<Self, WireError> {
        Ok(Self {
            router: Router::open()?,
            key,
            source_ports,
            filter,
            cookies: Vec::new(),
            ports: Vec::new(),
            ways: Vec::new(),
            routes: HashMap::new(),
            neighbours: HashMap::new(),
            by_hop: HashMap::new(),
            gateways: BTreeSet::new(),
            doubted: HashMap::new(),
            forget_at_ns: 0,
        })
    }

    pub(super) fn way(&self, index: usize) -> Option<&Way> {
        self.ways.get(index)
    }

    /// Which way to an address. Whoever gets a number uses it at once: the next question may forget it.
    ///
    /// An error where the gateway does not answer: what lies behind it is unknown then, and not silent.
    pub(super) fn to(&mut self, address: IpAddr, now_ns: u64) -> Result<Direction, Trouble> {
        self.forget(now_ns);
        let Over { port, source, gateway } = match self.routed(address)? {
            Routed::Over(over) => over,
            Routed::Own => return Ok(Direction::Own),
            Routed::Nowhere => return Ok(Direction::None(SkipReason::NoRoute)),
        };
        let hop = Hop { port, address: gateway.unwrap_or(address), source };
        let state = match self.neighbours.get(&hop.key()).copied() {
            Some(state) => Some(state),
            None if self.neighbours.len() >= NEIGHBOURS_MAX => return Ok(Direction::None(SkipReason::Shortage)),
            None => self.known_to_kernel(hop, now_ns)?,
        };
        Ok(match state {
            // A group is no single machine.
            Some(Neighbour::Known { mac, .. }) if mac.is_group() => Direction::Nobody,
            Some(Neighbour::Known { mac, .. }) => Direction::By(self.met(hop, mac)?),
            Some(Neighbour::Asked { again_at_ns, .. }) if now_ns < again_at_ns => Direction::At(again_at_ns),
            Some(Neighbour::Asked { times, .. }) if times < ASKED_MAX => Direction::Ask(hop),
            Some(Neighbour::Asked { .. } | Neighbour::Silent) => {
                self.neighbours.insert(hop.key(), Neighbour::Silent);
                match gateway {
                    Some(gateway) => return Err(Trouble::Gateway { gateway }),
                    None => Direction::Nobody,
                }
            }
            None => Direction::Ask(hop),
        })
    }

    /// What the kernel holds for true now. What it held once is asked for: who had the address may be gone.
    fn known_to_kernel(&mut self, hop: Hop, now_ns: u64) -> Result<Option<Neighbour>, Trouble> {
        let index = self.ports.get(hop.port).map_or(0, |port| port.interface.index);
        let Some(known) = self.router.neighbour(index, hop.address)? else { return Ok(None) };
        if !known.fresh && hop.can_be_asked() {
            return Ok(None);
        }
        // Who was written down may answer no question, and does not have to.
        let heard_ns = if known.fixed || !hop.can_be_asked() { u64::MAX } else { now_ns };
        let state = Neighbour::Known { mac: Mac(known.mac), heard_ns };
        self.neighbours.insert(hop.key(), state);
        Ok(Some(state))
    }

    /// Forgets from time to time what the kernel said, since it may say something else by now.
    fn forget(&mut self, now_ns: u64) {
        if now_ns < self.forget_at_ns {
            return;
        }
        self.forget_at_ns = now_ns.saturating_add(nanos(FORGET_AFTER));
        self.routes.clear();
        self.neighbours.retain(|_, state| matches!(state, Neighbour::Asked { .. }));
        self.doubted.clear();
        self.ways.clear();
        self.by_hop.clear();
    }

    /// The ways to some addresses, each once, with an address that goes by it.
    pub(super) fn ways_to(&mut self, addresses: impl Iterator<Item = IpAddr>) -> Result<Vec<(Over, IpAddr)>, Trouble> {
        let mut ways: Vec<(Over, IpAddr)> = Vec::new();
        for address in addresses {
            match self.routed(address)? {
                Routed::Over(over) if !ways.iter().any(|(known, _)| *known == over) => ways.push((over, address)),
                Routed::Over(_) | Routed::Own => {}
                // It was sent to.
                Routed::Nowhere => return Err(Trouble::Route { address }),
            }
        }
        Ok(ways)
    }

    /// Whether a way held when something was sent over it at an instant: its route and its interface still stand, and
    /// its gateway was heard since.
    pub(super) fn held(&mut self, over: Over, address: IpAddr, since_ns: u64, now_ns: u64) -> Result<Proof, Trouble> {
        let Some(index) = self.ports.get(over.port).map(|port| port.interface.index) else { return Ok(Proof::Holds) };
        let proof = self.gateway_heard(over, since_ns, now_ns)?;
        if proof != Proof::Holds {
            return Ok(proof);
        }
        self.router.interface(index)?.check()?;
        match self.router.route_to(address) {
            Ok(_) => Ok(Proof::Holds),
            Err(WireError::NoRoute { .. }) => Err(Trouble::Route { address }),
            Err(error) => Err(error.into()),
        }
    }

    fn gateway_heard(&mut self, over: Over, since_ns: u64, now_ns: u64) -> Result<Proof, Trouble> {
        let Over { port, source, gateway: Some(gateway) } = over else { return Ok(Proof::Holds) };
        let hop = Hop { port, address: gateway, source };
        if !hop.can_be_asked() {
            return Ok(Proof::Holds);
        }
        Ok(match self.neighbours.get(&hop.key()).copied() {
            Some(Neighbour::Known { heard_ns, .. }) if heard_ns >= since_ns => {
                self.doubted.remove(&hop.key());
                Proof::Holds
            }
            Some(Neighbour::Known { .. }) => match self.doubted.get(&hop.key()) {
                Some((_, again_at_ns)) if now_ns < *again_at_ns => Proof::Wait,
                Some((times, _)) if *times >= ASKED_MAX => return Err(Trouble::Gateway { gateway }),
                Some(_) | None => Proof::Ask(hop),
            },
            Some(Neighbour::Asked { again_at_ns, .. }) if now_ns < again_at_ns => Proof::Wait,
            Some(Neighbour::Asked { times, .. }) if times < ASKED_MAX => Proof::Ask(hop),
            Some(Neighbour::Asked { .. } | Neighbour::Silent) => return Err(Trouble::Gateway { gateway }),
            None => match self.known_to_kernel(hop, now_ns)? {
                Some(Neighbour::Known { heard_ns: u64::MAX, .. }) => Proof::Holds,
                _ => Proof::Ask(hop),
            },
        })
    }

    /// An answer came over a port from somebody on its link.
    pub(super) fn heard(&mut self, port: usize, from: Mac, now_ns: u64) {
        for gateway in self.gateways.range((port, IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED))..) {
            if gateway.0 != port {
                break;
            }
            if let Some(Neighbour::Known { mac, heard_ns }) = self.neighbours.get_mut(gateway)
                && *mac == from
            {
                *heard_ns = now_ns.max(*heard_ns);
            }
        }
    }

    /// Answers for which the rings had no room.
    pub(super) fn dropped(&mut self) -> Result<u64, WireError> {
        self.ports.iter_mut().try_fold(0_u64, |sum, port| Ok(sum.saturating_add(port.receiver.statistics()?.lost)))
    }

    /// Puts the question for a next hop into a batch of its port. Whoever asks counts it as a packet to that address.
    pub(super) fn ask(&mut self, hop: Hop, batch: &mut Batch, now_ns: u64) -> bool {
        let Some(mac) = self.ports.get(hop.port).and_then(|port| port.interface.mac).map(Mac) else { return false };
        let written = batch.write(|frame| match (hop.source, hop.address) {
            (IpAddr::V4(source), IpAddr::V4(target)) => arp::request(frame, mac, source, target).ok(),
            (IpAddr::V6(source), IpAddr::V6(target)) => ndp::solicitation(frame, mac, source, target).ok(),
            // A gateway of the other family.
            _ => None,
        });
        let times = match self.neighbours.get(&hop.key()) {
            Some(Neighbour::Asked { times, .. }) => times + 1,
            _ => 1,
        };
        let again_at_ns = now_ns.saturating_add(nanos(ASK_AGAIN));
        if let Some(Neighbour::Known { .. }) = self.neighbours.get(&hop.key()) {
            let doubt = self.doubted.entry(hop.key()).or_default();
            *doubt = (doubt.0.saturating_add(1), again_at_ns);
            return written;
        }
        self.neighbours.insert(hop.key(), Neighbour::Asked { times, again_at_ns });
        written
    }

    /// Somebody on the link of a port said what address it has.
    pub(super) fn said(&mut self, port: usize, address: IpAddr, mac: Mac, now_ns: u64) {
        if mac.is_group() {
            return;
        }
        // Only who was asked is listened to: nobody fills this table by talking.
        let doubted = self.doubted.remove(&(port, address)).is_some();
        if let Some(state) = self.neighbours.get_mut(&(port, address))
            && (doubted || matches!(state, Neighbour::Asked { .. } | Neighbour::Silent))
        {
            *state = Neighbour::Known { mac, heard_ns: now_ns };
        }
    }

    /// The way over a next hop.
    fn met(&mut self, hop: Hop, mac: Mac) -> Result<usize, WireError> {
        if let Some(way) = self.by_hop.get(&hop)
            && self.ways.get(*way).is_some_and(|way| way.mac == mac)
        {
            return Ok(*way);
        }
        let unread = || WireError::Answer { about: "an interface" };
        let ours = self.ports.get(hop.port).and_then(|port| port.interface.mac).map(Mac).ok_or_else(unread)?;
        let link = Link { source: ours, next_hop: mac };
        let path = Path { link: Some(link), source: hop.source, hop_limit: HOP_LIMIT };
        let template = SynTemplate::new(&path, SynOptions::Mss).map_err(|_| unread())?;
        let cookies = match self.cookies.iter().find(|(source, _)| *source == hop.source) {
            Some((_, cookies)) => *cookies,
            None => {
                let cookies = Cookies::new(self.key, hop.source, self.source_ports);
                self.cookies.push((hop.source, cookies));
                cookies
            }
        };
        self.ways.push(Way { port: hop.port, mac, template, cookies });
        let way = self.ways.len() - 1;
        self.by_hop.insert(hop, way);
        Ok(way)
    }

    fn routed(&mut self, address: IpAddr) -> Result<Routed, WireError> {
        if let Some(over) = self.routes.get(&address) {
            return Ok(if over.source == address { Routed::Own } else { Routed::Over(*over) });
        }
        match self.router.route_to(address) {
            Ok(route) if route.local => Ok(Routed::Own),
            Ok(route) => {
                let over = Over { port: self.port(route.interface)?, source: route.source, gateway: route.gateway };
                if let Some(gateway) = over.gateway {
                    self.gateways.insert((over.port, gateway));
                }
                if self.routes.len() < NEIGHBOURS_MAX {
                    self.routes.insert(address, over);
                }
                Ok(Routed::Over(over))
            }
            Err(WireError::NoRoute { .. }) => Ok(Routed::Nowhere),
            Err(error) => Err(error),
        }
    }

    /// The port of an interface, opened when it is needed first.
    fn port(&mut self, index: u32) -> Result<usize, WireError> {
        if let Some(at) = self.ports.iter().position(|port| port.interface.index == index) {
            return Ok(at);
        }
        let interface = self.router.interface(index)?;
        // Before the sender: no answer comes too early.
        let receiver = Receiver::open(&interface, &self.filter, RingSize::default())?;
        let sender = Sender::open(&interface)?;
        self.ports.push(Port { interface, sender, receiver });
        Ok(self.ports.len() - 1)
    }
}
