//! What tells one host from another, whatever its address is today.

/// A kind of identifier, by the name that is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdentifierKind {
    /// SHA-256 of the public key of a certificate.
    TlsSpkiSha256,
    /// SHA-256 of an SSH host key.
    SshHostKeySha256,
    /// `ServerGuid` of SMB.
    SmbGuid,
    /// Name of the computer in an NTLM challenge.
    NtlmName,
    /// Engine id of SNMP.
    SnmpEngineId,
    /// Address of the link layer.
    Mac,
}

impl IdentifierKind {
    /// Its name in messages and rows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TlsSpkiSha256 => "tls-spki-sha256",
            Self::SshHostKeySha256 => "ssh-host-key-sha256",
            Self::SmbGuid => "smb-guid",
            Self::NtlmName => "ntlm-name",
            Self::SnmpEngineId => "snmp-engine-id",
            Self::Mac => "mac",
        }
    }
}

/// An identifier that a service showed. Clones of one image may show the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostIdentifier {
    /// What it is.
    pub kind: IdentifierKind,
    /// Its value: bytes in lower-case hexadecimal, names as given.
    pub value: String,
}

impl HostIdentifier {
    /// Of bytes.
    #[must_use]
    pub fn of_bytes(kind: IdentifierKind, bytes: &[u8]) -> Self {
        Self { kind, value: bytes.iter().map(|byte| format!("{byte:02x}")).collect() }
    }
}
