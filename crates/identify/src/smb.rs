//! SMB: a negotiate that every version answers, and a session setup that ends with the challenge (MS-SMB2, 2.2.3 to 2.2.6;
//! MS-SMB, 2.2.4.5 and 2.2.4.6; MS-CIFS, 2.2.4.53).

use crate::ntlm;
use crate::reader::{find, le16, le32, utf16};

/// The SMB version that an answer is in, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Negotiated {
    /// SMB 2 or 3.
    Smb2 {
        /// 0x0202, 0x0210, 0x0300, 0x0302, 0x0311; 0x02ff: ask again.
        dialect: u16,
        /// `ServerGuid`: one a machine and installation.
        guid: [u8; 16],
    },
    /// SMB 1: all that Windows before Vista speaks.
    Smb1 {
        /// Whether it wants NTLMSSP in the session setup.
        extended: bool,
    },
}

fn framed(message: &[u8]) -> Vec<u8> {
    // NetBIOS session message, or direct TCP (MS-SMB2, 2.1): both are a zero and three bytes of length.
    let length = u32::try_from(message.len()).unwrap_or(0) & 0x00ff_ffff;
    [&length.to_be_bytes(), message].concat()
}

fn smb1(command: u8, body: &[u8]) -> Vec<u8> {
    let mut message = b"\xffSMB".to_vec();
    message.push(command);
    // Status; flags: case-insensitive, canonical; flags2: Unicode, NT status, extended security, long names.
    message.extend([0, 0, 0, 0, 0x18, 0x01, 0xc8]);
    // High process id, signature, reserved, tree, process, user, multiplex.
    message.extend([0; 12]);
    message.extend([0xff, 0xff, 0xfe, 0xca, 0, 0, 1, 0]);
    message.extend(body);
    framed(&message)
}

/// A negotiate in SMB 1 that also offers SMB 2: servers answer in the newest that they speak.
#[must_use]
pub fn negotiate() -> Vec<u8> {
    let dialects = b"\x02NT LM 0.12\0\x02SMB 2.002\0\x02SMB 2.???\0";
    let mut body = vec![0];
    body.extend(u16::try_from(dialects.len()).unwrap_or(0).to_le_bytes());
    body.extend(dialects);
    smb1(0x72, &body)
}

fn smb2(command: u16, message_id: u64, body: &[u8]) -> Vec<u8> {
    let mut message = b"\xfeSMB".to_vec();
    message.extend(64_u16.to_le_bytes());
    message.extend([0; 6]);
    message.extend(command.to_le_bytes());
    // One credit; flags and next command are zero.
    message.extend([1, 0]);
    message.extend([0; 8]);
    message.extend(message_id.to_le_bytes());
    // Process, tree, session, signature.
    message.extend([0; 32]);
    message.extend(body);
    framed(&message)
}

/// The second question, when the first is answered with 0x02ff: a negotiate in SMB 2.
#[must_use]
pub fn negotiate_again() -> Vec<u8> {
    let dialects: [u16; 4] = [0x0202, 0x0210, 0x0300, 0x0302];
    let mut body = 36_u16.to_le_bytes().to_vec();
    body.extend([4, 0]);
    // Signing enabled.
    body.extend([1, 0, 0, 0]);
    body.extend([0; 4]);
    // The client's GUID, and the start time, which is zero.
    body.extend(*b"muster.v1 audit\0");
    body.extend([0; 8]);
    body.extend(dialects.iter().flat_map(|dialect| dialect.to_le_bytes()));
    smb2(0, 1, &body)
}

/// SPNEGO (RFC 4178): a token that offers NTLMSSP alone and carries its negotiate message.
fn spnego() -> Vec<u8> {
    let der = |tag: u8, content: &[u8]| {
        // Every length here is below 128.
        let mut out = vec![tag, u8::try_from(content.len()).unwrap_or(0)];
        out.extend(content);
        out
    };
    let ntlmssp = der(0x06, &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a]);
    let mechanisms = der(0xa0, &der(0x30, &ntlmssp));
    let token = der(0xa2, &der(0x04, &ntlm::negotiate()));
    let init = der(0xa0, &der(0x30, &[mechanisms, token].concat()));
    der(0x60, &[der(0x06, &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x02]), init].concat())
}

