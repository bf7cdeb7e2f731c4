//! Identifiers as text: each in the one form in which two of them can be compared.

use std::net::IpAddr;

use crate::problem::shown;

/// An IP address; one of IPv4 in the clothes of IPv6 is that of IPv4.
///
/// # Errors
/// When it is none.
pub fn address(text: &str) -> Result<IpAddr, String> {
    text.parse::<IpAddr>()
        .map(|address| address.to_canonical())
        .map_err(|_| format!("{} is no IP address", shown(text)))
}

/// A MAC address in any of the usual notations, as lower case with colons.
///
/// # Errors
/// When it is none.
pub fn mac(text: &str) -> Result<String, String> {
    let wrong = || format!("{} is no MAC address; write 00:1a:2b:3c:4d:5e", shown(text));
    let groups: Vec<&str> = text.split([':', '-', '.']).collect();
    // 001a2b3c4d5e; 001a.2b3c.4d5e; 00:1a:2b:3c:4d:5e
    let group_length = match groups.len() {
        1 => 12,
        3 => 4,
        6 => 2,
        _ => return Err(wrong()),
    };
    if groups.iter().any(|group| group.len() != group_length) {
        return Err(wrong());
    }
    let mut bytes = [0; 6];
    hex::decode_to_slice(groups.concat(), &mut bytes).map_err(|_| wrong())?;
    Ok(bytes.map(|byte| format!("{byte:02x}")).join(":"))
}

/// A host name: labels of 1 to 63 letters, digits, "-" and "_" (RFC 1123; "_" is common in practice), 253 in all.
///
/// # Errors
/// When it is none.
pub fn host_name(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &str| !label.is_empty() && label.len() <= 63 && label.bytes().all(letter);
    if name.len() > 253 || !name.split('.').all(label) {
        return Err(format!("{} is no host name", shown(text)));
    }
    Ok(name)
}

/// Whether whoever made the interface gave the address (bit 0x02 of the first byte is clear, IEEE 802), and not a
/// hypervisor, a privacy setting or an administrator: only such a one is meant to be unique.
#[must_use]
pub fn is_global_mac(mac: &str) -> bool {
    let first = mac.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    // Bit 0x01 is a group of hosts, and 00:00:00:00:00:00 is what stands where none is known.
    first.is_some_and(|byte| byte & 0x03 == 0) && mac != "00:00:00:00:00:00"
}
