//! By which interface, from which source and over which gateway an address is reached: asked of the kernel, whose
//! tables and rules decide.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::WireError;
use crate::netlink::{Netlink, Question, attributes, word};

// Types of messages, attributes and routes as in linux/rtnetlink.h, linux/if_link.h and linux/neighbour.h.
const GET_LINK: u16 = 18;
const GET_ROUTE: u16 = 26;
const GET_NEIGHBOUR: u16 = 30;
const ROUTE_DESTINATION: u16 = 1;
const ROUTE_INTERFACE: u16 = 4;
const ROUTE_GATEWAY: u16 = 5;
const ROUTE_SOURCE: u16 = 7;
const ROUTE_VIA: u16 = 18;
const LINK_ADDRESS: u16 = 1;
const LINK_NAME: u16 = 3;
const LINK_MTU: u16 = 4;
const NEIGHBOUR_DESTINATION: u16 = 1;
const NEIGHBOUR_ADDRESS: u16 = 2;
const UNICAST: u8 = 1;
const LOCAL: u8 = 2;
const BROADCAST: u8 = 3;
const ANYCAST: u8 = 4;
const MULTICAST: u8 = 5;
const ROUTE_FIXED: usize = 12;
const LINK_FIXED: usize = 16;
const NEIGHBOUR_FIXED: usize = 12;
const FLAG_UP: u32 = 1;
const FLAG_LOOPBACK: u32 = 8;
/// `IFF_LOWER_UP`: the driver has a carrier.
const FLAG_CARRIER: u32 = 0x1_0000;
const ETHERNET: u16 = 1;
const LOOPBACK: u16 = 772;
/// Reachable, no ARP, permanent: the address holds now.
const NEIGHBOUR_FRESH: u16 = 0x02 | 0x40 | 0x80;
/// No ARP, permanent.
const NEIGHBOUR_FIXED_STATE: u16 = 0x40 | 0x80;
/// Stale, delay, probe: it held once, and whoever had it may be gone.
const NEIGHBOUR_OLD: u16 = 0x04 | 0x08 | 0x10;

/// An interface of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its address on the link; none where frames are not Ethernet's.
    pub mac: Option<[u8; 6]>,
    /// Bytes that a frame carries.
    pub mtu: u32,
    /// Whether it is up.
    pub up: bool,
    /// Whether something is at its other end: without, what is sent is lost and looks like silence.
    pub carrier: bool,
    /// Whether it leads back to this machine.
    pub loopback: bool,
}

impl Interface {
    /// Whether frames of ours can use it, now.
    ///
    /// # Errors
    /// [`WireError::Interface`] where they never can, [`WireError::Link`] while it is down or has no carrier.
    pub fn check(&self) -> Result<(), WireError> {
        let name = || self.name.clone();
        match (self.mac, self.up, self.carrier) {
            (None, _, _) => Err(WireError::Interface { name: name(), problem: "carries no Ethernet frames" }),
            (Some(_), false, _) => Err(WireError::Link { name: name(), problem: "is down" }),
            (Some(_), true, false) => Err(WireError::Link { name: name(), problem: "has no carrier" }),
            (Some(_), true, true) => Ok(()),
        }
    }
}

/// How an address is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Number of the interface.
    pub interface: u32,
    /// Who takes the frames there; none: the address itself is on the link.
    pub gateway: Option<IpAddr>,
    /// Address that probes come from.
    pub source: IpAddr,
    /// Whether it is an address of this machine.
    pub local: bool,
}

/// What the kernel knows of somebody on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour {
    /// The address on the link.
    pub mac: [u8; 6],
    /// Whether the kernel holds it for true now; otherwise it was once.
    pub fresh: bool,
    /// Whether somebody wrote it down: then it holds without anybody being asked, and who has it may not answer.
    pub fixed: bool,
}

/// Asks the kernel.
#[derive(Debug)]
pub struct Router {
    netlink: Netlink,
}