/// A session setup with NTLMSSP's negotiate message; what comes back is the challenge. Nothing follows it.
#[must_use]
pub fn session_setup(negotiated: &Negotiated, message_id: u64) -> Option<Vec<u8>> {
    let token = spnego();
    let length = u16::try_from(token.len()).unwrap_or(0).to_le_bytes();
    match negotiated {
        Negotiated::Smb2 { .. } => {
            let mut body = 25_u16.to_le_bytes().to_vec();
            // Flags, signing enabled, capabilities, channel.
            body.extend([0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
            body.extend(88_u16.to_le_bytes());
            body.extend(length);
            body.extend([0; 8]);
            body.extend(&token);
            Some(smb2(1, message_id, &body))
        }
        Negotiated::Smb1 { extended: true } => {
            // No further command; buffer of 4,356 bytes, 1 request, 1 circuit, no session key.
            let mut body = vec![12, 0xff, 0, 0, 0, 0x04, 0x11, 1, 0, 1, 0, 0, 0, 0, 0];
            body.extend(length);
            body.extend([0; 4]);
            // Extended security, NT status, Unicode.
            body.extend(0x8000_0054_u32.to_le_bytes());
            // Names of the operating system and the LAN manager, empty, behind a byte that aligns them if need be.
            let mut data = token.clone();
            if data.len().is_multiple_of(2) {
                data.push(0);
            }
            data.extend([0; 4]);
            body.extend(u16::try_from(data.len()).unwrap_or(0).to_le_bytes());
            body.extend(data);
            Some(smb1(0x73, &body))
        }
        Negotiated::Smb1 { extended: false } => None,
    }
}

/// The answer to a negotiate.
#[must_use]
pub fn negotiated(reply: &[u8]) -> Option<Negotiated> {
    let message = reply.get(4..)?;
    if message.starts_with(b"\xfeSMB") && le16(message, 12)? == 0 && le16(message, 64)? == 65 {
        let dialect = le16(message, 68)?;
        let guid = message.get(72..88)?.try_into().ok()?;
        return Some(Negotiated::Smb2 { dialect, guid });
    }
    if message.starts_with(b"\xffSMB\x72") {
        // 17 words: dialect, security mode, …, capabilities at 19 behind the count; the highest bit is extended security.
        let extended = *message.get(32)? == 17 && le32(message, 33 + 19)? & 0x8000_0000 != 0;
        return Some(Negotiated::Smb1 { extended });
    }
    None
}

/// The name of a dialect.
#[must_use]
pub const fn dialect_name(dialect: u16) -> &'static str {
    match dialect {
        0x0202 => "2.0.2",
        0x0210 => "2.1",
        0x0300 => "3.0",
        0x0302 => "3.0.2",
        0x0311 => "3.1.1",
        _ => "2",
    }
}

/// `NativeOS` and `NativeLanMan` of an SMB 1 session setup: "Windows 5.0", "Windows 2000 LAN Manager".
#[must_use]
pub fn native_names(reply: &[u8]) -> Option<(String, String)> {
    let message = reply.get(4..)?;
    if !message.starts_with(b"\xffSMB\x73") {
        return None;
    }
    let words = usize::from(*message.get(32)?);
    let token_length = if words == 4 { usize::from(le16(message, 33 + 6)?) } else { 0 };
    let data = 33 + words * 2 + 2;
    let at = data + token_length;
    // Unicode text begins at an even place of the message.
    let text = message.get(at + at % 2..)?;
    let wide = utf16(text.get(..text.len().min(400))?, 200);
    // `utf16` has dropped the zeros between them: read them apart.
    let end = text.chunks_exact(2).position(|pair| pair == [0, 0])?;
    let os = utf16(text.get(..end * 2)?, 64);
    let rest = text.get(end * 2 + 2..).unwrap_or_default();
    let end = rest.chunks_exact(2).position(|pair| pair == [0, 0]).unwrap_or(rest.len() / 2);
    let manager = utf16(rest.get(..end * 2).unwrap_or_default(), 64);
    (!wide.is_empty()).then_some((os, manager))
}

/// Whether a reply is SMB at all.
pub(crate) fn is_smb(reply: &[u8]) -> bool {
    matches!(find(reply.get(..8).unwrap_or(reply), b"SMB"), Some(5))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer2(dialect: u16) -> Vec<u8> {
        let mut body = 65_u16.to_le_bytes().to_vec();
        body.extend([1, 0]);
        body.extend(dialect.to_le_bytes());
        body.extend([0, 0]);
        body.extend([9; 16]);
        body.extend([0; 40]);
        smb2(0, 0, &body)
    }

    #[test]
    fn answers_of_both_versions_are_read() {
        let new = negotiated(&answer2(0x02ff)).unwrap();
        assert_eq!(new, Negotiated::Smb2 { dialect: 0x02ff, guid: [9; 16] });
        // Dialect, security mode, then what is not read, capabilities.
        let mut words = vec![17];
        words.extend([0; 19]);
        words.extend(0x8000_00fd_u32.to_le_bytes());
        words.extend([0; 11]);
        assert_eq!(negotiated(&smb1(0x72, &words)), Some(Negotiated::Smb1 { extended: true }));
        assert!(session_setup(&new, 2).unwrap().windows(8).any(|window| window == b"NTLMSSP\0"));
        assert!(is_smb(&negotiate()) && is_smb(&negotiate_again()));
    }

    #[test]
    fn native_names_are_read() {
        let wide = |text: &str| text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        // Four words, a token of three bytes, so that the text begins at an even place: 33 + 8 + 2 + 3 = 46.
        let mut body = vec![4, 0xff, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3];
        body.extend(wide("Windows 5.0"));
        body.extend(wide("Windows 2000 LAN Manager"));
        let names = native_names(&smb1(0x73, &body)).unwrap();
        assert_eq!(names, ("Windows 5.0".to_owned(), "Windows 2000 LAN Manager".to_owned()));
    }

    proptest! {
        #[test]
        fn any_reply_is_survived(mut tail in proptest::collection::vec(any::<u8>(), 0..300), two: bool, command: u8) {
            let mut reply = vec![0, 0, 0, 0, if two { 0xfe } else { 0xff }, b'S', b'M', b'B', command];
            reply.append(&mut tail);
            let _ = (negotiated(&reply), native_names(&reply));
        }
    }
}
