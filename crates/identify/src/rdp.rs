//! RDP: the X.224 negotiation (MS-RDPBCGR, 2.2.1.1 and 2.2.1.2), and inside TLS the challenge of CredSSP (MS-CSSP, 2.2.1),
//! which names the build.

use crate::Fingerprint;
use crate::ntlm;
use crate::products::Found;

/// A connection request that offers TLS and CredSSP.
pub const QUESTION: [u8; 19] = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0];

/// What a connection confirm says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// No negotiation: Windows before Vista, or one that only speaks its own encryption.
    Own,
    /// TLS follows.
    Tls,
    /// TLS and then CredSSP follow.
    CredSsp,
    /// The negotiation failed, with this code.
    Failure(u8),
}

/// Reads a connection confirm.
#[must_use]
pub fn answer(reply: &[u8]) -> Option<Security> {
    let [3, 0, _, _, _, 0xd0, _, _, _, _, _, rest @ ..] = reply else { return None };
    match rest {
        [2, _, 8, 0, 0, ..] => Some(Security::Own),
        [2, _, 8, 0, 1, ..] => Some(Security::Tls),
        [2, _, 8, 0, 2 | 8, ..] => Some(Security::CredSsp),
        [3, _, 8, 0, code, ..] => Some(Security::Failure(*code)),
        _ => Some(Security::Own),
    }
}

/// A TSRequest of version 6 with the negotiate message.
#[must_use]
pub fn credssp() -> Vec<u8> {
    let der = |tag: u8, content: &[u8]| {
        // Every length here is below 128.
        let mut out = vec![tag, u8::try_from(content.len()).unwrap_or(0)];
        out.extend(content);
        out
    };
    let token = der(0x30, &der(0xa0, &der(0x04, &ntlm::negotiate())));
    let tokens = der(0xa1, &der(0x30, &token));
    der(0x30, &[der(0xa0, &[2, 1, 6]), tokens].concat())
}

pub(crate) fn fingerprint(security: Security) -> Fingerprint {
    let said = match security {
        Security::Own => "own encryption".to_owned(),
        Security::Tls => "TLS".to_owned(),
        Security::CredSsp => "CredSSP".to_owned(),
        Security::Failure(code) => format!("refused with code {code}"),
    };
    let found = Found { vendor: "", product: "", version: "" };
    Fingerprint::new("rdp", "rdp.negotiation", &said).with(&found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirms_are_read() {
        let confirm = |kind: u8, value: u8| [3, 0, 0, 19, 14, 0xd0, 0, 0, 18, 52, 0, kind, 0, 8, 0, value, 0, 0, 0];
        assert_eq!(answer(&confirm(2, 1)), Some(Security::Tls));
        assert_eq!(answer(&confirm(2, 2)), Some(Security::CredSsp));
        assert_eq!(answer(&confirm(3, 5)), Some(Security::Failure(5)));
        assert_eq!(answer(&[3, 0, 0, 11, 6, 0xd0, 0, 0, 18, 52, 0]), Some(Security::Own));
        assert_eq!(answer(b"HTTP/1.1 400"), None);
        assert!(credssp().windows(8).any(|window| window == b"NTLMSSP\0"));
        assert_eq!(usize::from(credssp()[1]), credssp().len() - 2);
    }
}
