//! What tells hosts apart.

use std::fmt;

/// A kind of key, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// GUID of an SMB server ([MS-SMB2] 2.2.4).
    SmbGuid,
    /// Fingerprint of an SSH host key.
    SshHostKey,
    /// Hash of the public key of a TLS certificate.
    TlsKey,
    /// DHCP client identifier or DUID (RFC 2132, 9.14; RFC 8415, 11).
    DhcpClientId,
    /// MAC address, lower case with colons.
    Mac,
    /// Computer name in an NTLM challenge, or a host name of a lease.
    Name,
}

impl Kind {
    /// All of them, in order.
    pub(crate) const ALL: [Self; 6] =
        [Self::SmbGuid, Self::SshHostKey, Self::TlsKey, Self::DhcpClientId, Self::Mac, Self::Name];

    /// Whether a host has it for all of its interfaces, so that two values at once are two hosts. A client id may be
    /// made from the MAC of its interface.
    pub(crate) const fn is_of_the_host(self) -> bool {
        match self {
            Self::SmbGuid | Self::SshHostKey | Self::TlsKey | Self::Name => true,
            Self::DhcpClientId | Self::Mac => false,
        }
    }

    /// Whether a copy of a disk has it too.
    pub(crate) const fn is_copied_with_a_disk(self) -> bool {
        match self {
            Self::SmbGuid | Self::SshHostKey | Self::TlsKey | Self::DhcpClientId | Self::Name => true,
            Self::Mac => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SmbGuid => "smb-guid",
            Self::SshHostKey => "ssh-host-key",
            Self::TlsKey => "tls-key",
            Self::DhcpClientId => "dhcp-client-id",
            Self::Mac => "mac",
            Self::Name => "name",
        })
    }
}

/// A key of a host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Kind.
    pub kind: Kind,
    /// Value, in the one form in which two can be compared.
    pub value: String,
}

impl Key {
    /// A key.
    pub fn new(kind: Kind, value: impl Into<String>) -> Self {
        Self { kind, value: value.into() }
    }

    /// Whether it may join sightings alone.
    #[must_use]
    pub fn is_strong(&self) -> bool {
        match self.kind {
            Kind::SmbGuid | Kind::SshHostKey | Kind::TlsKey | Kind::DhcpClientId => true,
            Kind::Mac => is_global(&self.value),
            Kind::Name => false,
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.kind, self.value)
    }
}

/// Bit 0x02 of the first byte is set in a MAC that its maker did not give (IEEE 802), bit 0x01 in one of a group.
fn is_global(mac: &str) -> bool {
    let first = mac.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    first.is_some_and(|byte| byte & 0x03 == 0) && mac != "00:00:00:00:00:00"
}
