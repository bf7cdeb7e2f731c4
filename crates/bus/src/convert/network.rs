//! Addresses, blocks and ports.

use std::net::IpAddr;

use ipnet::IpNet;
use muster_estate::model::{PortRange, Transport};
use muster_proto::v1;

use super::ConvertError;

/// An address to the wire.
#[must_use]
pub fn address_to_proto(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

/// An address from the wire.
///
/// # Errors
/// When it has neither 4 nor 16 bytes.
pub fn address_from_proto(field: &str, bytes: &[u8]) -> Result<IpAddr, ConvertError> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Ok(IpAddr::from(v4));
    }
    if let Ok(v6) = <[u8; 16]>::try_from(bytes) {
        return Ok(IpAddr::from(v6));
    }
    Err(ConvertError::new(field, format!("an address has 4 or 16 bytes, not {}", bytes.len())))
}

/// A block to the wire.
#[must_use]
pub fn block_to_proto(block: IpNet) -> v1::Block {
    v1::Block { address: address_to_proto(block.network()), prefix_length: u32::from(block.prefix_len()) }
}

/// A block from the wire.
///
/// # Errors
/// When the prefix is too long for its address, or host bits are set.
pub fn block_from_proto(field: &str, block: &v1::Block) -> Result<IpNet, ConvertError> {
    let address = address_from_proto(field, &block.address)?;
    let prefix = u8::try_from(block.prefix_length).unwrap_or(u8::MAX);
    let net = IpNet::new(address, prefix)
        .map_err(|_| ConvertError::new(field, format!("{address} has no prefix of {} bits", block.prefix_length)))?;
    if net.addr() != net.network() {
        return Err(ConvertError::new(field, format!("{net} has host bits set")));
    }
    Ok(net)
}

/// Ports to the wire.
#[must_use]
pub fn ports_to_proto(ports: PortRange) -> v1::PortRange {
    v1::PortRange {
        transport: transport_to_proto(ports.transport).into(),
        first: u32::from(ports.first),
        last: u32::from(ports.last),
    }
}

/// Ports from the wire.
///
/// # Errors
/// When the range is empty, a port is above 65535, or the transport has no ports.
pub fn ports_from_proto(field: &str, ports: &v1::PortRange) -> Result<PortRange, ConvertError> {
    let number = |value: u32| {
        u16::try_from(value).map_err(|_| ConvertError::new(field, format!("{value} is not a port: 0 to 65535")))
    };
    let (first, last) = (number(ports.first)?, number(ports.last)?);
    if first > last {
        return Err(ConvertError::new(field, format!("{first} to {last} is no range")));
    }
    Ok(PortRange { transport: transport_from_proto(field, ports.transport)?, first, last })
}

/// A transport to the wire.
#[must_use]
pub const fn transport_to_proto(transport: Transport) -> v1::Transport {
    match transport {
        Transport::Tcp => v1::Transport::Tcp,
        Transport::Udp => v1::Transport::Udp,
    }
}

/// A transport from the wire.
///
/// # Errors
/// When it has no ports.
pub fn transport_from_proto(field: &str, transport: i32) -> Result<Transport, ConvertError> {
    match v1::Transport::try_from(transport) {
        Ok(v1::Transport::Tcp) => Ok(Transport::Tcp),
        Ok(v1::Transport::Udp) => Ok(Transport::Udp),
        Ok(v1::Transport::Icmp | v1::Transport::Arp | v1::Transport::Unspecified) | Err(_) => {
            Err(ConvertError::new(field, "a port is of tcp or udp"))
        }
    }
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;
    use muster_proto::v1;

    #[test]
    fn host_bits_are_refused() {
        let block = v1::Block { address: vec![10, 0, 0, 1], prefix_length: 24 };
        assert!(super::block_from_proto("b", &block).is_err());
        let net: IpNet = "10.0.0.0/24".parse().unwrap();
        assert_eq!(super::block_from_proto("b", &super::block_to_proto(net)), Ok(net));
    }
}
