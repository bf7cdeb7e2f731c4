//! Whether the scheduler can draw what somebody asks for. It would only say so in its log: the caller learns it here.

use ipnet::IpNet;
use muster_estate::limits::DRAW_FRAME_MAX;
use muster_estate::model::{ScheduleKind, Site};
use muster_proto::v1::RequestAuditRequest;

use crate::error::{Answer, ApiError};

/// Room for the items of a draw in its event of 512 KiB: a quarter is left for ports, sites and the envelope.
const ITEMS_BYTES_MAX: usize = 384 * 1024;
/// A run of ports in an event: a transport and two numbers of at most three bytes, with their tags and a length.
const PORTS_BYTES: usize = 12;
/// Room for ports and sites, out of the quarter.
const REST_BYTES_MAX: usize = 96 * 1024;
/// What an item has besides the site's name and its address as text: the address in bytes, a ticket of 32, a `/`, and
/// the tags and lengths of four fields.
const ITEM_BYTES: usize = 16 + 32 + 1 + 10;

/// Refuses what no draw can come of.
///
/// # Errors
/// Names the field to change.
pub(super) fn check(sites: &[&Site], request: &RequestAuditRequest) -> Answer<()> {
    let addresses: u64 = sites.iter().flat_map(|site| scope(site)).map(size).fold(0, u64::saturating_add);
    let names: Vec<&str> = sites.iter().map(|site| site.name.as_str()).collect();
    let named = if names.len() > NAMED_MAX { format!("{} sites", names.len()) } else { names.join(", ") };
    if sites.iter().all(|site| is_empty(site)) {
        return Err(ApiError::field("sites", format!("there is no address to draw from in the scope of: {named}")));
    }
    if addresses > DRAW_FRAME_MAX {
        let problem = format!(
            "the scope of {named} has {addresses} addresses, a draw takes at most {DRAW_FRAME_MAX}; name fewer sites"
        );
        return Err(ApiError::field("sites", problem));
    }
    let ports = if request.ports.is_empty() {
        let scheduled: usize = sites.iter().map(|site| scheduled_ports(site)).sum();
        if scheduled == 0 {
            let problem = format!("{named}: no sweep schedule to take them from; name some");
            return Err(ApiError::field("ports", problem));
        }
        scheduled
    } else {
        request.ports.len()
    };
    let rest = ports * PORTS_BYTES + names.iter().map(|name| name.len() + 2).sum::<usize>();
    if rest > REST_BYTES_MAX {
        let problem = format!("{ports} runs of ports and {} sites are more than one draw carries", names.len());
        return Err(ApiError::field("sites", problem));
    }
    let most = items_max(sites);
    let drawn = usize::try_from(u64::from(request.sample_size).min(addresses)).unwrap_or(usize::MAX);
    if drawn > most {
        return Err(ApiError::field("sample_size", format!("a draw of {named} carries at most {most}")));
    }
    Ok(())
}

/// More sites are counted and not named.
const NAMED_MAX: usize = 8;

/// Items that one event carries, whichever are drawn.
fn items_max(sites: &[&Site]) -> usize {
    let text = |block: IpNet| block.broadcast().to_string().len().max(if block.addr().is_ipv4() { 15 } else { 39 });
    let item = |site: &&Site| site.name.len() + scope(site).map(text).max().unwrap_or(0) + ITEM_BYTES;
    ITEMS_BYTES_MAX / sites.iter().map(item).max().unwrap_or(ITEM_BYTES)
}

/// What the scheduler takes where no ports are named.
fn scheduled_ports(site: &Site) -> usize {
    let sweep = site.schedules.iter().find(|schedule| schedule.kind == ScheduleKind::Sweep);
    sweep.map_or(0, |schedule| schedule.ports.len())
}

/// Whether every block of the scope is excluded as a whole.
fn is_empty(site: &Site) -> bool {
    scope(site).all(|block| site.scope.exclude.iter().any(|excluded| excluded.contains(&block)))
}

fn scope(site: &Site) -> impl Iterator<Item = IpNet> + '_ {
    let ranges = site.ranges.iter().map(|range| range.block).filter(|_| site.scope.include.is_empty());
    site.scope.include.iter().copied().chain(ranges)
}

fn size(block: IpNet) -> u64 {
    let host_bits = u32::from(block.max_prefix_len() - block.prefix_len());
    1_u64.checked_shl(host_bits).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
