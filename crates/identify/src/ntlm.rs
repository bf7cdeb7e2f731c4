//! NTLMSSP: a negotiate message, and what the challenge to it says (MS-NLMP, 2.2.1.1 and 2.2.1.2). Nothing is ever
//! authenticated: the dialogue ends with the challenge.

use crate::reader::{find, le16, le32, utf16};
use crate::windows::Windows;

const SIGNATURE: &[u8] = b"NTLMSSP\0";
/// Names are at most 15 characters (NetBIOS) or 255 (DNS).
const NAME_MAX_CHARS: usize = 255;
const PAIRS_MAX: usize = 16;

/// What a challenge says about its machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NtlmChallenge {
    /// Major, minor, build.
    pub version: Option<(u8, u8, u16)>,
    /// NetBIOS name of the computer.
    pub netbios_computer: String,
    /// NetBIOS name of its domain or workgroup.
    pub netbios_domain: String,
    /// DNS name of the computer.
    pub dns_computer: String,
    /// DNS name of its domain.
    pub dns_domain: String,
}

impl NtlmChallenge {
    /// The Windows that has this build.
    #[must_use]
    pub fn windows(&self) -> Option<&'static Windows> {
        let (major, minor, build) = self.version?;
        Windows::of_build(major, minor, build)
    }

    /// The longest name that it gives: "web1.example.com", else "WEB1".
    #[must_use]
    pub fn name(&self) -> &str {
        if self.dns_computer.is_empty() { &self.netbios_computer } else { &self.dns_computer }
    }
}

/// A negotiate message that asks for Unicode, target information and the version.
#[must_use]
pub fn negotiate() -> Vec<u8> {
    // UNICODE, OEM, REQUEST_TARGET, NTLM, ALWAYS_SIGN, EXTENDED_SESSIONSECURITY, VERSION, 128, KEY_EXCH, 56.
    const FLAGS: u32 = 0xe208_8207;
    let mut message = SIGNATURE.to_vec();
    message.extend(1_u32.to_le_bytes());
    message.extend(FLAGS.to_le_bytes());
    // No domain, no workstation; a version of zeros with NTLM revision 15.
    message.extend([0; 16]);
    message.extend([0, 0, 0, 0, 0, 0, 0, 15]);
    message
}

/// Finds a challenge anywhere in a reply: the wrappings (GSS-API, SPNEGO, SMB, CredSSP) differ, the signature does not.
#[must_use]
pub fn challenge(reply: &[u8]) -> Option<NtlmChallenge> {
    let message = reply.get(find(reply, SIGNATURE)?..)?;
    if le32(message, 8)? != 2 {
        return None;
    }
    let flags = le32(message, 20)?;
    let mut found = NtlmChallenge::default();
    // NTLMSSP_NEGOTIATE_VERSION. NT 4.0 has no such field: there the payload begins.
    if flags & 0x0200_0000 != 0 {
        found.version = match message.get(48..52) {
            Some([major, minor, low, high]) if *major > 0 => Some((*major, *minor, u16::from_le_bytes([*low, *high]))),
            Some(_) | None => None,
        };
    }
    let field = |at: usize| {
        let (length, offset) = (usize::from(le16(message, at)?), usize::try_from(le32(message, at + 4)?).ok()?);
        message.get(offset..offset.checked_add(length)?)
    };
    if let Some(target) = field(12) {
        found.netbios_domain = utf16(target, NAME_MAX_CHARS);
    }
    let mut pairs = field(40).unwrap_or_default();
    for _ in 0..PAIRS_MAX {
        let (Some(id @ 1..), Some(length)) = (le16(pairs, 0), le16(pairs, 2)) else { break };
        let Some(value) = pairs.get(4..4 + usize::from(length)) else { break };
        let text = utf16(value, NAME_MAX_CHARS);
        match id {
            1 => found.netbios_computer = text,
            2 => found.netbios_domain = text,
            3 => found.dns_computer = text,
            4 => found.dns_domain = text,
            _ => {}
        }
        pairs = pairs.get(4 + usize::from(length)..).unwrap_or_default();
    }
    Some(found)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A challenge as MS-NLMP lays it out.
    pub(crate) fn made(version: Option<(u8, u8, u16)>, computer: &str) -> Vec<u8> {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let name = wide(computer);
        let mut info = Vec::new();
        for (id, value) in [(1_u16, name.clone()), (2, wide("LAB")), (3, wide("web1.lab.example")), (0, Vec::new())] {
            info.extend(id.to_le_bytes());
            info.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
            info.extend(value);
        }
        let length = u16::try_from(info.len()).unwrap().to_le_bytes();
        let mut message = SIGNATURE.to_vec();
        message.extend(2_u32.to_le_bytes());
        message.extend([0; 8]);
        message.extend((if version.is_some() { 0x0280_0001_u32 } else { 0x0080_0001 }).to_le_bytes());
        message.extend([7; 8]);
        message.extend([0; 8]);
        message.extend(length);
        message.extend(length);
        message.extend(56_u32.to_le_bytes());
        let (major, minor, build) = version.unwrap_or_default();
        message.extend([major, minor]);
        message.extend(build.to_le_bytes());
        message.extend([0, 0, 0, 15]);
        message.extend(info);
        message
    }

    #[test]
    fn a_challenge_says_names_and_build() {
        let reply = [b"\x00\x01 wrapped ".as_slice(), &made(Some((5, 2, 3_790)), "WEB1")].concat();
        let found = challenge(&reply).unwrap();
        assert_eq!(found.version, Some((5, 2, 3_790)));
        assert_eq!((found.netbios_computer.as_str(), found.netbios_domain.as_str()), ("WEB1", "LAB"));
        assert_eq!(found.name(), "web1.lab.example");
        assert_eq!(found.windows().unwrap().end, (2015, 7, 14));
        assert_eq!(challenge(&made(None, "OLD")).unwrap().version, None);
    }

    proptest! {
        #[test]
        fn any_challenge_is_survived(mut tail in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut message = SIGNATURE.to_vec();
            message.extend(2_u32.to_le_bytes());
            message.append(&mut tail);
            if let Some(found) = challenge(&message) {
                prop_assert!(found.dns_computer.chars().count() <= NAME_MAX_CHARS);
            }
        }
    }
}
