//! TLS older than 1.2, by hand (RFC 6101, RFC 2246, RFC 4346): a hello that SSL 3.0, TLS 1.0 and 1.1 answer, and what
//! their answers say. The handshake goes no further, so nothing about keys is proved.

use crate::reader::Reader;
use crate::{CERTIFICATE_MAX_BYTES, Tls};

/// RSA and DHE with AES, 3DES, RC4 and DES, then what was exported: what servers from 1996 to 2010 have.
const SUITES: [u16; 16] = [
    0xc013, 0xc014, 0x0033, 0x0039, 0x002f, 0x0035, 0x0016, 0x000a, 0x0005, 0x0004, 0x0015, 0x0009, 0x0014, 0x0008,
    0x0006, 0x0003,
];
const MESSAGES_MAX: usize = 8;

/// The newest version of this hello is TLS 1.1; a server answers with the newest that it has below.
#[must_use]
pub fn hello() -> Vec<u8> {
    let mut body = vec![3, 2];
    body.extend(*b"muster.v1 audit: nothing follows");
    body.push(0);
    body.extend(u16::try_from(SUITES.len() * 2).unwrap_or(0).to_be_bytes());
    body.extend(SUITES.iter().flat_map(|suite| suite.to_be_bytes()));
    body.extend([1, 0]);
    let length = u16::try_from(body.len()).unwrap_or(0);
    let mut record = vec![22, 3, 0];
    record.extend((length + 4).to_be_bytes());
    record.extend([1, 0]);
    record.extend(length.to_be_bytes());
    record.extend(body);
    record
}

/// Reads a ServerHello and the leaf of a Certificate, in any division into records. `None`: no ServerHello.
#[must_use]
pub fn answer(received: &[u8]) -> Option<Tls> {
    let mut records = Reader::new(received);
    let mut handshake = Vec::new();
    while let (Some(22), Some(0x0300..=0x0303), Some(length)) = (records.u8(), records.u16(), records.u16()) {
        let rest = records.rest();
        let body = rest.get(..usize::from(length)).unwrap_or(rest);
        handshake.extend(body);
        if records.take(usize::from(length)).is_none() || handshake.len() > CERTIFICATE_MAX_BYTES * 2 {
            break;
        }
    }
    let mut messages = Reader::new(&handshake);
    let mut found = None;
    for _ in 0..MESSAGES_MAX {
        let (Some(kind), Some(length)) = (messages.u8(), messages.u24()) else { break };
        let Some(body) = messages.take(length) else { break };
        match kind {
            2 => found = Some(server_hello(body)?),
            11 => {
                let tls = found.as_mut()?;
                tls.certificate = certificate(body).unwrap_or_default().to_vec();
                break;
            }
            _ => {}
        }
    }
    found
}

fn server_hello(body: &[u8]) -> Option<Tls> {
    let mut fields = Reader::new(body);
    let version = fields.u16()?;
    fields.take(32)?;
    let session = fields.u8()?;
    fields.take(usize::from(session))?;
    Some(Tls { version, suite: fields.u16()?, certificate: Vec::new() })
}

/// The first certificate of the list: the leaf.
fn certificate(body: &[u8]) -> Option<&[u8]> {
    let mut fields = Reader::new(body);
    fields.u24()?;
    let length = fields.u24()?;
    fields.take(length)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn server(version: u16, der: &[u8]) -> Vec<u8> {
        let long = |length: usize| u32::try_from(length).unwrap().to_be_bytes()[1..].to_vec();
        let mut hello = version.to_be_bytes().to_vec();
        hello.extend([1; 32]);
        hello.extend([0, 0x00, 0x0a, 0]);
        let list = [long(der.len() + 3), long(der.len()), der.to_vec()].concat();
        let handshake = [vec![2], long(hello.len()), hello, vec![11], long(list.len()), list].concat();
        handshake
            .chunks(100)
            .flat_map(|part| {
                let length = u16::try_from(part.len()).unwrap().to_be_bytes();
                [&[22][..], &version.to_be_bytes(), &length, part].concat()
            })
            .collect()
    }

    #[test]
    fn version_suite_and_leaf_are_read_across_records() {
        let der = vec![0x30; 700];
        let read = answer(&server(0x0300, &der)).unwrap();
        assert_eq!((read.version, read.suite, read.certificate), (0x0300, 0x000a, der.clone()));
        assert_eq!(Tls { version: 0x0301, ..Tls::default() }.name(), "TLS 1.0");
        // Cut off: the hello counts.
        assert_eq!(answer(&server(0x0301, &der)[..300]).unwrap().certificate, Vec::<u8>::new());
        assert_eq!(answer(&[21, 3, 1, 0, 2, 2, 40]), None);
    }

    proptest! {
        #[test]
        fn any_answer_is_survived(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
            let mut bytes = server(0x0301, &[0x30; 300]);
            let place = at.index(bytes.len());
            bytes[place] = byte;
            bytes.truncate(cut.index(bytes.len()));
            let _ = answer(&bytes);
        }
    }
}
