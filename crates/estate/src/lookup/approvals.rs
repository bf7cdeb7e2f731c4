//! The approvals of a zone by port.

use crate::model::{Approval, Transport};

/// One approval: its ports, the highest port of it and of all before it, and its place in the zone.
#[derive(Debug, Clone, Copy)]
struct Entry {
    first: u16,
    last: u16,
    reach: u16,
    index: u32,
}

/// Approvals of one zone, TCP and UDP apart, by their first port.
#[derive(Debug, Clone, Default)]
pub(super) struct ZoneApprovals {
    tcp: Vec<Entry>,
    udp: Vec<Entry>,
}

impl ZoneApprovals {
    pub(super) fn new(approvals: &[Approval]) -> Self {
        let mut all = Self::default();
        for (index, approval) in (0..).zip(approvals) {
            let (first, last) = (approval.ports.first, approval.ports.last);
            let entries = match approval.ports.transport {
                Transport::Tcp => &mut all.tcp,
                Transport::Udp => &mut all.udp,
            };
            entries.push(Entry { first, last, reach: last, index });
        }
        for entries in [&mut all.tcp, &mut all.udp] {
            entries.sort_by_key(|entry| entry.first);
            let mut reach = 0;
            for entry in entries {
                reach = reach.max(entry.last);
                entry.reach = reach;
            }
        }
        all
    }

    /// The first in the zone's order that covers a port for a role.
    pub(super) fn find<'a>(
        &self,
        approvals: &'a [Approval],
        role: &str,
        transport: Transport,
        port: u16,
    ) -> Option<&'a Approval> {
        let entries = match transport {
            Transport::Tcp => &self.tcp,
            Transport::Udp => &self.udp,
        };
        let started = entries.get(..entries.partition_point(|entry| entry.first <= port))?;
        started
            .iter()
            .rev()
            // Nothing further to the left reaches the port.
            .take_while(|entry| entry.reach >= port)
            .filter(|entry| entry.last >= port)
            .filter_map(|entry| Some((entry.index, approvals.get(usize::try_from(entry.index).ok()?)?)))
            .filter(|(_, approval)| approval.role.as_deref().is_none_or(|wanted| wanted == role))
            .min_by_key(|(index, _)| *index)
            .map(|(_, approval)| approval)
    }
}
