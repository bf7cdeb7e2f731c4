//! The ports of a sweep as one index.

/// Ranges in one list: more is a mistake of whoever wrote it.
const RANGES_MAX: usize = 4_096;

/// Transport of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP
    Tcp,
    /// UDP
    Udp,
}

impl std::fmt::Display for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// A run of ports of one transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    /// Transport.
    pub transport: Transport,
    /// First port.
    pub first: u16,
    /// Last port, inclusive.
    pub last: u16,
}

impl PortRange {
    /// One TCP port.
    #[must_use]
    pub const fn tcp(port: u16) -> Self {
        Self { transport: Transport::Tcp, first: port, last: port }
    }

    fn count(self) -> u32 {
        u32::from(self.last) - u32::from(self.first) + 1
    }
}

/// Why a list of ranges is no list of ports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortsError {
    /// No range.
    #[error("failed to read the ports: there are none; name at least one")]
    None,
    /// Too many ranges.
    #[error("failed to read the ports: {count} ranges, at most {RANGES_MAX}; join neighbouring ones")]
    TooMany {
        /// Ranges found.
        count: usize,
    },
    /// Last before first.
    #[error("failed to read the ports {}/{}-{}: the last comes before the first", .0.transport, .0.first, .0.last)]
    Reversed(PortRange),
    /// A port stands in two ranges.
    #[error("failed to read the ports: {transport}/{port} stands in two ranges; name it once")]
    Twice {
        /// Transport.
        transport: Transport,
        /// The first such port.
        port: u16,
    },
}

/// Distinct ports, each with an index from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports {
    ranges: Vec<PortRange>,
    /// Ports before each range.
    before: Vec<u32>,
    count: u32,
}

impl Ports {
    /// Takes ranges in their order.
    ///
    /// # Errors
    /// When there is none, one is reversed, or a port stands in two.
    pub fn new(ranges: &[PortRange]) -> Result<Self, PortsError> {
        if ranges.is_empty() {
            return Err(PortsError::None);
        }
        if ranges.len() > RANGES_MAX {
            return Err(PortsError::TooMany { count: ranges.len() });
        }
        if let Some(range) = ranges.iter().find(|range| range.first > range.last) {
            return Err(PortsError::Reversed(*range));
        }
        let mut sorted = ranges.to_vec();
        sorted.sort_unstable();
        for pair in sorted.windows(2) {
            if let [one, next] = pair
                && one.transport == next.transport
                && next.first <= one.last
            {
                return Err(PortsError::Twice { transport: one.transport, port: next.first });
            }
        }
        let mut count = 0;
        let before = ranges
            .iter()
            .map(|range| {
                let before = count;
                count += range.count();
                before
            })
            .collect();
        Ok(Self { ranges: ranges.to_vec(), before, count })
    }

    /// How many ports: at most 131,072.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The ranges, in their order.
    #[must_use]
    pub fn ranges(&self) -> &[PortRange] {
        &self.ranges
    }

    /// The port with an index.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<(Transport, u16)> {
        let at = self.before.partition_point(|before| *before <= index).checked_sub(1)?;
        let range = self.ranges.get(at)?;
        let offset = u16::try_from(index - self.before.get(at)?).ok()?;
        let port = range.first.checked_add(offset).filter(|port| *port <= range.last)?;
        Some((range.transport, port))
    }

    /// The index of a port.
    #[must_use]
    pub fn index_of(&self, transport: Transport, port: u16) -> Option<u32> {
        let holds = |range: &PortRange| range.transport == transport && (range.first..=range.last).contains(&port);
        let at = self.ranges.iter().position(holds)?;
        Some(self.before.get(at)? + u32::from(port - self.ranges.get(at)?.first))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn index_and_port_are_each_others_inverse() {
        let udp = PortRange { transport: Transport::Udp, first: 0, last: u16::MAX };
        let ports =
            Ports::new(&[PortRange::tcp(443), udp, PortRange { transport: Transport::Tcp, first: 80, last: 81 }])
                .unwrap();
        assert_eq!(ports.count(), 1 + 65_536 + 2);
        assert_eq!(ports.get(0), Some((Transport::Tcp, 443)));
        assert_eq!(ports.get(ports.count() - 1), Some((Transport::Tcp, 81)));
        assert_eq!(ports.get(ports.count()), None);
        for index in 0..ports.count() {
            let (transport, port) = ports.get(index).unwrap();
            assert_eq!(ports.index_of(transport, port), Some(index));
        }
        assert_eq!(ports.index_of(Transport::Tcp, 82), None);
    }

    #[test]
    fn a_port_named_twice_is_refused() {
        let run = PortRange { transport: Transport::Tcp, first: 80, last: 90 };
        assert_eq!(
            Ports::new(&[PortRange::tcp(85), run]),
            Err(PortsError::Twice { transport: Transport::Tcp, port: 85 })
        );
    }
}