impl Router {
    /// Opens it.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn open() -> Result<Self, WireError> {
        Netlink::open().map(|netlink| Self { netlink }).map_err(WireError::kernel("ask the kernel for routes"))
    }

    /// The route to an address.
    ///
    /// # Errors
    /// [`WireError::NoRoute`] where there is none, or one that refuses, or none to a single machine.
    pub fn route_to(&mut self, address: IpAddr) -> Result<Route, WireError> {
        let (family, bytes) = family_and_bytes(address);
        let bits = u8::try_from(bytes.len() * 8).unwrap_or(u8::MAX);
        let mut fixed = [0; ROUTE_FIXED];
        (fixed[0], fixed[1]) = (family, bits);
        let question = Question::new(GET_ROUTE, &fixed).with(ROUTE_DESTINATION, &bytes);
        let no_route = |cause| WireError::NoRoute { address, cause };
        let answer = self.netlink.ask(question).map_err(|cause| {
            if refuses(&cause) { no_route(cause) } else { WireError::Kernel { action: "ask for a route", cause } }
        })?;
        let unread = || WireError::Answer { about: "a route" };
        let kind = *answer.get(7).ok_or_else(unread)?;
        match kind {
            UNICAST | LOCAL => {}
            BROADCAST | ANYCAST | MULTICAST => {
                return Err(no_route(io::Error::other("it is not the address of one machine")));
            }
            _ => return Err(no_route(io::Error::other("it is refused here"))),
        }
        let (mut interface, mut gateway, mut source) = (None, None, None);
        for (kind, value) in attributes(&answer, ROUTE_FIXED) {
            match kind {
                ROUTE_INTERFACE => interface = word(value, 0),
                ROUTE_GATEWAY => gateway = ip(value),
                // A gateway of the other family: its family, and its address.
                ROUTE_VIA => gateway = value.get(2..).and_then(ip),
                ROUTE_SOURCE => source = ip(value),
                _ => {}
            }
        }
        Ok(Route {
            interface: interface.ok_or_else(unread)?,
            gateway,
            source: source.ok_or_else(|| no_route(io::Error::other("this machine has no address to ask from")))?,
            local: kind == LOCAL,
        })
    }

    /// An interface by its number.
    ///
    /// # Errors
    /// When it is gone.
    pub fn interface(&mut self, index: u32) -> Result<Interface, WireError> {
        let mut fixed = [0; LINK_FIXED];
        fixed[4..8].copy_from_slice(&index.to_ne_bytes());
        let answer =
            self.netlink.ask(Question::new(GET_LINK, &fixed)).map_err(WireError::kernel("ask about an interface"))?;
        let unread = || WireError::Answer { about: "an interface" };
        let hardware = answer.get(2..4).map(|kind| u16::from_ne_bytes([kind[0], kind[1]])).ok_or_else(unread)?;
        let flags = word(&answer, 8).ok_or_else(unread)?;
        let (mut mac, mut name, mut mtu) = (None, None, 0);
        for (kind, value) in attributes(&answer, LINK_FIXED) {
            match kind {
                LINK_ADDRESS => mac = value.try_into().ok(),
                LINK_NAME => {
                    let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
                    name = Some(String::from_utf8_lossy(text).into_owned());
                }
                LINK_MTU => mtu = word(value, 0).unwrap_or(0),
                _ => {}
            }
        }
        let framed = hardware == ETHERNET || hardware == LOOPBACK;
        Ok(Interface {
            index,
            name: name.ok_or_else(unread)?,
            mac: mac.filter(|_| framed),
            mtu,
            up: flags & FLAG_UP != 0,
            carrier: flags & FLAG_CARRIER != 0,
            loopback: flags & FLAG_LOOPBACK != 0,
        })
    }

    /// A neighbour, where the kernel knows it.
    ///
    /// # Errors
    /// When the kernel cannot be asked; that it does not know is none.
    pub fn neighbour(&mut self, interface: u32, address: IpAddr) -> Result<Option<Neighbour>, WireError> {
        let (family, bytes) = family_and_bytes(address);
        let mut fixed = [0; NEIGHBOUR_FIXED];
        fixed[0] = family;
        fixed[4..8].copy_from_slice(&interface.to_ne_bytes());
        let question = Question::new(GET_NEIGHBOUR, &fixed).with(NEIGHBOUR_DESTINATION, &bytes);
        let answer = match self.netlink.ask(question) {
            Ok(answer) => answer,
            // Not known; or a kernel before 5.0, which answers for whole tables only: whoever asks has to ask the link.
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EOPNOTSUPP)) => return Ok(None),
            Err(cause) => return Err(WireError::Kernel { action: "ask about a neighbour", cause }),
        };
        let state = answer.get(8..10).map_or(0, |state| u16::from_ne_bytes([state[0], state[1]]));
        let mac = attributes(&answer, NEIGHBOUR_FIXED).find(|(kind, _)| *kind == NEIGHBOUR_ADDRESS);
        let mac = mac.and_then(|(_, value)| value.try_into().ok());
        Ok(mac.filter(|_| state & (NEIGHBOUR_FRESH | NEIGHBOUR_OLD) != 0).map(|mac| {
            let (fresh, fixed) = (state & NEIGHBOUR_FRESH != 0, state & NEIGHBOUR_FIXED_STATE != 0);
            Neighbour { mac, fresh, fixed }
        }))
    }
}

