//! PostgreSQL (its manual, "Message Formats"): whether it speaks TLS, and what it says to a protocol that it does not
//! speak. No user is named, so nothing is tried to be logged into.

use crate::Fingerprint;
use crate::products::Found;
use crate::reader::find;

/// SSLRequest: the answer is one letter.
pub const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A start-up message of protocol 255.0, which no server speaks: it says which it does.
pub const START_UP: [u8; 9] = [0, 0, 0, 9, 0, 0xff, 0, 0, 0];

/// Whether the answer to [`SSL_REQUEST`] is that TLS follows; `None`: this is no PostgreSQL.
#[must_use]
pub fn speaks_tls(reply: &[u8]) -> Option<bool> {
    match reply {
        b"S" => Some(true),
        b"N" => Some(false),
        _ => None,
    }
}

/// What is known after the letter alone.
#[must_use]
pub fn by_letter() -> Fingerprint {
    let found = Found { vendor: "PostgreSQL", product: "PostgreSQL", version: "" };
    Fingerprint::new("postgresql", "postgresql.ssl", "answers an SSLRequest").with(&found)
}

/// Reads an ErrorResponse: severity, code, message. Its version is not said.
#[must_use]
pub fn answer(reply: &[u8]) -> Option<Fingerprint> {
    if !reply.starts_with(b"E\0\0") {
        return None;
    }
    // Fields are a letter and text up to a zero: C is the code, M the message.
    let fields = reply.get(5..)?.split(|byte| *byte == 0).take(32);
    let message = fields.filter_map(|field| field.split_first()).find(|(kind, _)| **kind == b'M')?.1;
    find(reply, b"SFATAL")?;
    let message = String::from_utf8_lossy(message);
    let found = Found { vendor: "PostgreSQL", product: "PostgreSQL", version: "" };
    Some(Fingerprint::new("postgresql", "postgresql.error", &message).with(&found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read() {
        let reply =
            b"E\0\0\0\x86SFATAL\0VFATAL\0C0A000\0Munsupported frontend protocol 255.0: server supports 3.0 to 3.0\0\0";
        let print = answer(reply).unwrap();
        assert_eq!((print.service.as_str(), print.product.as_str()), ("postgresql", "PostgreSQL"));
        assert!(print.evidence.contains("3.0 to 3.0"));
        assert_eq!(answer(b"E\0\0"), None);
        assert_eq!((speaks_tls(b"S"), speaks_tls(b"N"), speaks_tls(b"H")), (Some(true), Some(false), None));
    }
}
