//! Ethernet II frames (RFC 894, RFC 2464), with IEEE 802.1Q tags on receipt.

use super::PacketError;
use super::bytes::Reader;

/// Destination, source, EtherType.
pub const ETHERNET_HEADER_LEN: usize = 14;

/// Tags in one frame: a customer's inside a provider's (IEEE 802.1ad).
pub const VLAN_TAGS_MAX: usize = 2;

/// EtherTypes that are read (IANA, IEEE 802 Numbers).
pub mod ether_type {
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// ARP.
    pub const ARP: u16 = 0x0806;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
    /// A customer's VLAN tag follows.
    pub const VLAN: u16 = 0x8100;
    /// A provider's VLAN tag follows.
    pub const PROVIDER_VLAN: u16 = 0x88a8;
}

/// A MAC address (EUI-48).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// Everybody.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Whether its owner made it up: the bit for local administration (IEEE 802, 8.2.1). Such an address says little
    /// about who a host is.
    #[must_use]
    pub const fn is_local(self) -> bool {
        self.0[0] & 0b10 != 0
    }

    /// Whether it names a group and therefore no host.
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }
}

impl std::fmt::Display for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// A frame, its tags taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ethernet<'a> {
    /// To whom.
    pub destination: Mac,
    /// From whom.
    pub source: Mac,
    /// VLAN of the outermost tag, 0 to 4095.
    pub vlan: Option<u16>,
    /// What the payload is.
    pub ether_type: u16,
    /// With whatever padding the sender added.
    pub payload: &'a [u8],
}

impl<'a> Ethernet<'a> {
    /// Reads a frame without its check sequence.
    ///
    /// # Errors
    /// When it is too short, or has more than [`VLAN_TAGS_MAX`] tags.
    pub fn parse(frame: &'a [u8]) -> Result<Self, PacketError> {
        let mut reader = Reader::new("an Ethernet frame", frame);
        let (destination, source) = (Mac(reader.array()?), Mac(reader.array()?));
        let mut vlan = None;
        let mut ether_type = reader.u16()?;
        for _ in 0..VLAN_TAGS_MAX {
            if !is_tag(ether_type) {
                break;
            }
            let tag = reader.u16()?;
            vlan = vlan.or(Some(tag & 0x0fff));
            ether_type = reader.u16()?;
        }
        if is_tag(ether_type) {
            return Err(PacketError::Field { what: "the EtherType behind two VLAN tags", value: ether_type.into() });
        }
        Ok(Self { destination, source, vlan, ether_type, payload: reader.rest() })
    }
}

const fn is_tag(ether_type: u16) -> bool {
    matches!(ether_type, ether_type::VLAN | ether_type::PROVIDER_VLAN)
}

/// The header of a frame.
pub(super) fn header(destination: Mac, source: Mac, ether_type: u16) -> [u8; ETHERNET_HEADER_LEN] {
    let mut header = [0; ETHERNET_HEADER_LEN];
    super::bytes::put(&mut header, 0, destination.0);
    super::bytes::put(&mut header, 6, source.0);
    super::bytes::put(&mut header, 12, ether_type.to_be_bytes());
    header
}
