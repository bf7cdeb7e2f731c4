//! A random audit: its frame, its draw, and the part of each site.
//!
//! The frame is every address of the sites' scopes, not the inventory: a draw from the inventory can never find a rogue.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use muster_bus::MAX_EVENT_BYTES;
use muster_bus::convert::{network, time};
use muster_estate::limits::DRAW_FRAME_MAX;
use muster_estate::model::{PortRange, Site};
use muster_ids::DrawId;
use muster_proto::v1;
use prost::Message as _;

/// What is drawn from.
#[derive(Debug)]
pub(crate) struct Frame {
    items: Vec<String>,
}

/// Bytes of a draw: an event of 512 KiB without 8 KiB for its envelope. They are some 4,000 addresses of IPv4, or 3,000
/// of IPv6; the names of sites, the ports and how many sites there are make it more or fewer, so it is measured.
const DRAW_BYTES_MAX: usize = MAX_EVENT_BYTES - 8 * 1024;

/// Why there is no draw.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoDraw {
    /// Nothing to draw from.
    #[error("the scopes of {sites} have no address")]
    Empty { sites: String },
    /// Too much to draw from.
    #[error(
        "the scopes of {sites} have {addresses} addresses, a draw takes at most {DRAW_FRAME_MAX}; name fewer sites"
    )]
    FrameTooLarge { sites: String, addresses: u64 },
    /// Too much was drawn.
    #[error(
        "{drawn} drawn addresses are {size_bytes} bytes, a draw has at most {DRAW_BYTES_MAX}; ask for a smaller sample"
    )]
    TooLarge { drawn: usize, size_bytes: usize },
}

impl Frame {
    pub(crate) fn of(sites: &[&Site]) -> Result<Self, NoDraw> {
        let addresses: u64 = sites.iter().flat_map(|site| scope(site)).map(size).fold(0, u64::saturating_add);
        if addresses > DRAW_FRAME_MAX {
            return Err(NoDraw::FrameTooLarge { sites: names(sites), addresses });
        }
        let mut items = Vec::new();
        for site in sites {
            let excluded = |address: &IpAddr| site.scope.exclude.iter().any(|block| block.contains(address));
            for address in scope(site).flat_map(addresses_of).filter(|address| !excluded(address)) {
                items.push(format!("{}/{address}", site.name));
            }
        }
        if items.is_empty() {
            return Err(NoDraw::Empty { sites: names(sites) });
        }
        Ok(Self { items })
    }

    /// Draws what fits an event. Where it does not fit, nothing is drawn: fewer than were asked for would be a weaker audit
    /// that looks like the one asked for.
    pub(crate) fn draw(&self, order: &DrawOrder<'_>) -> Result<v1::Draw, NoDraw> {
        let frame: Vec<&str> = self.items.iter().map(String::as_str).collect();
        let drawn = muster_draw::select(&order.seed, &frame, order.sample_size as usize);
        let draw = v1::Draw {
            draw_id: order.id.to_vec(),
            schedule: order.schedule.to_owned(),
            due_at: Some(time::to_proto(order.due_at)),
            method: muster_draw::METHOD.to_owned(),
            seed: order.seed.to_vec(),
            frame_root: muster_draw::frame_root(&frame).to_vec(),
            frame_size: self.items.len() as u64,
            inventory_revision: 0,
            items: drawn
                .iter()
                .map(|drawn| v1::DrawnItem {
                    item: drawn.item.to_owned(),
                    address: item_address(drawn.item).map(network::address_to_proto).unwrap_or_default(),
                    ticket: drawn.ticket.to_vec(),
                })
                .collect(),
            ports: order.ports.iter().copied().map(network::ports_to_proto).collect(),
            sites: order.sites.iter().map(|site| (*site).to_owned()).collect(),
        };
        match draw.encoded_len() {
            size_bytes if size_bytes > DRAW_BYTES_MAX => Err(NoDraw::TooLarge { drawn: draw.items.len(), size_bytes }),
            _ => Ok(draw),
        }
    }
}

/// A few names for a reason.
fn names(sites: &[&Site]) -> String {
    const NAMED_MAX: usize = 5;
    let mut names: Vec<_> = sites.iter().take(NAMED_MAX).map(|site| site.name.as_str()).collect();
    if sites.len() > NAMED_MAX {
        names.push("…");
    }
    if names.is_empty() { "no site".to_owned() } else { names.join(", ") }
}

/// What is to be drawn.
#[derive(Debug)]
pub(crate) struct DrawOrder<'a> {
    pub(crate) id: DrawId,
    pub(crate) schedule: &'a str,
    pub(crate) due_at: Timestamp,
    pub(crate) seed: [u8; 32],
    pub(crate) sample_size: u32,
    pub(crate) ports: &'a [PortRange],
    pub(crate) sites: &'a [&'a str],
}

/// The sites that something was drawn of.
pub(crate) fn sites_drawn(draw: &v1::Draw) -> Vec<&str> {
    let mut sites: Vec<&str> =
        draw.items.iter().filter_map(|item| item.item.split_once('/')).map(|(site, _)| site).collect();
    sites.sort_unstable();
    sites.dedup();
    sites
}

/// The drawn addresses of a site, as blocks.
pub(crate) fn blocks_of(draw: &v1::Draw, site: &str) -> Vec<IpNet> {
    let mine = draw.items.iter().filter(|item| item.item.split_once('/').is_some_and(|(of, _)| of == site));
    mine.filter_map(|item| item_address(&item.item)).map(IpNet::from).collect()
}

/// What a site may be asked to look at: what its scope includes, or its ranges.
pub(crate) fn scope(site: &Site) -> impl Iterator<Item = IpNet> + '_ {
    let ranges = site.ranges.iter().map(|range| range.block).filter(|_| site.scope.include.is_empty());
    site.scope.include.iter().copied().chain(ranges)
}

fn item_address(item: &str) -> Option<IpAddr> {
    item.split_once('/')?.1.parse().ok()
}

fn size(block: IpNet) -> u64 {
    let host_bits = u32::from(block.max_prefix_len() - block.prefix_len());
    1_u64.checked_shl(host_bits).unwrap_or(u64::MAX)
}

/// Every address of a block, the first and the last too: nobody says that they are no hosts.
fn addresses_of(block: IpNet) -> Box<dyn Iterator<Item = IpAddr>> {
    match block {
        IpNet::V4(net) => {
            let (first, last) = (u32::from(net.network()), u32::from(net.broadcast()));
            Box::new((first..=last).map(|bits| IpAddr::from(std::net::Ipv4Addr::from(bits))))
        }
        IpNet::V6(net) => {
            let (first, last) = (u128::from(net.network()), u128::from(net.broadcast()));
            Box::new((first..=last).map(|bits| IpAddr::from(std::net::Ipv6Addr::from(bits))))
        }
    }
}
