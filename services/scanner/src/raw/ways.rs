//! How each address is reached: route, interface, and the link address of the next hop, asked for where the kernel does
//! not know it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use muster_sweep::cookie::{Cookies, SourcePorts};
use muster_sweep::packet::{Link, Mac, Path, SynOptions, SynTemplate, arp, ndp};
use muster_wire::{Batch, Filter, Interface, Receiver, RingSize, Router, Sender, WireError};

use crate::engine::SkipReason;

/// Asked again after it, three times in all: the times of RFC 4861, 10 and RFC 1122, 2.3.2.1 put together.
const ASK_AGAIN: Duration = Duration::from_millis(400);
const ASKED_MAX: u8 = 3;
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
}

#[derive(Debug, Clone, Copy)]
enum Neighbour {
    Asked { times: u8, again_at_ns: u64 },
    Known(usize),
    Silent,
}

/// Over a gateway, or straight to the address.
#[derive(Debug, Clone, Copy)]
struct Over {
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
    neighbours: HashMap<Hop, Neighbour>,
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
        })
    }

    pub(super) fn way(&self, index: usize) -> Option<&Way> {
        self.ways.get(index)
    }

    /// Which way to an address.
    pub(super) fn to(&mut self, address: IpAddr, now_ns: u64) -> Result<Direction, WireError> {
        let Over { port, source, gateway } = match self.routed(address)? {
            Routed::Over(over) => over,
            Routed::Own => return Ok(Direction::Own),
            Routed::Nowhere => return Ok(Direction::None(SkipReason::NoRoute)),
        };
        let hop = Hop { port, address: gateway.unwrap_or(address), source };
        Ok(match self.neighbours.get(&hop).copied() {
            Some(Neighbour::Known(way)) => Direction::By(way),
            Some(Neighbour::Silent) if gateway.is_some() => Direction::None(SkipReason::NoRoute),
            Some(Neighbour::Silent) => Direction::Nobody,
            Some(Neighbour::Asked { again_at_ns, .. }) if now_ns < again_at_ns => Direction::At(again_at_ns),
            Some(Neighbour::Asked { times, .. }) if times >= ASKED_MAX => {
                self.neighbours.insert(hop, Neighbour::Silent);
                return self.to(address, now_ns);
            }
            Some(Neighbour::Asked { .. }) => Direction::Ask(hop),
            None => {
                if self.neighbours.len() >= NEIGHBOURS_MAX {
                    return Ok(Direction::None(SkipReason::Shortage));
                }
                let index = self.ports.get(port).map_or(0, |port| port.interface.index);
                match self.router.neighbour(index, hop.address)? {
                    // A group is no single machine.
                    Some(mac) if Mac(mac).is_group() => Direction::Nobody,
                    Some(mac) => Direction::By(self.met(hop, Mac(mac))?),
                    None => Direction::Ask(hop),
                }
            }
        })
    }

    /// Puts the question for a next hop into a batch of its port. Whoever asks counts it as a packet to that address.
    pub(super) fn ask(&mut self, hop: Hop, batch: &mut Batch, now_ns: u64) -> bool {
        let Some(mac) = self.ports.get(hop.port).and_then(|port| port.interface.mac).map(Mac) else { return false };
        let written = batch.write(|frame| match (hop.source, hop.address) {
            (IpAddr::V4(source), IpAddr::V4(target)) => arp::request(frame, mac, source, target).ok(),
            (IpAddr::V6(source), IpAddr::V6(target)) => ndp::solicitation(frame, mac, source, target).ok(),
            // A gateway of the other family; the kernel has met it when it is in use.
            _ => None,
        });
        let times = match self.neighbours.get(&hop) {
            Some(Neighbour::Asked { times, .. }) => times + 1,
            _ => 1,
        };
        let again = u64::try_from(ASK_AGAIN.as_nanos()).unwrap_or(u64::MAX);
        self.neighbours.insert(hop, Neighbour::Asked { times, again_at_ns: now_ns.saturating_add(again) });
        written
    }

    /// Somebody on the link of a port said what address it has.
    pub(super) fn said(&mut self, port: usize, address: IpAddr, mac: Mac) -> Result<(), WireError> {
        // Only who was asked is listened to: nobody fills this table by talking.
        let asked = self.neighbours.iter().find_map(|(hop, state)| {
            let waits = matches!(state, Neighbour::Asked { .. } | Neighbour::Silent);
            (hop.port == port && hop.address == address && waits && !mac.is_group()).then_some(*hop)
        });
        match asked {
            Some(hop) => self.met(hop, mac).map(drop),
            None => Ok(()),
        }
    }

    fn met(&mut self, hop: Hop, mac: Mac) -> Result<usize, WireError> {
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
        self.ways.push(Way { port: hop.port, template, cookies });
        let way = self.ways.len() - 1;
        self.neighbours.insert(hop, Neighbour::Known(way));
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
