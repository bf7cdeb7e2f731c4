//! DNS by the name server's own word: `version.bind`, class CH, over TCP (RFC 1035, 4; RFC 4892).

use crate::Fingerprint;
use crate::products::{Found, leading_version};
use crate::reader::Reader;

const QUESTION: &[u8] = b"\x07version\x04bind\0\0\x10\0\x03";
const LABELS_MAX: usize = 32;

/// Names that servers give, and who makes them. BIND gives a bare version.
const NAMES: [(&str, &str, &str); 6] = [
    ("dnsmasq-", "Simon Kelley", "dnsmasq"),
    ("unbound ", "NLnet Labs", "Unbound"),
    ("NSD ", "NLnet Labs", "NSD"),
    ("PowerDNS Authoritative Server ", "PowerDNS", "Authoritative Server"),
    ("PowerDNS Recursor ", "PowerDNS", "Recursor"),
    ("Microsoft DNS ", "Microsoft", "DNS"),
];

/// The question, with its length before it.
#[must_use]
pub fn question() -> Vec<u8> {
    let mut message = vec![0x6d, 0x75, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend(QUESTION);
    [&u16::try_from(message.len()).unwrap_or(0).to_be_bytes(), message.as_slice()].concat()
}

fn name(fields: &mut Reader<'_>) -> Option<()> {
    for _ in 0..LABELS_MAX {
        match fields.u8()? {
            0 => return Some(()),
            // A pointer ends a name.
            0xc0.. => return fields.u8().map(|_| ()),
            length => fields.take(usize::from(length)).map(|_| ())?,
        }
    }
    None
}

/// Reads the first text of the answer; a refusal names the protocol alone.
#[must_use]
pub fn answer(reply: &[u8]) -> Option<Fingerprint> {
    let mut fields = Reader::new(reply);
    fields.u16()?;
    let (0x6d75, flags @ 0x8000.., questions, answers) = (fields.u16()?, fields.u16()?, fields.u16()?, fields.u16()?)
    else {
        return None;
    };
    match text(&mut fields, questions, answers) {
        Some(said) => {
            let known = NAMES.iter().find_map(|(start, vendor, product)| {
                Some(Found { vendor, product, version: leading_version(said.strip_prefix(start)?) })
            });
            let found = known.unwrap_or_else(|| {
                // "9.18.33-1~deb12u2-Debian"
                let version = leading_version(&said);
                let bind = version.starts_with("9.") || version.starts_with("8.");
                let (vendor, product) = if bind { ("ISC", "BIND") } else { ("", "") };
                Found { vendor, product, version: if bind { version } else { "" } }
            });
            Some(Fingerprint::new("dns", "dns.version.bind", &said).with(&found))
        }
        None => Some(Fingerprint::new("dns", "dns.code", &format!("{}", flags & 15))),
    }
}

fn text(fields: &mut Reader<'_>, questions: u16, answers: u16) -> Option<String> {
    fields.take(4)?;
    for _ in 0..questions.min(1) {
        name(fields)?;
        fields.take(4)?;
    }
    if answers == 0 {
        return None;
    }
    name(fields)?;
    let 16 = fields.u16()? else { return None };
    fields.take(6)?;
    fields.u16()?;
    let length = fields.u8()?;
    Some(crate::clean(&String::from_utf8_lossy(fields.take(usize::from(length))?), 128))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reply(said: &str) -> Vec<u8> {
        let mut message = question();
        message[4] = 0x84;
        message[9] = 1;
        message.extend([0xc0, 12, 0, 16, 0, 3, 0, 0, 0, 0, 0, u8::try_from(said.len() + 1).unwrap()]);
        message.push(u8::try_from(said.len()).unwrap());
        message.extend(said.as_bytes());
        message
    }

    #[test]
    fn servers_are_named_by_their_version() {
        let read = |said: &str| {
            let print = answer(&reply(said)).unwrap();
            (print.product, print.version)
        };
        assert_eq!(read("9.18.33-1~deb12u2-Debian").0, "BIND");
        assert!(read("9.18.33-1~deb12u2-Debian").1.starts_with("9.18.33"));
        assert_eq!(read("dnsmasq-2.89"), ("dnsmasq".to_owned(), "2.89".to_owned()));
        assert_eq!(read("none"), (String::new(), String::new()));
        assert_eq!(answer(&question()), None);
    }

    proptest! {
        #[test]
        fn any_answer_is_survived(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
            let mut bytes = reply("9.18");
            let place = at.index(bytes.len());
            bytes[place] = byte;
            bytes.truncate(cut.index(bytes.len()));
            let _ = answer(&bytes);
        }
    }
}