/// Whether the kernel said that there is no way, or one that refuses (route `unreachable`, `prohibit`, `blackhole`):
/// anything else says nothing about the way.
fn refuses(cause: &io::Error) -> bool {
    matches!(
        cause.raw_os_error(),
        Some(libc::ENETUNREACH | libc::EHOSTUNREACH | libc::EACCES | libc::EINVAL | libc::ESRCH)
    )
}

fn family_and_bytes(address: IpAddr) -> (u8, Vec<u8>) {
    match address {
        // AF_INET and AF_INET6 of Linux.
        IpAddr::V4(address) => (2, address.octets().to_vec()),
        IpAddr::V6(address) => (10, address.octets().to_vec()),
    }
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(v4).into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|v6| Ipv6Addr::from(v6).into())
}

#[cfg(test)]
mod tests {
    use super::{Interface, Router, refuses};
    use crate::error::WireError;
    use std::io;

    #[test]
    fn loopback_is_local_and_up() {
        let mut router = Router::open().unwrap();
        let route = router.route_to("127.0.0.7".parse().unwrap()).unwrap();
        assert!(route.local && route.gateway.is_none(), "{route:?}");
        let interface = router.interface(route.interface).unwrap();
        assert!(interface.up && interface.loopback, "{interface:?}");
        assert_eq!((interface.name.as_str(), interface.mac), ("lo", Some([0; 6])));
        assert_eq!(router.neighbour(route.interface, "127.0.0.9".parse().unwrap()).unwrap(), None);
    }

    #[test]
    fn only_what_is_about_the_way_is_no_route() {
        let refused = |code| refuses(&io::Error::from_raw_os_error(code));
        assert!([libc::ENETUNREACH, libc::EHOSTUNREACH, libc::EACCES, libc::EINVAL].into_iter().all(refused));
        assert!(![libc::ENOBUFS, libc::ENOMEM, libc::EPERM, libc::EMFILE].into_iter().any(refused));
        assert!(!refuses(&io::ErrorKind::InvalidData.into()));
    }

    #[test]
    fn what_is_wrong_with_an_interface_is_told_apart() {
        let good = Interface {
            index: 1,
            name: "near".to_owned(),
            mac: Some([2; 6]),
            mtu: 1_500,
            up: true,
            carrier: true,
            loopback: false,
        };
        assert!(good.check().is_ok());
        let error = Interface { carrier: false, ..good.clone() }.check().unwrap_err();
        assert!(matches!(error, WireError::Link { problem: "has no carrier", .. }), "{error}");
        let error = Interface { up: false, ..good.clone() }.check().unwrap_err();
        assert!(matches!(error, WireError::Link { problem: "is down", .. }), "{error}");
        let error = Interface { mac: None, up: false, ..good }.check().unwrap_err();
        assert!(matches!(error, WireError::Interface { .. }), "{error}");
    }

    #[test]
    fn an_interface_that_is_not_there_is_an_error() {
        let error = Router::open().unwrap().interface(0x7fff_fff0).unwrap_err();
        assert!(error.to_string().starts_with("failed to ask about an interface"), "{error}");
    }

    #[test]
    fn many_machines_at_once_are_no_destination() {
        let error = Router::open().unwrap().route_to("255.255.255.255".parse().unwrap()).unwrap_err();
        assert!(error.to_string().starts_with("no route to 255.255.255.255"), "{error}");
    }
}
