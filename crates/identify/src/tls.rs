//! TLS by its first record (RFC 8446, 5.1; RFC 5246, 7.2).

use crate::Fingerprint;

/// What a handshake agreed on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// 0x0300 is SSL 3.0, 0x0304 is TLS 1.3.
    pub version: u16,
    /// Cipher suite, as registered by IANA.
    pub suite: u16,
    /// DER of the leaf; empty: it did not come.
    pub certificate: Vec<u8>,
}

impl Tls {
    /// Its version, as people call it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.version {
            0x0300 => "SSL 3.0",
            0x0301 => "TLS 1.0",
            0x0302 => "TLS 1.1",
            0x0303 => "TLS 1.2",
            0x0304 => "TLS 1.3",
            _ => "",
        }
    }
}

/// The kind of a first record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsRecord {
    /// The service did not like what it was sent, and said so in TLS.
    Alert {
        /// `AlertDescription`.
        description: u8,
    },
    /// It answered a hello.
    ServerHello {
        /// The version field of the hello; TLS 1.3 also says 0x0303 there.
        version: u16,
    },
}

/// Recognises a TLS record of a server.
#[must_use]
pub fn tls_record(reply: &[u8]) -> Option<TlsRecord> {
    // ContentType, legacy version 0x0300 to 0x0304, length 1 to 2^14 + 256.
    let [kind, 3, 0..=4, high, low, body @ ..] = reply else { return None };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if !(1..=16_640).contains(&length) {
        return None;
    }
    match (kind, body) {
        (21, [1 | 2, description, ..]) if length == 2 => Some(TlsRecord::Alert { description: *description }),
        // HandshakeType server_hello, three bytes of length, version.
        (22, [2, _, _, _, major @ 3, minor, ..]) => {
            Some(TlsRecord::ServerHello { version: u16::from_be_bytes([*major, *minor]) })
        }
        _ => None,
    }
}

pub(crate) fn fingerprint(record: TlsRecord) -> Fingerprint {
    let fingerprint = match record {
        TlsRecord::Alert { description } => Fingerprint::new("tls", "tls.alert", alert_name(description)),
        TlsRecord::ServerHello { version } => Fingerprint::new("tls", "tls.hello", &format!("{version:#06x}")),
    };
    Fingerprint { tls: true, ..fingerprint }
}

/// The alerts that a scanner meets (RFC 8446, 6).
const fn alert_name(description: u8) -> &'static str {
    match description {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        22 => "record_overflow",
        40 => "handshake_failure",
        47 => "illegal_parameter",
        50 => "decode_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        112 => "unrecognized_name",
        116 => "certificate_required",
        _ => "other",
    }
}
